"""A browser without pictures: it opens pages, fills in their forms and keeps cookies. It needs no JavaScript.

The story's residents and its manager use it on the app's real pages, so that what works here works on a phone whose
scripts are off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self, override

import aiohttp
from yarl import URL


class PageError(Exception):
    """A page was not what the story needs; the message shows address, status and text."""


@dataclass
class Form:
    """A form of a page with its fields' values."""

    action: str = ""
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as it came."""

    url: URL
    status: int
    html: str
    text: str
    forms: tuple[Form, ...]
    links: tuple[str, ...]

    def form(self, action: str) -> Form:
        """Return the form whose action holds `action`. Raises `PageError`."""
        for form in self.forms:
            if action in form.action:
                return form
        raise PageError(
            f"{self.url} ({self.status}) has no form {action!r}, but {[f.action for f in self.forms]}:"
            f"\n{self.text[:600]}"
        )


class _Reader(HTMLParser):
    """Collects forms, links and the visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._hidden = 0
        self._area: str | None = None
        self._select: str | None = None

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in ("script", "style", "svg"):
            self._hidden += 1
        elif tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
        elif tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif self.forms and values.get("name"):
            self._field(tag, values)
        elif tag == "option" and self._select is not None and self.forms:
            fields = self.forms[-1].fields
            if "selected" in values or self._select not in fields:
                fields[self._select] = values.get("value", "")

    def _field(self, tag: str, values: Mapping[str, str]) -> None:
        fields = self.forms[-1].fields
        if tag == "input" and values.get("type") in ("radio", "checkbox"):
            if "checked" in values:
                fields[values["name"]] = values.get("value", "on")
        elif tag == "input" and values.get("type") != "submit":
            fields[values["name"]] = values.get("value", "")
        elif tag == "textarea":
            self._area = values["name"]
            fields[self._area] = ""
        elif tag == "select":
            self._select = values["name"]

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "svg"):
            self._hidden -= 1
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    @override
    def handle_data(self, data: str) -> None:
        if self._area is not None and self.forms:
            self.forms[-1].fields[self._area] += data
        if not self._hidden and data.strip():
            self.words.append(data.strip())


class Browser:
    """One person's browser."""

    def __init__(self, base: str) -> None:
        self._base = URL(base)
        # Addresses are loopback IPs, for which a cookie jar is strict by default.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def close(self) -> None:
        """Close the browser; its cookies are forgotten."""
        await self._session.close()

    async def open(self, address: str) -> Page:
        """Open a page, following redirects."""
        async with self._session.get(self._base.join(URL(address))) as response:
            return await self._page(response)

    async def send(self, page: Page, action: str, values: Mapping[str, str] | None = None) -> Page:
        """Fill in the page's form whose action holds `action` and send it."""
        form = page.form(action)
        target = page.url.join(URL(form.action)) if form.action else page.url
        origin = str(page.url.origin())
        headers = {"Origin": origin, "Referer": str(page.url), "Sec-Fetch-Site": "same-origin"}
        body = {**form.fields, **(values or {})}
        if form.method == "get":
            async with self._session.get(target.update_query(body)) as response:
                return await self._page(response)
        async with self._session.post(target, data=body, headers=headers) as response:
            return await self._page(response)

    async def read(self, address: str) -> bytes:
        """Download a file."""
        async with self._session.get(self._base.join(URL(address))) as response:
            if response.status != 200:
                raise PageError(f"{address}: {response.status}")
            return await response.read()

    @staticmethod
    async def _page(response: aiohttp.ClientResponse) -> Page:
        html = await response.text()
        reader = _Reader()
        reader.feed(html)
        return Page(
            url=response.url,
            status=response.status,
            html=html,
            text="\n".join(reader.words),
            forms=tuple(reader.forms),
            links=tuple(reader.links),
        )
