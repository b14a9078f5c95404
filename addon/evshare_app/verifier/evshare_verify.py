"""Checks an export of evshare, without evshare:  python evshare_verify.py export.zip

It needs Python 3.10 or newer and the package `cryptography`, shares no code with the program it checks, and was written
from docs/export.md. It works on a resident's export and on the building's. Nothing is sent anywhere or written.

    --key 0123456789abcdef   the key's digits as printed on a statement you were given earlier (may be repeated)
    --head 0123456789ab      the ledger's digits as printed on such a statement (may be repeated)

It says what it checked and what is wrong. Exit code: 0 all is well, 1 something is wrong, 2 it could not be checked.
Amounts are in the currency's smallest unit (cents), energy in watt-hours (Wh), times UTC.
"""

import argparse
import base64
from bisect import bisect_left
from collections.abc import Iterator, Sequence
import contextlib
import csv
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
import hashlib
import io
from itertools import groupby, pairwise
import json
import re
import sys
from typing import Any
import zipfile

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key
except ImportError as missing:
    print(f"This checker needs the package cryptography ({missing}):  pip install cryptography", file=sys.stderr)
    raise SystemExit(2) from None

FORMAT = "evshare-export-1"
MOST_SHOWN = 40
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # datetime.UTC came with Python 3.11
HEAD = b"evshare ledger head 1\n"  # stands before what is signed of the chain
SEALED = re.compile(r"slices (\d+)-(\d+) sha256 ([0-9a-f]{64})")
UNITS = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600, "FLAT": 1}  # Wh or seconds that one price is for
CURVES: dict[str, Any] = {
    "ECDSA-secp256r1-SHA256": ec.SECP256R1,
    "ECDSA-secp192r1-SHA256": ec.SECP192R1,
    "ECDSA-secp256k1-SHA256": ec.SECP256K1,
    "ECDSA-secp384r1-SHA256": ec.SECP384R1,
    "ECDSA-brainpool256r1-SHA256": ec.BrainpoolP256R1,
    "ECDSA-brainpool384r1-SHA256": ec.BrainpoolP384R1,
}


class Unusable(Exception):
    """The file cannot be checked at all."""


class Report:
    """What was checked and what is wrong."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.noted: list[str] = []
        self.wrong: list[str] = []
        self.of = ""  # what the export is

    def check(self, holds: object, problem: str) -> bool:
        """Note a problem unless something holds."""
        if not holds:
            self.wrong.append(problem)
        return bool(holds)


class Export:
    """The file, opened."""

    def __init__(self, path: str) -> None:
        try:
            self.at = ""  # what is being read, for whoever is told that it cannot be
            self.zip = zipfile.ZipFile(path)
            self.names = self.zip.namelist()
            self.manifest = json.loads(self.read("export.json"))
            self.seal = json.loads(self.read("export.sig"))
            self.everything = self.manifest["kind"] == "building"
            self.building_id = self.manifest["building_id"]
            found = self.manifest["format"]
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise Unusable(f"{path} is no export of evshare: {error}") from None
        if found != FORMAT:
            raise Unusable(f"{path} has the format {found}; this checker knows {FORMAT}")

    def read(self, name: str) -> bytes:
        self.at = name
        return self.zip.read(name)

    def lines(self, name: str) -> Iterator[bytes]:
        if name in self.names:
            with self.zip.open(name) as member:
                for number, line in enumerate(member, 1):
                    self.at = f"{name}, line {number}"
                    yield line.rstrip(b"\n")

    def objects(self, name: str) -> Iterator[Any]:
        for line in self.lines(name):
            yield json.loads(line)

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        if name in self.names:
            with self.zip.open(name) as member:
                rows = csv.DictReader(io.TextIOWrapper(member, "utf-8", newline=""))
                for row in rows:
                    self.at = f"{name}, line {rows.line_num}"
                    yield row


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces: what is signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(public_key: str, signature: str, message: bytes) -> bool:
    """Whether an Ed25519 signature (all hex) is right."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError, TypeError) as _:
        return False
    return True


def fingerprint(public_key: str) -> str:
    """The 16 digits that statements print of a key."""
    try:
        return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:16]
    except ValueError:
        return "unreadable"


def ms(text: str) -> int:
    """Milliseconds since 1970 of a time such as 2026-07-01T08:00:00.000Z."""
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // timedelta(milliseconds=1)


def day(at_ms: int) -> str:
    """A day as people write it in tables."""
    return (EPOCH + timedelta(milliseconds=at_ms)).date().isoformat()


# --- the file itself ---------------------------------------------------------------------------------------------


