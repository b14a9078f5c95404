"""A Home Assistant in a process of its own that takes orders and tells figures; `bench.ha` is its other end."""

import asyncio
from collections.abc import Mapping
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.home_assistant import write_configuration
from demo.programs import ROOT, free_port


class WatchedHomeAssistant:
    """Use as an async context manager, once: starts with an empty configuration folder, and ends with it."""

    def __init__(self, name: str, python: str, folder: Path) -> None:
        """`python` is Home Assistant's; the folder is made anew below `folder`."""
        self._python = python
        self._folder = folder / name
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it, and wait until it runs."""
        self._folder.mkdir(parents=True)
        write_configuration(self._folder, free_port(), "", record=True)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._python,
                *("-m", "bench.ha", str(self._folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                limit=2**22,
            )
        await self._answer()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it stop by itself."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def order(self, what: str, **details: object) -> Mapping[str, Any]:
        """Have something done there; returns the answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": what, **details}).encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> Mapping[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-30:])
            raise RuntimeError(f"Home Assistant ended before it answered:\n{tail}")
        answer: Mapping[str, Any] = json.loads(line)
        return answer
