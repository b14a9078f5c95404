"""A sealed ZIP: members are streamed into it and digested on their way, the last two say what is in it and sign that.

Memory does not grow with what is written. The format is described in docs/export.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
import csv
from datetime import datetime
import hashlib
import io
import json
from pathlib import Path
from typing import Any, BinaryIO, Self
import zipfile

from ..ledger.heads import LedgerKey

FORMAT = "evshare-export-1"
MANIFEST, SEAL = "export.json", "export.sig"
SEAL_DOMAIN = b"evshare export 1\n"
"""Put before the manifest's bytes when they are signed."""


class Archive:
    """An export being written. Close it with `seal`; what is not sealed is no export."""

    def __init__(self, file: BinaryIO, made: datetime) -> None:
        self._zip = zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=6)
        self._made = made
        self._digests: dict[str, str] = {}

    @classmethod
    def at(cls, path: Path, made: datetime) -> Self:
        """Begin one at `path`."""
        return cls(path.open("wb"), made)

    def content(self, name: str, content: bytes) -> None:
        """Write a whole member, byte for byte."""
        with self._member(name) as write:
            write(content)

    def lines(self, name: str, rows: Iterable[bytes]) -> None:
        """Write lines, byte for byte, each ended by one line feed."""
        with self._member(name) as write:
            for row in rows:
                write(row + b"\n")

    def objects(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write one JSON object per line."""
        self.lines(name, (plain_json(row) for row in rows))

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        """Write CSV (UTF-8, comma, a heading, empty for unknown)."""
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        with self._member(name) as write:
            for row in rows:
                writer.writerow(row)
                if text.tell() > 1 << 16:
                    write(text.getvalue().encode())
                    text.seek(0)
                    text.truncate()
            write(text.getvalue().encode())

    def seal(self, told: Mapping[str, Any], key: LedgerKey) -> None:
        """Write what the export is and the digests of its members, signed, and finish the file."""
        manifest = plain_json({"format": FORMAT, **told, "files": self._digests})
        self.content(MANIFEST, manifest)
        seal = {"public_key": key.public.hex(), "signature": key.sign(SEAL_DOMAIN + manifest).hex()}
        self.content(SEAL, plain_json(seal))
        self.close()

    def close(self) -> None:
        """Finish the file."""
        self._zip.close()
        if self._zip.fp is not None:
            self._zip.fp.close()

    @contextmanager
    def _member(self, name: str) -> Iterator[Any]:
        if name in self._digests:
            msg = f"name: {name!r} is in the export already"
            raise ValueError(msg)
        info = zipfile.ZipInfo(name, self._made.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        digest = hashlib.sha256()
        with self._zip.open(info, "w", force_zip64=True) as member:

            def write(content: bytes) -> None:
                digest.update(content)
                member.write(content)

            yield write
        self._digests[name] = digest.hexdigest()


def plain_json(value: Mapping[str, Any]) -> bytes:
    """Return a JSON object on one line."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
