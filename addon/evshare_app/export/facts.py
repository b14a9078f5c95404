"""What was measured, rated, billed and paid, as the members of an export. Rows are read and written one by one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import hashlib
from itertools import groupby
import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, true

from ..books import accounting_tables as accounting
from ..books import schema
from ..model import AccountId, ResidentId
from ..statement.files import HTML, PDF, kept_file
from ..tariff.cdr import cdr_extension
from .archive import Archive

_STREAMED = {"yield_per": 200}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose export it is. Without a resident it is everything."""

    resident_id: ResidentId | None = None
    accounts: tuple[AccountId, ...] = ()
    """Whose statements, payments and transactions are shown."""

    @property
    def everything(self) -> bool:
        """Whether it is the building's own export."""
        return self.resident_id is None

    def sessions(self) -> ColumnElement[bool]:
        """Which sessions."""
        return true() if self.everything else schema.session.c.resident_id == self.resident_id

    def of_accounts(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Which rows that belong to an account."""
        return true() if self.everything else column.in_(self.accounts)

    def session_ids(self) -> Select[tuple[str]]:
        """Return the ids of the sessions."""
        return select(schema.session.c.session_id).where(self.sessions())


def write_facts(conn: Connection, archive: Archive, scope: Scope) -> None:
    """Write everything but the ledger."""
    archive.objects("sessions.jsonl", _sessions(conn, scope))
    archive.table("sessions.csv", _SESSION_COLUMNS, _sessions(conn, scope))
    archive.table("slices.csv", _SLICE_COLUMNS, _slices(conn, scope))
    archive.objects("cdrs.jsonl", _cdrs(conn, scope))
    archive.objects("charges.jsonl", _charges(conn, scope))
    archive.table("statements.csv", _STATEMENT_COLUMNS, _statements(conn, scope))
    _write_documents(conn, archive, scope)
    archive.table("payments.csv", _PAYMENT_COLUMNS, _payments(conn, scope))
    archive.objects("tariffs.jsonl", _tariffs(conn))
    archive.table("meters.csv", _METER_COLUMNS, _meters(conn))
    archive.table("signed.csv", _SIGNED_COLUMNS, (_signed(row) for row in _stream(conn, _signed_values(scope))))
    for row in _stream(conn, _signed_values(scope)):
        archive.content(_signed(row)["file"], row.text.encode())
    if scope.everything:
        for table in (schema.stall, schema.unit, schema.account, schema.resident, accounting.membership):
            archive.objects(f"{table.name}s.jsonl", (dict(row._mapping) for row in _stream(conn, select(table))))
        for table in (schema.building_slice, accounting.price_slot, accounting.cost_item, accounting.utility_bill):
            archive.objects(f"{table.name}s.jsonl", (dict(row._mapping) for row in _stream(conn, select(table))))


def utc(at_ms: int | None) -> str | None:
    """Return an instant as RFC 3339 in UTC with milliseconds."""
    if at_ms is None:
        return None
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _stream(conn: Connection, query: Select[Any]) -> Iterator[Row[Any]]:
    yield from conn.execute(query, execution_options=_STREAMED)


# --- what was measured -------------------------------------------------------------------------------------------

_SESSION_COLUMNS = (
    "session_id",
    "stall_id",
    "stall",
    "resident_id",
    "account_id",
    "credential_kind",
    "mode",
    "authorised",
    "started",
    "ended",
    "stop_reason",
    "register_start_wh",
    "register_end_wh",
    "energy_wh",
    "tariff_version",
    "sources",
    "price_steps",
    "net_minor",
    "vat_minor",
    "gross_minor",
    "currency",
)


def _sessions(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    session, cdr = schema.session.c, schema.cdr.c
    rows = _stream(
        conn,
        select(
            schema.session,
            schema.stall.c.name.label("stall"),
            schema.resident.c.account_id.label("todays_account"),
            cdr.account_id.label("billed_account"),
            cdr.net_minor,
            cdr.vat_minor,
            cdr.gross_minor,
            cdr.currency,
            cdr.ocpi_json,
        )
        .join(schema.stall, schema.stall.c.stall_id == session.stall_id)
        .join(schema.resident, schema.resident.c.resident_id == session.resident_id)
        .outerjoin(schema.cdr, cdr.session_id == session.session_id)
        .where(scope.sessions())
        .order_by(session.authorised_ms, session.session_id, cdr.part),
    )
    for _, parts in groupby(rows, key=lambda row: row.session_id):
        yield _session(list(parts))


def _session(parts: list[Row[Any]]) -> dict[str, Any]:
    row = parts[0]
    rated = [one for one in parts if one.ocpi_json is not None]
    extensions = [cdr_extension(one.ocpi_json) for one in rated]
    steps = [
        {name: str(value) if name in ("price", "vat") else value for name, value in line.items() if value is not None}
        for extension in extensions
        for line in extension["lines"]
    ]
    sources = [extension["sources"] for extension in extensions if extension.get("sources")]
    return {
        **{name: row._mapping[name] for name in _SESSION_COLUMNS if name in schema.session.c},
        "stall": row.stall,
        "account_id": row.billed_account or row.account_id or row.todays_account,
        "authorised": utc(row.authorised_ms),
        "started": utc(row.started_ms),
        "ended": utc(row.ended_ms),
        "sources": json.dumps(sources, default=str) if sources else None,
        "price_steps": json.dumps(steps, separators=(",", ":")),
        "currency": rated[0].currency if rated else None,
        **{
            name: sum(one._mapping[name] for one in rated) if rated else None
            for name in ("net_minor", "vat_minor", "gross_minor")
        },
    }


_SLICE_COLUMNS = (
    "slice_id",
    "session_id",
    "cdr_id",
    "stall_id",
    "epoch",
    "start",
    "end",
    "register_start_wh",
    "register_end_wh",
    "charging_s",
    "suspended_s",
    "limit_a",
    "estimated",
)


def _slices(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    slice_, cdr_slice = schema.slice_, accounting.cdr_slice
    # Where one was taken back and another took its place, both.
    billed_in = (
        select(func.aggregate_strings(cdr_slice.c.cdr_id, " "))
        .where(cdr_slice.c.slice_id == slice_.c.slice_id)
        .scalar_subquery()
    )
    query = select(slice_, billed_in.label("cdr_id"))
    if not scope.everything:
        query = query.where(slice_.c.session_id.in_(scope.session_ids()))
    # As their registers followed each other: then each is joined to the one before it.
    order = (slice_.c.session_id, slice_.c.start_ms, slice_.c.epoch, slice_.c.slice_id)
    for row in _stream(conn, query.order_by(*order)):
        yield {**row._mapping, "start": utc(row.start_ms), "end": utc(row.end_ms)}


_METER_COLUMNS = ("stall_id", "number", "started", "register_wh", "reason", "serial")


def _meters(conn: Connection) -> Iterator[Mapping[str, Any]]:
    epochs = schema.meter_epoch
    for row in _stream(conn, select(epochs).order_by(epochs.c.stall_id, epochs.c.number)):
        yield {**row._mapping, "started": utc(row.started_ms)}


_SIGNED_COLUMNS = ("file", "session_id", "place", "format", "received", "result", "public_key", "sha256")


def _signed_values(scope: Scope) -> Select[Any]:
    value = accounting.signed_meter_value
    return select(value).where(value.c.session_id.in_(scope.session_ids())).order_by(value.c.session_id, value.c.place)


def _signed(row: Row[Any]) -> dict[str, Any]:
    return {
        **row._mapping,
        "file": f"signed/{_file_name(row.session_id)}-{row.place}.ocmf",
        "received": utc(row.received_ms),
        "sha256": hashlib.sha256(row.text.encode()).hexdigest(),
    }


# --- what was billed and paid ------------------------------------------------------------------------------------


def _cdrs(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    cdr, on = schema.cdr, schema.statement_cdr
    query = (
        select(cdr, on.c.statement_id)
        .outerjoin(on, on.c.cdr_id == cdr.c.cdr_id)
        .where(cdr.c.session_id.in_(scope.session_ids()))
        .order_by(cdr.c.ended_ms, cdr.c.session_id, cdr.c.part)
    )
    for row in _stream(conn, query):
        # The OCPI object is given as the text that is stored, so that nothing is lost in numbers.
        known = {name: value for name, value in row._mapping.items() if name not in ("ended_ms", "ocpi_json")}
        yield {**known, "ended": utc(row.ended_ms), "ocpi": row.ocpi_json}


def _charges(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    charge, on = accounting.charge, accounting.statement_charge
    query = (
        select(charge, on.c.statement_id)
        .outerjoin(on, on.c.charge_id == charge.c.charge_id)
        .where(scope.of_accounts(charge.c.account_id))
        .order_by(charge.c.month, charge.c.charge_id)
    )
    for row in _stream(conn, query):
        yield {**row._mapping, "created_ms": utc(row.created_ms)}


_STATEMENT_COLUMNS = (
    "statement_id",
    "number",
    "kind",
    "corrects",
    "account_id",
    "month",
    "issued",
    "net_minor",
    "vat_minor",
    "gross_minor",
    "currency",
    "reference",
    "sha256",
    "file",
)


def _statement_rows(scope: Scope) -> Select[Any]:
    statement = schema.statement
    return select(statement).where(scope.of_accounts(statement.c.account_id)).order_by(statement.c.number)


def _statements(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    for row in _stream(conn, _statement_rows(scope)):
        yield {**row._mapping, "issued": utc(row.issued_ms), "file": f"statements/{_file_name(row.number)}.json"}


def _write_documents(conn: Connection, archive: Archive, scope: Scope) -> None:
    """Write each statement's document byte for byte, and its page and PDF."""
    for row in _stream(conn, _statement_rows(scope)):
        name = f"statements/{_file_name(row.number)}"
        archive.content(f"{name}.json", row.document_json.encode())
        for kind in (HTML, PDF):
            archive.content(f"{name}.{kind}", kept_file(conn, row.statement_id, kind))


_PAYMENT_COLUMNS = (
    "payment_id",
    "rail",
    "external_id",
    "account_id",
    "statement_id",
    "amount_minor",
    "currency",
    "at",
    "note",
)


def _payments(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    payment = schema.payment
    query = select(payment).where(scope.of_accounts(payment.c.account_id)).order_by(payment.c.at_ms)
    for row in _stream(conn, query):
        yield {**row._mapping, "at": utc(row.at_ms)}


def _tariffs(conn: Connection) -> Iterator[Mapping[str, Any]]:
    tariff = schema.tariff
    for row in _stream(conn, select(tariff).order_by(tariff.c.family, tariff.c.valid_from_ms)):
        yield {
            "version_id": row.version_id,
            "family": row.family,
            "valid_from": utc(row.valid_from_ms),
            "ocpi": row.ocpi_json,
        }


def _file_name(text: str) -> str:
    """Return a name that is safe in any file system."""
    return "".join(one if one.isascii() and (one.isalnum() or one in "-_.") else "_" for one in text).lstrip(".")
