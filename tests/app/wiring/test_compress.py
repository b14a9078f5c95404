"""What goes out small, and what compressing must not tell."""

import gzip
import re

from aiohttp import ClientSession, DummyCookieJar
import pytest

from evshare_app.tokens import masked, masked_matches
from tests.app.house import Browser, Furnished, free_stall


async def raw(browser: Browser, path: str, accepted: str) -> tuple[bytes, dict[str, str]]:
    """Return an answer's bytes as they travelled."""
    cookies = {one.key: one.value for one in browser.http.cookie_jar}
    async with (
        ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar(), cookies=cookies) as http,
        http.get(
            browser.origin + path,
            headers={"Accept-Encoding": accepted, "Cookie": "; ".join(f"{one}={two}" for one, two in cookies.items())},
        ) as answer,
    ):
        return await answer.read(), dict(answer.headers)


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.5"])
async def test_pages_styles_and_scripts_are_gzipped_for_who_takes_it(furnished: Furnished, accepted: str) -> None:
    page = await furnished.phone.get("/me")
    style = re.search(r'href="(/static/app-[^"]+)"', page.text)
    assert style
    for path in ("/me", style[1]):
        body, headers = await raw(furnished.phone, path, accepted)
        assert headers["Content-Encoding"] == "gzip"
        assert headers["Vary"] == "Accept-Encoding"
        assert int(headers["Content-Length"]) == len(body)
        assert len(body) < len(gzip.decompress(body)) / 2


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000, br"])
async def test_who_does_not_take_gzip_gets_it_plain(furnished: Furnished, accepted: str) -> None:
    body, headers = await raw(furnished.phone, "/me", accepted)
    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"
    assert body.startswith(b"<!doctype html>")


async def test_a_page_never_holds_the_same_csrf_value_twice_and_each_works(furnished: Furnished) -> None:
    for browser, path, action in (
        (furnished.phone, "/me", "/me/language"),
        (furnished.office, "/office/settings", "/office/settings"),
    ):
        pages = [await browser.get(path) for _ in range(3)]
        values = [re.findall(r'name="csrf" value="(\w+)"', page.text) for page in pages]
        everyone = [value for page in values for value in page]
        assert len(everyone) >= 3
        assert len(set(everyone)) == len(everyone)
        # No eight characters in a row come back, so there is nothing for a guess to repeat.
        pieces = [{value[at : at + 8] for at in range(len(value) - 8)} for value in everyone[:3]]
        assert not pieces[0] & pieces[1]
        assert not pieces[1] & pieces[2]
        for page in pages:
            answer = await browser.submit(page, action, language="en", iban="", payee="", address="", contact="")
            assert answer.status == 200, answer.text


def test_a_masked_secret_is_recognised_and_nothing_else_is() -> None:
    value = masked("secret")
    assert masked_matches("secret", value)
    assert not masked_matches("another", value)
    for wrong in ("", "secret", "0" * 128, value[:-2], value + "00", "zz" * 64, value[:-1] + "ü"):
        assert not masked_matches("secret", wrong), wrong


async def test_a_page_with_a_lasting_secret_is_not_compressed(furnished: Furnished) -> None:
    body, headers = await raw(furnished.office, "/office/settings", "gzip")
    assert furnished.house.app.pairing_token.encode() in body
    assert "Content-Encoding" not in headers


async def test_the_same_page_has_another_length_each_time(furnished: Furnished) -> None:
    await furnished.integration.live(free_stall(1))
    stranger = furnished.house.stranger()
    lengths = {len((await raw(stranger, "/offline", "gzip"))[0]) for _ in range(12)}
    assert len(lengths) > 3