def check_file(export: Export, report: Report) -> None:
    raw = export.read("export.json")
    report.check(
        signed(export.seal.get("public_key", ""), export.seal.get("signature", ""), b"evshare export 1\n" + raw),
        "The export's seal is broken: its table of contents was changed after it was made.",
    )
    listed = export.manifest["files"]
    for name in sorted(set(listed) | set(export.names) - {"export.json", "export.sig"}):
        if name not in listed:
            report.wrong.append(f"{name} was added to the export.")
        elif name not in export.names:
            report.wrong.append(f"{name} is missing from the export.")
        else:
            digest = hashlib.sha256()
            with export.zip.open(name) as member:
                for block in iter(lambda: member.read(1 << 16), b""):
                    digest.update(block)
            report.check(digest.hexdigest() == listed[name], f"{name} was changed after the export was made.")
    report.check(len(export.names) == len(set(export.names)), "A file is in the export twice.")
    report.done.append(f"The seal of the export, and the digests of its {len(listed)} files.")


# --- the ledger --------------------------------------------------------------------------------------------------


Booked = tuple[int, str, dict[str, int]]


class Seal:
    """A transaction that fixes slices, those from `first` to `last`."""

    def __init__(self, number: int, recorded_ms: int, first: int, last: int, digest: str) -> None:
        self.number, self.first, self.last, self.digest = number, first, last, digest
        self.name = f"the seal of {day(recorded_ms)} (transaction {number}, slices {first} to {last})"
        self.digests: set[str] | None = None  # of what it is made; None where the export has not told
        self.found = 0  # of those
        self.wrong = 0


class Ledger:
    """The chain as the export gives it."""

    def __init__(self) -> None:
        self.hashes: list[str] = []
        self.places: dict[str, int] = {}  # first 12 digits: number
        self.keys: list[str] = []
        self.transactions: dict[str, Booked] = {}  # id: (number, kind, {account: minor})
        self.balances: dict[str, int] = {}
        self.seals: list[Seal] = []  # as they follow each other

    def about(self, *names: str) -> Booked | None:
        """The transaction that was booked for something, by how its id ends."""
        for name in names:
            if name in self.transactions:
                return self.transactions[name]
        return None


def check_heads(export: Export, ledger: Ledger, report: Report, keys: list[str], heads: list[str]) -> None:
    for line in export.lines("ledger/hashes.txt"):
        text = line.decode("ascii", "replace")
        if not report.check(
            len(text) == 64 and not set(text) - set("0123456789abcdef"),
            f"Line {len(ledger.hashes) + 1} of the list of hashes is no hash.",
        ):
            text = "0" * 64
        ledger.hashes.append(text)
        ledger.places.setdefault(text[:12], len(ledger.hashes))
    count = len(ledger.hashes)
    report.check(
        export.manifest.get("transactions") == count,
        f"The list of hashes has {count} lines, the export says {export.manifest.get('transactions')}.",
    )
    rows = list(export.objects("ledger/heads.jsonl"))
    named = [one.lower() for one in keys]
    running, place = hashlib.sha256(), 0
    for index, row in enumerate(rows):
        following = rows[index + 1]["public_key"] if index + 1 < len(rows) else row["public_key"]
        number = row["number"]
        if not ledger.keys or ledger.keys[-1] != row["public_key"]:
            ledger.keys.append(row["public_key"])
        if number > count:
            report.wrong.append(f"The chain is cut off: place {number} was signed, but only {count} are there.")
            continue
        while place < number:
            running.update(bytes.fromhex(ledger.hashes[place]))
            place += 1
        said = {
            "building_id": export.building_id,
            "hash": ledger.hashes[number - 1] if number else "0" * 64,
            "hashes": running.hexdigest(),
            "number": number,
            "signed_ms": row["signed_ms"],
        }
        report.check(row["hash"] == said["hash"], f"Place {number} of the chain is not the hash that was signed there.")
        check_signature(row, said, following, named, report)
    if count:
        report.check(
            rows and rows[-1]["number"] == count,
            f"The newest place of the chain ({count}) is not signed: signatures are missing, or hashes were added.",
        )
        report.check(
            export.seal.get("public_key") in ledger.keys, "The export was sealed with a key that signed no place."
        )
    if not ledger.keys:
        ledger.keys.append(export.seal.get("public_key", ""))
    prints = [fingerprint(one) for one in ledger.keys]
    for wanted in keys:
        # One key on paper is enough: it signed everything before, and introduced the one that signed what came after.
        report.check(
            wanted.lower() in prints,
            f"The key {wanted} you named is not one of these books, which were signed by {', then '.join(prints)}. "
            "If you typed it as it is printed on your statement, these are not the books it came from.",
        )
    for wanted in heads:
        report.check(
            wanted.lower()[:12] in ledger.places,
            f"The ledger digits {wanted} you named are not on this chain. If you typed them as they are printed on "
            "your statement, what was booked by then was changed since.",
        )
    report.done.append(f"{len(rows)} signatures over the chain of {count} hashes, by key {', then '.join(prints)}.")


