"""The stand-alone verifier agrees with what the product exports, and finds whatever was changed in it.

Whoever changes something here has the building's key: the seal over the export is right every time, so it is never the
seal that gives them away (but for the one test about the seal).
"""

import csv
from dataclasses import dataclass
import hashlib
import io
import json
from pathlib import Path
import subprocess
import sys
import zipfile

import pytest

from evshare_app.ledger.heads import LedgerKey, fingerprint
from evshare_app.verifier.evshare_verify import main, verify
from tests.app.export.conftest import KEY
from tests.app.export.forger import (
    Members,
    hashes_made_anew,
    heads_signed_anew,
    lines_changed,
    object_changed,
    packed,
    replaced,
    resealed,
    row_changed,
    unpacked,
)

FORGER = LedgerKey(b"f" * 32)


@dataclass
class Exports:
    """What was exported, taken apart, and the key that sealed it."""

    key: LedgerKey
    members: dict[str, Members]
    folder: Path

    def copy(self, kind: str) -> Members:
        return dict(self.members[kind])

    def problems(self, members: Members, *, key: LedgerKey | None = None, **named: list[str]) -> list[str]:
        return verify(str(resealed(members, key or self.key, self.folder / "tried.zip")), **named).wrong


@pytest.fixture(scope="module")
def exports(lindenhof):
    members = {"resident": unpacked(lindenhof.resident()), "building": unpacked(lindenhof.building())}
    return Exports(key=lindenhof.key, members=members, folder=lindenhof.folder)


# --- an honest export --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["resident", "building"])
def test_an_honest_export_is_found_to_be_whole(exports, kind):
    report = verify(str(resealed(exports.copy(kind), exports.key, exports.folder / "tried.zip")))
    assert report.wrong == []
    # Six transactions: two statements of May and what was measured, one payment, one statement of June and the rest.
    assert "4 signatures over the chain of 6 hashes" in report.done[1]


def test_a_resident_runs_it_with_the_export_alone_and_reads_what_was_checked(lindenhof, tmp_path):
    """The verifier out of the ZIP, in an interpreter that finds no other code of ours."""
    path = lindenhof.resident()
    with zipfile.ZipFile(path) as archive:
        archive.extract("evshare_verify.py", tmp_path)
    run = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "evshare_verify.py"), str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "All is well: nothing was changed, and everything adds up." in run.stdout
    # s4: 3.001 kWh at 0.2852 and 19 % VAT: 0.8559 net, 1.0185 gross.
    assert "You owe 102 minor units of EUR (account acc-weber)." in run.stdout
    assert "1 other transactions are not shown to you" in run.stdout


def test_digits_of_an_earlier_statement_can_be_compared(exports):
    printed = json.loads(exports.members["resident"]["statements/2026-000002.json"])["ledger_head"]
    first_key = fingerprint(LedgerKey(b"a" * 32).public)
    assert exports.problems(exports.copy("resident"), keys=[first_key], heads=[printed]) == []
    assert "are not on this chain" in exports.problems(exports.copy("resident"), heads=["0123456789ab"])[0]


def test_what_is_no_export_cannot_be_checked(tmp_path, capsys):
    (tmp_path / "x.zip").write_bytes(b"PK nothing")
    assert main([str(tmp_path / "x.zip")]) == 2
    assert "is no export of evshare" in capsys.readouterr().err


def test_a_problem_is_said_and_gives_exit_code_1(exports, capsys):
    members = exports.copy("resident")
    replaced(members, "slices.csv", "1207500", "1207400")
    assert main([str(resealed(members, exports.key, exports.folder / "tried.zip"))]) == 1
    said = capsys.readouterr().out
    assert "Something is wrong" in said
    assert "Session s1: after 1207400 Wh its register goes on at 1207500 Wh" in said


# --- tamperings --------------------------------------------------------------------------------------------------


def an_amount_of_a_payment(members):
    row_changed(members, "payments.csv", 0, amount_minor=125)


