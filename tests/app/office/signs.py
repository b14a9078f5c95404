"""A house with a public address, and a phone that comes to it by a proxy, as from the street."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
import re
from typing import Any

from tests.app.house import Browser, House, Integration, Page, open_house, role_admin

ADDRESS = "https://laden.example.org"
PROXY = (ip_network("127.0.0.1/32"),)
FROM_THE_STREET = {
    "Host": "laden.example.org",
    "Origin": ADDRESS,
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
}


@dataclass
class Addressed:
    """A house whose portal has an address of its own."""

    house: House
    integration: Integration
    office: Browser

    async def code(self) -> str:
        """Make a code in the office, as its link carries it."""
        page = await self.office.submit(await self.office.get("/office/reach"), "/office/reach")
        found = re.search(r"https://laden\.example\.org/reach\?code=([0-9a-f-]+)", page.text)
        assert found, page.text
        return found[1]

    async def press(self, code: str, **headers: str) -> Page:
        """Press the button of the check with a phone that comes by the proxy."""
        return await self.house.stranger().post("/reach", {"code": code}, **(FROM_THE_STREET | headers))

    async def print(self, sheet: str = "stickers", **query: str) -> tuple[int, bytes]:
        """Ask for a sheet, and return status and file."""
        http = self.office.http
        async with http.get(f"{self.office.origin}/office/sheets/{sheet}", params=query) as answer:
            return answer.status, await answer.read()

    async def contact(self, text: str, language: str = "en") -> None:
        page = await self.office.get("/office/settings")
        fields = {"payee": "", "iban": "", "address": "", "contact": text, "language": language}
        await self.office.submit(page, "/office/settings", **fields)


@asynccontextmanager
async def house_at(path: Path, address: str | None = ADDRESS, **settings: Any) -> AsyncIterator[Addressed]:
    async with open_house(path, portal_url=address, **({"trusted_proxies": PROXY} | settings)) as house:
        integration = house.integration()
        integration.decide = role_admin
        await integration.connect()
        yield Addressed(house=house, integration=integration, office=await house.office(integration))