def check_signature(
    row: dict[str, Any], said: dict[str, Any], following: str, named: list[str], report: Report
) -> None:
    """Check who signed a place, and where another key signs the next one, that this one introduced it."""
    old, new = fingerprint(row["public_key"]), fingerprint(following)
    plain = canonical(said)
    if following == row["public_key"]:
        report.check(
            signed(row["public_key"], row["signature"], HEAD + plain),
            f"The signature at place {row['number']} is wrong: an earlier hash was changed, or it was forged.",
        )
    elif signed(row["public_key"], row["signature"], HEAD + canonical({**said, "next_key": following})):
        report.noted.append(
            f"The key was changed on {day(row['signed_ms'])}: key {old} introduced key {new}. "
            f"Statements from before show {old}, and that stays right."
        )
    elif new in named and signed(row["public_key"], row["signature"], HEAD + plain):
        report.noted.append(
            f"Key {new} came after key {old}, which did not introduce it: so it is when a house loses its key with the "
            f"machine it was on. You named {new} from a statement you hold, so it is taken for the house's own."
        )
    else:
        report.wrong.append(
            f"Key {new} was put in place of {old}, which did not introduce it. Either somebody else signed these books "
            "anew, or the house lost its key with the machine it was on. Ask how it came about; if a statement you "
            f"hold shows {new}, name it: --key {new}"
        )


def check_transactions(export: Export, ledger: Ledger, report: Report) -> None:
    count = last = 0
    for line in export.lines("ledger/transactions.jsonl"):
        count += 1
        try:
            content = json.loads(line)
            number, postings = content["number"], content["postings"]
            id_, kind = content["transaction_id"], content["kind"]
            sides = [(account, amount, currency) for _, _, account, amount, currency in postings]
        except (ValueError, KeyError, TypeError) as error:
            report.wrong.append(f"Line {count} of the transactions cannot be read: {error}.")
            continue
        if not report.check(0 < number <= len(ledger.hashes), f"Transaction {number} has no place on the chain."):
            continue
        report.check(number > last, f"Transaction {number} stands after {last}: they are out of order.")
        if export.everything:
            report.check(number == last + 1, f"Between transactions {last} and {number} something is missing.")
        last = max(last, number)
        before = bytes.fromhex(ledger.hashes[number - 2]) if number > 1 else bytes(32)
        report.check(
            hashlib.sha256(before + line).hexdigest() == ledger.hashes[number - 1],
            f"Transaction {number} ({content.get('reason', '')}) was changed: it does not give the hash on the chain.",
        )
        report.check(sum(one for _, one, _ in sides) == 0, f"Transaction {number}: debit and credit are not equal.")
        if kind == "slices":
            sealed = SEALED.fullmatch(content.get("reason", ""))
            if report.check(sealed and not sides, f"Transaction {number} seals slices, and cannot be read."):
                first, until, digest = sealed.groups() if sealed else ("0", "0", "")
                ledger.seals.append(Seal(number, content["recorded_ms"], int(first), int(until), digest))
        else:
            report.check(sides, f"Transaction {number} ({kind}) moves no money.")
        report.check(content.get("building_id") == export.building_id, f"Transaction {number} is of other books.")
        moved: dict[str, int] = {}
        for account, amount, _ in sides:
            moved[account] = moved.get(account, 0) + amount
            ledger.balances[account] = ledger.balances.get(account, 0) + amount
        report.check(id_ not in ledger.transactions, f"Transaction {number} has the id of another one.")
        ledger.transactions[id_] = (number, kind, moved)
    if export.everything:
        missing = len(ledger.hashes) - last
        report.check(missing <= 0, f"The last {missing} transactions are missing.")
        report.done.append(f"All {count} transactions: each gives its hash, and debit equals credit.")
    else:
        others = len(ledger.hashes) - count
        count -= len(ledger.seals)
        report.done.append(f"Your {count} transactions: each gives its hash, and debit equals credit.")
        report.noted.append(f"{others} other transactions are not shown to you; you have their hashes, as all have.")


def check_seals(export: Export, ledger: Ledger, report: Report) -> None:
    """Check the seals themselves; `check_slices` holds the slices against them."""
    until = 0
    for seal in ledger.seals:
        report.check(
            until < seal.first <= seal.last and seal.first == until + 1,
            f"After slice {until}, {seal.name} comes next: some are sealed twice, or by no transaction.",
        )
        until = max(until, seal.last)
    of_number = {seal.number: seal for seal in ledger.seals}
    for row in export.objects("ledger/seals.jsonl"):
        told = of_number.get(row["number"])
        if told is None:
            report.wrong.append(f"Digests of slices belong to transaction {row['number']}, which seals none.")
            continue
        if report.check(
            hashlib.sha256(bytes.fromhex("".join(row["digests"]))).hexdigest() == told.digest,
            f"The digests listed for {told.name} are not those that were booked.",
        ):
            told.digests = set(row["digests"])


# --- what was measured -------------------------------------------------------------------------------------------


