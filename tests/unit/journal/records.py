"""Records as a stall writes them."""

from datetime import UTC, datetime, timedelta

from custom_components.evshare.journal import NewRecord

NOW = datetime(2026, 6, 29, 18, 0, tzinfo=UTC)


def denied(number: int = 0, at: datetime | None = None) -> NewRecord:
    body = {"stall_id": f"stall-{number}", "credential_kind": "card", "reason": "unknown_card", "resident_id": None}
    return NewRecord(kind="denied", at=at or NOW + timedelta(seconds=number), body=body)


def slice_(start_wh: int, end_wh: int, session_id: str | None) -> NewRecord:
    body = {
        "stall_id": "stall-1",
        "session_id": session_id,
        "epoch": 1,
        "start": "2026-06-29T18:00:00Z",
        "end": "2026-06-29T18:15:00Z",
        "register_start_wh": start_wh,
        "register_end_wh": end_wh,
        "charging_s": 900,
        "suspended_s": 0,
        "limit_a": 16,
        "estimated": False,
    }
    return NewRecord(kind="slice", at=NOW, body=body)
