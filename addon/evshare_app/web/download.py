"""A file made for one person, sent and gone: an export is written beside the books, streamed, and deleted."""

import asyncio
from collections.abc import Awaitable, Callable
from os import SEEK_END
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO

from aiohttp import web

from .listener import Refused

_CHUNK = 256 * 1024


class Downloads:
    """Files in the making: one at a time, since each reads much of the books."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._busy = asyncio.Lock()

    async def send(
        self, request: web.Request, name: str, make: Callable[[Path], Awaitable[None]]
    ) -> web.StreamResponse:
        """Let `make` write a file and send it as `name`. Raises `Refused` (503) while another one is made."""
        if self._busy.locked():
            raise Refused(503)
        async with self._busy:
            file = await self._made(make)
            try:
                return await _stream(request, name, file)
            finally:
                await asyncio.to_thread(file.close)

    async def _made(self, make: Callable[[Path], Awaitable[None]]) -> BinaryIO:
        """Return the written file, open and without a name: whatever happens, nothing of it stays."""
        folder = Path(await asyncio.to_thread(mkdtemp, prefix="export-", dir=self._folder))
        path = folder / "export.zip"
        try:
            await make(path)
            return await asyncio.to_thread(path.open, "rb")
        finally:
            await asyncio.to_thread(_remove, path, folder)


async def _stream(request: web.Request, name: str, file: BinaryIO) -> web.StreamResponse:
    size = await asyncio.to_thread(file.seek, 0, SEEK_END)
    await asyncio.to_thread(file.seek, 0)
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(size),
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(request)
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        await response.write(chunk)
    await response.write_eof()
    return response


def _remove(path: Path, folder: Path) -> None:
    path.unlink(missing_ok=True)
    folder.rmdir()