class Sealing:
    """Holds slices against the seals of the chain."""

    def __init__(self, seals: list[Seal], report: Report) -> None:
        self.seals, self.report = seals, report
        self.ends = [seal.last for seal in seals]
        self.lines: dict[tuple[int, str], list[tuple[int, bytes]]] = {}  # (place of seal, whose): [(slice, what of it)]
        self.unsealed: list[str] = []
        self.untold: set[int] = set()  # places of seals of which the export has slices and no digests

    def take(self, row: dict[str, str], whose: str) -> None:
        """Take in a slice."""
        id_ = int(row["slice_id"])
        place = bisect_left(self.ends, id_)
        if place == len(self.seals) or id_ < self.seals[place].first:
            self.unsealed.append(f"{id_} ({whose}, from {row['start']})")
            return
        numbers = ("register_start_wh", "register_end_wh", "charging_s", "suspended_s", "limit_a", "estimated")
        said = [
            id_,
            row["session_id"] or None,
            row["stall_id"],
            int(row["epoch"]),
            ms(row["start"]),
            ms(row["end"]),
            *(int(row[name]) for name in numbers),
        ]
        self.lines.setdefault((place, whose), []).append((id_, canonical(said) + b"\n"))

    def compare(self) -> None:
        """Look for the digests of what was taken in among the sealed ones."""
        for (place, whose), lines in self.lines.items():
            seal = self.seals[place]
            if seal.digests is None:
                self.untold.add(place)
                continue
            digest = hashlib.sha256(b"".join(line for _, line in sorted(lines))).hexdigest()
            if digest in seal.digests:
                seal.found += 1
                continue
            seal.wrong += 1
            first, last = lines[0][0], lines[-1][0]
            which = f"Slice {first}" if first == last else f"One of slices {first} to {last}"
            self.report.wrong.append(
                f"{whose[0].upper()}{whose[1:]}: its slices are not what was measured. {which} was changed, added or "
                f"taken out since {seal.name}."
            )
        self.lines.clear()

    def finish(self, *, everything: bool) -> None:
        """Say what is sealed and not there, or there and not sealed."""
        self.compare()
        told = {self.seals[place].number for place in self.untold}
        for place in sorted(self.untold):
            self.report.wrong.append(f"The digests of {self.seals[place].name} are missing, or are not those booked.")
        for seal in self.seals:
            missing = len(seal.digests or ()) - seal.found - seal.wrong
            if everything and seal.digests is None and seal.number not in told:
                self.report.wrong.append(f"The slices of {seal.name} are missing, and so are their digests.")
            elif everything and missing > 0:
                self.report.wrong.append(
                    f"Slices are missing: {missing} of the {len(seal.digests or ())} groups (one for each session, and "
                    f"for nobody at each stall) of {seal.name}."
                )
        for one in self.unsealed[:5]:
            self.report.wrong.append(f"Slice {one} is in no seal: it was added afterwards.")
        if len(self.unsealed) > 5:
            self.report.wrong.append(f"{len(self.unsealed) - 5} more slices are in no seal.")


class Measured:
    """Sums over slices."""

    def __init__(self) -> None:
        self.sessions: dict[str, Any] = {}  # id: [energy, {epoch: [first, last]}]
        self.cdrs: dict[str, Any] = {}  # id: the same


def check_slices(export: Export, ledger: Ledger, report: Report) -> Measured:
    measured, sealing = Measured(), Sealing(ledger.seals, report)
    nobodys = 0
    spans: dict[tuple[str, str], list[tuple[int, int, str]]] = {}  # (stall, epoch): [(first, last, session)]
    count = 0
    for session_id, slices in groupby(export.rows("slices.csv"), key=lambda row: row["session_id"]):
        if session_id in measured.sessions:
            report.wrong.append(f"Session {session_id}: its slices are not together.")
        energy = 0
        epochs: dict[str, list[int]] = {}
        for row in slices:
            count += 1
            nobodys += not session_id
            whose = f"session {session_id}" if session_id else f"what nobody charged at stall {row['stall_id']}"
            sealing.take(row, whose)
            first, last, epoch = int(row["register_start_wh"]), int(row["register_end_wh"]), row["epoch"]
            report.check(first <= last, f"Slice {row['slice_id']}: the register went back, from {first} to {last} Wh.")
            if session_id:
                at = epochs.setdefault(epoch, [first, first])
                report.check(
                    at[1] == first,
                    f"Session {session_id}: after {at[1]} Wh its register goes on at {first} Wh "
                    f"(slice {row['slice_id']} from {row['start']}).",
                )
                at[1] = last
                energy += last - first
                # Several where a CDR was taken back and another took its place.
                for cdr_id in row["cdr_id"].split():
                    billed = measured.cdrs.setdefault(cdr_id, [0, {}])
                    billed[0] += last - first
                    billed[1].setdefault(epoch, [first, last])[1] = last
        if session_id:
            sealing.compare()
            measured.sessions[session_id] = [energy, epochs]
            for epoch, (first, last) in epochs.items():
                spans.setdefault((row["stall_id"], epoch), []).append((first, last, session_id))
    for (stall, _), of_stall in spans.items():
        of_stall.sort()
        for (_, end, one), (start, _, other) in pairwise(of_stall):
            report.check(start >= end, f"Stall {stall}: sessions {one} and {other} both have {end - start} Wh.")
    report.done.append(
        f"{count} slices (what was measured, from one value of the meter to the next): "
        "registers join within each session, and no Wh is in two sessions."
    )
    sealing.finish(everything=export.everything)
    nobody = f", {nobodys} of them nobody's" if export.everything else ""
    report.done.append(f"The same {count} slices{nobody}: each is as the ledger sealed it ({len(ledger.seals)} seals).")
    return measured


