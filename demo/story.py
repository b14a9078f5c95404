"""The story: an evening, a night and a sunny morning of the building, then the month's close, faster than real time.

Nobody watches; real processes talk real protocols on borrowed time (`demo.clock`). What happened is printed and
checked against the simulator's registers (`checks.py`).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
import shutil
import time

from .car import Car
from .checks import Truth
from .clock.authority import GRAIN_S, ClockSelector, now, run_on_virtual_time
from .forms import PageError
from .lindenhof import Lindenhof, lindenhof
from .owners import add_everything, close_month, furnish, look_at_statements, start
from .report import ZONE, Happened, report
from .timetable import (
    APP_STARTS,
    APP_STOPS,
    HOME_ASSISTANT_STARTS,
    HOME_ASSISTANT_STOPS,
    RESIDENTS,
    STRANGER_UID,
    VISITS,
    By,
    Visit,
    minutes,
)

FIRST_DAY = datetime(2026, 6, 29, tzinfo=ZONE)
START = datetime(2026, 6, 29, 16, 0, tzinfo=ZONE)
CLOSING_TIME = datetime(2026, 7, 1, 0, 20, tzinfo=ZONE)
NOBODY_THERE_GRAIN_S = 4.0
"""While no car is there, connectors may be read some seconds late."""
PEOPLE = {person.name: person for person in RESIDENTS}


def at(text: str) -> datetime:
    """Return the instant of a timetable entry."""
    return (FIRST_DAY + timedelta(minutes=minutes(text))).astimezone(UTC)


class Story:
    """Plays the timetable on a building that is set up."""

    def __init__(self, place: Lindenhof, clock: ClockSelector, say: Callable[[str], None]) -> None:
        self._place = place
        self._clock = clock
        self._say = say
        self.happened = Happened()

    async def play(self) -> None:
        """Play everything; visits overlap as they do in a building."""
        async with asyncio.TaskGroup() as group:
            for visit in VISITS:
                group.create_task(self._visit(visit))
            group.create_task(self._home_assistant_restarts())
            group.create_task(self._app_is_away())
            group.create_task(self._tell_progress())

    async def _until(self, moment: datetime) -> None:
        await asyncio.sleep(max(0.0, (moment - now()).total_seconds()))

    async def _visit(self, visit: Visit) -> None:
        stall = self._place.building.stall(visit.stall)
        await self._until(at(visit.comes))
        mark = stall.mark()
        name = f"{visit.person}'s car"
        stall.plug(Car(name=name, need_wh=visit.need_kwh * 1000, max_a=visit.amps, phases=visit.phases))
        await asyncio.sleep(40)
        try:
            if visit.by is By.STRANGER:
                await stall.tap(STRANGER_UID)
            elif visit.by is By.CARD:
                uid = PEOPLE[visit.person].card_uid
                assert uid is not None
                await stall.tap(uid)
            else:
                await self._start_by_phone(visit, stall.plan.name)
        except (PageError, ValueError) as error:
            self.happened.troubles.append(f"{visit.person} at {stall.plan.name}: {error}")
        await self._until(at(visit.leaves))
        stall.unplug()
        # What the register shows is whole Wh at both ends, as on the statement.
        delivered_wh = stall.delivered_wh_since(mark)
        self.happened.truths.append(
            Truth(
                stall=stall.plan.name,
                person=visit.person,
                stranger=visit.by is By.STRANGER,
                delivered_wh=delivered_wh,
            )
        )
        self.happened.rows.append((at(visit.comes), stall.plan.name, visit.person, visit.by.value, delivered_wh))
        self._say(
            f"{_clock_face()}  {stall.plan.name}: {visit.person} leaves with {delivered_wh / 1000:.3f} kWh"
            f" ({visit.by.value})"
        )

    async def _start_by_phone(self, visit: Visit, stall_name: str) -> None:
        phone = self._place.phones[visit.person]
        for _ in range(6):
            page = await phone.open(self._place.stall_pages[stall_name])
            if any("/start" in form.action for form in page.forms):
                mode = "solar_only" if visit.solar else "fast"
                page = await phone.send(page, "/start", {"mode": mode})
                if page.status == 200:
                    return
                raise PageError(f"start answered {page.status}: {page.text[:300]}")
            await asyncio.sleep(10)  # the page shows the plug a poll later
        raise PageError(f"no start button: {page.text[:300]}")

    async def _home_assistant_restarts(self) -> None:
        await self._until(at(HOME_ASSISTANT_STOPS))
        with self._clock.held():
            await self._place.home_assistant.stop()
        self._say(f"{_clock_face()}  Home Assistant stops")
        marks = {stall: stall.mark() for stall in self._place.building.stalls}
        await self._until(at(HOME_ASSISTANT_STARTS))
        self.happened.without_home_assistant_wh = sum(stall.delivered_wh_since(mark) for stall, mark in marks.items())
        with self._clock.held():
            await self._place.home_assistant.start()
        self._say(f"{_clock_face()}  Home Assistant is back")

    async def _app_is_away(self) -> None:
        await self._until(at(APP_STOPS))
        with self._clock.held():
            await self._place.app.stop()
        stopped = now()
        self._say(f"{_clock_face()}  the app stops")
        await self._until(at(APP_STARTS))
        self.happened.app_away = (stopped, now())
        with self._clock.held():
            await self._place.app.start()
            await self._place.until_app_answers()
        self._say(f"{_clock_face()}  the app is back")

    async def _tell_progress(self) -> None:
        end = max(at(visit.leaves) for visit in VISITS)
        while now() < end:
            await asyncio.sleep(900)
            cars = [stall for stall in self._place.building.stalls if stall.car is not None]
            watts = sum(stall.power_w for stall in cars)
            self._say(f"{_clock_face()}  {len(cars)} cars, {watts / 1000:.1f} kW")


def _clock_face() -> str:
    return f"{now().astimezone(ZONE):%a %H:%M}"


def play(folder: Path, python_of_ha: str) -> bool:
    """Play the whole story; returns whether every check holds."""
    shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:5.0f} s] {text}", flush=True)

    async def main(clock: ClockSelector) -> bool:
        async with lindenhof(folder, python_of_ha, now, clock=clock.address, record=False) as place:
            with clock.held():
                await start(place, say)
            await add_everything(place, say)
            marks = {stall.plan.name: stall.true_register_wh() for stall in place.building.stalls}
            await furnish(place, place.plan.stalls, say)
            say(f"It is {_clock_face()}; the story begins")
            story = Story(place, clock, say)
            await story.play()
            say("Everybody has left; waiting for the month to end")
            clock.grain_s = NOBODY_THERE_GRAIN_S
            await asyncio.sleep((CLOSING_TIME - now()).total_seconds())
            clock.grain_s = GRAIN_S
            say("Closing June")
            await close_month(place, say)
            story.happened.portal_pages = await look_at_statements(place)
            flowed_wh = {
                stall.plan.name: stall.true_register_wh() - marks[stall.plan.name] for stall in place.building.stalls
            }
            with clock.held():
                await place.app.stop()
            return report(place, story.happened, flowed_wh)

    return run_on_virtual_time(START, main)
