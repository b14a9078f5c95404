"""What is measured inside Home Assistant's process: its CPU time, how late its event loop is, memory, states."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
import math
import time
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback
import psutil  # type: ignore[import-untyped]

from custom_components.evshare.connectors.driver import ProfileConnector

TICK_S = 0.01


@dataclass
class Polls:
    """How many polls connectors were asked for so far."""

    done: int = 0
    failed: int = 0


POLLS = Polls()


def count_polls(pace_s: float) -> None:
    """Have every connector polled each `pace_s`, and count it."""
    for name in ("poll_charging_s", "poll_plugged_s", "poll_idle_s"):
        setattr(ProfileConnector, name, property(lambda _self: pace_s))
    poll = ProfileConnector.poll

    async def counted(self: ProfileConnector) -> Any:
        try:
            reading = await poll(self)
        except BaseException:
            POLLS.failed += 1
            raise
        POLLS.done += 1
        return reading

    ProfileConnector.poll = counted  # type: ignore[method-assign]


@dataclass
class Lateness:
    """How much later than asked the event loop calls, in seconds."""

    loop: asyncio.AbstractEventLoop
    seen_s: list[float] = field(default_factory=list)
    _handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask to be called, again and again."""
        self._ask(self.loop.time() + TICK_S)

    def stop(self) -> None:
        """Ask no more."""
        if self._handle is not None:
            self._handle.cancel()

    def at_percent(self, percent: float) -> float:
        """The lateness in ms that so many percent of the calls do not pass."""
        ordered = sorted(self.seen_s)
        return 1000 * ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]

    def _ask(self, due_s: float) -> None:
        self._handle = self.loop.call_at(due_s, self._called, due_s)

    def _called(self, due_s: float) -> None:
        now_s = self.loop.time()
        self.seen_s.append(now_s - due_s)
        self._ask(now_s + TICK_S)


async def measure(hass: HomeAssistant, *, seconds: float) -> dict[str, Any]:
    """Watch for so long, and only watch: looking how late the loop is costs more than an idle Home Assistant."""
    polls, failed = POLLS.done, POLLS.failed
    began_s, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    cpu_s, took_s = time.process_time() - cpu_s, time.perf_counter() - began_s
    return {
        "seconds": took_s,
        "cpu_s": cpu_s,
        "polls": POLLS.done - polls,
        "failed": POLLS.failed - failed,
        "rss_mb": psutil.Process().memory_info().rss / 2**20,
    }


async def lateness(hass: HomeAssistant, *, seconds: float) -> dict[str, Any]:
    """How late the event loop is, in ms."""
    late = Lateness(hass.loop)
    late.start()
    await asyncio.sleep(seconds)
    late.stop()
    return {"p50": late.at_percent(50), "p99": late.at_percent(99), "most": late.at_percent(100)}


async def count_states(hass: HomeAssistant, *, seconds: float) -> dict[str, Any]:
    """Count the states that are written: those that changed, and those that were only written again."""
    changed: Counter[str] = Counter()
    again: Counter[str] = Counter()

    @callback
    def on_changed(event: Event[Any]) -> None:
        changed[event.data["entity_id"]] += 1

    @callback
    def on_reported(event: Event[Any]) -> None:
        again[event.data["entity_id"]] += 1

    @callback
    def every(_data: object) -> bool:
        return True

    stop = [
        hass.bus.async_listen(EVENT_STATE_CHANGED, on_changed),
        hass.bus.async_listen(EVENT_STATE_REPORTED, on_reported, event_filter=every),
    ]
    await asyncio.sleep(seconds)
    for unsubscribe in stop:
        unsubscribe()
    return {
        "seconds": seconds,
        "changed": changed.total(),
        "again": again.total(),
        "changed_most": changed.most_common(3),
        "again_most": again.most_common(3),
    }
