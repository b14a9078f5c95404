"""The whole running system, started once for all tests of a module, and the people around it, attackers too.

What somebody forges is sent with plain aiohttp; nothing of the product is imported. What they got is asked of the
simulated registers, why they did not of the journal (read as rows) and the logs of app and Home Assistant.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
import functools
import json
import os
from pathlib import Path
import re
import sqlite3
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from demo.building import RunningStall
from demo.car import Car
from demo.clock.authority import ClockSelector, now
from demo.forms import Browser
from demo.home_assistant import PASSWORD
from demo.lindenhof import Lindenhof, lindenhof
from demo.owners import set_up
from demo.programs import ROOT, Program
from demo.stalls import LINDENHOF, Model, stalls_of
from demo.timetable import RESIDENTS
from tests.e2e.people import HomeUser, Phone

EVENING = datetime(2026, 11, 17, 21, 0, tzinfo=ZoneInfo("Europe/Berlin"))
HA_PYTHON = os.environ.get("EVSHARE_HA_PYTHON", str(ROOT / ".venvs" / "demo" / "bin" / "python"))

LAUNDRY = """
mobile_app:
input_boolean:
  wish:
    name: Wish
script:
  helpful:
    sequence:
      - action: "{{ what }}"
        data: "{{ with_data }}"
automation:
  - id: wishes
    alias: Wishes
    mode: parallel
    triggers:
      - trigger: event
        event_type: wish
    actions:
      - action: "{{ trigger.event.data.what }}"
        data: "{{ trigger.event.data.with_data }}"
