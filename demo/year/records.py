"""What the box in the building sends to the app over this year: frames of the link (docs/link.md, version 3), as text.

Records are numbered in the order in which they are told; a stall that was cut off tells its last slice later.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
import json
from operator import itemgetter
from typing import Any

from .physics import QUARTER_S, Visit, World
from .plot import BUILDING_ID, RESIDENTS, STALLS, ZONE, instant

INCARNATION = "1ca10000000000000000000000002027"
_MOST = 200
"""Records in a frame."""


def hello() -> str:
    """Return the first frame: the building as it is."""
    return _frame(
        "hello",
        v=1,
        versions=[1, 2, 3],
        incarnation=INCARNATION,
        head_seq=0,
        building={
            "id": BUILDING_ID,
            "name": "Lindenhof",
            "currency": "EUR",
            "time_zone": ZONE.key,
            "fuse_a": 100,
            "stalls": [
                {
                    "id": f"stall-{number}",
                    "name": f"Stall {number}",
                    "connector": "keba_p30",
                    "max_current_a": 16,
                    "phases": 3,
                    "lock_quality": "enforced",
                    "billable": True,
                }
                for number in range(1, STALLS + 1)
            ],
            "residents": [{"id": one.id, "name": one.name, "ha_user_id": None, "blocked": False} for one in RESIDENTS],
        },
    )


def frames(world: World, *, every_s: int = 6 * 3600) -> Iterator[tuple[int, str]]:
    """Yield when a batch is sent, and its text."""
    batch: list[dict[str, Any]] = []
    due_s = 0
    for seq, (at_s, record) in enumerate(_records(world), 1):
        if batch and (at_s >= due_s or len(batch) == _MOST):
            yield _sent(batch)
            batch = []
        if not batch:
            due_s = at_s - at_s % every_s + every_s
        batch.append({"seq": seq, **record})
    yield _sent(batch)


def _sent(batch: list[dict[str, Any]]) -> tuple[int, str]:
    at = datetime.fromisoformat(batch[-1]["at"])
    return int(at.timestamp()) + 2, _frame("records", v=3, incarnation=INCARNATION, records=batch)


def _records(world: World) -> list[tuple[int, dict[str, Any]]]:
    told = [*_epochs(world), *_series(world)]
    for visit in world.visits:
        told += _of_visit(world, visit)
    # What is told at the same instant keeps its order.
    return sorted(told, key=itemgetter(0))


def _epochs(world: World) -> Iterator[tuple[int, dict[str, Any]]]:
    for stall, meters in world.meters.items():
        for number, (since_s, meter) in enumerate(meters, 1):
            at_s = since_s or instant(world.plot.first)
            yield (
                at_s,
                _record(
                    "epoch",
                    at_s,
                    stall_id=f"stall-{stall}",
                    number=number,
                    register_wh=meter.shown_first_wh,
                    reason="first" if number == 1 else "swap",
                    serial=f"1761{stall:03d}{number}",
                ),
            )


def _series(world: World) -> Iterator[tuple[int, dict[str, Any]]]:
    for one in world.quarters:
        end_s = one.start_s + QUARTER_S
        yield (
            end_s,
            _record(
                "building_slice",
                end_s,
                start=_utc(one.start_s),
                end=_utc(end_s),
                import_wh=one.import_wh,
                export_wh=one.export_wh,
                pv_wh=one.pv_wh,
                battery_in_wh=None,
                battery_out_wh=None,
                prices=[],
                estimated=[],
            ),
        )


def _of_visit(world: World, visit: Visit) -> Iterator[tuple[int, dict[str, Any]]]:
    whose = {"session_id": visit.session_id or None, "stall_id": f"stall-{visit.stall}"}
    first_wh = world.register(visit.stall, visit.start_s)
    if visit.resident is not None:
        yield (
            visit.start_s,
            _record(
                "session_authorised",
                visit.start_s,
                **whose,
                resident_id=f"res-{visit.resident:02d}",
                credential_kind="pass" if visit.pass_id else "card",
                mode="fast",
                plug_epoch=1,
                credential_id=visit.pass_id or f"card-{visit.resident:02d}",
                cap_wh=None,
            ),
        )
        yield (
            visit.start_s,
            _record("session_started", visit.start_s, **whose, plug_epoch=1, register_start_wh=first_wh),
        )
    heard = [one for one in visit.pieces if visit.silent_from_s is None or one.start_s < visit.silent_from_s]
    for piece in heard:
        seconds = piece.end_s - piece.start_s
        yield (
            piece.end_s,
            _slice(world, visit, (piece.start_s, piece.end_s), charging_s=seconds if piece.charging else 0),
        )
    if visit.resident is not None:
        last_wh = world.register(visit.stall, heard[-1].end_s)
        yield (
            visit.end_s,
            _record(
                "session_ended",
                visit.end_s,
                **whose,
                stop_reason="unplugged",
                register_start_wh=first_wh,
                register_end_wh=last_wh,
                energy_wh=last_wh - first_wh,
            ),
        )
    if visit.silent_from_s is not None:
        span = (visit.silent_from_s, visit.end_s)
        # On the air again on the ninth day, when a network switch was changed.
        yield (
            instant(world.plot.late + timedelta(days=9), 11),
            _slice(world, visit, span, charging_s=span[1] - span[0], estimated=True),
        )


def _slice(
    world: World, visit: Visit, span: tuple[int, int], *, charging_s: int, estimated: bool = False
) -> dict[str, Any]:
    start_s, end_s = span
    epoch = sum(since <= start_s for since, _ in world.meters[visit.stall])
    return _record(
        "slice",
        end_s,
        stall_id=f"stall-{visit.stall}",
        session_id=visit.session_id or None,
        epoch=epoch,
        start=_utc(start_s),
        end=_utc(end_s),
        register_start_wh=world.register(visit.stall, start_s),
        register_end_wh=world.register(visit.stall, end_s),
        charging_s=charging_s,
        suspended_s=end_s - start_s - charging_s,
        limit_a=16,
        estimated=estimated,
    )


def _record(kind: str, at_s: int, **body: Any) -> dict[str, Any]:
    return {"kind": kind, "at": _utc(at_s), "body": body}


def _utc(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _frame(kind: str, *, v: int, **fields: Any) -> str:
    return json.dumps({"v": v, "type": kind, **fields})
