"""Two cars at almost the same time: whoever starts says which place is theirs.

60 and 300 seconds are those of the security reference 2.2, "Presence policy".
"""

from datetime import timedelta

import pytest

from tests.app.house import Browser, Furnished, Page, live_session, plugged_stall


async def came(furnished: Furnished, first_s: int, second_s: int, **second: object) -> None:
    """Plug a car in at each stall, so many seconds ago."""
    now = furnished.house.clock.now
    plugged = [plugged_stall(n, now - timedelta(seconds=s)) for n, s in ((1, first_s), (2, second_s))]
    plugged[1] |= second
    await furnished.integration.live(*plugged)


async def start(furnished: Furnished, browser: Browser, at: str, **fields: str) -> Page:
    return await browser.submit(await browser.get(at), f"{at}/start", mode="fast", **fields)


async def test_it_is_asked_at_which_of_two_places_their_car_is(furnished: Furnished) -> None:
    await came(furnished, 100, 40)
    at = f"/s/{furnished.code}"
    page = await furnished.phone.get(at)
    # It is 18:30 in Berlin.
    assert "Stall 1: plugged in at 18:28:20" in page.text
    assert "Stall 2: plugged in at 18:29:20" in page.text
    assert f'name="place" value="{furnished.code}" required' in page.text
    refused = await start(furnished, furnished.phone, at)
    assert refused.address == f"{at}?said=which_place"
    other = await furnished.house.code(furnished.office, 2)
    assert (await start(furnished, furnished.phone, at, place=other)).address == f"{at}?said=which_place"
    assert [ask["what"] for ask in furnished.integration.asked if ask["what"] == "start"] == []
    assert (await start(furnished, furnished.phone, at, place=furnished.code)).address == f"{at}?said=started"


async def test_a_guest_is_asked_too(furnished: Furnished) -> None:
    await furnished.integration.disconnect()
    await furnished.house.unlinked()
    await furnished.integration.connect(versions=[1, 2])
    guest = await furnished.house.guest(furnished.office)
    await came(furnished, 30, 30)
    at = f"/s/{furnished.code}/guest"
    assert (await start(furnished, guest, at)).address == f"{at}?said=which_place"
    assert (await start(furnished, guest, at, place=furnished.code)).address == f"{at}?said=started"


@pytest.mark.parametrize(
    ("first_s", "second_s"),
    [
        (101, 40),  # more than a minute apart
        (301, 290),  # this one came too long ago to be believed by itself
        (290, 301),
    ],
)
async def test_where_it_is_clear_nothing_is_asked(furnished: Furnished, first_s: int, second_s: int) -> None:
    await came(furnished, first_s, second_s)
    at = f"/s/{furnished.code}"
    assert 'name="place"' not in (await furnished.phone.get(at)).text
    assert (await start(furnished, furnished.phone, at)).address == f"{at}?said=started"


async def test_a_neighbour_who_charges_or_has_charged_is_no_question(furnished: Furnished) -> None:
    theirs = live_session("7" * 32, "res-2", furnished.house.clock.now)
    for now in ({"status": "charging", "session": theirs}, {"status": "finishing"}):
        await came(furnished, 40, 40, **now)
        assert 'name="place"' not in (await furnished.phone.get(f"/s/{furnished.code}")).text
