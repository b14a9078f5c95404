"""Whose word counts when a tag is said to be scanned at a stall's reader."""

from homeassistant.core import Context, EventOrigin
import pytest

from .conftest import ANNAS_CARD, STALL_1, STALL_2, MakeSite, Site
from .test_cars import nothing_flowed, two_stalls


async def forged(site: Site, origin: EventOrigin, context: Context) -> None:
    site.hass.bus.async_fire(
        "tag_scanned", {"tag_id": ANNAS_CARD, "device_id": "reader-1", "name": None}, origin, context=context
    )
    await site.clock.passes(300)


@pytest.mark.parametrize(
    ("origin", "context"),
    [
        # The phone app's webhook lets every user fire any event: remote, with that user's id.
        (EventOrigin.remote, Context(user_id="a-neighbour")),
        (EventOrigin.local, Context(user_id="a-neighbour")),
        (EventOrigin.remote, Context()),
    ],
    ids=["the phone app", "a user", "from outside"],
)
async def test_an_event_that_a_user_made_up_opens_nothing(
    site: Site, origin: EventOrigin, context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    await forged(site, origin, context)
    assert site.records("session_authorised", "denied") == []
    assert nothing_flowed(site, STALL_1)
    assert "made up by Home Assistant user" in caplog.text
    assert ANNAS_CARD not in caplog.text


async def test_one_reader_serves_several_stalls_and_means_the_one_where_a_car_just_came(make_site: MakeSite) -> None:
    first, second = two_stalls()
    second["data"] = {**second["data"], "tag_reader": "reader-1"}
    site = await make_site(stalls=[first, second])
    await site.start()
    await site.knows_card(site.building.building.residents[0].id, ANNAS_CARD)
    site.connectors[STALL_2].plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD)
    assert [record["stall_id"] for record in site.records("session_authorised")] == ["stall-2"]
