"""The app is told how well a stall locks as its hardware was read, not as it was planned."""

from dataclasses import replace

from custom_components.evshare.model import OnLoss

from ..building.conftest import STALL_1
from .conftest import LinkedSite


def told(linked: LinkedSite) -> list[str]:
    """What the app was told of the first stall, message by message."""
    return [frame["building"]["stalls"][0]["lock_quality"] for frame in linked.app.of_type("building")]


async def test_a_failsafe_that_was_read_to_open_is_told_to_the_app(linked: LinkedSite) -> None:
    (hello,) = linked.app.of_type("hello")
    assert hello["building"]["stalls"][0]["lock_quality"] == "enforced"
    connector = linked.site.connectors[STALL_1]
    connector.ports = replace(connector.ports, on_silence=OnLoss.OPENS)
    await linked.site.clock.passes(10)
    assert told(linked)[-1] == "detect_and_bill"
    connector.ports = replace(connector.ports, on_silence=OnLoss.CLOSED)
    await linked.site.clock.passes(10)
    assert told(linked)[-1] == "enforced"


async def test_an_unchanged_lock_is_told_once(linked: LinkedSite) -> None:
    before = len(told(linked))
    await linked.site.clock.passes(120)
    assert len(told(linked)) == before
