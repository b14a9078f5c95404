"""What is done about a statement that is wrong, and for somebody who moves out: credit notes and further statements.

Nothing that was issued is changed. A credit note takes back all of a statement, some of its sessions and charges, or an
amount of one; it has a series of numbers of its own. Each session it takes back gets a CDR of kind credit, with every
amount negative, and can then be rated again: for another account, or under another tariff version.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from sqlalchemy import Connection, Row, func, insert, select, update

from .. import formats
from ..books import schema
from ..books.accounting_tables import charge, statement_charge
from ..books.building import the_building
from ..model import AccountId, Month, SessionId, StatementId, from_ms, to_ms
from ..tariff.cdr import CREDIT as CREDIT_CDR
from ..tariff.cdr import add_part
from ..tariff.ocpi import dump, load
from .basis import stays
from .billable import unbilled
from .charge import CREDIT, Charge, charge_row, read_charge
from .issue import CORRECTION, CREDIT_NOTE, MOVE_OUT, Issue, issue_statement
from .month_work import MonthWork
from .plan_charges import base_fees, included


class CorrectionRefused(ValueError):
    """It cannot be corrected so; the message names the field, what came and what is accepted. Nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A part of a session's or charge's amount that is given back, with its VAT."""

    of: str
    """Id of the CDR or charge."""
    gross_minor: int


@dataclass(frozen=True, kw_only=True)
class Doing:
    """Who corrects, when and why."""

    actor: str
    now: datetime
    reason: str
    """Printed, so that the resident understands."""
    ledger_key: str = ""


@dataclass(frozen=True, kw_only=True)
class Rerate:
    """What is to be different about a session."""

    account_id: AccountId | None = None
    tariff_version: str | None = None


@dataclass(frozen=True, kw_only=True)
class OnStatement:
    """What is on a statement and was not taken back."""

    row: Row[Any]
    cdrs: Mapping[str, Row[Any]]
    charges: Mapping[str, Charge]
    credits: int = field(default=0)
    """How many credit notes there are on it."""

    def sessions(self, locale: Locale, zone: ZoneInfo) -> Iterator[tuple[Row[Any], str, str]]:
        """Yield each CDR with its stall and when it began."""
        for row in self.cdrs.values():
            ocpi = load(row.ocpi_json)
            start = datetime.fromisoformat(ocpi["start_date_time"])
            yield row, ocpi["x_evshare"]["stall_name"], formats.moment(start, zone, locale)


def credit(
    conn: Connection,
    statement_id: StatementId,
    doing: Doing,
    *,
    only: Sequence[str] | None = None,
    amounts: Sequence[Amount] = (),
) -> StatementId:
    """Issue a credit note and return its id: over the whole statement, `only` these CDRs and charges, or amounts.

    Raises `CorrectionRefused`.
    """
    on = _on(conn, statement_id, doing)
    wanted = list(only) if only is not None else ([] if amounts else [*on.cdrs, *on.charges])
    for one in (*wanted, *(each.of for each in amounts)):
        if one not in on.cdrs and one not in on.charges:
            msg = f"of: got {one!r}, accepted are sessions and charges of statement {on.row.number} that stand"
            raise CorrectionRefused(msg)
    if not wanted and not amounts:
        msg = f"statement: got {on.row.number}, accepted is one of which something stands"
        raise CorrectionRefused(msg)
    cdr_ids = [_take_back(conn, on.cdrs[one], doing.now) for one in wanted if one in on.cdrs]
    charges = [_opposite(on.charges[one], on.row) for one in wanted if one in on.charges]
    # Of what was given back in part before, only the rest is left to give back.
    charges += [_opposite(one, on.row) for one in _given_back(conn, wanted)]
    charges += [_part_of(conn, on, one, place, doing) for place, one in enumerate(amounts, 1)]
    building = the_building(conn)
    if charges:
        conn.execute(insert(charge), [charge_row(one, building, to_ms(doing.now)) for one in charges])
    return issue_statement(
        conn,
        Issue(
            building=building,
            month=Month.parse(on.row.month),
            account_id=AccountId(on.row.account_id),
            actor=doing.actor,
            now=doing.now,
            ledger_key=doing.ledger_key,
            kind=CREDIT_NOTE,
            corrects=(statement_id, on.row.number),
            place=on.credits + 1,
            reason=doing.reason,
        ),
        cdr_ids,
        charges,
    )


def correct(
    conn: Connection, statement_id: StatementId, doing: Doing, sessions: Mapping[SessionId, Rerate]
) -> list[StatementId]:
    """Take a statement back and issue it anew, with these sessions as they should be; return what was issued.

    The credit note comes first, then the new statement of the account, and one of each account that a session went to.
    Raises `CorrectionRefused`.
    """
    on = _on(conn, statement_id, doing)
    there = {SessionId(row.session_id) for row in on.cdrs.values()}
    if not sessions or sessions.keys() - there:
        msg = f"sessions: got {sorted(sessions)}, accepted are those of statement {on.row.number}: {sorted(there)}"
        raise CorrectionRefused(msg)
    issued = [credit(conn, statement_id, doing)]
    for session_id, wanted in sessions.items():
        _change(conn, session_id, wanted)
    made: dict[AccountId, list[str]] = defaultdict(list)
    for session_id in sorted(there):
        cdr_id = _rate_again(conn, session_id, Month.parse(on.row.month), doing.now)
        if cdr_id is not None:
            payer = conn.execute(select(schema.cdr.c.account_id).where(schema.cdr.c.cdr_id == cdr_id)).scalar_one()
            made[AccountId(payer)].append(cdr_id)
    building, own = the_building(conn), AccountId(on.row.account_id)
    again = [_again(one, on.credits + 1) for one in on.charges.values()]
    if again:
        conn.execute(insert(charge), [charge_row(one, building, to_ms(doing.now)) for one in again])
    for account_id in sorted({*made, *([own] if again else [])}):
        issue = Issue(
            building=building,
            month=Month.parse(on.row.month),
            account_id=account_id,
            actor=doing.actor,
            now=doing.now,
            ledger_key=doing.ledger_key,
            kind=CORRECTION,
            corrects=(statement_id, on.row.number),
            place=on.credits + 1,
            reason=doing.reason,
        )
        issued.append(issue_statement(conn, issue, made[account_id], again if account_id == own else []))
    return issued


def move_out(conn: Connection, account_id: AccountId, doing: Doing) -> StatementId:
    """Issue what an account owes until its people moved out, before the month is closed, and return its id.

    Sessions, base fee and what the plan includes are on it; what is shared among all is known only at the close, and
    comes then. Raises `CorrectionRefused`.
    """
    building, now_ms = the_building(conn), to_ms(doing.now)
    ends = [one.to_ms for one in stays(conn) if one.account_id == account_id]
    if not ends or any(one is None or one > now_ms for one in ends):
        msg = f"account: got {account_id}, accepted is one whose people have all moved out"
        raise CorrectionRefused(msg)
    running = select(schema.session.c.session_id).where(
        schema.session.c.account_id == account_id,
        schema.session.c.started_ms.is_not(None),
        schema.session.c.ended_ms.is_(None),
    )
    if conn.scalar(running.limit(1)) is not None:
        msg = f"account: got {account_id}, accepted is one without a session that runs"
        raise CorrectionRefused(msg)
    month = Month.of(from_ms(max(one for one in ends if one is not None) - 1), building.zone)
    if conn.scalar(select(schema.period.c.month).where(schema.period.c.month == str(month))) is not None:
        msg = f"account: got {account_id}, accepted is one that moved out in a month that is not closed yet"
        raise CorrectionRefused(msg)
    bills = unbilled(doing.now) & (schema.cdr.c.account_id == account_id)
    work = MonthWork.begin(conn, month, bills)
    kept = set(conn.scalars(select(charge.c.charge_id).where(charge.c.month == str(month))))
    charges = [
        one for one in (*base_fees(work), *included(work)) if one.account_id == account_id and one.charge_id not in kept
    ]
    cdr_ids = list(conn.scalars(select(schema.cdr.c.cdr_id).where(bills).order_by(schema.cdr.c.cdr_id)))
    if not cdr_ids and not charges:
        msg = f"account: got {account_id}, accepted is one that owes something that is on no statement"
        raise CorrectionRefused(msg)
    if charges:
        conn.execute(insert(charge), [charge_row(one, building, now_ms) for one in charges])
    issue = Issue(
        building=building,
        month=month,
        account_id=account_id,
        actor=doing.actor,
        now=doing.now,
        ledger_key=doing.ledger_key,
        kind=MOVE_OUT,
        place=1 + _count(conn, schema.statement.c.account_id == account_id, schema.statement.c.kind == MOVE_OUT),
    )
    return issue_statement(conn, issue, cdr_ids, charges)


# --- how it is done -----------------------------------------------------------------------------------------------


def _on(conn: Connection, statement_id: StatementId, doing: Doing) -> OnStatement:
    if not doing.reason.strip():
        msg = "reason: got nothing, accepted is a sentence for the resident"
        raise CorrectionRefused(msg)
    on = on_statement(conn, statement_id)
    if on.row.kind == CREDIT_NOTE:
        msg = f"statement: got {on.row.number}, accepted is one that is no credit note"
        raise CorrectionRefused(msg)
    return on


def on_statement(conn: Connection, statement_id: StatementId) -> OnStatement:
    """Return what stands of a statement. Raises `CorrectionRefused` for an unknown one."""
    row = conn.execute(select(schema.statement).where(schema.statement.c.statement_id == statement_id)).one_or_none()
    if row is None:
        msg = f"statement: got {statement_id!r}, accepted is the id of an issued one"
        raise CorrectionRefused(msg)
    cdr, on_cdr = schema.cdr, schema.statement_cdr
    gone = select(cdr.c.credits).where(cdr.c.credits.is_not(None))
    cdrs = conn.execute(
        select(cdr)
        .join(on_cdr, on_cdr.c.cdr_id == cdr.c.cdr_id)
        .where(on_cdr.c.statement_id == statement_id, cdr.c.cdr_id.not_in(gone))
        .order_by(cdr.c.cdr_id)
    )
    credited = select(charge.c.of).where(charge.c.kind == CREDIT, charge.c.charge_id.startswith("credit:"))
    kept = conn.execute(
        select(charge)
        .join(statement_charge, statement_charge.c.charge_id == charge.c.charge_id)
        .where(statement_charge.c.statement_id == statement_id, charge.c.charge_id.not_in(credited))
        .order_by(charge.c.charge_id)
    )
    return OnStatement(
        row=row,
        cdrs={one.cdr_id: one for one in cdrs},
        charges={one.charge_id: read_charge(one) for one in kept},
        credits=_count(conn, schema.statement.c.corrects == statement_id, schema.statement.c.kind == CREDIT_NOTE),
    )


def _count(conn: Connection, *conditions: Any) -> int:
    return int(conn.scalar(select(func.count()).select_from(schema.statement).where(*conditions)) or 0)


def _given_back(conn: Connection, of: Sequence[str]) -> list[Charge]:
    """Return the credits over parts of these amounts that stand."""
    undone = select(charge.c.of).where(charge.c.charge_id.startswith("credit:part:"))
    rows = conn.execute(
        select(charge).where(
            charge.c.of.in_(of), charge.c.charge_id.startswith("part:"), charge.c.charge_id.not_in(undone)
        )
    )
    return [read_charge(row) for row in rows]


def _rate_again(conn: Connection, session_id: SessionId, month: Month, now: datetime) -> str | None:
    """Bill what of a session was taken back; one that is still open was cut at its month's end."""
    ended = select(schema.session.c.ended_ms).where(schema.session.c.session_id == session_id)
    until = None if conn.scalar(ended) is not None else month.bounds(the_building(conn).zone)[1]
    return add_part(conn, session_id, now, until, again=True)


