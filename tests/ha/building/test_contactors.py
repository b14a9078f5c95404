"""A building whose wall connectors cannot be told anything: only contactors in front open and close (DESIGN rule 4)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from custom_components.evshare.building.wiring import StallWiring
from custom_components.evshare.connectors.contactor import ContactorGate
from custom_components.evshare.connectors.contactor_parts import ContactorAids, ContactorTimes
from custom_components.evshare.connectors.external_meter import MeterSource
from custom_components.evshare.connectors.ports import ConnectorUnreachable
from custom_components.evshare.connectors.stagger import Stagger
from custom_components.evshare.model import OnLoss, StallId, StallStatus, StopReason

from ..conftest import stall
from .conftest import ANNA, ANNAS_CARD, BEN, BENS_CARD, STALL_1, STALL_2, MakeSite, Site
from .fake_connector import PORTS, VOLTS, FakeConnector
from .passing_time import Clock

READ_ONLY = replace(PORTS, limit=False, gate=False, register=False, on_silence=OnLoss.OPENS, on_reboot=OnLoss.OPENS)
BOOT_S = 30.0


@dataclass
class FakeTesla(FakeConnector):
    """Dark without supply, boots, then lets whoever is plugged draw all it wants."""

    ports: Any = READ_ONLY
    on: bool = False
    switched: list[tuple[str, float]] = field(default_factory=list)
    car_goes_on: bool = True

    @property
    def power_w(self) -> int:
        return 3 * VOLTS * self.wants_a if self._up and self.plugged and self.car_goes_on else 0

    @property
    def _up(self) -> bool:
        return self.on and self.monotonic() - self.switched[-1][1] >= BOOT_S

    def _answer(self) -> None:
        if self.silent or not self._up:
            raise ConnectorUnreachable("dark")

    # the relay

    def is_on(self) -> bool | None:
        return self.on

    async def turn_on(self) -> None:
        self._switch("on")

    async def turn_off(self) -> None:
        self._switch("off")

    def _switch(self, how: str) -> None:
        self.count()
        if self.on is not (how == "on"):
            self.switched.append((how, self.monotonic()))
        self.on = how == "on"


class Front(MeterSource):
    """The meter in front."""

    serial = "front"

    def __init__(self, tesla: FakeTesla) -> None:
        self._tesla = tesla

    def register_wh(self) -> int | None:
        return self._tesla.register_wh


class TeslaSite:
    """A site of Teslas."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.clock: Clock = site.clock
        self.teslas: dict[StallId, FakeTesla] = {}
        self.stagger = Stagger()
        self.asked_to_stop: list[float] = []
        site.make_connector = self._gate  # type: ignore[assignment]

    def _gate(self, wiring: StallWiring) -> ContactorGate:
        utcnow: Callable[[], datetime] = lambda: self.clock.now  # noqa: E731
        tesla = self.teslas.setdefault(wiring.config.id, FakeTesla(utcnow, lambda: self.clock.mono_s))
        time = _Time(self.clock)
        aids = ContactorAids(soft_stop=self)
        return ContactorGate(tesla, tesla, Front(tesla), time, ContactorTimes(), aids=aids, stagger=self.stagger)

    # the cars' own switch, which does nothing but note that it was used

    async def stop(self) -> None:
        self.asked_to_stop.append(self.clock.mono_s)

    async def start(self) -> None:
        pass

    async def arrives(self, stall_id: StallId, card: str) -> None:
        await self.site.tap(card, stall_id)
        self.teslas[stall_id].plug()


class _Time:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def utcnow(self) -> datetime:
        return self._clock.now

    def monotonic(self) -> float:
        return self._clock.mono_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody is kept waiting {seconds} s inside")


async def teslas(make_site: MakeSite, **changes: Any) -> TeslaSite:
    site = await make_site(
        stalls=[
            stall("stall-1", "Stall 1", serial=None, tag_reader="reader-1", contactor="switch.one", meter="sensor.one"),
            stall("stall-2", "Stall 2", serial=None, tag_reader="reader-2", contactor="switch.two", meter="sensor.two"),
        ],
        **changes,
    )
    made = TeslaSite(site)
    await site.start()
    await site.knows_card(ANNA, ANNAS_CARD)
    await site.knows_card(BEN, BENS_CARD)
    await site.clock.passes(120)  # long since rested
    return made


async def charging(made: TeslaSite) -> FakeTesla:
    await made.arrives(STALL_1, ANNAS_CARD)
    await made.clock.passes(120)
    tesla = made.teslas[STALL_1]
    assert made.site.building.stalls[STALL_1].state.status is StallStatus.CHARGING
    return tesla


