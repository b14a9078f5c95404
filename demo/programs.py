"""The real processes of the demo: started with a log file, stopped by their own process id."""

import asyncio
from collections.abc import Mapping
import os
from pathlib import Path
import signal
import socket
import sys

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """One Python program, perhaps on borrowed time (`demo.clock`), that can be stopped and started again."""

    def __init__(
        self,
        name: str,
        module: str,
        *arguments: str,
        python: str = sys.executable,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        clock: str | None = None,
    ) -> None:
        launch = ["-m", "demo.clock.launch", clock, name] if clock else ["-m"]
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [python, *launch, module, *arguments]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "addon")]),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        """What it is started with the next time."""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; the log is continued."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdout=log, stderr=log, env=self.environment, cwd=ROOT
            )

    async def stop(self) -> None:
        """Ask it to end and wait until it did."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()

    def kill(self) -> None:
        """End it at once: a power cut."""
        if self._process is not None and self.running:
            self._process.kill()

    def tail(self, lines: int = 30) -> str:
        """Return the end of its log, for an error message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
