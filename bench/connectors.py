"""What connectors cost: many stalls in one Home Assistant, and a few beside Home Assistant's own `modbus`.

The wall connectors are simulated in this process, each on its own socket; Home Assistant runs in another, so that its
CPU time is its own. Both parts poll once a second.

- 50 stalls of all supported models: first with nobody there, then with a car at each that a resident was let in for.
  The second box of a model answers reads across the holes of its register map, as many do, the first refuses them.
- 8 Modbus boxes at which a car charges, ten values each: once as stalls of evshare with a resident let in at each,
  once as YAML sensors of Home Assistant's own `modbus` on the same registers of boxes that are open to everybody; then
  again with one box that accepts connections and is mute. All that evshare does besides reading (metering, sharing,
  journal, its entities) is in its figures.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
import os
from pathlib import Path
import shutil
import time
from typing import Any

import yaml

from demo.boxes import MODELS
from demo.boxes.stand import Stand
from demo.car import Car
from demo.programs import ROOT

from .watched import WatchedHomeAssistant

STALLS = 50
BOXES = 8
VALUES = 10
MAX_A = 16
FUSE_A = 1000
SETTLE_S = 12.0
"""What only happens in the beginning is over by then."""
PEBLAR_TOKEN = "0123456789abcdef0123456789abcdef"
SUPPORTED: Mapping[str, Mapping[str, object]] = {
    "abb_terra_ac": {},
    "alfen_eve": {},
    "bender_cc612": {},
    "bender_icc_4you": {},
    "goe_http_v2": {},
    "goe_modbus": {},
    "heidelberg_ec": {"transport": "modbus_rtu_over_tcp"},
    "keba_p30": {},
    "keba_p40": {},
    "mennekes_compact": {"transport": "modbus_rtu_over_tcp"},
    "mennekes_hcc3": {},
    "nrgkick_gen2_http": {},
    "nrgkick_gen2_modbus": {},
    "openevse_http": {},
    "peblar_modbus": {},
    "peblar_rest": {"token": PEBLAR_TOKEN},
    "phoenix_charx": {},
    "shelly_gen2_contactor": {},
    "smartevse3_http": {},
    "tesla_twc3": {},
    "vestel_evc04": {},
    "warp_http": {},
    "warp_modbus": {},
    "webasto_next": {},
}
"""The models, and what set-up asks for besides the address."""
TEN_VALUES = ("abb_terra_ac", "alfen_eve", "goe_modbus", "nrgkick_gen2_modbus")
"""Models with ten numbers that are read at every poll while a car is there."""
READ_ACROSS: Mapping[str, object] = {"holes": "zero"}
"""These boxes answer reads across the holes of their register maps, as many do."""
NO_WISH: Mapping[str, object] = {}
EVSHARE, MODBUS = WAYS = ("evshare", "modbus")
DATA_TYPES = ("uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One window of time."""

    seconds: float
    cpu_s: float
    polls: int
    failed: int
    rss_mb: float
    late_ms: Mapping[str, float]
    """How late the event loop called: p50, p99, most."""
    asked: Mapping[str, int] = field(default_factory=dict)
    """Requests that reached each box."""

    @property
    def requests(self) -> int:
        """That reached the boxes."""
        return sum(self.asked.values())

    @property
    def load(self) -> float:
        """CPU seconds per second."""
        return self.cpu_s / self.seconds