def a_posting_amount(members):
    replaced(members, "ledger/transactions.jsonl", '"1400:acc-weber",225', '"1400:acc-weber",125')
    replaced(members, "ledger/transactions.jsonl", '"4000",-225', '"4000",-125')


def a_posting_account(members):
    replaced(members, "ledger/transactions.jsonl", '"1100"', '"1300"')


def a_deleted_transaction(members):
    lines_changed(members, "ledger/transactions.jsonl", lambda lines: [*lines[:-2], lines[-1]])


def a_deleted_transaction_and_its_hash(members):
    lines_changed(members, "ledger/transactions.jsonl", lambda lines: lines[:-2])
    lines_changed(members, "ledger/hashes.txt", lambda lines: lines[:-2])


def two_transactions_in_another_order(members):
    def exchanged(lines):
        first, second = (json.loads(line) for line in lines[:2])
        first["number"], second["number"] = second["number"], first["number"]
        made = [json.dumps(one, sort_keys=True, separators=(",", ":")).encode() for one in (second, first)]
        return [*made, *lines[2:]]

    lines_changed(members, "ledger/transactions.jsonl", exchanged)
    hashes_made_anew(members)


def an_inserted_transaction(members):
    def more(lines):
        last = json.loads(lines[-1])
        last |= {"number": last["number"] + 1, "transaction_id": "t-new", "kind": "goodwill"}
        return [*lines, json.dumps(last, sort_keys=True, separators=(",", ":")).encode()]

    lines_changed(members, "ledger/transactions.jsonl", more)
    hashes_made_anew(members)


def a_hash_of_somebody_elses_transaction(members):
    lines_changed(members, "ledger/hashes.txt", lambda lines: [b"ab" * 32, *lines[1:]])


def a_statement_document_and_its_seal(members):
    """Dearer by a cent in every place a statement is written down but the ledger."""
    name = "statements/2026-000003.json"
    document = json.loads(members[name])
    document["gross_minor"] += 1
    document["net_minor"] += 1
    document["vat"][0]["net_minor"] += 1
    document["sessions"][0]["net_minor"] += 1
    document["sessions"][0]["lines"][0]["net_minor"] += 1
    members[name] = json.dumps(document).encode()
    seal = hashlib.sha256(members[name]).hexdigest()
    row_changed(members, "statements.csv", -1, net_minor=87, gross_minor=103, sha256=seal)


def a_statement_document(members):
    replaced(members, "statements/2026-000003.json", '"Familie Weber"', '"Familie Beber"')


def a_missing_statement(members):
    lines_changed(members, "statements.csv", lambda lines: lines[:-1])


def a_register_of_a_slice(members):
    replaced(members, "slices.csv", "1206000,1207500", "1206000,1207600")


def energy_of_a_session_in_all_of_its_slices(members):
    replaced(members, "slices.csv", "1212050,1215051", "1212050,1215151")


def of_nobody(members):
    rows = list(csv.DictReader(io.StringIO(members["slices.csv"].decode())))
    return next((place, row) for place, row in enumerate(rows) if not row["session_id"])


def what_nobody_charged(members):
    place, row = of_nobody(members)
    row_changed(members, "slices.csv", place, register_end_wh=int(row["register_end_wh"]) - 10)


def what_nobody_charged_and_the_digests_of_it(members):
    """The digest of the changed slice stands in the place of the right one, so that the two agree."""
    what_nobody_charged(members)
    _, row = of_nobody(members)
    line = f'[{row["slice_id"]},null,"stall-1",1,1779310800000,1779311700000,1212010,{row["register_end_wh"]},'
    line += f"{row['charging_s']},{row['suspended_s']},{row['limit_a']},{row['estimated']}]\n"
    wrong = digest_of(line)

    def exchanged(seal):
        right = digest_of(line.replace(row["register_end_wh"], str(int(row["register_end_wh"]) + 10)))
        assert right in seal["digests"]
        seal["digests"] = sorted({*seal["digests"], wrong} - {right})

    object_changed(members, "ledger/seals.jsonl", 0, exchanged)


def digest_of(lines):
    return hashlib.sha256(lines.encode()).hexdigest()


