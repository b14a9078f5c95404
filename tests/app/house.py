"""A house for the doors' tests: the real app on loopback, a scripted integration on a real socket, and browsers.

The clock stands still until a test moves it. Nothing inside the app is replaced.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import hashlib
from html import unescape
from pathlib import Path
import re
from typing import Any, Self
from uuid import uuid4

from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse, CookieJar, WSMsgType
import pytest

from evshare_app.app import App
from evshare_app.settings import Settings

NOW = datetime(2026, 7, 2, 16, 30, tzinfo=UTC)
BUILDING_ID = "b0000000000000000000000000000001"


def rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stall(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"stall-{number}",
        "name": f"Stall {number}",
        "connector": "keba_p30",
        "max_current_a": 16,
        "phases": 3,
        "lock_quality": "enforced",
        "billable": True,
        "card_reader": True,
    } | changes


def resident(number: int, name: str) -> dict[str, Any]:
    return {"id": f"res-{number}", "name": name, "ha_user_id": None, "blocked": False}


def lindenhof(**changes: Any) -> dict[str, Any]:
    return {
        "id": BUILDING_ID,
        "name": "Lindenhof",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "fuse_a": 63,
        "stalls": [stall(1), stall(2)],
        "residents": [resident(1, "Ada Larsen"), resident(2, "Bo Meyer")],
        "price_series": ["Market", "Grid fee"],
    } | changes


def as_in_version_1(building: dict[str, Any]) -> dict[str, Any]:
    stalls = [{name: value for name, value in one.items() if name != "card_reader"} for one in building["stalls"]]
    return {name: value for name, value in building.items() if name != "price_series"} | {"stalls": stalls}


def free_stall(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "stall_id": f"stall-{number}",
        "status": "available",
        "plugged": False,
        "plug_epoch": 0,
        "plugged_at": None,
        "power_w": 0,
        "offered_a": 0,
        "limit_reason": "no_session",
        "session": None,
    } | changes


def plugged_stall(number: int, at: datetime, plug_epoch: int = 3, **changes: Any) -> dict[str, Any]:
    plugged = {"status": "preparing", "plugged": True, "plug_epoch": plug_epoch, "plugged_at": rfc3339(at)}
    return free_stall(number, **(plugged | changes))


def live_session(session_id: str, resident_id: str, at: datetime, **changes: Any) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "resident_id": resident_id,
        "mode": "fast",
        "authorised_at": rfc3339(at),
        "started_at": rfc3339(at),
        "energy_wh": 1200,
        "credential_kind": "phone",
        "credential_id": None,
        "cap_wh": None,
    } | changes


@dataclass
class Clock:
    """Time as the test says."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


type Decide = Callable[[str, dict[str, Any]], dict[str, Any]]