def check_sessions(export: Export, measured: Measured, report: Report) -> None:
    count = 0
    known = set()
    for row in export.objects("sessions.jsonl"):
        count += 1
        id_, ended = row["session_id"], row["ended"] is not None
        known.add(id_)
        energy, epochs = measured.sessions.get(id_, [0, {}])
        if not ended:
            continue
        report.check(
            energy == row["energy_wh"], f"Session {id_}: it says {row['energy_wh']} Wh, but its slices are {energy} Wh."
        )
        if len(epochs) == 1:
            ((first, last),) = epochs.values()
            report.check(
                (first, last) == (row["register_start_wh"], row["register_end_wh"]),
                f"Session {id_}: its register showed {row['register_start_wh']} and {row['register_end_wh']} Wh, "
                f"its slices begin at {first} and end at {last} Wh.",
            )
    for id_ in sorted(set(measured.sessions) - known):
        report.wrong.append(f"Session {id_} is missing, but its slices are there.")
    report.done.append(f"{count} sessions: each has used what its slices say.")


# --- what was billed ---------------------------------------------------------------------------------------------


def check_cdrs(export: Export, measured: Measured, report: Report) -> dict[str, list[Any]]:
    """Return the CDRs of each statement: {statement_id: [(session, energy, net, vat, gross)]}."""
    tariffs = {row["version_id"]: row["ocpi"] for row in export.objects("tariffs.jsonl")}
    billed: dict[str, list[Any]] = {}
    rows: dict[str, tuple[int, ...]] = {}
    offered: dict[str, set[Any]] = {}
    for row in export.objects("cdrs.jsonl"):
        id_ = row["cdr_id"]
        report.check(id_ not in rows, f"CDR {id_} is there twice.")
        amounts = (row["energy_wh"], row["net_minor"], row["vat_minor"], row["gross_minor"])
        rows[id_] = amounts
        if row["statement_id"]:
            billed.setdefault(row["statement_id"], []).append((row["session_id"], *amounts))
        report.check(
            row["net_minor"] + row["vat_minor"] == row["gross_minor"], f"CDR {id_}: net and VAT are not the gross."
        )
        try:
            ocpi = json.loads(row["ocpi"], parse_float=Decimal)
            if row["kind"] == "credit":
                taken = rows.get(row["credits"])
                report.check(
                    taken is not None and all(one == -other for one, other in zip(amounts[1:], taken[1:], strict=True)),
                    f"CDR {id_} does not take back what CDR {row['credits']} billed.",
                )
            else:
                check_energy(row, ocpi, measured, report)
            check_price(row, ocpi, tariffs, offered.setdefault(row["session_id"], set()), report)
        except (ValueError, KeyError, TypeError, InvalidOperation) as error:
            report.wrong.append(f"CDR {id_} cannot be read: {error!r}.")
    for id_ in sorted(set(measured.cdrs) - set(rows)):
        report.wrong.append(f"CDR {id_} is missing, but its slices are there.")
    report.done.append(
        f"{len(rows)} priced sessions (CDRs): energy from slices, amounts price times quantity, prices from tariffs."
    )
    return billed


def check_energy(row: dict[str, Any], ocpi: dict[str, Any], measured: Measured, report: Report) -> None:
    id_, energy = row["cdr_id"], row["energy_wh"]
    sliced, epochs = measured.cdrs.get(id_, [0, {}])
    report.check(sliced == energy, f"CDR {id_}: bills {energy} Wh, its slices are {sliced} Wh.")
    report.check(ocpi["total_energy"] * 1000 == energy, f"CDR {id_}: its OCPI total is not {energy} Wh.")
    periods = sum(
        Decimal(part["volume"])
        for period in ocpi["charging_periods"]
        for part in period["dimensions"]
        if part["type"] == "ENERGY"
    )
    report.check(periods * 1000 == energy, f"CDR {id_}: its charging periods do not sum to {energy} Wh.")
    registers = {str(one["epoch"]): [one["start_wh"], one["end_wh"]] for one in ocpi["x_evshare"]["registers"]}
    report.check(registers == epochs, f"CDR {id_}: its registers {registers} are not those of its slices {epochs}.")