@dataclass
class Street:
    """Simulated boxes, by name."""

    stands: dict[str, Stand] = field(default_factory=dict)

    def asked(self) -> dict[str, int]:
        """Requests that reached each box so far."""
        return {name: stand.requests for name, stand in self.stands.items()}

    @property
    def charging(self) -> int:
        """At how many energy flows."""
        return sum(stand.power_w > 0 for stand in self.stands.values())

    def plug(self) -> None:
        """A hungry car comes to each."""
        for name, stand in self.stands.items():
            stand.plug(Car(name=f"car at {name}", need_wh=60_000))

    def stalls(self) -> list[dict[str, object]]:
        """The settings of a stall for each."""
        return [
            {
                "id": f"stall{number}",
                "name": name,
                "data": {
                    "connector": stand.model,
                    "host": stand.host,
                    "port": stand.port,
                    "max_current_a": MAX_A,
                    "phase_map": [1, 2, 3],
                    **({} if stand.unit_id is None else {"unit_id": stand.unit_id}),
                    **SUPPORTED[stand.model],
                },
            }
            for number, (name, stand) in enumerate(self.stands.items(), start=1)
        ]

    def hubs(self) -> list[dict[str, object]]:
        """The same boxes in the words of Home Assistant's own `modbus`: ten sensors each."""
        return [
            {
                "name": name,
                "type": "tcp",
                "host": stand.host,
                "port": stand.port,
                "timeout": 3,
                "sensors": [
                    {"name": f"{name} {what}", "scan_interval": 1, "slave": stand.unit_id, **register}
                    for what, register in ten_values(stand.model).items()
                ],
            }
            for name, stand in self.stands.items()
        ]


def ten_values(model: str) -> dict[str, dict[str, object]]:
    """Ten numbers that evshare reads of this model at every poll with a car, as registers."""
    profile = yaml.safe_load(_profile(model))
    tiers = {(table, start, count): tier for table, start, count, tier, _ in profile.get("blocks", [])}
    found: dict[str, dict[str, object]] = {}
    for name, point in profile["points"].items():
        table = point.get("table", profile["defaults"]["table"])
        within = [
            tier
            for (kind, start, count), tier in tiers.items()
            if kind == table and start <= point["addr"] < start + count
        ]
        tier = point.get("tier") or next(iter(within), None)
        if tier not in ("fast", "active") or point["type"] not in DATA_TYPES or "unit_id" in point:
            continue
        order = point.get("word_order", profile["defaults"]["word_order"])
        found[name] = {
            "address": point["addr"],
            "input_type": table,
            "data_type": point["type"],
            "scale": point.get("scale", 1),
            **({"swap": "word"} if order == "little" and not point["type"].endswith("16") else {}),
        }
    assert len(found) >= VALUES, f"{model} has only {len(found)} values"
    return dict(list(found.items())[:VALUES])


def _profile(model: str) -> str:
    folder = ROOT / "custom_components" / "evshare" / "connectors" / "profiles"
    return (folder / f"{model}.yaml").read_text(encoding="utf-8")


async def stand_up(
    stack: AsyncExitStack,
    models: Sequence[str],
    many: int,
    first: Mapping[str, object] = NO_WISH,
    second: Mapping[str, object] = NO_WISH,
) -> Street:
    """So many boxes, model after model; `first`, `second`: options of a model's boxes in turn, if it has them."""
    street = Street()
    for number in range(many):
        model = models[number % len(models)]
        wish = second if number // len(models) % 2 else first
        options = {name: value for name, value in wish.items() if name in MODELS[model].options}
        stand = Stand(model, lambda: datetime.now(UTC), serial=_serial(model, number), options=options)
        street.stands[f"{model} {number + 1}"] = await stack.enter_async_context(stand)
    return street


def _serial(model: str, number: int) -> str | None:
    """Another one for each, of the form the model has."""
    own = MODELS[model].serial
    return f"{own[:-2]}{number % 100:02}" if own[-2:].isdecimal() else None


