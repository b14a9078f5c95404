"""The guided test of set-up: what it tells is what was seen, and it always ends with the order to lock."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from custom_components.evshare.connectors.ports import (
    ConnectorRefused,
    ConnectorUnreachable,
    Failsafe,
    Identity,
    Ports,
    Watcher,
)
from custom_components.evshare.connectors.proof import Because, Finding, Outcome, ProofPlan, ProofStep, prove
from custom_components.evshare.model import OnLoss, Pilot, Reading

from .conftest import VirtualClock

PORTS = Ports(
    plug=True,
    limit=True,
    gate=True,
    register=True,
    identity=False,
    on_silence=OnLoss.CLOSED,
    on_reboot=OnLoss.CLOSED,
    on_unplug=OnLoss.HOLDS,
)


@dataclass
class Box:
    """A wall connector that obeys, unless a test says otherwise; a car in it takes what it is offered."""

    clock: VirtualClock
    ports: Ports = PORTS
    plugged: bool = False
    hungry: bool = True
    """Its car takes what it is offered."""
    takes_a: float = 32.0
    """What its car can take."""
    open: bool = True
    """Out of the box it charges whoever comes."""
    limit_a: int = 32
    told: list[str] = field(default_factory=list)
    ignores: tuple[str, ...] = ()
    """Commands it takes and does not carry out."""
    refuses: dict[str, Exception] = field(default_factory=dict)
    reads_gate: bool = True
    reads_limit: bool = True
    dark_until_s: float = 0.0
    boots_s: float | None = None
    """Behind a contactor: how long it is dark after it was given power."""
    heartbeat_s: float | None = None
    failsafe: Failsafe | None = None
    poll_charging_s: float = 1.0
    poll_plugged_s: float = 2.0
    poll_idle_s: float = 5.0
    min_a: int = 6
    max_a: int = 16

    async def prepare(self) -> None:
        await self._tell("prepare")

    async def enable(self, limit_a: int) -> None:
        if await self._tell("enable", f"enable {limit_a}"):
            self.open, self.limit_a = True, limit_a
            if self.boots_s is not None:
                self.dark_until_s = self.clock.monotonic() + self.boots_s

    async def set_limit(self, limit_a: int) -> None:
        if await self._tell("set_limit", f"limit {limit_a}"):
            self.limit_a = limit_a

    async def disable(self) -> None:
        if await self._tell("disable"):
            self.open = False

    async def heartbeat(self) -> None:
        await self._tell("heartbeat")

    async def poll(self) -> Reading:
        await asyncio.sleep(0)
        if error := self.refuses.get("poll"):
            raise error
        at = self.clock.utcnow()
        if self.clock.monotonic() < self.dark_until_s:
            return Reading(at=at, mono_s=self.clock.monotonic(), enabled=self.open, gate_read=True)
        current_a = min(self.limit_a, self.takes_a) if self.plugged and self.hungry and self.open else 0.0
        pilot = (Pilot.C if current_a else Pilot.B) if self.plugged else Pilot.A
        return Reading(
            at=at,
            mono_s=self.clock.monotonic(),
            pilot=pilot,
            power_w=current_a * 690,
            currents_a=(current_a, current_a, current_a),
            limit_a=float(self.limit_a) if self.reads_limit else None,
            enabled=self.open if self.reads_gate else None,
            gate_read=self.reads_gate,
        )

    async def _tell(self, command: str, said: str = "") -> bool:
        await asyncio.sleep(0)  # the wire takes its time, and whoever is cancelled is cancelled here
        self.told.append(said or command)
        if error := self.refuses.get(command):
            raise error
        return command not in self.ignores

    async def identify(self) -> Identity:
        raise AssertionError("nobody asks")

    async def close(self) -> None:
        raise AssertionError("whoever opened it closes it")

    def watch(self, watcher: Watcher | None) -> None:
        raise AssertionError("nobody watches")

    def set_failsafe_share(self, limit_a: int) -> None:
        raise AssertionError("a test that dies must end locked: no share")


@pytest.fixture
def box(clock: VirtualClock) -> Box:
    return Box(clock)


async def tell(
    box: Box,
    *,
    unlock: bool = True,
    highest_a: int = 16,
    boot_s: float = 0.0,
    began: Callable[[ProofStep], None] = lambda _step: None,
) -> list[tuple[str, str, str]]:
    """Test a box and tell the findings in short."""
    findings = await prove(box, box.clock, ProofPlan(unlock=unlock, highest_a=highest_a, boot_s=boot_s), began)
    return [(finding.step.value, finding.outcome.value, finding.because.value) for finding in findings]


async def test_a_box_that_reads_back_what_it_was_told_has_proved_itself_without_a_car(box: Box) -> None:
    assert await tell(box) == [
        ("lock", "worked", "read_back"),
        ("unlock", "worked", "read_back"),
        ("limit", "worked", "read_back"),
        ("lock_again", "worked", "read_back"),
    ]
    assert box.told == ["prepare", "disable", "enable 6", "limit 6", "limit 16", "disable"]
    assert box.open is False


async def test_without_consent_it_is_locked_and_never_opened(box: Box) -> None:
    assert await tell(box, unlock=False) == [("lock", "worked", "read_back")]
    assert box.told == ["prepare", "disable"]


async def test_each_step_is_told_as_it_begins(box: Box) -> None:
    steps: list[ProofStep] = []
    await tell(box, began=steps.append)
    assert steps == [ProofStep.LOCK, ProofStep.UNLOCK, ProofStep.LIMIT, ProofStep.LOCK_AGAIN]


async def test_no_more_is_offered_than_the_supply_has_to_spare(box: Box) -> None:
    await tell(box, highest_a=10)
    assert box.told[3:5] == ["limit 6", "limit 10"]


async def test_a_connector_whose_current_cannot_be_set_is_not_asked_to(box: Box) -> None:
    box.ports = replace(PORTS, limit=False)
    steps = [step for step, _, _ in await tell(box)]
    assert steps == ["lock", "unlock", "lock_again"]


# --- what cannot be read back ---------------------------------------------------------------------------------------


async def test_without_read_back_and_without_car_nothing_is_claimed(box: Box) -> None:
    box.reads_gate = box.reads_limit = False
    assert await tell(box) == [
        ("lock", "not_seen", "needs_car"),
        ("unlock", "not_seen", "needs_car"),
        ("limit", "not_seen", "needs_car"),
        ("lock_again", "not_seen", "needs_car"),
    ]
    assert box.open is False


async def test_a_car_that_follows_shows_what_is_not_read_back(box: Box) -> None:
    box.reads_gate, box.reads_limit, box.plugged = False, False, True
    assert await tell(box) == [
        ("lock", "worked", "car"),
        ("unlock", "worked", "car"),
        ("limit", "worked", "car"),
        ("lock_again", "worked", "car"),
    ]


async def test_a_full_car_shows_nothing(box: Box) -> None:
    box.reads_gate, box.plugged, box.hungry = False, True, False
    assert (await tell(box))[1] == ("unlock", "not_seen", "car_idle")


async def test_a_car_that_cannot_take_more_does_not_show_a_rising_limit(box: Box) -> None:
    box.reads_limit, box.plugged, box.takes_a = False, True, 6.5
    assert (await tell(box))[2] == ("limit", "not_seen", "car_idle")


# --- what goes wrong ------------------------------------------------------------------------------------------------


async def test_a_box_that_does_not_lock_is_not_opened_any_further(box: Box) -> None:
    box.ignores = ("disable",)
    assert await tell(box) == [("lock", "not_seen", "still_open"), ("lock_again", "not_seen", "still_open")]
    assert box.told == ["prepare", "disable", "disable", "disable", "disable", "disable"]


async def test_a_lock_that_reads_closed_while_the_car_goes_on_is_none(box: Box) -> None:
    class Liar(Box):
        async def poll(self) -> Reading:
            return replace(await super().poll(), enabled=False, power_w=4000.0, pilot=Pilot.C)

    liar = Liar(box.clock, plugged=True)
    assert (await tell(liar))[0] == ("lock", "not_seen", "still_drawing")


async def test_a_box_that_stays_locked_is_told_so(box: Box) -> None:
    box.ignores = ("enable",)
    assert (await tell(box))[1] == ("unlock", "not_seen", "still_closed")


async def test_a_limit_that_reads_otherwise_is_told_with_both_values(box: Box, clock: VirtualClock) -> None:
    box.ignores, box.plugged = ("set_limit",), True
    findings = await prove(box, clock, ProofPlan(unlock=True, highest_a=16), lambda _step: None)
    assert findings[2] == Finding(
        step=ProofStep.LIMIT, outcome=Outcome.NOT_SEEN, because=Because.OTHER_LIMIT, detail="6 A / 16 A"
    )


async def test_a_refusal_is_told_in_the_drivers_words_and_it_is_locked_all_the_same(
    box: Box, clock: VirtualClock
) -> None:
    box.refuses["enable"] = ConnectorRefused("register 5014: illegal data value")
    findings = await prove(box, clock, ProofPlan(unlock=True, highest_a=16), lambda _step: None)
    assert findings[1] == Finding(
        step=ProofStep.UNLOCK,
        outcome=Outcome.REFUSED,
        because=Because.REFUSED,
        detail="register 5014: illegal data value",
    )
    assert [finding.step for finding in findings] == [ProofStep.LOCK, ProofStep.UNLOCK, ProofStep.LOCK_AGAIN]
    assert box.told[-1] == "disable"


async def test_a_box_that_falls_silent_is_told_so_and_locking_is_tried_again_and_again(box: Box) -> None:
    box.refuses["set_limit"] = box.refuses["disable"] = ConnectorUnreachable("no answer")
    del box.refuses["disable"]

    def fall_silent(step: ProofStep) -> None:
        if step is ProofStep.LOCK_AGAIN:
            box.refuses["disable"] = ConnectorUnreachable("no answer")

    findings = await tell(box, began=fall_silent)
    assert findings[2:] == [("limit", "not_seen", "unreachable"), ("lock_again", "not_seen", "unreachable")]
    assert box.told[-4:] == ["disable", "disable", "disable", "disable"]
    assert box.clock.slept_s[-3:] == [2.0, 5.0, 10.0]


async def test_a_lock_that_needs_a_second_try_has_worked(box: Box) -> None:
    def stumble(step: ProofStep) -> None:
        if step is ProofStep.LOCK_AGAIN:
            box.refuses["disable"] = ConnectorUnreachable("no answer")
            box.clock.on_sleep = box.refuses.clear

    assert (await tell(box, began=stumble))[3] == ("lock_again", "worked", "read_back")
    assert box.open is False


async def test_a_driver_that_breaks_still_leaves_the_box_locked(box: Box) -> None:
    box.refuses["set_limit"] = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await tell(box)
    assert box.told[-1] == "disable"
    assert box.open is False


@pytest.mark.parametrize("cut_short_in", list(ProofStep))
async def test_a_test_that_is_cut_short_ends_locked(box: Box, cut_short_in: ProofStep) -> None:
    """The flow is closed in the middle: the task is cancelled in any of its steps."""
    running: asyncio.Task[object]

    def cut(step: ProofStep) -> None:
        if step is cut_short_in:
            running.cancel()

    running = asyncio.ensure_future(tell(box, began=cut))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert box.told[-1] == "disable"
    assert box.open is False


async def test_the_watchdog_of_a_box_is_fed_during_the_test(box: Box) -> None:
    box.heartbeat_s = 10.0
    box.ignores = ("enable",)  # waited for in vain: 30 s
    await tell(box)
    assert box.told.count("heartbeat") >= 3


# --- behind a contactor ---------------------------------------------------------------------------------------------


async def test_a_connector_behind_a_contactor_is_given_time_to_wake(box: Box) -> None:
    box.boots_s = 80.0
    assert (await tell(box, boot_s=90.0))[1] == ("unlock", "worked", "read_back")


async def test_a_contactor_that_closes_before_a_dead_connector_is_told_as_dark(box: Box) -> None:
    box.boots_s = 10_000.0
    findings = await tell(box, boot_s=90.0)
    assert findings[1] == ("unlock", "not_seen", "dark")
    assert findings[-1] == ("lock_again", "worked", "read_back")