def a_slice_of_nobody_taken_out(members):
    place, _ = of_nobody(members)
    lines_changed(members, "slices.csv", lambda lines: [*lines[: place + 1], *lines[place + 2 :]])


def a_slice_of_nobody_added(members):
    _, row = of_nobody(members)
    row |= {"slice_id": "99", "register_start_wh": row["register_end_wh"]}
    lines_changed(members, "slices.csv", lambda lines: [*lines, ",".join(row.values()).encode()])


def the_time_of_a_slice(members):
    """Its energy stays, so that all sums are right: only when it was charged is not."""
    replaced(members, "slices.csv", "2026-05-20T18:15:00.000Z,1204500", "2026-05-20T18:10:00.000Z,1204500")


def digests_of_slices(members):
    lines_changed(members, "ledger/seals.jsonl", lambda lines: lines[1:])


def what_a_seal_says(members):
    replaced(members, "ledger/transactions.jsonl", "slices 1-6 sha256 ", "slices 1-5 sha256 ")


def a_price_of_a_cdr(members):
    def dearer(row):
        row["ocpi"] = row["ocpi"].replace('"price":0.3,', '"price":0.301,')

    object_changed(members, "cdrs.jsonl", 0, dearer)


def a_price_of_a_cdr_and_of_its_tariff(members):
    def dearer(row):
        row["ocpi"] = row["ocpi"].replace('"price":0.3,', '"price":0.303,')

    object_changed(members, "cdrs.jsonl", 0, dearer)
    object_changed(members, "tariffs.jsonl", 0, dearer)


def a_forged_signature(members):
    object_changed(members, "ledger/heads.jsonl", 0, lambda head: head.update(signature=FORGER.sign(b"x").hex()))


def a_replaced_public_key(members):
    """The last key is somebody else's, and signs properly."""
    own = LedgerKey(b"f" * 32)
    heads_before = members["ledger/heads.jsonl"].splitlines()
    heads_signed_anew(members, own)
    mine = members["ledger/heads.jsonl"].splitlines()[-1]
    members["ledger/heads.jsonl"] = b"".join(line + b"\n" for line in [*heads_before[:2], mine])


def a_cut_off_chain(members):
    """The June is gone: its hash, transaction and statement. What was signed later is still there."""
    a_deleted_transaction_and_its_hash(members)
    a_missing_statement(members)


def a_text_a_meter_signed(members):
    replaced(members, "signed/s1-1.ocmf", "1209.500", "1210.500")
    digest = hashlib.sha256(members["signed/s1-1.ocmf"]).hexdigest()
    row_changed(members, "signed.csv", 0, sha256=digest)


