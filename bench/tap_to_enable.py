"""From the tap of a card to the enabling command on the wire, on the whole running system.

A real Home Assistant with the integration, the real app, and a simulated building of eight stalls: KEBA with its own
reader, which is polled, go-e and Alfen with a reader on the wall, which pushes. What is timed, in real time: from the
moment the wall reader posts the card to its webhook, or the KEBA's card register shows it, until the connector has
accepted the command that enables it.

Half of the taps find the building empty, the other half come while others charge: then the supply is shared anew, and
those who charge must be seen to give way first. Time runs at real pace around each tap and faster in between.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
import math
import os
from pathlib import Path
from random import Random
import shutil
import statistics
import time
from zoneinfo import ZoneInfo

import yaml

from demo.building import RunningStall
from demo.car import Car
from demo.clock.authority import ClockSelector, now, run_on_virtual_time
from demo.lindenhof import Lindenhof, lindenhof
from demo.owners import set_up
from demo.programs import ROOT
from demo.stalls import LINDENHOF, CardReader, Model, stalls_of
from demo.timetable import RESIDENTS

PLAN = replace(LINDENHOF, stalls=stalls_of([Model.KEBA_P30, Model.GOE_HTTP_V2, Model.KEBA_P30, Model.ALFEN_EVE] * 2))
NIGHT = datetime(2026, 6, 30, 0, 30, tzinfo=ZoneInfo(PLAN.time_zone))
"""The flats draw little, so the fuse has 6 A for each of eight cars."""
PATIENCE_S = 30.0
"""A tap that has enabled nothing by then was not answered."""
CHARGING_S = 20.0
"""How long the others are left alone after a tap: the car draws and the meters have seen it."""
CARD_GONE_S = 10.0
"""After the unplugging: a polled reader was seen empty, a pushing one believes the same card again."""
GRAIN_S = 2**-4
"""About the pause a KEBA wants between two requests: a poll must not take longer while time runs fast."""
PUSHED_AIM_MS = 100.0

ENABLING: dict[Model, Callable[[str, float], bool]] = {
    Model.KEBA_P30: lambda what, value: what == "5014" and value == 1,
    Model.GOE_HTTP_V2: lambda what, value: what == "frc" and value == 0,  # after `trx`
    Model.ALFEN_EVE: lambda what, value: what == "1210" and value >= 6,
}
"""Which command lets energy flow; the ones before it are on the way."""


def poll_interval_s(model: Model) -> float:
    """Return how often a connector is read while somebody may tap: the quicker of its profile's two paces."""
    profile = ROOT / "custom_components" / "evshare" / "connectors" / "profiles" / f"{model}.yaml"
    polling = yaml.safe_load(profile.read_text())["polling"]
    return float(min(polling["plugged_s"], polling["idle_s"]))


@dataclass(frozen=True, kw_only=True)
class Tap:
    """One measured tap."""

    model: Model
    polled: bool
    others: int
    """Cars that were charging."""
    enabled_s: float | None
    """None: not answered."""


