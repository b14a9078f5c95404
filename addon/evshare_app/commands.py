"""What can be done with the books from the command line, beside running the app.

    python -m evshare_app backup [--to FOLDER]    a copy now; with --to also there, with the keys that belong to it
    python -m evshare_app restore [COPY]          put a copy (the newest) in the place of the books; the app is stopped
    python -m evshare_app drill                   restore the newest copy on the side and say what came of it

While the app runs it does the work itself, asked through its data folder.
"""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .books.backup import LIVE, CopyFaulty, Shelf, write_set
from .books.engine import Books
from .books.lock import DataLock, InUse, locked
from .books.migrate import BooksTooNew, MigrationFailed
from .books.restore import restore
from .books.startup import BooksUnusable
from .control import NotRunning, ask
from .safekeeping import Safekeeping, chain_is_wrong
from .settings import Settings

PROBLEMS = (BooksTooNew, BooksUnusable, CopyFaulty, InUse, MigrationFailed, NotRunning, OSError)
"""What a command says in one line."""


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say; nothing: run the app."""
    made = argparse.ArgumentParser(
        prog="python -m evshare_app", description="evshare's app; without a command it runs."
    )
    commands = made.add_subparsers(dest="command", metavar="command")
    backup = commands.add_parser("backup", help="copy the books now, also while the app runs")
    backup.add_argument("--to", type=Path, metavar="FOLDER", help="also write the copy and the keys it needs there")
    restoring = commands.add_parser("restore", help="put a copy in the place of the books; stop the app first")
    restoring.add_argument("copy", type=Path, nargs="?", help="a copy, or a folder made with --to (else the newest)")
    commands.add_parser("drill", help="restore the newest copy on the side, and say what came of it")
    return made


async def run_command(asked: argparse.Namespace, settings: Settings) -> tuple[bool, str]:
    """Do what was asked; return whether it went well, and a line to say. Raises one of `PROBLEMS`."""
    data_dir = settings.data_dir
    if asked.command == "restore":
        return True, await asyncio.to_thread(_restore, data_dir, asked.copy)
    if not (data_dir / LIVE).exists():
        raise FileNotFoundError(f"{data_dir / LIVE}: there are no books here")
    answer = await _ask_or_do(data_dir, asked.command)
    if not answer["ok"]:
        return False, str(answer["problem"])
    if asked.command == "backup" and asked.to is not None:
        await asyncio.to_thread(write_set, Path(str(answer["copy"])), data_dir, asked.to)
        return True, f"copied to {asked.to}"
    return bool(answer.get("passed", True)), str(answer["said"])


async def _ask_or_do(data_dir: Path, command: str) -> dict[str, Any]:
    lock = DataLock(data_dir)
    try:
        lock.take()
    except InUse:
        return await ask(data_dir, command)
    try:
        books = await Books.open(data_dir / LIVE, keep_in=Shelf(data_dir).folder)
        try:
            return {"ok": True, **await commands_of(Safekeeping(books, data_dir, _now))[command]()}
        finally:
            await books.close()
    finally:
        lock.release()


def commands_of(safekeeping: Safekeeping) -> dict[str, Any]:
    """Return what a running app can be asked for."""

    async def backup() -> dict[str, object]:
        copy = await safekeeping.take_copy()
        return {"copy": str(copy.path), "said": f"{copy.path}: {copy.size} bytes, checked"}

    async def practise() -> dict[str, object]:
        done = await safekeeping.practise()
        if done is None:
            return {"passed": False, "said": "there is no copy yet; make one with: backup"}
        said = "went well" if done.ok else f"failed: {done.found}"
        return {"passed": done.ok, "said": f"{done.copy}, {done.transactions} transactions: {said}"}

    return {"backup": backup, "drill": practise}


def _restore(data_dir: Path, copy: Path | None) -> str:
    data_dir.mkdir(parents=True, exist_ok=True)
    with locked(data_dir):
        shelf = Shelf(data_dir)
        newest = shelf.newest()
        source = copy or (newest.path if newest is not None else shelf.handed)
        done = restore(data_dir, source, chain_is_wrong, _now())
    kept = f"; what was there is kept as {done.replaced.name}" if done.replaced else ""
    return f"{done.source} is in place, {done.transactions} transactions{kept}. The app begins in quarantine."


def _now() -> datetime:
    return datetime.now(UTC)