"""
"""A script and an automation of a trusting owner: they do whatever they are told, and every user can tell them."""


@dataclass
class SharedHouse:
    """The running building, who lives there, and who would like to."""

    place: Lindenhof
    clock: ClockSelector
    runner: asyncio.Runner
    phones: dict[str, Phone] = field(default_factory=dict)
    """Connected phones of residents, by first name."""
    users: dict[str, HomeUser] = field(default_factory=dict)
    """Home Assistant's users without admin rights, by name."""

    # --- people ------------------------------------------------------------------------------------------------------

    @property
    def office(self) -> Browser:
        """The manager's browser."""
        assert self.place.office is not None
        return self.place.office

    def stranger(self, cookies: dict[str, str] | None = None) -> Phone:
        """A phone nobody invited, perhaps with cookies it should not have."""
        return Phone(self.place.portal_url, cookies)

    async def invite(self, name: str) -> tuple[str, str]:
        """Make an invitation in the office; return its token and its short code."""
        page = await self.office.open(f"/office/residents/{self.resident_id(name)}")
        page = await self.office.send(page, "/invite")
        token = re.search(r"/i#([A-Za-z0-9_-]+)", page.html)
        code = re.search(r"\b([0-9A-Z]{4}-[0-9A-Z]{4})\b", page.text)
        assert token, page.text
        assert code, page.text
        return token[1], code[1]

    async def guest_pass(self, host: str, **fields: str) -> str:
        """Make a guest pass in the office; return the token of its link."""
        page = await self.office.open("/office/guests")
        wanted = {"resident": self.resident_id(host), "label": "Tom", "kwh": "20", "days": "3", "uses": "1"}
        made = await self.office.send(page, "/office/guests", wanted | fields)
        found = re.search(r"/g#([A-Za-z0-9_-]+)", made.html)
        assert found, made.text
        return found[1]

    async def guest(self, token: str) -> Phone:
        """A phone with a guest pass."""
        phone = self.stranger()
        answer = await phone.post("/g", {"token": token})
        assert answer.said == "connected", answer
        return phone

    def resident_id(self, name: str) -> str:
        """The id of a resident by their first name."""
        return next(known for full, known in self.place.residents.items() if full.split()[0] == name)

    # --- stalls ------------------------------------------------------------------------------------------------------

    def stall(self, number: int) -> RunningStall:
        """A simulated stall: its register is the truth."""
        return self.place.building.stall(f"stall-{number}")

    def page_of(self, number: int) -> str:
        """What is on the QR code of a stall, without the host."""
        address = self.place.stall_pages[f"Stall {number}"]
        return address[address.index("/s/") :]

    def stall_id(self, number: int) -> str:
        """The product's id of a stall."""
        name = f"Stall {number}"
        found: str = self.books("SELECT stall_id FROM stall WHERE name = ?", name)[0]["stall_id"]
        return found

    async def replug(self, number: int) -> None:
        """A car is plugged in just now."""
        stall = self.stall(number)
        if stall.car is not None:
            stall.unplug()
            await self.passes(10)
        stall.plug(hungry())
        await self.passes(10)

    async def cars_change(self) -> None:
        """Another hungry car is plugged in at every stall; whatever ran is over."""
        for stall in self.place.building.stalls:
            if stall.car is not None:
                stall.unplug()
        await self.passes(15)
        for stall in self.place.building.stalls:
            stall.plug(hungry())
        await self.passes(15)

    async def plugged_long_ago(self, number: int) -> None:
        """The car stands there for longer than a plug-in counts as presence (300 s)."""
        # Whoever charged on the same plug-in would be believed.
        await self.replug(number)
        await self.passes(320)

    async def passes(self, seconds: float) -> None:
        """Let the building's time pass."""
        self.clock.let_go()
        await asyncio.sleep(seconds)
        self.clock.hold_again()

    async def until(self, holds: Callable[[], bool], seconds: int = 60) -> None:
        """Let the building's time pass until something holds."""
        for _ in range(seconds):
            if holds():
                return
            await self.passes(1)
        pytest.fail(f"not within {seconds} s of the building's time")

    @asynccontextmanager
    async def nothing_flows(self, seconds: float = 20) -> AsyncIterator[Evidence]:
        """What happens inside gives nobody at any stall a single Wh, also not some time later."""
        evidence = Evidence(
            self, self.head(), self._size(self.place.app), self._size(self.place.home_assistant.program)
        )
        stalls = self.place.building.stalls
        marks = {stall: stall.mark() for stall in stalls}
        yield evidence
        await self.passes(seconds)
        flowed_wh = {stall.plan.name: stall.delivered_wh_since(mark) for stall, mark in marks.items()}
        assert not any(flowed_wh.values()), f"Wh that flowed: {flowed_wh}"
        assert any(stall.car is not None and not stall.car.full for stall in stalls), "nobody wanted anything"

    # --- what is written ---------------------------------------------------------------------------------------------

    def head(self) -> int:
        """The newest record of the journal."""
        return int(self.journal("SELECT max(seq) AS seq FROM record")[0]["seq"] or 0)

    def records(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        """The journal's records of a kind, as it holds them."""
        rows = self.journal("SELECT body FROM record WHERE kind = ? AND seq > ? ORDER BY seq", kind, after)
        return [json.loads(row["body"]) for row in rows]

    def journal(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Rows of Home Assistant's journal."""
        return self._rows(self.place.journal_file, sql, *values)

    def books(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Rows of the app's books."""
        return self._rows(self.place.books_file, sql, *values)

    def age_cookie(self, name: str, days: int) -> None:
        """Make a phone's cookie as old as if it had been given so many days ago: nobody waits for a month."""
        ms = days * 86_400_000
        connection = sqlite3.connect(self.place.books_file, timeout=10)
        with connection:
            changed = connection.execute(
                "UPDATE device SET token_ms = coalesce(token_ms, created_ms) - ?, created_ms = created_ms - ?"
                " WHERE resident_id = ?",
                (ms, ms, self.resident_id(name)),
            )
            assert changed.rowcount == 1
        connection.close()

    @staticmethod
    def _rows(file: Path, sql: str, *values: object) -> list[sqlite3.Row]:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    @staticmethod
    def _size(program: Program) -> int:
        return program.log.stat().st_size


@dataclass(frozen=True)
class Evidence:
    """What was written since an attack began."""

    house: SharedHouse
    seq: int
    app_bytes: int
    ha_bytes: int

    def denied(self) -> list[tuple[str, str]]:
        """Who was refused in the journal: by what they asked (kind of credential), and why."""
        return [(body["credential_kind"], body["reason"]) for body in self.house.records("denied", self.seq)]

    def authorised(self) -> list[dict[str, Any]]:
        """Sessions that were let in."""
        return self.house.records("session_authorised", self.seq)

    def ended(self) -> list[str]:
        """Why sessions ended."""
        return [body["stop_reason"] for body in self.house.records("session_ended", self.seq)]

    def app_log(self) -> str:
        """What the app logged."""
        return self._since(self.house.place.app, self.app_bytes)

    def ha_log(self) -> str:
        """What Home Assistant logged."""
        return self._since(self.house.place.home_assistant.program, self.ha_bytes)

    @staticmethod
    def _since(program: Program, start: int) -> str:
        return program.log.read_bytes()[start:].decode(errors="replace")


def hungry() -> Car:
    """A car that takes whatever it is given, all night."""
    return Car(name="hungry", need_wh=90_000)


type Attack = Callable[[SharedHouse], Coroutine[Any, Any, None]]


def played(attack: Attack) -> Callable[[SharedHouse], None]:
    """Make a test of what happens in the building's own event loop, which holds its clock."""

    @functools.wraps(attack)
    def test(house: SharedHouse) -> None:
        house.runner.run(attack(house))

    return test


def open_shared(
    folder: Path, models: Sequence[Model], furnish: Callable[[SharedHouse], Awaitable[None]]
) -> tuple[SharedHouse, Callable[[], None]]:
    """Start everything with one stall for each of `models`; return the building and what ends it."""
    plan = replace(LINDENHOF, stalls=stalls_of(models))
    selector = ClockSelector(EVENING)
    selector.hold_again()
    runner = asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector))
    stack = AsyncExitStack()

    async def begin() -> SharedHouse:
        place = await stack.enter_async_context(
            lindenhof(folder, HA_PYTHON, now, plan=plan, clock=selector.address, record=False)
        )
        with (place.home_assistant.folder / "configuration.yaml").open("a") as file:
            file.write(LAUNDRY)
        house = SharedHouse(place=place, clock=selector, runner=runner)
        await set_up(place, lambda _: None)
        await furnish(house)
        return house

    async def end(house: SharedHouse | None) -> None:
        for one in [*house.phones.values(), *house.users.values()] if house else []:
            await one.close()
        await stack.aclose()

    def close(house: SharedHouse | None = None) -> None:
        try:
            runner.run(end(house))
        finally:
            runner.close()
            selector.work.stop()
            selector.clock.stop()

    try:
        house = runner.run(begin())
    except BaseException:
        close()
        raise
    return house, functools.partial(close, house)


async def new_user(house: SharedHouse, name: str) -> HomeUser:
    """Add a user of Home Assistant without admin rights, and log in."""
    ha = house.place.home_assistant
    user = await ha.websocket({"type": "config/auth/create", "name": name, "group_ids": ["system-users"]})
    user_id = user["user"]["id"]
    login = {"username": name.lower(), "password": PASSWORD}
    await ha.websocket({"type": "config/auth_provider/homeassistant/create", "user_id": user_id, **login})
    client = f"{ha.url}/"
    begin = {"client_id": client, "handler": ["homeassistant", None], "redirect_uri": client}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{ha.url}/auth/login_flow", json=begin) as response:
            flow = await response.json()
        async with http.post(
            f"{ha.url}/auth/login_flow/{flow['flow_id']}", json={"client_id": client, **login}
        ) as done:
            code = (await done.json())["result"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client}
        async with http.post(f"{ha.url}/auth/token", data=form) as response:
            refresh_token = (await response.json())["refresh_token"]
    return HomeUser(ha.url, user_id, refresh_token)


async def office_opens(house: SharedHouse) -> None:
    """The manager comes in and reads the signs of the stalls."""
    # The app is still being told what the building is.
    await house.passes(10)
    await house.place.enter_office()
    await house.place.read_stall_signs(house.office)


async def people_arrive(house: SharedHouse) -> None:
    """Cards, phones and logins of those who live here, and a hungry car at every stall."""
    place = house.place
    ha = place.home_assistant
    await office_opens(house)
    for name in ("Chen", "Bruno", "Hana", "Ivo"):
        token, _ = await house.invite(name)
        phone = house.phones[name] = house.stranger()
        answer = await phone.post("/i", {"token": token})
        assert (answer.status, answer.location) == (303, "/"), answer
    # At the wall reader of stall 2.
    for person in RESIDENTS:
        if person.name.split()[0] in ("Ada", "Dilek"):
            assert person.card_uid is not None
            await ha.post(
                "/api/services/evshare/enrol_card",
                {"device_id": place.stall_devices["stall-2"], "resident": place.residents[person.name]},
            )
            await house.stall(2).tap(person.card_uid)
            await house.passes(5)
    house.users["Nosy"] = await new_user(house, "Nosy")
    emil = house.users["Emil"] = await new_user(house, "Emil")
    place.residents["Emil at home"] = await ha.subentry_flow(
        place.entry_id, "resident", {"name": "Emilia Mapped", "ha_user_id": emil.user_id}
    )
    await house.cars_change()
