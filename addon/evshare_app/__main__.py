"""`python -m evshare_app`: run until SIGTERM or Ctrl-C; with a command, do that instead (`commands.py`)."""

import argparse
import asyncio
import logging
import os
import signal
import sys

from .app import App
from .books.backup import CopyFaulty
from .books.lock import InUse
from .books.migrate import BooksTooNew, MigrationFailed
from .books.startup import BooksUnusable
from .commands import PROBLEMS, parser, run_command
from .settings import Settings, SettingsError

_LOGGER = logging.getLogger("evshare_app")


async def _run(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    app = App(settings)
    await app.start()
    try:
        await stopped.wait()
    finally:
        await app.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the app, or a command, and return the exit status."""
    asked = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("alembic", "stripe"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = Settings.load(os.environ)
        if asked.command is not None:
            return _command(asked, settings)
        asyncio.run(_run(settings))
    except (SettingsError, BooksTooNew, BooksUnusable, CopyFaulty, InUse, MigrationFailed) as problem:
        _LOGGER.error("%s", problem)
        return 2
    except OSError as problem:
        _LOGGER.error("The app cannot start: %s", problem)
        return 1
    return 0


def _command(asked: argparse.Namespace, settings: Settings) -> int:
    try:
        went_well, said = asyncio.run(run_command(asked, settings))
    except PROBLEMS as problem:
        _LOGGER.error("%s", problem)
        return 2
    print(said)  # noqa: T201 - it is what the command is for
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(main())
