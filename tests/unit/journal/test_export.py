"""Sessions as they are handed out."""

from datetime import timedelta

from custom_components.evshare.journal import Journal, NewRecord

from .records import NOW


def _session(number: int) -> list[NewRecord]:
    session_id = f"session-{number}"
    begun = NOW + timedelta(hours=number)
    return [
        NewRecord(
            kind="session_authorised",
            at=begun,
            body={
                "session_id": session_id,
                "stall_id": "stall-1",
                "resident_id": "anna",
                "credential_kind": "card",
                "mode": "fast",
                "plug_epoch": 3,
            },
        ),
        NewRecord(
            kind="session_started",
            at=begun + timedelta(seconds=5),
            body={"session_id": session_id, "stall_id": "stall-1", "plug_epoch": 3, "register_start_wh": 1000},
        ),
        NewRecord(
            kind="session_ended",
            at=begun + timedelta(minutes=30),
            body={
                "session_id": session_id,
                "stall_id": "stall-1",
                "stop_reason": "unplugged",
                "register_start_wh": 1000,
                "register_end_wh": 3500,
                "energy_wh": 2500,
            },
        ),
    ]


async def test_sessions_that_ended_in_the_time_asked_for_are_exported(journal: Journal) -> None:
    for number in (1, 2, 3):
        await journal.commit(_session(number), {}, now=NOW)
    (exported,) = await journal.sessions(NOW + timedelta(hours=2), NOW + timedelta(hours=3))
    assert exported == {
        "session_id": "session-2",
        "stall_id": "stall-1",
        "resident_id": "anna",
        "credential_kind": "card",
        "mode": "fast",
        "plug_epoch": 3,
        "authorised_at": NOW + timedelta(hours=2),
        "started_at": NOW + timedelta(hours=2, seconds=5),
        "ended_at": NOW + timedelta(hours=2, minutes=30),
        "stop_reason": "unplugged",
        "register_start_wh": 1000,
        "register_end_wh": 3500,
        "energy_wh": 2500,
    }


async def test_a_session_that_never_started_has_no_start(journal: Journal) -> None:
    authorised, _, ended = _session(1)
    await journal.commit([authorised, ended], {}, now=NOW)
    (exported,) = await journal.sessions(NOW, NOW + timedelta(days=1))
    assert exported["started_at"] is None


async def test_an_open_session_is_not_exported(journal: Journal) -> None:
    await journal.commit(_session(1)[:2], {}, now=NOW)
    assert await journal.sessions(NOW, NOW + timedelta(days=1)) == []


async def test_a_session_numbered_anew_is_exported_once(journal: Journal) -> None:
    await journal.commit(_session(1), {}, now=NOW)
    await journal.renew()
    assert len(await journal.sessions(NOW, NOW + timedelta(days=1))) == 1