class Integration:
    """The integration's end of the link: a journal, and scripted decisions."""

    def __init__(self, http: ClientSession, address: str, token: str) -> None:
        self._http = http
        self._address = address
        self._token = token
        self.version = 1
        self.building = lindenhof()
        self.incarnation = uuid4().hex
        self.journal: list[dict[str, Any]] = []
        self.registers_wh: dict[str, int] = {}
        self.asked: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.decide: Decide = lambda what, body: {"ok": True, "result": {"session_id": "5e55"}}
        self._frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self.socket: ClientWebSocketResponse | None = None

    async def connect(self, **hello: Any) -> dict[str, Any]:
        """Say hello and return what it is answered: `welcome`, or an `error`."""
        self.socket = await self._http.ws_connect(self._address, headers={"Authorization": f"Bearer {self._token}"})
        self._reading = asyncio.create_task(self._read(self.socket))
        self.version = 1
        body = {
            "versions": [1, 2],
            "incarnation": self.incarnation,
            "head_seq": len(self.journal),
            "building": as_in_version_1(self.building),
        }
        await self.send("hello", **(body | hello))
        answer = await self.receive()
        if answer.get("version", 1) > 1:
            self.version = answer["version"]
            await self.send("building", building=self.building)
            await self.settled()
        return answer

    async def send(self, kind: str, **fields: Any) -> None:
        await self.send_frame({"v": self.version, "type": kind, **fields})

    async def send_frame(self, frame: Any) -> None:
        assert self.socket is not None
        await (self.socket.send_str(frame) if isinstance(frame, str) else self.socket.send_json(frame))

    async def receive(self) -> dict[str, Any]:
        """Return the next frame that is neither `ask` nor `tell`."""
        async with asyncio.timeout(10):
            return await self._frames.get()

    async def settled(self) -> None:
        """Return when the app has worked off what was sent before."""
        await self.send("records", incarnation=self.incarnation, records=[])
        frame = await self.receive()
        assert frame["type"] == "ack", frame

    async def describe(self, **changes: Any) -> None:
        """Tell the building again, with something changed."""
        self.building |= changes
        await self.send("building", building=self.building)
        await self.settled()

    async def live(self, *stalls: dict[str, Any]) -> None:
        await self.send("live", stalls=list(stalls))
        await self.settled()

    async def cards(self, cards: list[dict[str, Any]], unknown: list[dict[str, Any]]) -> None:
        """Tell all cards there are, and those nobody knows."""
        await self.send("tell", what="cards", body={"cards": cards, "unknown": unknown})
        await self.settled()

    async def closed(self) -> int:
        """Wait for the app to close, and return its close code."""
        assert self._reading is not None
        assert self.socket is not None
        async with asyncio.timeout(10):
            await self._reading
        return self.socket.close_code or 0

    async def disconnect(self) -> None:
        assert self.socket is not None
        await self.socket.close()
        if self._reading is not None:
            await self._reading

    # --- the journal -----------------------------------------------------------------------------------------------

    def record(self, kind: str, at: datetime, **body: Any) -> None:
        self.journal.append({"seq": len(self.journal) + 1, "kind": kind, "at": rfc3339(at), "body": body})

    async def deliver(self, after: int = 0) -> dict[str, Any]:
        """Send the journal after a seq in batches, and return the last answer."""
        answer: dict[str, Any] = {}
        for start in range(after, len(self.journal), 200):
            await self.send("records", incarnation=self.incarnation, records=self.journal[start : start + 200])
            answer = await self.receive()
        return answer

    def begin(
        self,
        stall_id: str,
        resident_id: str,
        at: datetime,
        *,
        mode: str = "fast",
        kind: str = "card",
        credential_id: str | None = None,
        cap_wh: int | None = None,
    ) -> str:
        """Authorise and start a session; its register begins where the stall's ended."""
        session_id = uuid4().hex
        if stall_id not in self.registers_wh:
            self.registers_wh[stall_id] = 4_213_877
            self.record(
                "epoch",
                at,
                stall_id=stall_id,
                number=1,
                register_wh=self.registers_wh[stall_id],
                reason="first",
                serial="17619300",
            )
        self.record(
            "session_authorised",
            at,
            session_id=session_id,
            stall_id=stall_id,
            resident_id=resident_id,
            credential_kind=kind,
            mode=mode,
            plug_epoch=3,
            credential_id=credential_id,
            cap_wh=cap_wh,
        )
        self.record(
            "session_started",
            at,
            session_id=session_id,
            stall_id=stall_id,
            plug_epoch=3,
            register_start_wh=self.registers_wh[stall_id],
        )
        return session_id

    def cut(self, stall_id: str, session_id: str | None, start: datetime, end: datetime, energy_wh: int) -> None:
        """Cut one slice."""
        register_wh = self.registers_wh.setdefault(stall_id, 4_213_877)
        self.registers_wh[stall_id] = register_wh + energy_wh
        self.record(
            "slice",
            end,
            stall_id=stall_id,
            session_id=session_id,
            epoch=1,
            start=rfc3339(start),
            end=rfc3339(end),
            register_start_wh=register_wh,
            register_end_wh=register_wh + energy_wh,
            charging_s=int((end - start).total_seconds()),
            suspended_s=0,
            limit_a=16,
            estimated=False,
        )

    def finish(self, stall_id: str, session_id: str, at: datetime, energy_wh: int) -> None:
        end_wh = self.registers_wh[stall_id]
        self.record(
            "session_ended",
            at,
            session_id=session_id,
            stall_id=stall_id,
            stop_reason="unplugged",
            register_start_wh=end_wh - energy_wh,
            register_end_wh=end_wh,
            energy_wh=energy_wh,
        )

    def charge(self, stall_id: str, resident_id: str, start: datetime, end: datetime, energy_wh: int) -> str:
        """Write a whole session with one slice."""
        session_id = self.begin(stall_id, resident_id, start)
        self.cut(stall_id, session_id, start, end, energy_wh)
        self.finish(stall_id, session_id, end, energy_wh)
        return session_id

    async def _read(self, socket: ClientWebSocketResponse) -> None:
        async for frame in socket:
            assert frame.type is WSMsgType.TEXT
            message = frame.json()
            if message["type"] == "ask":
                self.asked.append(message)
                answer = self.decide(message["what"], message["body"])
                if answer:
                    await socket.send_json({"v": self.version, "type": "answer", "id": message["id"], **answer})
            elif message["type"] == "tell":
                self.told.append(message)
            else:
                await self._frames.put(message)


