"""`python -m evshare_app`: run until SIGTERM or Ctrl-C."""

import asyncio
import logging
import os
import signal
import sys

from .app import App
from .books.migrate import BooksTooNew
from .settings import Settings, SettingsError


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


def main() -> int:
    """Run the app and return its exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("alembic", "stripe"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(_run(Settings.load(os.environ)))
    except (SettingsError, BooksTooNew) as problem:
        logging.getLogger("evshare_app").error("%s", problem)
        return 2
    except OSError as problem:
        logging.getLogger("evshare_app").error("The app cannot start: %s", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
