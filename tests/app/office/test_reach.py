"""Nothing is printed for the public address before a phone came to it over HTTPS, and to exactly this address."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.app.office.signs import ADDRESS, FROM_THE_STREET, Addressed, house_at


async def may_print(place: Addressed) -> bool:
    status, file = await place.print()
    assert (status, file[:5]) in ((200, b"%PDF-"), (400, file[:5]))
    return status == 200


async def test_signs_are_printed_after_a_phone_came_over_https(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        status, page = await place.print()
        assert status == 400
        assert b"No phone has reached the public address yet" in page
        # HTTPS that nobody tried is no reason to believe in a tick either.
        assert (await place.print(indoors="yes"))[0] == 400
        code = await place.code()
        shown = await place.house.stranger().get(f"/reach?code={code}", **FROM_THE_STREET)
        assert "Yes, it works" in shown.text
        assert not await may_print(place)  # looking is not enough
        assert "It works" in (await place.press(code)).text
        assert await may_print(place)
        assert (
            "A phone reached https://laden.example.org over HTTPS on" in (await place.office.get("/office/reach")).text
        )


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-Forwarded-Proto": "http"}, "This did not come over HTTPS"),
        ({"X-Forwarded-Proto": "https, http"}, "This did not come over HTTPS"),
        ({"Host": "other.example.org"}, "This came under another address: https://other.example.org"),
        ({"Host": "laden.example.org:8443"}, "under another address: https://laden.example.org:8443"),
        ({"X-Forwarded-Host": "other.example.org"}, "This came under another address: https://other.example.org"),
    ],
)
async def test_a_phone_that_came_another_way_proves_nothing(
    tmp_path: Path, headers: dict[str, str], reason: str
) -> None:
    async with house_at(tmp_path) as place:
        code = await place.code()
        page = await place.press(code, **headers)
        assert reason in page.text
        assert not await may_print(place)
        # The code was not used up by it.
        assert "It works" in (await place.press(code)).text


async def test_who_is_not_a_trusted_proxy_cannot_say_that_it_was_https(tmp_path: Path) -> None:
    async with house_at(tmp_path, trusted_proxies=()) as place:
        page = await place.press(await place.code())
        assert "a proxy at 127.0.0.1 that the app does not trust" in page.text
        assert not await may_print(place)


async def test_a_form_of_another_site_is_refused(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        code = await place.code()
        assert (await place.press(code, Origin="https://evil.example.org")).status == 403
        assert not await may_print(place)


async def test_a_code_is_used_once_and_soon(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        late, used = await place.code(), await place.code()
        place.house.clock.advance(minutes=1)
        await place.press(used)
        for code in (late, used):  # the check is younger than both
            assert (await place.press(code)).status == 404
        late = await place.code()
        place.house.clock.advance(minutes=10, seconds=1)
        assert (await place.press(late)).status == 404
        forged = f"{int((place.house.clock.now - timedelta(seconds=1)).timestamp() * 1000)}-{'0' * 32}"
        for code in (forged, "", "1", "x-1", "9" * 40):
            assert (await place.press(code)).status == 404
        assert (await place.house.stranger().get("/reach?code=none", **FROM_THE_STREET)).status == 404


async def test_another_address_has_to_be_checked_anew_and_so_has_the_old_one_afterwards(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        await place.press(await place.code())
        assert await may_print(place)
    async with house_at(tmp_path, "https://other.example.org") as place:
        assert not await may_print(place)
    async with house_at(tmp_path) as place:
        assert not await may_print(place)


async def test_a_check_outlives_a_restart(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        await place.press(await place.code())
    async with house_at(tmp_path) as place:
        assert await may_print(place)


async def test_without_https_the_office_says_what_does_not_work(tmp_path: Path) -> None:
    async with house_at(tmp_path, "http://192.168.178.20:8100") as place:
        text = (await place.office.get("/office/reach")).text
        for lost in ("Passkeys", "Notices on the phone (web push)", "Payment pages for cards"):
            assert f'{lost} <span class="small">(only with HTTPS)</span>' in text
        fields = (await place.office.get("/office/residents/res-1")).form("/office/residents/res-1/invite")
        assert (await place.office.post("/office/reach", fields)).status == 400  # there is nothing to check


async def test_signs_for_plain_http_are_for_inside_the_house_and_say_so(tmp_path: Path) -> None:
    async with house_at(tmp_path, "http://192.168.178.20:8100") as place:
        status, page = await place.print()
        assert status == 400
        assert b"Tick that this is meant" in page
        assert (await place.print(indoors="yes"))[0] == 200


@pytest.mark.parametrize("indoors", ["", "yes"])
async def test_without_an_address_nothing_is_printed(tmp_path: Path, indoors: str) -> None:
    async with house_at(tmp_path, None) as place:
        status, page = await place.print(indoors=indoors)
        assert status == 400
        assert "address is not set yet" in page.decode()


async def test_a_sign_makers_drawing_is_made_for_a_checked_address_only(tmp_path: Path) -> None:
    async with house_at(tmp_path) as place:
        drawing = "/office/stalls/stall-1/qr.svg"
        assert (await place.office.get(drawing)).status == 400
        await place.press(await place.code())
        svg = await place.office.get(drawing)
        assert svg.headers["Content-Type"].startswith("image/svg+xml")
        assert 'xmlns="http://www.w3.org/2000/svg"' in svg.text
        assert ADDRESS not in svg.text  # it is drawn, not written
