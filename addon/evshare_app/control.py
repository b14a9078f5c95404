"""A running app's back door for its own commands: a socket in the data folder that only its owner can open.

One line each way: a command, and after a space what it is about. The commands cannot open the books themselves while
the app runs: there is one connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
import json
import logging
from pathlib import Path

_LOGGER = logging.getLogger(__name__)

_FILE = "control.sock"
_LONGEST = 4096

type Answer = dict[str, object]
type Commands = Mapping[str, Callable[[str], Awaitable[Answer]]]
"""What can be asked, and what is done with what stands after it."""


class NotRunning(Exception):
    """No app answers on this data folder."""


class ControlDoor:
    """The app's end."""

    def __init__(self, data_dir: Path, commands: Commands) -> None:
        self._path = data_dir / _FILE
        self._commands = commands
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. Where the folder's name is too long for a socket, the app runs without."""
        self._path.unlink(missing_ok=True)
        try:
            self._server = await asyncio.start_unix_server(self._answer, self._path)
        except OSError as problem:
            _LOGGER.warning("Commands cannot reach this app: %s", problem)
            return
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = (await reader.readline()).decode(errors="replace").strip()
            writer.write(json.dumps(await self._do(asked)).encode() + b"\n")
            await writer.drain()
        except ConnectionError, ValueError:
            _LOGGER.debug("Whoever asked went away")
        finally:
            writer.close()

    async def _do(self, asked: str) -> Answer:
        name, _, argument = asked.partition(" ")
        command = self._commands.get(name)
        if command is None:
            return {"ok": False, "problem": f"command: got {asked[:40]!r}, accepted are {', '.join(self._commands)}"}
        try:
            return {"ok": True, **await command(argument.strip())}
        except Exception as problem:
            _LOGGER.exception("The command %s failed", asked)
            return {"ok": False, "problem": str(problem) or type(problem).__name__}


async def ask(data_dir: Path, command: str) -> Answer:
    """Ask the app that runs on a data folder. Raises `NotRunning`."""
    try:
        reader, writer = await asyncio.open_unix_connection(data_dir / _FILE, limit=_LONGEST)
    except OSError:
        raise NotRunning(f"{data_dir}: no app answers here") from None
    try:
        writer.write(command.encode() + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    if not line:
        raise NotRunning(f"{data_dir}: the app stopped before it answered")
    answer: Answer = json.loads(line)
    return answer