def check_price(
    row: dict[str, Any], ocpi: dict[str, Any], tariffs: dict[str, str], offered: set[Any], report: Report
) -> None:
    """Check a CDR's amounts; `offered` are the prices of the session's parts so far, which a later one may undo."""
    id_, extension = row["cdr_id"], ocpi["x_evshare"]
    total = ocpi["total_cost"]
    # How many decimals the currency has is what makes the totals fit, if anything does.
    sums = ((row["net_minor"], Decimal(total["excl_vat"])), (row["gross_minor"], Decimal(total["incl_vat"])))
    # A sum of nothing fits any: then each line may.
    exponents = [one for one in (2, 0, 3, 4) if all(major.scaleb(one) == minor for minor, major in sums)]
    if not report.check(exponents, f"CDR {id_}: its OCPI totals are not its net and gross amounts."):
        return
    lines = extension["lines"]
    report.check(
        sum(one["net_minor"] for one in lines) == row["net_minor"], f"CDR {id_}: its lines do not sum to its net."
    )
    report.check(
        sum(one["minor"] for one in extension["vat"]) == row["vat_minor"], f"CDR {id_}: its VAT does not sum up."
    )
    offered |= {
        (part["type"], Decimal(part["price"]), part.get("vat"), used.get("tax_included") == "YES")
        for used in ocpi["tariffs"]
        for element in used["elements"]
        for part in element["price_components"]
    }
    # A part of a cut session is the difference of two rounded sums.
    most_off = 1 if row["part"] == 1 and row["kind"] == "normal" else max(2, len(lines))
    for line in lines:
        if line.get("price") is None:
            continue
        price, quantity = Decimal(line["price"]), Decimal(line["volume"])
        taxed = line.get("tax_included", False)
        exact = price * quantity / UNITS[line["type"]]
        if taxed:
            exact = exact * 100 / (100 + Decimal(line.get("vat") or 0))
        report.check(
            any(abs(exact.scaleb(one) - line["net_minor"]) < most_off for one in exponents),
            f"CDR {id_}: {quantity} at {price} is {exact.scaleb(exponents[0]):.2f}, "
            f"not {line['net_minor']} minor units ({line['type']}).",
        )
        report.check(
            (line["type"], price, line.get("vat"), taxed) in offered,
            f"CDR {id_}: {line['type']} at {price} is no price of its tariff.",
        )
    version = extension["tariff_version"]
    known = tariffs.get(version, "")
    if report.check(known, f"CDR {id_}: its tariff version {version} is not in the export."):
        published = json.loads(known, parse_float=Decimal)
        # A tariff with extensions (spot price, solar) is compiled for each session; the CDR holds what came of it.
        if "x_evshare" not in known:
            report.check(
                ocpi["tariffs"] == [published], f"CDR {id_}: it was rated by another tariff than version {version}."
            )


def check_statements(export: Export, ledger: Ledger, billed: dict[str, list[Any]], report: Report) -> None:
    charged: dict[str, int] = {}
    for row in export.objects("charges.jsonl"):
        report.check(
            row["net_minor"] + row["vat_minor"] == row["gross_minor"],
            f"Charge {row['charge_id']}: net and VAT are not the gross.",
        )
        if row["statement_id"]:
            charged[row["statement_id"]] = charged.get(row["statement_id"], 0) + row["net_minor"]
    prints = [fingerprint(one) for one in ledger.keys]
    count = printed = 0
    for row in export.rows("statements.csv"):
        count += 1
        number, id_ = row["number"], row["statement_id"]
        if not report.check(row["file"] in export.names, f"Statement {number}: its document is missing."):
            continue
        raw = export.read(row["file"])
        report.check(hashlib.sha256(raw).hexdigest() == row["sha256"], f"Statement {number}: its document was changed.")
        try:
            document = json.loads(raw)
            amounts = {name: int(row[name]) for name in ("net_minor", "vat_minor", "gross_minor")}
            printed += check_document(row, document, amounts, billed.pop(id_, []), export.everything, report)
            if export.everything:
                rest = amounts["net_minor"] - sum(
                    one["net_minor"] for one in document["sessions"] if isinstance(one, dict)
                )
                report.check(
                    rest == charged.get(id_, 0),
                    f"Statement {number}: {rest} minor units besides sessions, its charges are {charged.get(id_, 0)}.",
                )
            check_booked(row, document, amounts["gross_minor"], ledger, prints, report)
        except (ValueError, KeyError, TypeError) as error:
            report.wrong.append(f"Statement {number} cannot be read: {error!r}.")
        ledger.transactions.pop(f"statement:{id_}", None)
    for id_, parts in billed.items():
        if export.everything:
            report.wrong.append(f"Statement {id_} is missing, but {len(parts)} CDRs say they are on it.")
    for id_, (place, kind, _) in ledger.transactions.items():
        if kind == "statement":
            report.wrong.append(f"Transaction {place} ({id_}) is about a statement that is missing.")
    report.done.append(f"{count} statements: their seals, their sums, and that they are booked as they were printed.")
    if printed:
        report.noted.append(f"{printed} sessions on your statements are other people's; they are taken as printed.")


