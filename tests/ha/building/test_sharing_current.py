"""Current is taken before it is given, and less of it is given when nobody knows."""

import itertools
from typing import Any

from custom_components.evshare.model import LimitReason, StallId

from .conftest import ANNA, ANNAS_CARD, BEN, BENS_CARD, STALL_1, STALL_2, MakeSite, Site


async def _site(make_site: MakeSite, **changes: Any) -> Site:
    site = await make_site(**changes)
    await site.start()
    await site.knows_card(ANNA, ANNAS_CARD)
    await site.knows_card(BEN, BENS_CARD)
    return site


async def _arrives(site: Site, stall_id: StallId, card: str) -> None:
    site.connectors[stall_id].plug()
    await site.clock.passes(5)
    await site.tap(card, stall_id)


def _report(site: Site, entity_id: str, value: float, unit: str = "A") -> None:
    site.hass.states.async_set(
        entity_id, str(value), {"unit_of_measurement": unit}, force_update=True, timestamp=site.clock.now.timestamp()
    )


async def test_a_second_car_gets_its_share_only_after_the_first_was_seen_to_give_it(make_site: MakeSite) -> None:
    site = await _site(make_site, fuse_a=20)
    first, second = site.connectors[STALL_1], site.connectors[STALL_2]
    await _arrives(site, STALL_1, ANNAS_CARD)
    await site.clock.passes(30)
    assert first.limit_a == 16
    offered_at_enable: list[int] = []
    second.on_enable = lambda: offered_at_enable.append(first.limit_a)
    await _arrives(site, STALL_2, BENS_CARD)
    await site.clock.passes(10)
    assert offered_at_enable == [10]
    assert (first.limit_a, second.limit_a) == (10, 10)
    second.unplug()
    await site.clock.passes(60)
    assert first.limit_a == 16


async def test_a_car_that_cannot_be_told_to_take_less_keeps_the_other_waiting(make_site: MakeSite) -> None:
    site = await _site(make_site, fuse_a=20)
    first, second = site.connectors[STALL_1], site.connectors[STALL_2]
    await _arrives(site, STALL_1, ANNAS_CARD)
    await site.clock.passes(30)
    first.refuses = {"limit"}
    await _arrives(site, STALL_2, BENS_CARD)
    await site.clock.passes(12)
    assert not second.enabled
    first.refuses.clear()
    await site.clock.passes(60)
    assert (first.limit_a, second.limit_a) == (10, 10)


async def test_a_silent_connector_keeps_what_it_was_offered(make_site: MakeSite) -> None:
    site = await _site(make_site, fuse_a=25)
    first, second = site.connectors[STALL_1], site.connectors[STALL_2]
    await _arrives(site, STALL_1, ANNAS_CARD)
    await site.clock.passes(30)
    first.silent = True
    await site.clock.passes(30)
    await _arrives(site, STALL_2, BENS_CARD)
    await site.clock.passes(30)
    assert second.limit_a == 9


