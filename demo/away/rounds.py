"""Four rounds: in each, all places live through the same eight minutes without Home Assistant.

A round begins and ends without cars, on a quarter hour: there slices are cut, so none belongs to two rounds.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from demo.car import Car
from demo.clock.authority import ClockSelector, now

from .house import House, Plug
from .parking import PLACES, Parking

AWAY_S = 480
CHARGED_S = 240
"""How long a resident charges before Home Assistant stops."""
BACK_S = 90
"""How long the cars stay after it is back."""
LEAVES_S, NEXT_COMES_S, NEXT_LEAVES_S = 60, 240, 420
"""After Home Assistant stopped. By the time the next one comes every watchdog has noticed the silence."""
QUARTER_S = 900
BEGINS_S = 60
"""Nobody comes sooner in a round: what a meter shows only after the quarter hour may have flowed before it."""


class Round(StrEnum):
    """What happens while Home Assistant is away."""

    STAYS = "the resident stays"
    SWAPPED = "the resident leaves and a stranger comes"
    STRANGER = "a stranger comes to a free place"
    GUEST = "a car comes and leaves"


SESSIONS = frozenset({Round.STAYS, Round.SWAPPED})
"""Rounds in which a resident is let in before Home Assistant stops."""


@dataclass
class Seen:
    """What the simulator knows of one place in one round. Whole Wh."""

    resident_wh: int = 0
    """What flowed into the resident's car in all…"""
    resident_before_wh: int = 0
    """…and of it before Home Assistant stopped."""
    stranger_wh: int = 0
    """What flowed into a car that nobody let in, in all…"""
    stranger_alone_wh: int = 0
    """…and of it while Home Assistant was dead."""
    alone_wh: int = 0
    """What flowed while Home Assistant was dead, whoever got it."""
    drew_when_it_came_back: bool = False
    draws_again: bool = False
    """The car that is there draws some time after Home Assistant is back."""

    @property
    def flowed_wh(self) -> int:
        """What the register moved."""
        return self.resident_wh + self.stranger_wh


@dataclass
class Played:
    """One round."""

    round: Round
    begins: datetime
    ends: datetime
    seen: dict[str, Seen] = field(default_factory=dict)
    """By the place's name."""


class Play:
    """Plays the rounds at a house that is set up."""

    def __init__(self, house: House, clock: ClockSelector, say: Callable[[str], None]) -> None:
        self._house = house
        self._clock = clock
        self._say = say
        self._dead, self._returns, self._back = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._before: dict[str, int] = {}
        """What each place had delivered when Home Assistant was told to stop."""

    async def play(self, which: Round) -> Played:
        """Play one round at all places at once. Begins now, which is a quarter hour."""
        begins = now().replace(microsecond=0)
        self._dead, self._returns, self._back = asyncio.Event(), asyncio.Event(), asyncio.Event()
        played = Played(round=which, begins=begins, ends=begins)
        self._say(f"{now():%H:%M}  {which}")
        async with asyncio.TaskGroup() as group:
            for place in PLACES:
                played.seen[place.name] = seen = Seen()
                group.create_task(self._at(place, which, seen))
            group.create_task(self._home_assistant_is_away(BEGINS_S + (CHARGED_S if which in SESSIONS else 0)))
        played.ends = await quarter_hour()
        return played

    async def _home_assistant_is_away(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._before = {name: plug.mark() for name, plug in self._house.plugs.items()}
        with self._clock.held():
            await self._house.home_assistant.stop()
        self._dead.set()
        await asyncio.sleep(AWAY_S)
        self._returns.set()
        await asyncio.sleep(0)  # everybody notes what the registers show before anything is polled again
        with self._clock.held():
            await self._house.home_assistant.start()
        self._back.set()

    async def _at(self, place: Parking, which: Round, seen: Seen) -> None:
        plug = self._house.plugs[place.name]
        await asyncio.sleep(BEGINS_S)
        begin = plug.mark()
        if which in SESSIONS:
            plug.plug(_car("the resident's car"))
            await asyncio.sleep(15)
            await self._house.authorise(place)
        await self._dead.wait()
        seen.resident_before_wh = self._before[place.name] - begin
        dead = plug.mark()
        noted = asyncio.create_task(self._note_at_return(plug, seen, dead))
        match which:
            case Round.STAYS:
                await self._back.wait()
                await asyncio.sleep(BACK_S)
                seen.draws_again = plug.power_w > 0
            case Round.SWAPPED:
                await asyncio.sleep(LEAVES_S)
                plug.unplug()
                seen.resident_wh = plug.delivered_wh_since(begin)
                # Where nothing counts by plug-in, a car that is still there could not be told from the one before.
                await self._stranger(plug, seen, after_s=NEXT_COMES_S - LEAVES_S, stays=place.counts)
            case Round.STRANGER:
                await self._stranger(plug, seen, after_s=LEAVES_S, stays=True)
            case Round.GUEST:
                await self._stranger(plug, seen, after_s=LEAVES_S, stays=False)
        await noted
        await self._back.wait()
        if which is Round.STAYS:
            plug.unplug()
            seen.resident_wh = plug.delivered_wh_since(begin)
        if which in SESSIONS and not place.sees_plug:
            await self._house.stop_session(place)

    async def _stranger(self, plug: Plug, seen: Seen, *, after_s: float, stays: bool) -> None:
        """Somebody comes, and leaves before or after Home Assistant is back."""
        await asyncio.sleep(after_s)
        mark = plug.mark()
        plug.plug(_car("a stranger's car"))
        if stays:
            await self._returns.wait()
            seen.stranger_alone_wh = plug.delivered_wh_since(mark)
            await self._back.wait()
            await asyncio.sleep(BACK_S)
            seen.draws_again = plug.power_w > 0
        else:
            await asyncio.sleep(NEXT_LEAVES_S - NEXT_COMES_S)
            seen.stranger_alone_wh = plug.delivered_wh_since(mark)
        plug.unplug()
        seen.stranger_wh = plug.delivered_wh_since(mark)

    async def _note_at_return(self, plug: Plug, seen: Seen, dead: int) -> None:
        await self._returns.wait()
        seen.alone_wh = plug.delivered_wh_since(dead)
        seen.drew_when_it_came_back = plug.power_w > 0


async def quarter_hour() -> datetime:
    """Wait for the next one; returns it. The clock may be some milliseconds ahead of it."""
    await asyncio.sleep(QUARTER_S - now().timestamp() % QUARTER_S)
    return now().replace(microsecond=0)


def _car(name: str) -> Car:
    return Car(name=name, need_wh=40_000, max_a=16, phases=3)
