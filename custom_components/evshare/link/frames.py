"""What goes to the app, ready for JSON, in the version that both sides speak. No socket, no clock.

Whatever a later version added is taken out again for an app that does not speak it. How records differ is in
`bodies.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ..building.price import price_text
from ..journal import StoredRecord, rfc3339
from .bodies import record_in
from .messages import VERSIONS

type Frame = dict[str, Any]

_STALL_2: Final = ("card_reader",)
_BUILDING_3: Final = ("price_series",)
_SESSION_2: Final = ("credential_kind", "credential_id", "cap_wh")
_CARDS_3: Final = ("enrolments",)
_CARD_3: Final = ("blocked_by_holder", "money_month_wh")


def hello(incarnation: str, head_seq: int, described: Frame) -> Frame:
    """Build the first frame, which every version understands; the building comes from `picture.described`."""
    lowest = VERSIONS[0]
    return _frame(
        lowest,
        "hello",
        versions=list(VERSIONS),
        incarnation=incarnation,
        head_seq=head_seq,
        building=_building_in(lowest, described),
    )


def building(version: int, described: Frame) -> Frame:
    """Build the frame that says a stall or resident changed."""
    return _frame(version, "building", building=_building_in(version, described))


def records(version: int, incarnation: str, batch: Iterable[StoredRecord]) -> Frame:
    """Build a batch, ascending without gaps."""
    return _frame(
        version,
        "records",
        incarnation=incarnation,
        records=[_record(version, record) for record in batch],
    )


def live(version: int, stalls: Sequence[Frame], prices: Mapping[str, Decimal]) -> Frame:
    """Build the picture of all stalls, each from `picture.live_stall`, and of the prices that are in force."""
    if version >= 3:
        told = [{"name": name, "price": price_text(price)} for name, price in prices.items()]
        return _frame(version, "live", stalls=list(stalls), prices=told)
    if version == 2:
        return _frame(version, "live", stalls=list(stalls))
    older = [
        stall if stall["session"] is None else {**stall, "session": _without(stall["session"], _SESSION_2)}
        for stall in stalls
    ]
    return _frame(version, "live", stalls=older)


def answer(version: int, ask_id: str, body: Mapping[str, Any]) -> Frame:
    """Build the answer to an ask from what `accepted` or `refused` gave."""
    return _frame(version, "answer", id=ask_id, **body)


def accepted(result: Mapping[str, Any]) -> Frame:
    """Return the body of a positive answer, as it is remembered."""
    return {"ok": True, "result": dict(result)}


def refused(code: str, message: str) -> Frame:
    """Return the body of a negative answer, as it is remembered."""
    return {"ok": False, "error": {"code": code, "message": message}}


def error(version: int, code: str, message: str) -> Frame:
    """Build the refusal of a message."""
    return _frame(version, "error", code=code, message=message)


def office_ticket(version: int, ticket_hash: str, user_id: str, name: str, expires_at: datetime) -> Frame:
    """Build what announces an admin to the office; the ticket itself never travels here."""
    body = {"ticket_hash": ticket_hash, "user_id": user_id, "name": name, "expires_at": rfc3339(expires_at)}
    return _frame(version, "tell", what="office_ticket", body=body)


def cards(version: int, told: Mapping[str, Any]) -> Frame:
    """Build what tells every card and every unknown one; `told` comes from `building.cards`. From version 2 on."""
    body = dict(told)
    if version < 3:
        body = {**_without(told, _CARDS_3), "cards": [_without(card, _CARD_3) for card in told["cards"]]}
    return _frame(version, "tell", what="cards", body=body)


def _frame(version: int, kind: str, **fields: Any) -> Frame:
    return {"v": version, "type": kind, **fields}


def _building_in(version: int, described: Frame) -> Frame:
    told = dict(described) if version >= 3 else _without(described, _BUILDING_3)
    if version < 2:
        told["stalls"] = [_without(stall, _STALL_2) for stall in told["stalls"]]
    return told


def _record(version: int, record: StoredRecord) -> Frame:
    kind, body = record_in(version, record.kind, record.body)
    return {"seq": record.seq, "kind": kind, "at": rfc3339(record.at), "body": body}


def _without(fields: Mapping[str, Any], names: Sequence[str]) -> Frame:
    return {name: value for name, value in fields.items() if name not in names}
