"""The building to look at: in real time, with cars that come and go, until Ctrl-C."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
import random
import shutil
import sys

from .building import RunningStall
from .car import Car
from .home_assistant import PASSWORD, USERNAME
from .lindenhof import Lindenhof, lindenhof
from .owners import furnish, set_up
from .stalls import CardReader
from .timetable import RESIDENTS, STRANGER_UID, Person

GUEST = "Jana Østby"
"""Her invitation is printed, so that whoever watches can be her."""


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


async def _where_to_look(place: Lindenhof) -> None:
    assert place.office is not None
    guest = next(person for person in RESIDENTS if person.name == GUEST)
    place.building.stall("stall-1").plug(Car(name="the watcher's car", need_wh=40_000))
    print(
        f"""
  Home Assistant   {place.home_assistant.url}   user {USERNAME}, password {PASSWORD}
  Office           {await place.office_link()}
                   (works once and for a minute; press Enter for a new one, or use the panel in Home Assistant)
  A resident       {await place.invite(place.office, guest)}
                   ({GUEST}'s invitation: open it once, then you are her)
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


def live(folder: Path, python_of_ha: str) -> None:
    """Run the building in `folder` until Ctrl-C."""
    shutil.rmtree(folder, ignore_errors=True)

    async def main() -> None:
        async with lindenhof(folder, python_of_ha, _now) as place:
            await set_up(place, _say)
            at_walls = [stall for stall in place.plan.stalls if stall.reader is CardReader.HOME_ASSISTANT]
            await furnish(place, at_walls, _say)
            await _where_to_look(place)
            async with asyncio.TaskGroup() as group:
                group.create_task(_life(place))
                if sys.stdin.isatty():
                    group.create_task(_new_links(place))

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("\nEverything has ended.")