@dataclass
class Wire:
    """Listens to the commands one stall accepts."""

    stall: RunningStall
    _enabled: asyncio.Future[float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.stall.on_command(self._commanded)

    async def tap(self, uid: str, others: int) -> Tap:
        """Show a card and wait for what comes of it."""
        self._enabled = asyncio.get_running_loop().create_future()
        began_s = time.perf_counter()
        # The reader's own answer from Home Assistant is not waited for before the command is.
        shown = asyncio.ensure_future(self.stall.tap(uid))
        enabled_s: float | None = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                enabled_s = await self._enabled - began_s
        except TimeoutError:
            pass
        await shown
        self._enabled = None
        return Tap(
            model=self.stall.plan.model,
            polled=self.stall.plan.reader is CardReader.OWN,
            others=others,
            enabled_s=enabled_s,
        )

    def _commanded(self, what: str, value: float) -> None:
        at_s = time.perf_counter()
        if self._enabled is None or self._enabled.done():
            return
        if ENABLING[self.stall.plan.model](what, value):
            self._enabled.set_result(at_s)


class Bench:
    """Cars come, cards are tapped, cars leave, until there are enough taps."""

    def __init__(self, place: Lindenhof, clock: ClockSelector, chance: Random, say: Callable[[str], None]) -> None:
        self._place = place
        self._clock = clock
        self._chance = chance
        self._say = say
        self._wires = [Wire(stall) for stall in place.building.stalls]
        # As `Lindenhof.enrol_cards` enrolled them: one resident per stall, since nobody may have two sessions.
        cards = [person.card_uid for person in RESIDENTS if person.card_uid is not None]
        self._cards = {wire.stall.plan.id: uid for wire, uid in zip(self._wires, cards, strict=True)}
        self._status: dict[str, str] = {}
        self.taps: list[Tap] = []

    async def run(self, taps: int) -> None:
        """Measure so many taps, round by round."""
        await self._find_entities()
        together = False
        while len(self.taps) < taps:
            wires = self._chance.sample(self._wires, len(self._wires))[: taps - len(self.taps)]
            if together:
                await self._together(wires)
            else:
                for wire in wires:
                    await self._together([wire])
            together = not together
            self._say(self._progress(taps))

    async def _find_entities(self) -> None:
        devices = {device: stall for stall, device in self._place.stall_devices.items()}
        for entity in await self._place.home_assistant.websocket({"type": "config/entity_registry/list"}):
            if entity["translation_key"] == "status" and entity["device_id"] in devices:
                self._status[devices[entity["device_id"]]] = entity["entity_id"]

    async def _together(self, wires: Sequence[Wire]) -> None:
        """Let cars come, start one after the other, and leave."""
        for wire in wires:
            wire.stall.plug(Car(name=f"{wire.stall.plan.name}'s car", need_wh=60_000))
        await self._until(wires, "preparing")
        for others, wire in enumerate(wires):
            self.taps.append(await self._measured(wire, others))
            await asyncio.sleep(CHARGING_S)
        for wire in wires:
            wire.stall.unplug()
        await self._until(wires, "available")
        await asyncio.sleep(CARD_GONE_S)

    async def _measured(self, wire: Wire, others: int) -> Tap:
        """Tap at any moment between two polls, at real time's pace."""
        await asyncio.sleep(self._chance.uniform(0, 5 * poll_interval_s(wire.stall.plan.model)))
        with self._clock.held():
            await asyncio.sleep(self._chance.uniform(0.1, 0.6))
            return await wire.tap(self._cards[wire.stall.plan.id], others)

    async def _until(self, wires: Sequence[Wire], status: str) -> None:
        async with asyncio.timeout(60):
            for wire in wires:
                await self._place.home_assistant.until_state(self._status[wire.stall.plan.id], status)

    def _progress(self, taps: int) -> str:
        medians = (
            f"{'polled' if polled else 'pushed'} {statistics.median(times):.0f} ms"
            for polled in (False, True)
            if (times := _times_ms(tap for tap in self.taps if tap.polled is polled))
        )
        return f"  {len(self.taps):3} of {taps} taps, median so far: {', '.join(medians)}"


def _times_ms(taps: Iterable[Tap]) -> list[float]:
    return sorted(tap.enabled_s * 1000 for tap in taps if tap.enabled_s is not None)


def report(taps: Sequence[Tap], version: str) -> None:
    """Print the figures."""
    polled_s = poll_interval_s(Model.KEBA_P30)
    print(f"\nFrom the tap to the enabling command on the wire, {len(taps)} taps at {len(PLAN.stalls)} stalls, in ms")
    print(f"{'':44} {'taps':>5} {'median':>8} {'p99':>8} {'min':>8} {'max':>8}")
    for polled, name, aim_ms in (
        (False, "readers that push", PUSHED_AIM_MS),
        (True, f"connectors whose reader is polled ({polled_s:g} s)", polled_s * 1000 + PUSHED_AIM_MS),
    ):
        own = [tap for tap in taps if tap.polled is polled]
        _row(name, own)
        _row("  nobody else charges", [tap for tap in own if not tap.others])
        _row("  others charge and give way", [tap for tap in own if tap.others])
        for model in Model:
            _row(f"  {model}", [tap for tap in own if tap.model is model])
        print(f"  aim: a median under {aim_ms:.0f} ms")
    unanswered = sum(tap.enabled_s is None for tap in taps)
    if unanswered:
        print(f"{unanswered} taps enabled nothing within {PATIENCE_S:g} s; they are in no figure")
    print(f"Home Assistant {version}, {os.process_cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")


def _row(name: str, taps: Sequence[Tap]) -> None:
    times_ms = _times_ms(taps)
    if not times_ms:
        return
    p99_ms = times_ms[math.ceil(0.99 * len(times_ms)) - 1]
    figures = (statistics.median(times_ms), p99_ms, times_ms[0], times_ms[-1])
    print(f"{name:44} {len(times_ms):5} " + " ".join(f"{figure_ms:8.1f}" for figure_ms in figures))


@contextmanager
def _fast(clock: ClockSelector) -> Iterator[None]:
    """Let time pass as fast as it can; it is held again before anybody starts or stops a process."""
    clock.let_go()
    try:
        yield
    finally:
        clock.hold_again()


def run(folder: Path, python_of_ha: str, *, taps: int, seed: int) -> bool:
    """Set the building up in `folder`, measure and print; returns whether every tap was answered."""
    shutil.rmtree(folder, ignore_errors=True)
    began_s = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began_s:5.0f} s] {text}", flush=True)

    async def main(clock: ClockSelector) -> bool:
        clock.grain_s = GRAIN_S
        with clock.held():
            async with lindenhof(folder, python_of_ha, now, plan=PLAN, clock=clock.address, record=False) as place:
                await set_up(place, say)
                say("Enrolling one card per stall")
                with _fast(clock):
                    await place.enrol_cards(PLAN.stalls)
                say(f"Tapping {taps} times")
                bench = Bench(place, clock, Random(seed), say)
                with _fast(clock):
                    await bench.run(taps)
                version = (await place.home_assistant.get("/api/config"))["version"]
        report(bench.taps, version)
        return all(tap.enabled_s is not None for tap in bench.taps)

    return run_on_virtual_time(NIGHT, main)