def check_document(
    row: dict[str, str],
    document: dict[str, Any],
    amounts: dict[str, int],
    cdrs: list[Any],
    everything: bool,
    report: Report,
) -> int:
    """Add a document up; return how many of its sessions have no CDR in the export."""
    number = row["number"]
    report.check(
        all(document[name] == amount for name, amount in amounts.items())
        and (document["number"], document["statement_id"]) == (number, row["statement_id"]),
        f"Statement {number}: its document says something else than the list of statements.",
    )
    report.check(
        amounts["net_minor"] + amounts["vat_minor"] == amounts["gross_minor"],
        f"Statement {number}: net and VAT are not the gross.",
    )
    net = 0
    for name, part in document.items():
        if name != "vat" and isinstance(part, list):
            net += sum(one["net_minor"] for one in part if isinstance(one, dict) and "net_minor" in one)
    report.check(net == amounts["net_minor"], f"Statement {number}: its lines are {net}, not {amounts['net_minor']}.")
    vat = sum(one["vat_minor"] for one in document["vat"])
    report.check(vat == amounts["vat_minor"], f"Statement {number}: its VAT is {vat}, not {amounts['vat_minor']}.")
    left = list(cdrs)
    others = 0
    for part in document["sessions"]:
        id_ = part["session_id"]
        lines = sum(one["net_minor"] for one in part["lines"])
        report.check(lines == part["net_minor"], f"Statement {number}: session {id_} does not add up.")
        used = sum(one["end_wh"] - one["start_wh"] for one in part["meters"])
        report.check(
            used >= abs(part["energy_wh"]),
            f"Statement {number}: session {id_} bills {part['energy_wh']} Wh, but its meter counted {used} Wh.",
        )
        own = next((one for one in left if one[:3] == (id_, part["energy_wh"], part["net_minor"])), None)
        if own is not None:
            left.remove(own)
        elif everything or any(one[0] == id_ for one in left):
            report.wrong.append(f"Statement {number}: session {id_} is printed with other amounts than its CDR has.")
        else:
            others += 1
    energy = sum(part["energy_wh"] for part in document["sessions"])
    report.check(document["energy_wh"] == energy, f"Statement {number}: its sessions are {energy} Wh.")
    for one in left:
        report.wrong.append(f"Statement {number}: session {one[0]} should be on it and is not.")
    return others


def check_booked(
    row: dict[str, str], document: dict[str, Any], gross: int, ledger: Ledger, prints: list[str], report: Report
) -> None:
    number, id_ = row["number"], row["statement_id"]
    found = ledger.about(f"statement:{id_}", f"{row['kind']}:{id_}")
    place = 0
    if found is None:
        report.check(gross == 0, f"Statement {number}: its transaction is missing.")
    else:
        place, _, moved = found
        owed = moved.get(f"1400:{row['account_id']}", 0)
        report.check(
            gross == owed or (row["kind"] == "credit_note" and gross == -owed),
            f"Statement {number}: it says {gross}, but {owed} was booked.",
        )
    head = document.get("ledger_head", "")
    report.check(
        ledger.places.get(head, 0) >= place and (head in ledger.places or head == "0" * 12),
        f"Statement {number}: the ledger digits printed on it, {head}, are not on the chain.",
    )
    key = document.get("ledger_key")
    if key:
        report.check(key in prints, f"Statement {number}: the key printed on it, {key}, is not one of these books.")


def check_payments(export: Export, ledger: Ledger, report: Report) -> None:
    count = 0
    known = set()
    for row in export.rows("payments.csv"):
        count += 1
        id_ = row["payment_id"]
        names = [f"payment:{id_}", f"dispute:{row['external_id']}"]
        known.update(names)
        found = ledger.about(*names)
        if found is None:
            report.wrong.append(f"Payment {id_} of {row['at']}: its transaction is missing.")
        else:
            paid = -found[2].get(f"1400:{row['account_id']}", 0)
            report.check(
                paid == int(row["amount_minor"]),
                f"Payment {id_} of {row['at']}: the list says {row['amount_minor']}, but {paid} was booked.",
            )
    for id_, (place, kind, _) in ledger.transactions.items():
        if kind == "payment":
            report.check(id_ in known, f"Transaction {place} ({id_}) is a payment that is missing from the list.")
    report.done.append(f"{count} payments: each is booked with its amount.")
    for account, minor in sorted(ledger.balances.items()):
        if not export.everything and account.startswith("1400:") and minor:
            said = f"You owe {minor}" if minor > 0 else f"You are owed {-minor}"
            report.noted.append(f"{said} minor units of {export.manifest['currency']} (account {account[5:]}).")


# --- what meters signed ------------------------------------------------------------------------------------------


