"""Someone who holds the building's key and changes what is in an export: the seal over it is made anew, and right."""

from collections.abc import Callable
import csv
import hashlib
import io
import json
from pathlib import Path
import zipfile

from evshare_app.ledger.heads import DOMAIN, LedgerKey

type Members = dict[str, bytes]


def unpacked(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def resealed(members: Members, key: LedgerKey, path: Path) -> Path:
    manifest = json.loads(members["export.json"])
    manifest["transactions"] = members["ledger/hashes.txt"].count(b"\n")
    manifest["files"] = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in members.items()
        if name not in ("export.json", "export.sig")
    }
    text = json.dumps(manifest).encode()
    seal = {"public_key": key.public.hex(), "signature": key.sign(b"evshare export 1\n" + text).hex()}
    return packed({**members, "export.json": text, "export.sig": json.dumps(seal).encode()}, path)


def replaced(members: Members, name: str, old: str, new: str) -> None:
    text = members[name].decode()
    assert old in text, f"{name} has no {old}"
    members[name] = text.replace(old, new, 1).encode()


def row_changed(members: Members, name: str, place: int, **values: object) -> None:
    rows = list(csv.DictReader(io.StringIO(members[name].decode())))
    rows[place] |= {column: str(value) for column, value in values.items()}
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    members[name] = text.getvalue().encode()


def lines_changed(members: Members, name: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    members[name] = b"".join(line + b"\n" for line in change(members[name].splitlines()))


def object_changed(members: Members, name: str, place: int, change: Callable[[dict], None]) -> None:
    def changed(lines: list[bytes]) -> list[bytes]:
        value = json.loads(lines[place])
        change(value)
        lines[place] = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        return lines

    lines_changed(members, name, changed)


def hashes_made_anew(members: Members) -> None:
    """Hash every transaction of a building's export onto the one before, so that the chain itself is whole."""
    previous, hashes = bytes(32), []
    for line in members["ledger/transactions.jsonl"].splitlines():
        previous = hashlib.sha256(previous + line).digest()
        hashes.append(previous.hex().encode() + b"\n")
    members["ledger/hashes.txt"] = b"".join(hashes)


def heads_signed_anew(members: Members, key: LedgerKey) -> None:
    """Sign every head with one key of one's own, and let it be the only one there ever was."""
    building_id = json.loads(members["export.json"])["building_id"]
    hashes = members["ledger/hashes.txt"].decode().split()
    heads = []
    # Where one key introduced another, both signed the same place.
    places = {json.loads(line)["number"]: json.loads(line) for line in members["ledger/heads.jsonl"].splitlines()}
    for head in places.values():
        up_to = hashes[: head["number"]]
        said = {
            "building_id": building_id,
            "hash": up_to[-1],
            "hashes": hashlib.sha256(bytes.fromhex("".join(up_to))).hexdigest(),
            "number": head["number"],
            "signed_ms": head["signed_ms"],
        }
        message = DOMAIN + json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        head |= {"hash": up_to[-1], "public_key": key.public.hex(), "signature": key.sign(message).hex()}
        heads.append(json.dumps(head).encode() + b"\n")
    members["ledger/heads.jsonl"] = b"".join(heads)
