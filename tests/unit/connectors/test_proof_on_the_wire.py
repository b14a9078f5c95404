"""The guided test of set-up against a simulated KEBA P30, over Modbus on a real socket."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from modbus_connection import ModbusTcpParams
from modbus_connection.tmodbus import ModbusConnection
import pytest

from custom_components.evshare.connectors.factory import ConnectorSettings, build_connector, load_profile
from custom_components.evshare.connectors.ports import Connector
from custom_components.evshare.connectors.proof import ProofPlan, ProofStep, prove
from demo.boxes.stand import Stand
from demo.car import Car


class StandClock:
    """One time for the box and its driver; a sleep moves both."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)
        self.stand: Stand | None = None

    def utcnow(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        assert self.stand is not None
        await self.stand.tick()


@dataclass
class Bench:
    """A KEBA and its connector."""

    stand: Stand
    connector: Connector
    clock: StandClock

    async def tell(self, *, unlock: bool = True) -> list[tuple[str, str, str]]:
        """Test it; (step, outcome, because) each."""
        plan = ProofPlan(unlock=unlock, highest_a=16)
        findings = await prove(self.connector, self.clock, plan, lambda _step: None)
        return [(finding.step.value, finding.outcome.value, finding.because.value) for finding in findings]


@pytest.fixture
async def keba(socket_enabled: None) -> AsyncIterator[Bench]:
    clock = StandClock()
    async with Stand("keba_p30", clock.utcnow) as stand:
        clock.stand = stand
        link = ModbusConnection(ModbusTcpParams(host=stand.host, port=stand.port))
        profile = load_profile("keba_p30")
        connector = build_connector(
            replace(profile, transport=replace(profile.transport, gap_s=0)),
            ConnectorSettings(host=stand.host, port=stand.port, max_current_a=16),
            clock=clock,
            unit=link.for_unit(255),
        )
        yield Bench(stand, connector, clock)
        await link.close()


async def test_a_keba_without_a_car_does_not_show_what_it_was_told_and_is_locked_after_it(keba: Bench) -> None:
    """KEBA Modbus guide: 5014 and 5004 cannot be read back, and register 1000 tells of them only with a car."""
    assert await keba.tell() == [
        ("lock", "not_seen", "needs_car"),
        ("unlock", "not_seen", "needs_car"),
        ("limit", "not_seen", "needs_car"),
        ("lock_again", "not_seen", "needs_car"),
    ]
    keba.stand.plug(Car(name="Zoe", need_wh=20_000))
    await keba.clock.sleep(60)
    assert keba.stand.offered_a == 0
    assert keba.stand.true_register_wh() == 137_000


async def test_a_car_in_a_keba_charges_for_the_test_and_not_after_it(keba: Bench) -> None:
    keba.stand.plug(Car(name="Zoe", need_wh=20_000))
    await keba.clock.sleep(60)
    assert await keba.tell() == [
        ("lock", "worked", "read_back"),
        ("unlock", "worked", "read_back"),
        ("limit", "worked", "car"),
        ("lock_again", "worked", "read_back"),
    ]
    counted_wh = keba.stand.true_register_wh()
    await keba.clock.sleep(600)
    assert (keba.stand.offered_a, keba.stand.power_w, keba.stand.true_register_wh()) == (0, 0, counted_wh)


async def test_without_consent_a_keba_is_never_opened(keba: Bench) -> None:
    keba.stand.plug(Car(name="Zoe", need_wh=20_000))
    assert await keba.tell(unlock=False) == [("lock", "worked", "read_back")]
    # KEBA Modbus guide: 5014 enables (1) or disables (0) the station.
    assert ("5014", 1) not in keba.stand.commands
    assert keba.stand.commands[-1] == ("5014", 0)


async def test_a_keba_that_loses_its_network_while_open_is_locked_by_its_own_failsafe(keba: Bench) -> None:
    keba.stand.plug(Car(name="Zoe", need_wh=20_000))
    unplugged_at: list[ProofStep] = []

    def began(step: ProofStep) -> None:
        if step is ProofStep.LIMIT:
            keba.stand.faults.refuse = True
            unplugged_at.append(step)

    findings = await prove(keba.connector, keba.clock, ProofPlan(unlock=True, highest_a=16), began)
    assert unplugged_at == [ProofStep.LIMIT]
    assert [(finding.outcome.value, finding.because.value) for finding in findings[2:]] == [
        ("not_seen", "unreachable"),
        ("not_seen", "unreachable"),
    ]
    # Prepared with 0 A in register 5016: what a test that dies leaves behind is locked.
    await keba.clock.sleep(300)
    assert keba.stand.offered_a == 0
