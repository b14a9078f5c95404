"""The building to look at: in real time, with cars that come and go, until Ctrl-C."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
import random
import shutil
import signal
import sys

from .building import RunningStall
from .car import Car
from .home_assistant import PASSWORD, USERNAME
from .lindenhof import Lindenhof, lindenhof
from .owners import BY_SOURCE, furnish, offer_market_price, start
from .stalls import CardReader
from .timetable import RESIDENTS, STRANGER_UID, Person

GUEST = "Jana Østby"
"""Her invitation is printed, so that whoever watches can be her."""
PLUGGED_AGAIN_S = 240
"""A phone may start what was plugged in within the last five minutes."""


def _now() -> datetime:
    return datetime.now(UTC)


def _say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", flush=True)  # noqa: DTZ005  # the watcher's own clock


async def _car_comes(place: Lindenhof, stall: RunningStall, person: Person, dice: random.Random) -> None:
    """One visit: plug in, tap, charge for a few minutes, leave."""
    stall.plug(Car(name=f"{person.name}'s car", need_wh=dice.randint(500, 4000), max_a=16, phases=dice.choice((1, 3))))
    await asyncio.sleep(dice.uniform(4, 12))
    stranger = dice.random() < 0.1
    assert person.card_uid is not None
    await stall.tap(STRANGER_UID if stranger else person.card_uid)
    _say(f"{stall.plan.name}: {'a stranger' if stranger else person.name} plugs in and taps a card")
    mark = stall.mark()
    await asyncio.sleep(dice.uniform(60, 120) if stranger else dice.uniform(180, 600))
    stall.unplug()
    _say(f"{stall.plan.name}: drives off with {stall.delivered_wh_since(mark) / 1000:.2f} kWh")


async def _life(place: Lindenhof) -> None:
    """Cars come to all stalls but the first, which is left to whoever watches."""
    dice = random.Random(place.plan.seed)
    free = [person for person in RESIDENTS if person.card_uid and person.name != GUEST]

    async def stall_lives(stall: RunningStall) -> None:
        await asyncio.sleep(dice.uniform(0, 40))
        while True:
            person = free.pop(dice.randrange(len(free)))
            try:
                await _car_comes(place, stall, person, dice)
            finally:
                free.append(person)
            await asyncio.sleep(dice.uniform(20, 120))

    async with asyncio.TaskGroup() as group:
        for stall in place.building.stalls[1:]:
            group.create_task(stall_lives(stall))


async def _waiting_car(place: Lindenhof) -> None:
    """Keep a car at the first stall that was plugged in just now, until whoever watches starts it; and again after."""
    stall = place.building.stall("stall-1")
    while True:
        if await place.home_assistant.state("sensor.stall_1_status") in ("available", "preparing", "finishing"):
            if stall.car is not None:
                stall.unplug()
                await asyncio.sleep(10)
            stall.plug(Car(name="the watcher's car", need_wh=40_000))
        await asyncio.sleep(PLUGGED_AGAIN_S)


async def _where_to_look(place: Lindenhof) -> None:
    assert place.office is not None
    guest = next(person for person in RESIDENTS if person.name == GUEST)
    print(
        f"""
  Home Assistant   {place.home_assistant.url}   user {USERNAME}, password {PASSWORD}
  Office           {await place.office_link()}
                   (works once and for a minute; press Enter for a new one, or use the panel in Home Assistant)
  A resident       {await place.invite(place.office, guest)}
                   ({GUEST}'s invitation: open it once, then you are her; her price follows the market by the hour,
                   everybody else's where the energy comes from)
  QR of Stall 1    {place.stall_pages["Stall 1"]}
                   (a car is plugged in there; start it as {GUEST})

Cars come and go at the other stalls. Ctrl-C ends everything.
""",
        flush=True,
    )


def _enter(pressed: asyncio.Event) -> None:
    sys.stdin.readline()
    pressed.set()


async def _new_links(place: Lindenhof) -> None:
    """Print a fresh link to the office whenever Enter is pressed."""
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), _enter, pressed)
    except OSError, ValueError:
        return  # no terminal
    while True:
        await pressed.wait()
        pressed.clear()
        print(f"  Office           {await place.office_link()}", flush=True)


async def _set_up(place: Lindenhof) -> None:
    """As the story's owners do, but nobody watches a contactor rest: what takes a minute is done beside the others."""
    slow = [stall for stall in place.plan.stalls if stall.behind_contactor]
    quick = [stall for stall in place.plan.stalls if not stall.behind_contactor]
    names = ", ".join(stall.name for stall in slow)

    async def add_slow() -> None:
        _say(f"A contactor rests for a minute before it closes for the look at {names}; the rest goes on meanwhile")
        await place.add_stalls(slow, _say)
        _say(f"  {names} answered: looked at and kept")

    await start(place, _say)
    _say("Adding stalls and residents")
    await place.add_building()
    await place.add_stalls(quick, _say)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(add_slow())
        await place.add_residents()
        # Their readers are on the wall; a KEBA holds each card for a while.
        at_walls = [stall for stall in quick if stall.reader is CardReader.HOME_ASSISTANT]
        await furnish(place, at_walls, _say, BY_SOURCE)
        await offer_market_price(place, GUEST)
        if not looking.done():
            _say(f"Everything else is there; waiting for {names}")


def live(folder: Path, python_of_ha: str) -> None:
    """Run the building in `folder` until Ctrl-C."""
    shutil.rmtree(folder, ignore_errors=True)

    async def main() -> None:
        this = asyncio.current_task()
        assert this is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
        async with lindenhof(folder, python_of_ha, _now) as place:
            await _set_up(place)
            await _where_to_look(place)
            async with asyncio.TaskGroup() as group:
                group.create_task(_waiting_car(place))
                group.create_task(_life(place))
                if sys.stdin.isatty():
                    group.create_task(_new_links(place))

    try:
        asyncio.run(main())
    except KeyboardInterrupt, asyncio.CancelledError:
        print("\nEverything has ended.")