async def test_a_stopped_car_has_a_minute_of_grace_on_its_own_session(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    tesla = await charging(made)
    stopped_at = made.clock.mono_s
    await made.site.building.async_stop_session(STALL_1, StopReason.PERSON)
    await made.clock.passes(50)
    running = made.site.building.stalls[STALL_1]
    assert tesla.on
    assert running.state.status is StallStatus.FINISHING
    assert running.state.reading is not None
    assert made.clock.mono_s - running.state.reading.mono_s <= 6, "it is read all the while"
    await made.clock.passes(40)
    assert tesla.switched[-1][0] == "off"
    assert 59 <= tesla.switched[-1][1] - stopped_at <= 63
    (ended,) = made.site.records("session_ended")
    assert ended["stop_reason"] == "person"
    assert ended["register_end_wh"] == tesla.register_wh
    assert ended["energy_wh"] == ended["register_end_wh"] - ended["register_start_wh"]
    await made.clock.passes(120)
    assert running.unauthorised_wh == 0


async def test_a_car_that_stops_within_the_grace_is_never_cut_off(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    tesla = await charging(made)
    await made.site.building.async_stop_session(STALL_1, StopReason.PERSON)
    await made.clock.passes(20)
    tesla.count()
    tesla.car_goes_on = False
    await made.clock.passes(5)
    assert tesla.switched[-1][0] == "off"


async def test_what_a_stray_hand_lets_flow_is_cut_within_seconds(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    tesla = made.teslas[STALL_1]
    tesla.plug()
    await tesla.turn_on()
    await made.clock.passes(60)
    assert not tesla.on
    flowed_s = tesla.switched[-1][1] - tesla.switched[-2][1] - BOOT_S
    assert flowed_s <= 25


async def test_who_comes_before_it_has_rested_is_let_in_when_it_has(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    tesla = await charging(made)
    tesla.unplug()
    await made.clock.passes(10)
    assert not tesla.on
    opened_at = tesla.switched[-1][1]
    await made.clock.passes(5)
    await made.arrives(STALL_1, BENS_CARD)
    await made.clock.passes(30)
    assert not tesla.on
    assert made.site.building.stalls[STALL_1].state.status is StallStatus.PREPARING
    await made.clock.passes(120)
    assert 60 <= tesla.switched[-1][1] - opened_at <= 62
    assert made.site.building.stalls[STALL_1].state.status is StallStatus.CHARGING


async def test_who_changes_their_mind_while_it_rests_does_not_close_it_for_nothing(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    tesla = await charging(made)
    tesla.unplug()
    await made.clock.passes(10)
    await made.site.tap(BENS_CARD)
    await made.clock.passes(20)
    await made.site.building.async_stop_session(STALL_1, StopReason.PERSON)
    await made.clock.passes(300)
    assert [how for how, _ in tesla.switched] == ["on", "off"]


async def test_two_that_start_together_close_one_after_the_other(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    await made.arrives(STALL_1, ANNAS_CARD)
    await made.arrives(STALL_2, BENS_CARD)
    await made.clock.passes(60)
    first, second = sorted(tesla.switched[0][1] for tesla in made.teslas.values())
    assert 7 <= second - first <= 8


async def test_a_restart_in_mid_session_neither_opens_nor_closes_anything(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    tesla = await charging(made)
    await made.site.stop()
    await made.clock.passes(30)
    await made.site.start()
    await made.clock.passes(120)
    assert [how for how, _ in tesla.switched] == ["on"]
    assert made.site.building.stalls[STALL_1].state.status is StallStatus.CHARGING


async def test_nobody_rises_before_another_contactor_has_opened(make_site: MakeSite) -> None:
    """DESIGN rule 10: decreases first, confirmed, then increases; opening waits for the car longer than a tick."""
    made = await teslas(make_site, fuse_a=20)
    first = await charging(made)
    await made.arrives(STALL_2, BENS_CARD)
    await made.clock.passes(60)
    second = made.teslas[STALL_2]
    assert not second.on, "both together do not fit"
    await made.clock.passes(1850)  # the next one's turn
    opened_at = first.switched[-1][1]
    closed_at = second.switched[-1][1]
    assert (first.switched[-1][0], second.switched[-1][0]) == ("off", "on")
    assert made.asked_to_stop, "the car was asked first, and did not listen"
    assert opened_at - made.asked_to_stop[0] >= 30
    assert closed_at >= opened_at


async def test_a_contactor_found_closed_is_read_while_it_is_being_opened(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    await made.site.stop()
    tesla = made.teslas[STALL_1]
    tesla.plug()
    await tesla.turn_on()
    await made.clock.passes(60)
    await made.site.start()
    await made.clock.passes(3)
    running = made.site.building.stalls[STALL_1]
    assert tesla.on
    assert running.state.online
    assert running.state.reading is not None
    await made.clock.passes(30)
    assert not tesla.on
    assert running.unauthorised_wh > 0


async def test_a_stall_that_is_taken_away_is_opened_first(make_site: MakeSite) -> None:
    made = await teslas(make_site)
    tesla = await charging(made)
    site = made.site
    site.hass.config_entries.async_remove_subentry(site.entry, "stall-1")
    await made.clock.during(site.building.async_apply(site.entry), at_most_s=130)
    assert not tesla.on
    assert STALL_1 not in site.building.stalls
