"""What must be true of the journal after the rounds, by the simulator's registers.

The journal is read as a plain SQLite file, and nothing of the product is imported. A check says what it compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

from demo.checks import BooksFile, Check

from .parking import MAX_A, PLACES, Alone, Lock, Parking
from .rounds import Played, Round, Seen

MAX_W = 3 * 230 * MAX_A
POLLS_S = 15
"""What flows in the last polls before Home Assistant stops may be seen only when it is back."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A slice: energy of a stall, and whose it is."""

    stall_id: str
    session_id: str | None
    start: datetime
    end: datetime
    energy_wh: int


class Journal:
    """The integration's journal as rows."""

    def __init__(self, path: Path) -> None:
        file = BooksFile(path)
        try:
            rows = file.rows("SELECT kind, at_ms, body FROM record ORDER BY incarnation, seq")
            self.unattributed_wh: int = file.value("SELECT unattributed_wh FROM about")
        finally:
            file.close()
        bodies: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            at = datetime.fromtimestamp(row["at_ms"] / 1000, UTC)
            bodies.setdefault(row["kind"], []).append({"at": at, **json.loads(row["body"])})
        self.pieces = [
            Piece(
                stall_id=body["stall_id"],
                session_id=body["session_id"],
                start=datetime.fromisoformat(body["start"]),
                end=datetime.fromisoformat(body["end"]),
                energy_wh=body["register_end_wh"] - body["register_start_wh"],
            )
            for body in bodies["slice"]
        ]
        self.authorised = {body["session_id"]: body for body in bodies["session_authorised"]}
        self.ended = {body["session_id"]: body for body in bodies["session_ended"]}
        self.epochs = bodies["epoch"]


@dataclass(frozen=True, kw_only=True)
class Booked:
    """What the journal says of one place in one round."""

    session_wh: dict[str, int]
    """Energy by session."""
    stop_reasons: list[str]
    """Of those that ended."""
    nobodys_wh: int


def verdict(
    journal: Journal,
    rounds: Sequence[Played],
    stall_ids: Mapping[str, str],
    moved_wh: Mapping[str, int],
    locks: Mapping[str, str],
) -> list[Check]:
    """Everything. `moved_wh`: what each place's register moved in all; `locks`: what Home Assistant calls each lock."""
    checks = []
    for played in rounds:
        for place in PLACES:
            booked = _booked(journal, played, stall_ids[place.name])
            checks.append(_round(place, played.round, played.seen[place.name], booked))
    checks += [
        _whole(place, journal, stall_ids[place.name], moved_wh[place.name], locks[place.name]) for place in PLACES
    ]
    nobodys_wh = sum(piece.energy_wh for piece in journal.pieces if piece.session_id is None)
    checks.append(
        Check(
            name="unattributed = slices without a session",
            holds=journal.unattributed_wh == nobodys_wh,
            detail=f"{journal.unattributed_wh} Wh, slices {nobodys_wh} Wh",
        )
    )
    return checks


def _booked(journal: Journal, played: Played, stall_id: str) -> Booked:
    here = [
        piece
        for piece in journal.pieces
        if piece.stall_id == stall_id and played.begins <= piece.start and piece.end <= played.ends
    ]
    sessions = [
        session_id
        for session_id, body in journal.authorised.items()
        if body["stall_id"] == stall_id and played.begins <= body["at"] <= played.ends
    ]
    return Booked(
        session_wh={each: sum(piece.energy_wh for piece in here if piece.session_id == each) for each in sessions},
        stop_reasons=[journal.ended[each]["stop_reason"] for each in sessions if each in journal.ended],
        nobodys_wh=sum(piece.energy_wh for piece in here if piece.session_id is None),
    )