BOTH = ("resident", "building")
TAMPERINGS = [
    (an_amount_of_a_payment, BOTH, "of 2026-06-05T00:00:00.000Z: the list says 125, but 225 was booked."),
    (a_posting_amount, BOTH, "was changed: it does not give the hash on the chain."),
    (a_posting_account, BOTH, "Transaction 4 (statement 2026-000002 paid, bank SEPA-1) was changed"),
    (a_deleted_transaction, ["resident"], "its transaction is missing."),
    (a_deleted_transaction, ["building"], "Between transactions 4 and 6 something is missing."),
    (a_deleted_transaction_and_its_hash, BOTH, "The chain is cut off: place 5 was signed, but only 4 are there."),
    (two_transactions_in_another_order, ["building"], "Place 3 of the chain is not the hash that was signed there."),
    (an_inserted_transaction, ["building"], "The newest place of the chain (7) is not signed"),
    (a_hash_of_somebody_elses_transaction, ["resident"], "The signature at place 3 is wrong: an earlier hash was"),
    (a_statement_document, BOTH, "Statement 2026-000003: its document was changed."),
    (a_statement_document_and_its_seal, BOTH, "Statement 2026-000003: it says 103, but 102 was booked."),
    (a_missing_statement, BOTH, "Transaction 5 (statement:"),
    (a_register_of_a_slice, BOTH, "Session s1: after 1207600 Wh its register goes on at 1207500 Wh"),
    (energy_of_a_session_in_all_of_its_slices, BOTH, "Session s4: it says 3001 Wh, but its slices are 3101 Wh."),
    (what_nobody_charged, ["building"], "What nobody charged at stall stall-1: its slices are not what was measured."),
    (what_nobody_charged, ["building"], "Slice 5 was changed, added or taken out since the seal of 2026-06-01"),
    (what_nobody_charged_and_the_digests_of_it, ["building"], "are missing, or are not those booked."),
    (a_slice_of_nobody_taken_out, ["building"], "Slices are missing: 1 of the 4 groups (one for each session, and "),
    (a_slice_of_nobody_added, ["building"], "Slice 99 (what nobody charged at stall stall-1, from 2026-05-20T21:00:00"),
    (the_time_of_a_slice, BOTH, "Session s1: its slices are not what was measured. One of slices 1 to 3 was changed"),
    (digests_of_slices, BOTH, "The digests of the seal of 2026-06-01 (transaction 3, slices 1 to 6) are missing"),
    (what_a_seal_says, BOTH, "Transaction 3 (slices 1-5 sha256 "),
    (a_price_of_a_cdr, BOTH, "CDR s1: it was rated by another tariff than version default."),
    (a_price_of_a_cdr_and_of_its_tariff, BOTH, "CDR s1: 5000 at 0.303 is 151.50, not 150 minor units (ENERGY)."),
    (a_forged_signature, BOTH, "The signature at place 3 is wrong"),
    (a_replaced_public_key, BOTH, "which did not introduce it."),
    (a_cut_off_chain, BOTH, "The chain is cut off"),
    (a_text_a_meter_signed, BOTH, "signed/s1-1.ocmf: the meter's signature does not fit the text."),
]


@pytest.mark.parametrize(
    ("tamper", "kind", "says"), [(tamper, kind, says) for tamper, kinds, says in TAMPERINGS for kind in kinds]
)
def test_what_was_changed_is_found(exports, tamper, kind, says):
    members = exports.copy(kind)
    assert exports.problems(members) == []
    tamper(members)
    assert any(says in problem for problem in exports.problems(members))


@pytest.mark.parametrize("kind", BOTH)
def test_a_building_that_forges_everything_with_a_new_key_is_found_by_an_old_statement(exports, kind):
    """All signatures are made anew with a key of the forger's: only what a resident holds on paper tells."""
    members = exports.copy(kind)
    heads_signed_anew(members, FORGER)
    assert exports.problems(members, key=FORGER) == []
    printed = fingerprint(LedgerKey(b"a" * 32).public)
    assert (
        f"The key {printed} you named is not one of these books"
        in exports.problems(members, key=FORGER, keys=[printed])[0]
    )


def test_a_key_that_was_lost_and_replaced_is_said_and_taken_when_a_statement_shows_it(own_lindenhof):
    """A new machine, restored from a backup, which has no key: it signs with one that nobody introduced."""
    own_lindenhof.key = LedgerKey(b"c" * 32)
    path, new = str(own_lindenhof.building()), fingerprint(own_lindenhof.key.public)
    (problem,) = verify(path).wrong
    assert f"Key {new} was put in place of {fingerprint(KEY.public)}, which did not introduce it." in problem
    assert verify(path, [fingerprint(KEY.public)]).wrong == [problem]
    report = verify(path, [new])
    assert report.wrong == []
    assert any(f"You named {new} from a statement you hold" in one for one in report.noted)


def test_without_the_key_any_changed_file_breaks_the_seal(exports):
    members = exports.copy("resident")
    assert verify(str(packed(members, exports.folder / "tried.zip"))).wrong == []
    members["README.txt"] += b"."
    assert verify(str(packed(members, exports.folder / "tried.zip"))).wrong == [
        "README.txt was changed after the export was made."
    ]
    manifest = json.loads(members["export.json"])
    manifest["accounts"] = []
    members["export.json"] = json.dumps(manifest).encode()
    assert "The export's seal is broken" in verify(str(packed(members, exports.folder / "tried.zip"))).wrong[0]