def check_signed(export: Export, report: Report) -> None:
    results: dict[str, int] = {}
    for row in export.rows("signed.csv"):
        name = row["file"]
        if not report.check(name in export.names, f"{name} is missing."):
            continue
        raw = export.read(name)
        report.check(hashlib.sha256(raw).hexdigest() == row["sha256"], f"{name}: the signed text was changed.")
        result = ocmf(raw, row["public_key"])
        results[result] = results.get(result, 0) + 1
        report.check(
            result == row["result"], f"{name}: checking the meter's signature gives {result}, not {row['result']}."
        )
        report.check(result != "invalid", f"{name}: the meter's signature does not fit the text.")
    if results:
        said = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
        report.done.append(f"Texts signed by meters (OCMF): {said}. Compare the key with the one on the meter.")


def ocmf(raw: bytes, key: str) -> str:
    try:
        head, payload, signature = raw.decode().split("|")
        said = json.loads(signature)
        if head != "OCMF" or not isinstance(json.loads(payload), dict) or not isinstance(said, dict):
            return "unreadable"
        encoded = said["SD"]
        value = bytes.fromhex(encoded) if said.get("SE", "hex") == "hex" else base64.b64decode(encoded, validate=True)
    except (ValueError, KeyError, TypeError) as _:
        return "unreadable"
    if not key:
        return "no_key"
    curve = CURVES.get(said.get("SA", "ECDSA-secp256r1-SHA256"))
    if curve is None:
        return "unsupported"
    try:
        public = read_key(key, curve)
        if not isinstance(public.curve, curve):
            return "invalid"
        public.verify(value, payload.encode(), ec.ECDSA(SHA256()))
    except UnsupportedAlgorithm:
        return "unsupported"
    except (InvalidSignature, ValueError, AttributeError) as _:
        return "invalid"
    return "valid"


def read_key(text: str, curve: Any) -> Any:
    compact = "".join(text.split())
    raw = None
    with contextlib.suppress(ValueError):
        raw = bytes.fromhex(compact)
    if raw is None:
        raw = base64.b64decode(compact, validate=True)
    if raw[:1] in (b"\x02", b"\x03", b"\x04"):
        return ec.EllipticCurvePublicKey.from_encoded_point(curve(), raw)
    return load_der_public_key(raw)


# --- all of it ---------------------------------------------------------------------------------------------------


def verify(path: str, keys: Sequence[str] = (), heads: Sequence[str] = ()) -> Report:
    """Check an export. Raises Unusable."""
    export = Export(path)
    report = Report()
    ledger = Ledger()
    told = export.manifest
    whose = "All the books" if export.everything else f"What is of resident {told.get('resident_id')} in the books"
    report.of = f"{whose} of {told.get('building')}, exported {told.get('made')}."
    try:
        check_file(export, report)
        check_heads(export, ledger, report, list(keys), list(heads))
        check_transactions(export, ledger, report)
        check_seals(export, ledger, report)
        measured = check_slices(export, ledger, report)
        check_sessions(export, measured, report)
        billed = check_cdrs(export, measured, report)
        check_payments(export, ledger, report)
        check_statements(export, ledger, billed, report)
        check_signed(export, report)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, EOFError) as error:
        what = f"{error.args[0]!r} is missing there" if isinstance(error, KeyError) and error.args else f"{error}"
        report.wrong.append(f"{export.at} cannot be read, so nothing was checked from there on: {what}.")
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Checks an export of evshare: that nothing in it was changed, and that it adds up.",
        epilog="Exit code: 0 all is well, 1 something is wrong, 2 it could not be checked.",
    )
    parser.add_argument("export", help="the ZIP file, as it was downloaded")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="DIGITS",
        help="the 16 digits of the key on a statement you were given earlier; may be repeated",
    )
    parser.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="DIGITS",
        help="the 12 digits of the ledger on such a statement; may be repeated",
    )
    chosen = parser.parse_args(arguments)
    try:
        report = verify(chosen.export, chosen.key, chosen.head)
    except Unusable as problem:
        print(problem, file=sys.stderr)
        return 2
    if not chosen.key and not chosen.head:
        report.noted.append("To see that it was not all made anew, name digits of a statement you hold: --key, --head.")
    print(report.of)
    print("Amounts are in the currency's smallest unit (cents), energy is in watt-hours (Wh), times are UTC.")
    print("Looked at (what is wrong with it stands below):" if report.wrong else "Checked:")
    for line in report.done:
        print(f"  {line}")
    if report.noted:
        print("Please note:")
        for line in report.noted:
            print(f"  {line}")
    if not report.wrong:
        print("All is well: nothing was changed, and everything adds up.")
        return 0
    print(f"Something is wrong ({len(report.wrong)}):")
    for line in report.wrong[:MOST_SHOWN]:
        print(f"  {line}")
    if len(report.wrong) > MOST_SHOWN:
        print(f"  and {len(report.wrong) - MOST_SHOWN} more")
    print("Keep the file as it is, and show this to whoever looks after the books, or to their auditor.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
