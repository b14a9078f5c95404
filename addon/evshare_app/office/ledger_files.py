"""The ledger as files: CSV for spreadsheets (amounts in the currency, no formulas) and JSON (minor units, hashes)."""

from collections.abc import Iterable, Mapping, Sequence
import csv
import io
import json
from typing import Any

from sqlalchemy import Connection

from ..export.facts import utc
from ..ledger import reading
from ..ledger.heads import fingerprint, signed_heads
from ..ledger.ledger import Link, chain
from ..money import Money
from .figures import no_formula

FILES = ("journal", "balances", "signatures")
type Rows = Sequence[Mapping[str, Any]]


def as_json(conn: Connection, name: str, wanted: reading.Wanted, told: Mapping[str, object]) -> bytes:
    """Return one of `FILES`; `told` stands before it."""
    rows: dict[str, Iterable[Mapping[str, Any]]] = {
        "journal": (_transaction(link) for link in chain(conn, wanted.numbers())),
        "balances": (
            {
                "account": one.account,
                "kind": one.kind,
                "before_minor": one.before_minor,
                "debit_minor": one.debit_minor,
                "credit_minor": one.credit_minor,
                "after_minor": one.after_minor,
            }
            for one in reading.trial_balance(conn, wanted)
        ),
        "signatures": _signatures(conn),
    }
    return json.dumps({**told, name: list(rows[name])}, ensure_ascii=False, indent=1).encode()


def as_csv(conn: Connection, name: str, wanted: reading.Wanted, currency: str, names: Mapping[str, str]) -> bytes:
    """Return one of `FILES`. `names` is what ledger accounts are called."""

    def major(minor: int) -> object:
        return Money(minor, currency).to_decimal()

    rows: dict[str, Iterable[Mapping[str, Any]]] = {
        "journal": (
            {
                **{name: value for name, value in _transaction(link).items() if name not in ("postings", "reverses")},
                "account": account,
                "name": names.get(account, ""),
                "debit": major(minor) if minor > 0 else "",
                "credit": major(-minor) if minor < 0 else "",
            }
            for link in chain(conn, wanted.numbers())
            # A memo has no postings, and stands in the journal all the same.
            for _, _, account, minor, _ in link.postings or ((0, 0, "", 0, ""),)
        ),
        "balances": (
            {
                "account": one.account,
                "name": names.get(one.account, ""),
                "before": major(one.before_minor),
                "debit": major(one.debit_minor),
                "credit": major(one.credit_minor),
                "after": major(one.after_minor),
            }
            for one in reading.trial_balance(conn, wanted)
        ),
        "signatures": _signatures(conn),
    }
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for place, row in enumerate(rows[name]):
        if not place:
            writer.writerow(row)
        writer.writerow([no_formula(value) if isinstance(value, str) else value for value in row.values()])
    return text.getvalue().encode("utf-8-sig")


def _transaction(link: Link) -> dict[str, Any]:
    said = link.header
    return {
        "number": link.number,
        "occurred": utc(said["occurred_ms"]),
        "recorded": utc(said["recorded_ms"]),
        "transaction_id": said["transaction_id"],
        "kind": said["kind"],
        "actor": said["actor"],
        "reason": said["reason"],
        "reverses": said["reverses"],
        "postings": [
            {"account": account, "amount_minor": minor, "currency": currency}
            for _, _, account, minor, currency in link.postings
        ],
        "previous_hash": link.previous_hash.hex(),
        "hash": link.hash.hex(),
    }


def _signatures(conn: Connection) -> Rows:
    return [
        {
            "number": one.number,
            "hash": one.hash.hex(),
            "signed": utc(one.signed_ms),
            "key": fingerprint(one.public_key),
            "public_key": one.public_key.hex(),
            "signature": one.signature.hex(),
        }
        for one in signed_heads(conn)
    ]
