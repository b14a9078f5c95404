"""What must not lie in the same backup as the journal: the cards' key, and the marker that tells a restored backup.

Both are small files in `<config>/.cache/evshare/`, which Home Assistant's backups leave out.
"""

import hashlib
import os
from pathlib import Path
import secrets

KEY_BYTES = 32


class KeptApart:
    """The two files of one config entry. Methods block: for the journal's thread."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key_path = folder / f"{name}.key"
        self._markers_path = folder / f"{name}.marker"

    def card_key(self) -> bytes:
        """Return the 32 random bytes the cards' HMACs are made with; made anew when the file is lost.

        Raises OSError when it can be neither read nor made.
        """
        try:
            key = self._key_path.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) == KEY_BYTES:
            return key
        key = secrets.token_bytes(KEY_BYTES)
        self._write(self._key_path, key)
        return key

    def markers(self) -> list[str]:
        """Return the markers by which the journal's file is known as the one that ran here last."""
        try:
            return self._markers_path.read_text(encoding="ascii").split()
        except FileNotFoundError:
            return []

    def write_markers(self, markers: list[str]) -> None:
        """Replace the markers, durably."""
        self._write(self._markers_path, "\n".join(markers).encode("ascii"))

    def _write(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f"{path.name}.part")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def key_id(key: bytes) -> str:
    """Name a key without telling it: cards made with another one have to be enrolled again."""
    return hashlib.sha256(b"evshare card key\x00" + key).hexdigest()[:16]
