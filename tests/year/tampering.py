"""Eleven ways to change a year's export. Who does it holds the building's key: the seal over it is right each time."""

from collections.abc import Callable
import csv
import hashlib
import io
import json

from evshare_app.ledger.heads import LedgerKey
from tests.app.export.forger import (
    Members,
    hashes_made_anew,
    lines_changed,
    object_changed,
    row_changed,
)

type Tampering = Callable[[Members], None]


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def a_payment_of_another_amount(members: Members) -> None:
    row_changed(members, "payments.csv", 3, amount_minor=1)


def a_posting_of_another_amount(members: Members) -> None:
    def less(transaction: dict) -> None:
        first, second = transaction["postings"][:2]
        first[3] -= 100
        second[3] += 100

    object_changed(members, "ledger/transactions.jsonl", 10, less)


def a_transaction_taken_out(members: Members) -> None:
    lines_changed(members, "ledger/transactions.jsonl", lambda lines: [*lines[:5], *lines[6:]])


def the_chain_cut_off(members: Members) -> None:
    for name in ("ledger/transactions.jsonl", "ledger/hashes.txt"):
        lines_changed(members, name, lambda lines: lines[:-2])


def a_transaction_put_in_and_the_chain_made_anew(members: Members) -> None:
    def more(lines: list[bytes]) -> list[bytes]:
        last = json.loads(lines[-1])
        last |= {"number": last["number"] + 1, "transaction_id": "t-new", "kind": "goodwill"}
        return [*lines, _canonical(last)]

    lines_changed(members, "ledger/transactions.jsonl", more)
    hashes_made_anew(members)


def a_statement_that_names_somebody_else(members: Members) -> None:
    _, name = _a_statement(members)
    document = json.loads(members[name])
    members[name] = _canonical(document | {"account": "Somebody else"})


def a_statement_dearer_by_a_cent_with_its_seal(members: Members) -> None:
    place, name = _a_statement(members)
    document = json.loads(members[name])
    for key in ("gross_minor", "net_minor"):
        document[key] += 1
    document["sessions"][0]["net_minor"] += 1
    document["sessions"][0]["lines"][0]["net_minor"] += 1
    document["vat"][0]["net_minor"] += 1
    members[name] = _canonical(document)
    seal = hashlib.sha256(members[name]).hexdigest()
    row_changed(
        members,
        "statements.csv",
        place,
        net_minor=document["net_minor"],
        gross_minor=document["gross_minor"],
        sha256=seal,
    )


def a_register_of_a_slice(members: Members) -> None:
    rows = list(csv.DictReader(io.StringIO(members["slices.csv"].decode())))
    place = next(place for place, row in enumerate(rows) if row["session_id"])
    row_changed(members, "slices.csv", place, register_end_wh=int(rows[place]["register_end_wh"]) + 500)


def a_slice_that_belongs_to_nobody(members: Members) -> None:
    rows = list(csv.DictReader(io.StringIO(members["slices.csv"].decode())))
    place = next(place for place, row in enumerate(rows) if not row["session_id"])
    row_changed(members, "slices.csv", place, register_end_wh=int(rows[place]["register_end_wh"]) + 500)


def another_price_in_a_cdr_and_its_tariff(members: Members) -> None:
    def dearer(row: dict) -> None:
        row["ocpi"] = row["ocpi"].replace('"price":0.29', '"price":0.292')

    object_changed(members, "cdrs.jsonl", 0, dearer)
    for place in range(members["tariffs.jsonl"].count(b"\n")):
        object_changed(members, "tariffs.jsonl", place, dearer)


def a_forged_signature_on_the_chain(members: Members) -> None:
    forger = LedgerKey(b"f" * 32)
    object_changed(members, "ledger/heads.jsonl", 1, lambda head: head.update(signature=forger.sign(b"x").hex()))


TAMPERINGS: tuple[Tampering, ...] = (
    a_payment_of_another_amount,
    a_posting_of_another_amount,
    a_transaction_taken_out,
    the_chain_cut_off,
    a_transaction_put_in_and_the_chain_made_anew,
    a_statement_that_names_somebody_else,
    a_statement_dearer_by_a_cent_with_its_seal,
    a_register_of_a_slice,
    a_slice_that_belongs_to_nobody,
    another_price_in_a_cdr_and_its_tariff,
    a_forged_signature_on_the_chain,
)


def _a_statement(members: Members) -> tuple[int, str]:
    """Return the first statement with a session on it: its place in the list, and its document."""
    for place, row in enumerate(csv.DictReader(io.StringIO(members["statements.csv"].decode()))):
        if json.loads(members[row["file"]])["sessions"]:
            return place, row["file"]
    raise AssertionError("no statement has a session on it")
