"""Cards as the integration told them last. Which card may charge is decided there; this is for showing and asking."""

from dataclasses import dataclass
import json
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select, update

from ..books.access_tables import card, card_cap, unknown_card
from ..books.schema import resident
from ..books.schema import stall as stall_table


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """No starts from one time of the building's clock to the other (HH:MM); past midnight where `end` is not later."""

    start: str
    end: str

    def told(self) -> dict[str, str]:
        """Return it as the link writes it."""
        return {"from": self.start, "to": self.end}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A card and whose it is."""

    card_id: str
    resident_id: str
    holder: str
    label: str
    blocked: bool
    blocked_by_holder: bool
    """The holder blocked it, and may take that back; what the manager blocked only the manager unblocks."""
    weak: bool
    """Its number has 4 bytes, which are not unique."""
    month_wh: int | None
    """The cap in kWh the integration has; with an earlier one the smaller of both, where money is capped."""
    money_month_wh: int | None
    """What it was told that the money is good for, beside it."""
    caps_in_one: bool
    """Whether it has but one, the smaller of both."""
    own_month_wh: int | None
    """The cap in kWh that people set."""
    month_minor: int | None
    """Money per calendar month, in minor units, with VAT."""
    quiet: Quiet | None
    added_ms: int
    used_ms: int | None

    def asked(self, **changes: object) -> dict[str, object]:
        """Return the body of `change_card` that changes this much of it."""
        as_is: dict[str, object] = {
            "card_id": self.card_id,
            "label": self.label,
            "blocked": self.blocked,
            "blocked_by_holder": self.blocked_by_holder,
            "month_wh": self.month_wh,
            "money_month_wh": self.money_month_wh,
            "quiet": None if self.quiet is None else self.quiet.told(),
        }
        return as_is | changes

    @property
    def is_managers(self) -> bool:
        """Whether the manager blocked it."""
        return self.blocked and not self.blocked_by_holder

    def asked_by_holder(self, **changes: object) -> dict[str, object]:
        """Return the same, of its holder: a block that they ask for is theirs, unless it is the manager's already."""
        body = self.asked(resident_id=self.resident_id, **changes)
        return body | {"blocked_by_holder": bool(body["blocked"]) and not self.is_managers}


@dataclass(frozen=True, kw_only=True)
class UnknownCard:
    """A card nobody knows that was shown at a stall."""

    unknown_id: str
    stall: str
    at_ms: int
    times: int
    tail: str
    """The last two hex digits of its number."""


def cards(conn: Connection, resident_id: str | None = None) -> list[Card]:
    """Return all cards, or a resident's, by holder and label."""
    wanted = _cards().order_by(resident.c.name, card.c.label, card.c.added_ms)
    if resident_id is not None:
        wanted = wanted.where(card.c.resident_id == resident_id)
    return [_card(row) for row in conn.execute(wanted)]


def find_card(conn: Connection, card_id: str) -> Card | None:
    """Return one card."""
    row = conn.execute(_cards().where(card.c.card_id == card_id)).one_or_none()
    return None if row is None else _card(row)


def unknown_cards(conn: Connection) -> list[UnknownCard]:
    """Return the cards nobody knows, the last shown first."""
    rows = conn.execute(
        select(unknown_card, stall_table.c.name)
        .outerjoin(stall_table, stall_table.c.stall_id == unknown_card.c.stall_id)
        .order_by(unknown_card.c.at_ms.desc())
    )
    return [
        UnknownCard(
            unknown_id=row.unknown_id, stall=row.name or row.stall_id, at_ms=row.at_ms, times=row.times, tail=row.tail
        )
        for row in rows
    ]


# What the integration agreed to shows at once; its next `cards` says the same.


def note_changed(conn: Connection, asked: dict[str, object]) -> None:
    """Note a `change_card` the integration agreed to."""
    quiet = asked["quiet"]
    conn.execute(
        update(card)
        .where(card.c.card_id == asked["card_id"])
        .values(
            label=asked["label"],
            blocked=int(bool(asked["blocked"])),
            blocked_by_holder=int(bool(asked["blocked"] and asked["blocked_by_holder"])),
            month_wh=asked["month_wh"],
            money_month_wh=asked["money_month_wh"],
            quiet_json=None if quiet is None else json.dumps(quiet),
        )
    )


def note_removed(conn: Connection, card_id: str) -> None:
    """Note that the integration forgot a card."""
    conn.execute(delete(card_cap).where(card_cap.c.card_id == card_id))
    conn.execute(delete(card).where(card.c.card_id == card_id))


def note_assigned(conn: Connection, unknown_id: str) -> None:
    """Note that the integration knows a card now; it tells which."""
    conn.execute(delete(unknown_card).where(unknown_card.c.unknown_id == unknown_id))


def _cards() -> Select[Any]:
    return (
        select(
            card, resident.c.name, card_cap.c.month_minor, card_cap.c.in_one, card_cap.c.month_wh.label("own_month_wh")
        )
        .outerjoin(resident, resident.c.resident_id == card.c.resident_id)
        .outerjoin(card_cap, card_cap.c.card_id == card.c.card_id)
    )


def _card(row: Row[Any]) -> Card:
    quiet = json.loads(row.quiet_json) if row.quiet_json else None
    return Card(
        card_id=row.card_id,
        resident_id=row.resident_id,
        holder=row.name or row.resident_id,
        label=row.label,
        blocked=bool(row.blocked),
        blocked_by_holder=bool(row.blocked_by_holder),
        weak=bool(row.weak),
        month_wh=row.month_wh,
        money_month_wh=row.money_month_wh,
        caps_in_one=bool(row.in_one),
        own_month_wh=row.own_month_wh if row.in_one else row.month_wh,
        month_minor=row.month_minor,
        quiet=None if quiet is None else Quiet(start=quiet["from"], end=quiet["to"]),
        added_ms=row.added_ms,
        used_ms=row.used_ms,
    )