def _round(place: Parking, which: Round, seen: Seen, booked: Booked) -> Check:
    """One place in one round; the first thing that is wrong is named."""
    match which:
        case Round.STAYS:
            wrong = _wrong_stay(place, seen, booked)
        case Round.SWAPPED:
            wrong = _wrong_swap(place, seen, booked)
        case Round.STRANGER | Round.GUEST:
            wrong = _wrong_stranger(place, which, seen, booked)
    if not wrong and place.billable and sum(booked.session_wh.values()) + booked.nobodys_wh != seen.flowed_wh:
        wrong = "not all that flowed is booked"
    detail = (
        f"alone {seen.alone_wh}; resident {seen.resident_wh}, billed {sum(booked.session_wh.values())};"
        f" stranger {seen.stranger_wh}, unattributed {booked.nobodys_wh} Wh"
    )
    return Check(
        name=f"{which}: {place.name} ({place.lock})", holds=not wrong, detail=detail + (f" - {wrong}" if wrong else "")
    )


def _wrong_stay(place: Parking, seen: Seen, booked: Booked) -> str:
    """One session, and all that flowed is in it."""
    if len(booked.session_wh) != 1 or len(booked.stop_reasons) != 1:
        return f"{len(booked.session_wh)} sessions, {len(booked.stop_reasons)} ended"
    if not seen.alone_wh or seen.drew_when_it_came_back is (place.alone is Alone.CUT):
        return "the box alone did something else"
    if not seen.draws_again:
        return "the car does not charge on"
    billed_wh = sum(booked.session_wh.values())
    if place.billable and not 0 <= seen.resident_wh - billed_wh <= _wh(place.lag_s):
        return "the session holds something else than the car got"
    return ""


def _wrong_swap(place: Parking, seen: Seen, booked: Booked) -> str:
    """The resident's session holds what was seen, at most what the resident's car got."""
    if len(booked.session_wh) != 1 or len(booked.stop_reasons) != 1:
        return f"{len(booked.session_wh)} sessions, {len(booked.stop_reasons)} ended"
    if bool(seen.stranger_alone_wh) is not place.next_gets:
        return "the box alone did something else"
    if place.lock is Lock.ENFORCED and seen.stranger_wh:
        return "a stranger got energy"
    if place.gate and seen.draws_again:
        return "the stranger is not stopped"
    if place.sees_plug and booked.stop_reasons != ["gap"]:
        return f"it ended by {booked.stop_reasons[0]}"
    billed_wh = sum(booked.session_wh.values())
    if place.told_apart and billed_wh > seen.resident_wh:
        return "the resident pays for the stranger"
    if place.billable and billed_wh < seen.resident_before_wh - _wh(POLLS_S + place.lag_s):
        return "the session lost what was seen"
    return ""


def _wrong_stranger(place: Parking, which: Round, seen: Seen, booked: Booked) -> str:
    """Nobody's energy, and none where it is locked."""
    if booked.session_wh:
        return "there is a session"
    if bool(seen.stranger_alone_wh) is not place.free_gets:
        return "the box alone did something else"
    if not place.free_gets and seen.stranger_wh:
        return "a stranger got energy"
    if which is Round.STRANGER and place.gate and seen.draws_again:
        return "the stranger is not stopped"
    return ""


def _whole(place: Parking, journal: Journal, stall_id: str, moved_wh: int, lock: str) -> Check:
    """Over all rounds: slices = register, in one epoch, and the lock is called what it is."""
    sliced_wh = sum(piece.energy_wh for piece in journal.pieces if piece.stall_id == stall_id)
    epochs = sum(1 for body in journal.epochs if body["stall_id"] == stall_id)
    expected = (moved_wh, 1) if place.billable else (0, 0)
    return Check(
        name=f"{place.name}: is {place.lock}, slices = register",
        holds=(sliced_wh, epochs) == expected and lock == place.lock,
        detail=f"called {lock}; slices {sliced_wh} Wh in {epochs} epochs, register moved {moved_wh} Wh"
        + ("" if place.billable else ", which nobody may bill from"),
    )


def _wh(seconds: float) -> float:
    """The most that flows in this time."""
    return MAX_W * seconds / 3600
