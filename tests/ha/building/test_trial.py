"""A stall that is tested by hand: out of the building's reach meanwhile, and never over the fuse."""

import pytest

from custom_components.evshare.building.errors import InSession, NotInBuilding
from custom_components.evshare.model import StallId

from .conftest import ANNAS_CARD, BENS_CARD, STALL_1, STALL_2, MakeSite, Site

ALL = (1, 2, 3)


async def _charging(site: Site, stall_id: StallId = STALL_1, uid: str = ANNAS_CARD) -> None:
    site.connectors[stall_id].plug()
    await site.clock.passes(5)
    await site.tap(uid, stall_id)
    await site.clock.passes(60)


async def test_a_stall_on_trial_is_left_alone_and_comes_back_locked(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.log.clear()
    async with site.building.trials.on_trial(ALL, STALL_1, 16):
        assert connector.closed
        connector.enabled, connector.limit_a = True, 6
        await site.clock.passes(120)
        assert connector.log == []
        assert not site.building.stalls[STALL_1].state.online
    await site.clock.passes(5)
    assert connector.log[0] == "prepare"
    assert not connector.enabled
    assert site.building.stalls[STALL_1].state.online


async def test_nobody_is_let_in_at_a_stall_on_trial(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    async with site.building.trials.on_trial(ALL, STALL_1, 16):
        with pytest.raises(NotInBuilding):
            await site.building.async_set_paused(STALL_1, True)
        await site.tap(ANNAS_CARD)
        await site.clock.passes(10)
        assert not site.connectors[STALL_1].enabled
    await site.clock.passes(10)
    assert site.building.stalls[STALL_1].state.session is None
    await site.tap(ANNAS_CARD)
    await site.clock.passes(10)
    assert site.connectors[STALL_1].enabled


async def test_a_stall_with_a_session_is_not_lent_and_the_session_is_not_disturbed(site: Site) -> None:
    await _charging(site)
    connector = site.connectors[STALL_1]
    connector.log.clear()
    with pytest.raises(InSession):
        async with site.building.trials.on_trial(ALL, STALL_1, 16):
            pytest.fail("it was lent")
    await site.clock.passes(60)
    assert (connector.log, connector.enabled, connector.closed) == ([], True, False)


async def test_a_trial_gets_what_the_sessions_leave(make_site: MakeSite) -> None:
    """A fuse of 24 A less the 16 A that Anna is offered."""
    site = await make_site(fuse_a=24)
    await site.start()
    await site.knows_card("anna", ANNAS_CARD)  # type: ignore[arg-type]
    await _charging(site)
    assert site.connectors[STALL_1].limit_a == 16
    async with site.building.trials.on_trial(ALL, None, 16) as spare_a:
        assert spare_a == 8
    async with site.building.trials.on_trial(ALL, None, 6) as spare_a:
        assert spare_a == 6


async def test_what_a_trial_may_draw_is_not_given_to_others_until_it_is_over(make_site: MakeSite) -> None:
    site = await make_site(fuse_a=24)
    await site.start()
    await site.knows_card("ben", BENS_CARD)  # type: ignore[arg-type]
    async with site.building.trials.on_trial(ALL, STALL_1, 16) as spare_a:
        assert spare_a == 16
        await _charging(site, STALL_2, BENS_CARD)
        assert site.connectors[STALL_2].limit_a == 8
    await site.clock.passes(120)
    assert site.connectors[STALL_2].limit_a == 16


async def test_a_trial_on_one_phase_leaves_the_others(make_site: MakeSite) -> None:
    site = await make_site(fuse_a=24)
    await site.start()
    await site.knows_card("anna", ANNAS_CARD)  # type: ignore[arg-type]
    await _charging(site)
    async with site.building.trials.on_trial((2,), None, 16) as spare_a:
        assert spare_a == 8
        assert site.building._controller.lent_a == (0.0, 8.0, 0.0)


async def test_while_the_feeders_meter_is_silent_nothing_is_lent(make_site: MakeSite) -> None:
    site = await make_site(fuse_a=24, grid_power="sensor.grid")
    await site.start()
    async with site.building.trials.on_trial(ALL, None, 16) as spare_a:
        assert spare_a == 0


async def test_energy_of_a_trial_is_nobodys_and_no_theft(site: Site) -> None:
    connector = site.connectors[STALL_1]
    connector.plug()
    await site.clock.passes(5)
    async with site.building.trials.on_trial(ALL, STALL_1, 16):
        connector.enabled, connector.limit_a = True, 16
        await site.clock.passes(120)
        connector.count()
        connector.enabled, connector.limit_a = False, 0
    await site.clock.passes(900)  # to the end of the slice
    # 3 x 230 V x 16 A for 120 s are 368 Wh.
    assert site.building.unattributed_wh == 368
    assert site.building.stalls[STALL_1].unauthorised_wh == 0


async def test_a_building_that_is_closed_meanwhile_stays_closed(site: Site) -> None:
    connector = site.connectors[STALL_1]
    async with site.building.trials.on_trial(ALL, STALL_1, 16):
        await site.stop()
        connector.log.clear()
    await site.clock.passes(60)
    assert connector.log == []
