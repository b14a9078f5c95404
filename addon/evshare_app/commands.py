"""What can be done with the books from the command line, beside running the app.

    python -m evshare_app backup [--to FOLDER]    a copy now; with --to also there, with the keys that belong to it
    python -m evshare_app restore [COPY]          put a copy (the newest) in the place of the books; the app is stopped
    python -m evshare_app drill                   restore the newest copy on the side and say what came of it
    python -m evshare_app change-key [DIGITS]     sign the ledger with a new key; without DIGITS: say what that means

While the app runs it does the work itself, asked through its data folder.
"""

import argparse
import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .books.backup import LIVE, CopyFaulty, Shelf, write_set
from .books.engine import Books
from .books.lock import DataLock, InUse, locked
from .books.migrate import BooksTooNew, MigrationFailed
from .books.quarantine import InQuarantine
from .books.restore import restore
from .books.startup import BooksUnusable
from .control import Commands, NotRunning, ask
from .ledger.heads import fingerprint, open_key
from .ledger_key import MEANING, DigitsWrong, change_ledger_key
from .safekeeping import Safekeeping, chain_is_wrong
from .settings import Settings

PROBLEMS = (
    BooksTooNew,
    BooksUnusable,
    CopyFaulty,
    DigitsWrong,
    InQuarantine,
    InUse,
    MigrationFailed,
    NotRunning,
    OSError,
)
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
    changing = commands.add_parser("change-key", help="sign the ledger with a new key, which the old one introduces")
    changing.add_argument(
        "digits", nargs="?", default="", help="the 16 digits of the key in force; without them: say what a change means"
    )
    return made


async def run_command(asked: argparse.Namespace, settings: Settings) -> tuple[bool, str]:
    """Do what was asked; return whether it went well, and a line to say. Raises one of `PROBLEMS`."""
    data_dir = settings.data_dir
    if asked.command == "restore":
        return True, await asyncio.to_thread(_restore, data_dir, asked.copy)
    if not (data_dir / LIVE).exists():
        raise FileNotFoundError(f"{data_dir / LIVE}: there are no books here")
    answer = await _ask_or_do(data_dir, asked.command, getattr(asked, "digits", ""))
    if not answer["ok"]:
        return False, str(answer["problem"])
    if asked.command == "backup" and asked.to is not None:
        await asyncio.to_thread(write_set, Path(str(answer["copy"])), data_dir, asked.to)
        return True, f"copied to {asked.to}"
    return bool(answer.get("passed", True)), str(answer["said"])


async def _ask_or_do(data_dir: Path, command: str, argument: str) -> dict[str, Any]:
    lock = DataLock(data_dir)
    try:
        lock.take()
    except InUse:
        return await ask(data_dir, f"{command} {argument}".strip())
    try:
        books = await Books.open(data_dir / LIVE, keep_in=Shelf(data_dir).folder)
        try:
            safekeeping = Safekeeping(books, data_dir, _now)
            return {"ok": True, **await commands_of(safekeeping, books, data_dir / "keys", _now)[command](argument)}
        finally:
            await books.close()
    finally:
        lock.release()


def commands_of(safekeeping: Safekeeping, books: Books, keys: Path, clock: Callable[[], datetime]) -> Commands:
    """Return what a running app can be asked for. `keys` is the folder of its keys."""

    async def backup(_: str) -> dict[str, object]:
        copy = await safekeeping.take_copy()
        return {"copy": str(copy.path), "said": f"{copy.path}: {copy.size} bytes, checked"}

    async def practise(_: str) -> dict[str, object]:
        done = await safekeeping.practise()
        if done is None:
            return {"passed": False, "said": "there is no copy yet; make one with: backup"}
        said = "went well" if done.ok else f"failed: {done.found}"
        return {"passed": done.ok, "said": f"{done.copy}, {done.transactions} transactions: {said}"}

    async def change_key(digits: str) -> dict[str, object]:
        if not digits:
            old = await books.write(lambda conn: fingerprint(open_key(conn, keys).public))
            return {"said": f"The key of the ledger is {old}. {MEANING}\nTo change it: change-key {old}"}
        old, new = await change_ledger_key(books, keys, digits, clock())
        return {"said": f"The key of the ledger was {old} and is {new}. {MEANING}"}

    return {"backup": backup, "drill": practise, "change-key": change_key}


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
