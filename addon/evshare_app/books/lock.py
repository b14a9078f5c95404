"""One program at a time on a data folder: the app, or a command that needs the books to itself.

The lock is the system's (flock), so it ends with its process, however that ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path

_FILE = "app.lock"


class InUse(Exception):
    """Another program is on this data folder."""


class DataLock:
    """The lock of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _FILE
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it for as long as this process lives, or until `release`. Raises `InUse`."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            msg = f"{self._path.parent}: evshare is running on this folder; stop it first"
            raise InUse(msg) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Have a data folder to oneself. Raises `InUse`."""
    lock = DataLock(data_dir)
    lock.take()
    try:
        yield
    finally:
        lock.release()
