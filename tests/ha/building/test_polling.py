"""When connectors are polled."""

from itertools import pairwise

from .conftest import STALL_1, STALL_2, Site
from .fake_connector import FakeConnector

PACE_S = 2.0
"""Of the fake connector, whatever happens at it."""
LATE_S = 0.2
"""So little after a beat counts as on it."""


def _moments_of_polls(site: Site, connector: FakeConnector) -> list[float]:
    """Filled from now on."""
    moments: list[float] = []
    poll = connector.poll

    async def noted() -> object:
        moments.append(site.clock.mono_s)
        return await poll()

    connector.poll = noted  # type: ignore[method-assign, assignment]
    return moments


async def test_stalls_are_polled_on_one_beat_whatever_came_between(site: Site) -> None:
    first, second = (_moments_of_polls(site, site.connectors[stall_id]) for stall_id in (STALL_1, STALL_2))
    await site.clock.passes(0.7)
    site.building.stalls[STALL_1].changed()
    await site.clock.passes(0.6)
    site.building.stalls[STALL_2].changed()
    await site.clock.passes(20)
    assert all(moment == round(moment) for moment in (*first[-5:], *second[-5:]))


async def test_for_a_beat_a_connector_waits_rather_than_being_asked_sooner(site: Site) -> None:
    moments = _moments_of_polls(site, site.connectors[STALL_1])
    await site.clock.passes(0.4)
    site.building.stalls[STALL_1].changed()
    await site.clock.settles()
    told = len(moments)
    await site.clock.passes(20)
    pauses_s = [after - before for before, after in pairwise(moments[told - 1 :])]
    assert PACE_S - LATE_S <= pauses_s[0] < PACE_S + 1
    assert pauses_s[1:] == [PACE_S] * len(pauses_s[1:])