async def measure(ha: WatchedHomeAssistant, street: Street, seconds: float) -> Figures:
    """Watch Home Assistant and the boxes for a while."""
    before = street.asked()
    answer = await ha.order("measure", seconds=seconds)
    asked = {name: count - before[name] for name, count in street.asked().items()}
    late_ms = await ha.order("lateness", seconds=seconds / 2)
    return Figures(**answer, late_ms=late_ms, asked=asked)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where it runs, and how long each window is."""

    folder: Path
    python_of_ha: str
    seconds: float
    say: Callable[[str], None]

    def home_assistant(self, name: str) -> WatchedHomeAssistant:
        """A new one."""
        return WatchedHomeAssistant(name, self.python_of_ha, self.folder)

    async def many(self) -> None:
        """Many stalls of all models in one Home Assistant."""
        async with AsyncExitStack() as stack:
            self.say(f"Standing {STALLS} wall connectors up")
            street = await stand_up(stack, list(SUPPORTED), STALLS, second=READ_ACROSS)
            ha = await stack.enter_async_context(self.home_assistant("many"))
            await asyncio.sleep(SETTLE_S)
            self.say("Home Assistant alone")
            idle = await measure(ha, Street(), self.seconds)
            self.say("Adding the stalls")
            added = await ha.order("set_up_building", stalls=street.stalls(), fuse_a=FUSE_A)
            _silent(added)
            await asyncio.sleep(SETTLE_S)
            self.say("Nobody is there")
            empty = await measure(ha, street, self.seconds)
            states = await ha.order("count_states", seconds=self.seconds / 2)
            self.say("A car at each stall, and residents let in")
            street.plug()
            await asyncio.sleep(SETTLE_S)
            answer = await ha.order("authorise")
            await asyncio.sleep(2 * SETTLE_S)
            charging = street.charging
            busy = await measure(ha, street, self.seconds)
            busy_states = await ha.order("count_states", seconds=self.seconds / 2)
        print(f"\n{STALLS} stalls of {len(SUPPORTED)} models, polled once a second, {added['entities']} entities")
        _heads()
        _row("Home Assistant alone", idle, None)
        _row("nobody is there", empty, idle)
        _row(f"{charging} cars charge", busy, idle)
        seconds = self.seconds / 2
        _states("nobody is there", states, seconds)
        _states(f"{charging} cars charge", busy_states, seconds)
        _refused(answer)
        for title, figures in (("nobody there", empty), ("with cars", busy)):
            _asked(f"{title}, boxes that refuse reads across holes", figures, 0)
            _asked(f"{title}, boxes that answer them", figures, 1)

    async def beside(self) -> None:
        """A few Modbus boxes as stalls, and as many as sensors of Home Assistant's own `modbus`, at the same time."""
        async with AsyncExitStack() as stack:
            streets = {name: Street() for name in WAYS}
            has = {name: await stack.enter_async_context(self.home_assistant(name)) for name in WAYS}

            async def window(title: str) -> dict[str, Figures]:
                self.say(f"Beside `modbus`: {title}")
                await asyncio.sleep(SETTLE_S)
                figures = (measure(has[name], streets[name], self.seconds) for name in WAYS)
                return dict(zip(WAYS, await asyncio.gather(*figures), strict=True))

            idle = await window("Home Assistant alone")
            for name in WAYS:  # not sooner: some lock themselves when nobody speaks to them
                streets[name] = await stand_up(stack, TEN_VALUES, BOXES, READ_ACROSS, READ_ACROSS)
                streets[name].plug()
            _silent(await has[EVSHARE].order("set_up_building", stalls=streets[EVSHARE].stalls(), fuse_a=FUSE_A))
            await has[MODBUS].order("set_up_modbus", hubs=streets[MODBUS].hubs())
            _refused(await has[EVSHARE].order("authorise"))
            await asyncio.sleep(SETTLE_S)
            whole = await window(f"{BOXES} boxes")
            charging = {name: street.charging for name, street in streets.items()}
            for street in streets.values():
                next(iter(street.stands.values())).faults.silence = True
            broken = await window("one of them mute")
        print(f"\n{BOXES} Modbus boxes with {VALUES} values each, read once a second by both at the same time")
        print("  cars that charge: " + ", ".join(f"{name} {charging[name]} of {BOXES}" for name in WAYS))
        _heads()
        for name in WAYS:
            _row(f"{name}: Home Assistant alone", idle[name], None)
            _row(f"{name}: all answer", whole[name], idle[name])
            _row(f"{name}: one is mute", broken[name], idle[name])
        for title, windows, boxes in (("all answer", whole, BOXES), ("one is mute", broken, BOXES - 1)):
            ours_ms, theirs_ms = (_cycle_ms(windows[name], idle[name], name) for name in WAYS)
            ours, theirs = (windows[name].requests / windows[name].seconds / boxes for name in WAYS)
            print(
                f"  {title}: CPU per box and cycle {ours_ms:.2f} ms against {theirs_ms:.2f} ms, "
                f"{ours_ms / theirs_ms:.0%}; "
                f"requests per box and cycle {ours:.1f} against {theirs:.1f}, {ours / theirs:.0%}"
            )
        print("  aim: at most a quarter of the CPU, at most 3 requests")