def _take_back(conn: Connection, row: Row[Any], now: datetime) -> str:
    """Write the opposite of a CDR and return its id."""
    last = conn.scalar(select(func.max(schema.cdr.c.part)).where(schema.cdr.c.session_id == row.session_id))
    part = int(last or 0) + 1
    cdr_id = f"{row.session_id}.{part}"
    ocpi = load(row.ocpi_json)
    own = ocpi["x_evshare"]
    opposite = {
        **ocpi,
        "id": cdr_id,
        "credit": True,
        "credit_reference_id": row.cdr_id,
        **{name: _opposite_of(value) for name, value in ocpi.items() if name.startswith("total_")},
        "last_updated": now,
        "x_evshare": {
            **own,
            "part": part,
            "lines": [_opposite_line(one) for one in own["lines"]],
            "vat": [one | {"minor": -one["minor"]} for one in own["vat"]],
            **{name: _opposite_of(own[name]) for name in ("sources", "forgiven_s") if name in own},
        },
    }
    values = dict(row._mapping) | {
        "cdr_id": cdr_id,
        "part": part,
        "kind": CREDIT_CDR,
        "credits": row.cdr_id,
        "energy_wh": -row.energy_wh,
        "net_minor": -row.net_minor,
        "vat_minor": -row.vat_minor,
        "gross_minor": -row.gross_minor,
        "ocpi_json": dump(opposite),
    }
    conn.execute(insert(schema.cdr).values(**values))
    return cdr_id


