"""Making an export: a resident's own, or the building's whole books for the owners and their auditor.

Both are streamed to a file of the caller's. Reading holds the books' one connection; for a large building run
`export_building` on a copy of the books (a backup), which needs no waiting.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, select

from ..books.building import the_building
from ..books.schema import account, resident
from ..ledger.heads import LedgerKey, fingerprint, sign_head
from ..ledger.seals import seal_all
from ..model import AccountId, ResidentId, to_ms
from ..resident.erasure import own_accounts
from ..resident.personal import OF_ACCOUNT, OF_RESIDENT
from .archive import Archive
from .facts import Scope, utc, write_facts
from .proofs import write_proofs

VERIFIER = "evshare_verify.py"
_SHOWN = ("household", "guest")
"""Kinds of account whose statements a resident on it may read: not an employer's, nor the building's."""


def export_resident(
    conn: Connection, resident_id: ResidentId, key: LedgerKey, path: Path, now: datetime
) -> Mapping[str, Any]:
    """Write a resident's own export to `path` and return what its manifest says of the ledger.

    Statements, payments and transactions are those of the account they are on today, and of earlier ones that are
    nobody else's. What was measured is sealed and the ledger's newest place signed first. Raises LookupError for an
    unknown resident.
    """
    todays = conn.execute(
        select(account.c.account_id, account.c.kind)
        .join(resident, resident.c.account_id == account.c.account_id)
        .where(resident.c.resident_id == resident_id)
    ).one_or_none()
    if todays is None:
        msg = f"resident_id: got {resident_id!r}, accepted is the id of a resident"
        raise LookupError(msg)
    accounts = set(own_accounts(conn, resident_id))
    if todays.kind in _SHOWN:
        accounts.add(AccountId(todays.account_id))
    scope = Scope(resident_id=resident_id, accounts=tuple(sorted(accounts)))
    return _export(conn, scope, key, path, now)


def export_building(conn: Connection, key: LedgerKey, path: Path, now: datetime) -> Mapping[str, Any]:
    """Write everything to `path` and return what its manifest says of the ledger. Seals and signs like the other."""
    return _export(conn, Scope(), key, path, now)


def _export(conn: Connection, scope: Scope, key: LedgerKey, path: Path, now: datetime) -> Mapping[str, Any]:
    seal_all(conn, now)
    sign_head(conn, key, now)
    building = the_building(conn)
    archive = Archive.at(path, now)
    try:
        archive.content("README.txt", _readme(scope, key).encode())
        archive.content(VERIFIER, files("evshare_app.verifier").joinpath(VERIFIER).read_bytes())
        if not scope.everything:
            archive.objects("person.jsonl", _person(conn, scope))
        write_facts(conn, archive, scope)
        number = write_proofs(conn, archive, scope)
        told = {
            "kind": "building" if scope.everything else "resident",
            "building_id": building.building_id,
            "building": building.name,
            "currency": building.currency,
            "time_zone": building.zone.key,
            "resident_id": scope.resident_id,
            "accounts": list(scope.accounts),
            "made": utc(to_ms(now)),
            "transactions": number,
        }
        archive.seal(told, key)
    except BaseException:
        archive.close()
        path.unlink(missing_ok=True)
        raise
    return told


def _person(conn: Connection, scope: Scope) -> Iterator[Mapping[str, Any]]:
    """Return what the books hold of the person besides sessions and money; nothing that lets somebody in."""
    parts = [(part, scope.resident_id or "") for part in reversed(OF_RESIDENT)]
    parts += [(OF_ACCOUNT[0], account_id) for account_id in scope.accounts]
    for part, of in parts:
        shown = [
            column
            for column in part.table.c
            if column.name not in part.secret and not isinstance(column.type, LargeBinary)
        ]
        for row in conn.execute(select(*shown).where(part.rows(of))).mappings():
            yield {"table": part.table.name, "row": dict(row)}


def _readme(scope: Scope, key: LedgerKey) -> str:
    whose = "The books of the building" if scope.everything else "Your own data"
    return (
        f"{whose}, exported by evshare.\n\n"
        "Times are UTC, energy is in watt-hours (Wh), money in the currency's smallest unit (cents).\n"
        "What each file holds is described in docs/export.md of evshare.\n\n"
        "To check that nothing was changed, with Python 3.10 or newer:\n\n"
        "    pip install cryptography\n"
        f"    python {VERIFIER} <this file>.zip\n\n"
        f"{VERIFIER} is in this file; take it out first, and leave the file itself as it is.\n"
        "It came from those you check: you may take the same one from evshare's public source.\n"
        "It ends with 'All is well', or names each thing that is wrong and where.\n\n"
        "It cannot see by itself whether everything was made anew from the beginning. A statement\n"
        "you were given earlier shows that. Its last lines read 'Seal ..., ledger ..., key ...';\n"
        "name their digits:\n\n"
        f"    python {VERIFIER} <this file>.zip --key <16 digits of the key> --head <12 digits of the ledger>\n\n"
        f"Key of the books now: {fingerprint(key.public)}. Your statement may show an earlier one; the\n"
        "checker sees how they followed each other.\n"
    )