def _cycle_ms(figures: Figures, idle: Figures, name: str) -> float:
    """CPU in ms for one box's poll, or for one round of its ten sensors."""
    cycles = figures.polls if name == EVSHARE else figures.requests / VALUES
    return 1000 * (figures.cpu_s - idle.load * figures.seconds) / max(1.0, cycles)


def _silent(answer: Mapping[str, Any]) -> None:
    for name, why in answer["silent"].items():
        print(f"  {name} does not answer: {why}")


def _refused(answer: Mapping[str, Any]) -> None:
    for name, why in answer["refused"].items():
        print(f"  {name}: nobody was let in: {why}")


def _heads() -> None:
    heads = ("CPU", "ms/poll", "polls/s", "req/poll", "late p50", "p99", "max ms", "memory MB")
    print(f"{'':34}" + "".join(f"{head:>10}" for head in heads))


def _row(name: str, figures: Figures, idle: Figures | None) -> None:
    polls = figures.polls
    own_s = figures.cpu_s - (0 if idle is None else idle.load * figures.seconds)
    cells = (
        f"{figures.load:.1%}",
        f"{1000 * own_s / polls:.2f}" if polls else "",
        f"{polls / figures.seconds:.1f}" if polls else "",
        f"{figures.requests / polls:.2f}" if polls else "",
        *(f"{figures.late_ms[key]:.2f}" for key in ("p50", "p99", "most")),
        f"{figures.rss_mb:.0f}",
    )
    print(f"{name:34}" + "".join(f"{cell:>10}" for cell in cells))
    if figures.failed:
        print(f"  {figures.failed} polls failed")


def _states(name: str, answer: Mapping[str, Any], seconds: float) -> None:
    print(f"  states written in {seconds:g} s, {name}: {answer['changed']} changed, {answer['again']} without a change")
    for kind in ("changed", "again"):
        if answer[f"{kind}_most"]:
            print(f"    most {kind}: " + ", ".join(f"{entity} {count}" for entity, count in answer[f"{kind}_most"]))


def _asked(title: str, figures: Figures, turn: int) -> None:
    """Requests per poll of the first (`turn` 0) or second box of each model."""
    boxes = list(figures.asked)[turn * len(SUPPORTED) : (turn + 1) * len(SUPPORTED)]
    per_poll = {name: figures.asked[name] / figures.seconds for name in boxes}
    print(f"  requests per poll, {title}: {sum(per_poll.values()) / len(per_poll):.1f} ({_listed(per_poll)})")


def _listed(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {figure:.1f}" for name, figure in figures.items())


def run(folder: Path, python_of_ha: str, *, seconds: float) -> None:
    """Measure and print."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began_s = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began_s:5.0f} s] {text}", flush=True)

    async def everything() -> None:
        bench = Bench(folder=folder, python_of_ha=python_of_ha, seconds=seconds, say=say)
        await bench.many()
        await bench.beside()
        print(f"{os.process_cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")

    asyncio.run(everything())