def _opposite_of(said: Any) -> Any:
    return {name: -value for name, value in said.items()} if isinstance(said, dict) else -said


def _opposite_line(one: Mapping[str, Any]) -> dict[str, Any]:
    volume = {"volume": -one["volume"]} if "volume" in one else {}
    return {**one, **volume, "net_minor": -one["net_minor"]}


def _opposite(one: Charge, on: Row[Any]) -> Charge:
    details = {"kind": one.kind, "of": dict(one.details), "number": on.number}
    return Charge(
        charge_id=f"credit:{one.charge_id}",
        account_id=one.account_id,
        month=one.month,
        kind=CREDIT,
        of=one.charge_id,
        net_minor=-one.net_minor,
        vat=one.vat,
        details=details,
    )


def _again(one: Charge, place: int) -> Charge:
    return Charge(
        charge_id=f"{one.charge_id}:{place}",
        account_id=one.account_id,
        month=one.month,
        kind=one.kind,
        of=one.of,
        net_minor=one.net_minor,
        vat=one.vat,
        details=one.details,
    )


def _part_of(conn: Connection, on: OnStatement, one: Amount, place: int, doing: Doing) -> Charge:
    """Return a credit over a part of a session's or charge's amount, at its VAT rate."""
    given = -sum(each.gross_minor for each in _given_back(conn, [one.of]))
    if one.of in on.cdrs:
        row = on.cdrs[one.of]
        whole, kind = row.gross_minor, ""
        rates = [Decimal(each["percent"]) for each in load(row.ocpi_json)["x_evshare"]["vat"]]
        vat = max(rates) if rates else None
    else:
        part = on.charges[one.of]
        whole, kind, vat = part.gross_minor, part.kind, part.vat
    if not 0 < one.gross_minor <= whole - given:
        msg = f"amount: got {one.gross_minor}, accepted is 1 to the {max(0, whole - given)} that stand of {one.of}"
        raise CorrectionRefused(msg)
    net = (one.gross_minor * 100 / (100 + (vat or Decimal(0)))).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return Charge(
        charge_id=f"part:{on.row.statement_id}:{on.credits + 1}:{place}",
        account_id=AccountId(on.row.account_id),
        month=Month.parse(on.row.month),
        kind=CREDIT,
        of=one.of,
        net_minor=-int(net),
        vat=vat,
        details={"kind": kind, "reason": doing.reason, "number": on.row.number},
    )


def _change(conn: Connection, session_id: SessionId, wanted: Rerate) -> None:
    values = {
        name: value
        for name, value in (("account_id", wanted.account_id), ("tariff_version", wanted.tariff_version))
        if value is not None
    }
    if values:
        conn.execute(update(schema.session).where(schema.session.c.session_id == session_id).values(**values))