@dataclass
class Page:
    """What a browser got."""

    status: int
    text: str
    headers: Mapping[str, str]
    address: str

    def form(self, action: str) -> dict[str, str]:
        """Return the hidden fields of the form that goes to `action`."""
        found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.text, re.DOTALL)
        assert found, f"no form to {action} on {self.address}"
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', found[1]))

    @property
    def wrong(self) -> str:
        """Return the field of a form that is marked as not accepted, or that the note on top of it names."""
        marked = re.search(r'<(?:input|select|textarea)[^>]* name="([^"]+)"[^>]* aria-invalid="true"', self.text)
        named = re.search(r'role="alert">.*?<div>(\w+): ', self.text)
        found = marked or named
        return unescape(found[1]) if found else ""


@dataclass
class Browser:
    """A browser without JavaScript: cookies, and the headers a browser sends with its own forms."""

    http: ClientSession
    origin: str
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Page:
        return await self._page(await self.http.get(self.origin + path, headers=self.headers | headers))

    async def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Page:
        """Send a form as a page of the same origin would, and follow where it leads."""
        sent = self.headers | {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"} | headers
        return await self._page(await self.http.post(self.origin + path, data=dict(fields or {}), headers=sent))

    async def submit(self, page: Page, action: str, **fields: str) -> Page:
        """Fill in and send a form of a page."""
        return await self.post(action, page.form(action) | fields)

    @staticmethod
    async def _page(answer: ClientResponse) -> Page:
        async with answer:
            body = await answer.read()
            text = body.decode(errors="replace")
            return Page(status=answer.status, text=text, headers=answer.headers, address=answer.url.path_qs)


@dataclass
class House:
    """The app, its clock, and everyone who talks to it."""

    app: App
    clock: Clock
    http: ClientSession
    _open: list[ClientSession]

    def integration(self, token: str | None = None) -> Integration:
        return Integration(self.http, f"http://127.0.0.1:{self.app.link_port}/link/v1", token or self.app.pairing_token)

    def browser(self, port: int, **headers: str) -> Browser:
        http = ClientSession(cookie_jar=CookieJar(unsafe=True))
        self._open.append(http)
        return Browser(http=http, origin=f"http://127.0.0.1:{port}", headers=headers)

    def stranger(self) -> Browser:
        """Return a phone nobody invited."""
        return self.browser(self.app.portal_port)

    async def office(self, integration: Integration, user_id: str = "u1") -> Browser:
        """Return a browser signed in to the office with a ticket."""
        ticket = uuid4().hex
        await integration.send(
            "tell",
            what="office_ticket",
            body={
                "ticket_hash": hashlib.sha256(ticket.encode()).hexdigest(),
                "user_id": user_id,
                "name": "Manager",
                "expires_at": rfc3339(self.clock.now + timedelta(seconds=60)),
            },
        )
        await integration.settled()
        browser = self.browser(self.app.office_port)
        page = await browser.post("/sign-in", {"token": ticket})
        assert page.address == "/office", page.text
        return browser

    async def invited(self, office: Browser, role: str, name: str = "Kim") -> Browser:
        """Return a browser signed in to the office by a link a manager made."""
        made = await office.submit(await office.get("/office/team"), "/office/team/invite", name=name, role=role)
        found = re.search(r"/sign-in#([A-Za-z0-9_-]+)", made.text)
        assert found, made.text
        browser = self.browser(self.app.office_port)
        page = await browser.post("/sign-in", {"token": found[1]})
        assert page.address == "/office", page.text
        return browser

    async def phone(self, office: Browser, resident_id: str = "res-1") -> Browser:
        """Return a phone connected by an invitation from the office."""
        token = await self.invite(office, resident_id)
        phone = self.stranger()
        page = await phone.post("/i", {"token": token})
        assert page.address == "/", page.text
        return phone

    async def invite(self, office: Browser, resident_id: str = "res-1") -> str:
        """Make an invitation in the office and return its token."""
        page = await office.get(f"/office/residents/{resident_id}")
        made = await office.submit(page, f"/office/residents/{resident_id}/invite")
        found = re.search(r"/i#([A-Za-z0-9_-]+)", made.text)
        assert found, made.text
        return found[1]

    async def make_pass(self, office: Browser, resident_id: str = "res-1", **fields: str) -> str:
        """Make a guest pass in the office and return the token of its link."""
        wanted = {"resident": resident_id, "label": "Tom", "kwh": "20", "days": "3", "uses": "1", "stalls": "all"}
        made = await office.submit(await office.get("/office/guests"), "/office/guests", **(wanted | fields))
        found = re.search(r"/g#([A-Za-z0-9_-]+)", made.text)
        assert found, made.text
        return found[1]

    async def guest(self, office: Browser, resident_id: str = "res-1", **fields: str) -> Browser:
        """Return a phone with a guest pass from the office."""
        return await self.guest_with(await self.make_pass(office, resident_id, **fields))

    async def guest_with(self, token: str) -> Browser:
        """Return another phone with the pass of a link."""
        phone = self.stranger()
        page = await phone.post("/g", {"token": token})
        assert page.address.startswith("/g?said=connected"), page.text
        return phone

    async def unlinked(self) -> None:
        """Return when the app has noticed that the integration is gone."""
        while self.app.link.live.connected:
            async with self.http.get(f"http://127.0.0.1:{self.app.link_port}/link/health") as answer:
                await answer.read()

    async def code(self, office: Browser, number: int = 1) -> str:
        """Return what is on a stall's QR code."""
        codes: list[str] = re.findall(r"/s/([0-9A-Z]{16})<", (await office.get("/office/stalls")).text)
        return codes[number - 1]


def role_admin(what: str, body: dict[str, Any]) -> dict[str, Any]:
    """Decide like an integration that lets everyone do everything."""
    if what == "role":
        return {"ok": True, "result": {"role": "admin", "resident_id": None}}
    return {"ok": True, "result": {"session_id": "5e55"} if what == "start" else {}}


@asynccontextmanager
async def open_house(
    path: Path, clock: Clock | None = None, *, outside: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[House]:
    """Run the app on free ports of the loopback; `outside` is what it meets the world with."""
    clock = clock or Clock()
    chosen: dict[str, Any] = {
        "data_dir": path,
        "portal_host": "127.0.0.1",
        "portal_port": 0,
        "office_port": 0,
        "link_port": 0,
    }
    app = App(Settings(**(chosen | settings)), clock, **(outside or {}))
    await app.start()
    sessions: list[ClientSession] = []
    try:
        async with ClientSession() as http:
            yield House(app=app, clock=clock, http=http, _open=sessions)
    finally:
        for session in sessions:
            await session.close()
        await app.stop()


@dataclass
class Furnished:
    """A house with its integration connected, a manager in the office, and Ada's phone."""

    house: House
    integration: Integration
    office: Browser
    phone: Browser
    code: str

    @classmethod
    async def of(cls, house: House) -> Self:
        integration = house.integration()
        integration.decide = role_admin
        await integration.connect()
        office = await house.office(integration)
        return cls(
            house=house,
            integration=integration,
            office=office,
            phone=await house.phone(office),
            code=await house.code(office),
        )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def furnished(house: House) -> Furnished:
    return await Furnished.of(house)
