"""Reads the bodies of what the integration tells: a ticket into the office, and the cards there are."""

from collections.abc import Callable, Mapping

from .fields import Fields
from .messages import CardInfo, CardsTold, Enrolment, OfficeTicket, QuietHours, UnknownCardInfo

_MAX_CARDS = 5000
_HEX = frozenset("0123456789abcdef")


def _office_ticket(body: Fields) -> OfficeTicket:
    ticket = OfficeTicket(
        ticket_hash=body.text("ticket_hash"),
        user_id=body.text("user_id"),
        name=body.text("name", 200, empty=True),
        expires_at=body.time("expires_at"),
    )
    if len(ticket.ticket_hash) != 64 or set(ticket.ticket_hash) - _HEX:
        raise body.refuse("ticket_hash", ticket.ticket_hash, "a SHA-256 in 64 lower-case hex digits")
    return ticket


def _cards(body: Fields) -> CardsTold:
    told = CardsTold(
        cards=tuple(_card(child) for child in body.children("cards", _MAX_CARDS)),
        unknown=tuple(_unknown_card(child) for child in body.children("unknown", _MAX_CARDS)),
        enrolments=body.newer("enrolments", lambda name: _enrolments(body, name)) or (),
    )
    for name, ids in (("cards", [c.card_id for c in told.cards]), ("unknown", [u.unknown_id for u in told.unknown])):
        if len(set(ids)) != len(ids):
            raise body.refuse(name, ids, "each id once")
    return told


def _card(fields: Fields) -> CardInfo:
    quiet = fields.optional("quiet", fields.child)
    card = CardInfo(
        card_id=fields.text("card_id", 32),
        resident_id=fields.text("resident_id"),
        label=fields.text("label", 200, empty=True),
        blocked=fields.flag("blocked"),
        weak=fields.flag("weak"),
        month_wh=fields.optional("month_wh", fields.whole),
        money_month_wh=fields.newer("money_month_wh", fields.whole),
        quiet=None if quiet is None else _quiet_hours(quiet),
        added_at=fields.time("added_at"),
        used_at=fields.optional("used_at", fields.time),
        blocked_by_holder=bool(fields.newer("blocked_by_holder", fields.flag)),
    )
    fields.done()
    return card


def _quiet_hours(fields: Fields) -> QuietHours:
    quiet = QuietHours(start=fields.time_of_day("from"), end=fields.time_of_day("to"))
    fields.done()
    return quiet


def _enrolments(body: Fields, name: str) -> tuple[Enrolment, ...]:
    return tuple(_enrolment(child) for child in body.children(name, _MAX_CARDS))


def _enrolment(fields: Fields) -> Enrolment:
    enrolment = Enrolment(
        resident_id=fields.text("resident_id"),
        stall_id=fields.text("stall_id"),
        until=fields.time("until"),
        known_shown=fields.flag("known_shown"),
    )
    fields.done()
    return enrolment


def _unknown_card(fields: Fields) -> UnknownCardInfo:
    card = UnknownCardInfo(
        unknown_id=fields.text("unknown_id", 32),
        stall_id=fields.text("stall_id"),
        at=fields.time("at"),
        times=fields.whole("times", 1),
        tail=fields.text("tail", 2).lower(),
    )
    fields.done()
    if len(card.tail) != 2 or set(card.tail) - _HEX:
        raise fields.refuse("tail", card.tail, "two hex digits")
    return card


TELLS: Mapping[str, Callable[[Fields], OfficeTicket | CardsTold]] = {"office_ticket": _office_ticket, "cards": _cards}
"""What reads the body of each tell."""
