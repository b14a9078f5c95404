"""A resident's own data as one file: everything the books know of them, with what is needed to check it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from aiohttp import web
from sqlalchemy import Connection

from ..export.make import export_resident
from ..ledger.heads import open_key
from ..web.download import Downloads
from ..web.listener import Access, Route
from .door import PortalDoor, see_other
from .passkeys import must_confirm


class MyData:
    """Taking one's data along."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts
        self._downloads = Downloads(door.parts.settings.data_dir)

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (Route(method="GET", path="/me/data", handler=self._download, access=Access.RESIDENT),)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        phone, now = self._door.phone(request), self._parts.clock()
        if await must_confirm(self._door, request):
            return see_other("/me/confirm")
        keys, resident_id = self._parts.settings.data_dir / "keys", phone.person.resident_id

        def export(conn: Connection, path: Path) -> None:
            export_resident(conn, resident_id, open_key(conn, keys), path, now)

        async def make(path: Path) -> None:
            await self._parts.books.write(partial(export, path=path))

        return await self._downloads.send(request, f"evshare-{now:%Y-%m-%d}.zip", make)