async def test_what_the_house_draws_is_taken_off(make_site: MakeSite) -> None:
    currents = {f"current_l{phase}": f"sensor.l{phase}" for phase in (1, 2, 3)}
    site = await _site(make_site, fuse_a=32, **currents)
    connector = site.connectors[STALL_1]
    house_a = 20.0

    async def lives(seconds: int) -> None:
        for _ in range(seconds // 5):
            await site.clock.passes(5)
            for phase in (1, 2, 3):
                _report(site, f"sensor.l{phase}", house_a + connector.power_w / 690)

    await lives(10)
    await _arrives(site, STALL_1, ANNAS_CARD)
    await lives(30)
    assert connector.limit_a == 11, "32 A less 20 A of the house less 1 A of margin"
    assert site.building.headroom_a == (1.0, 1.0, 1.0)
    house_a = 24.0
    await lives(20)
    assert connector.limit_a == 7
    house_a = 10.0
    await lives(60)
    assert connector.limit_a == 16


async def test_an_overload_is_answered_at_once(make_site: MakeSite) -> None:
    currents = {f"current_l{phase}": f"sensor.l{phase}" for phase in (1, 2, 3)}
    site = await _site(make_site, fuse_a=32, **currents)
    connector = site.connectors[STALL_1]
    for phase in (1, 2, 3):
        _report(site, f"sensor.l{phase}", 0)
    await _arrives(site, STALL_1, ANNAS_CARD)
    await site.clock.passes(12)
    assert connector.limit_a == 16
    for phase in (1, 2, 3):
        _report(site, f"sensor.l{phase}", 34)
    await site.clock.passes(1)
    assert connector.limit_a == 13


async def test_a_silent_meter_leaves_every_stall_its_safe_share(make_site: MakeSite) -> None:
    site = await _site(make_site, fuse_a=20, grid_power="sensor.grid")
    connector = site.connectors[STALL_1]
    _report(site, "sensor.grid", 0, "W")
    await _arrives(site, STALL_1, ANNAS_CARD)
    await site.clock.passes(12)
    assert connector.limit_a == 16
    await site.clock.passes(40)
    assert connector.limit_a == 10
    assert site.building.stalls[STALL_1].state.limit_reason is LimitReason.FAILSAFE
    assert site.building.headroom_a is None
    await _arrives(site, STALL_2, BENS_CARD)
    await site.clock.passes(30)
    assert site.connectors[STALL_2].limit_a == 10


async def test_a_silent_meter_raises_nobody(make_site: MakeSite) -> None:
    currents = {f"current_l{phase}": f"sensor.l{phase}" for phase in (1, 2, 3)}
    site = await _site(make_site, fuse_a=32, **currents)
    connector = site.connectors[STALL_1]
    for phase in (1, 2, 3):
        _report(site, f"sensor.l{phase}", 22)
    await _arrives(site, STALL_1, ANNAS_CARD)
    await site.clock.passes(10)
    assert connector.limit_a == 9
    await site.clock.passes(600)
    assert connector.limit_a == 9, "the safe share would be 16 A, but nobody knows what the house does"


async def test_a_single_ampere_more_waits_five_minutes(make_site: MakeSite) -> None:
    currents = {f"current_l{phase}": f"sensor.l{phase}" for phase in (1, 2, 3)}
    site = await _site(make_site, fuse_a=32, **currents)
    connector = site.connectors[STALL_1]

    async def lives(seconds: int, house_a: float) -> None:
        for _ in range(seconds // 5):
            for phase in (1, 2, 3):
                _report(site, f"sensor.l{phase}", house_a + connector.power_w / 690)
            await site.clock.passes(5)

    await lives(10, 20)
    await _arrives(site, STALL_1, ANNAS_CARD)
    await lives(60, 20)
    assert connector.limit_a == 11
    await lives(120, 19)
    assert connector.limit_a == 11
    await lives(240, 19)
    assert connector.limit_a == 12


async def test_what_a_full_car_leaves_goes_to_the_neighbour_and_comes_back(make_site: MakeSite) -> None:
    site = await _site(make_site, fuse_a=22)
    first, second = site.connectors[STALL_1], site.connectors[STALL_2]
    await _arrives(site, STALL_1, ANNAS_CARD)
    await _arrives(site, STALL_2, BENS_CARD)
    await site.clock.passes(60)
    assert (first.limit_a, second.limit_a) == (11, 11)
    first.wants_a = 0
    await site.clock.passes(120)
    assert (first.limit_a, second.limit_a) == (6, 16)
    first.wants_a = 16
    await site.clock.passes(120)
    assert (first.limit_a, second.limit_a) == (11, 11)


async def test_a_restless_house_does_not_cut_the_record_into_seconds(make_site: MakeSite) -> None:
    currents = {f"current_l{phase}": f"sensor.l{phase}" for phase in (1, 2, 3)}
    site = await _site(make_site, fuse_a=32, **currents)
    connector = site.connectors[STALL_1]
    await _arrives(site, STALL_1, ANNAS_CARD)
    for step in range(120):
        await site.clock.passes(5)
        for phase in (1, 2, 3):
            _report(site, f"sensor.l{phase}", 20 + step % 3 + connector.power_w / 690)
    raised = [int(entry.removeprefix("limit ")) for entry in connector.log if entry.startswith("limit")]
    assert len([1 for before, after in itertools.pairwise(raised) if after > before]) <= 21
