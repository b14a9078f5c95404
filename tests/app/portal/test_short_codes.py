"""A short code stands for the same invitation as the link beside it: for ten minutes, once, and not for guessing."""

from ipaddress import ip_network
from pathlib import Path
import re

from sqlalchemy import select

from evshare_app.books.access_tables import short_code
from evshare_app.tokens import as_short_code
from tests.app.house import Furnished, open_house


async def invitation(furnished: Furnished, resident_id: str = "res-2") -> tuple[str, str]:
    """Make an invitation in the office; return its token and its code as they are shown."""
    page = await furnished.office.get(f"/office/residents/{resident_id}")
    made = await furnished.office.submit(page, f"/office/residents/{resident_id}/invite")
    token = re.search(r"/i#([A-Za-z0-9_-]+)", made.text)
    code = re.search(r">([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})<", made.text)
    assert token
    assert code
    return token[1], code[1]


async def test_a_code_connects_a_phone_as_its_link_does(furnished: Furnished) -> None:
    _, code = await invitation(furnished)
    phone = furnished.house.stranger()
    page = await phone.post("/i", {"token": code})
    assert page.address == "/"
    assert "Hello Bo Meyer" in page.text


async def test_a_code_is_read_as_people_type_it(furnished: Furnished) -> None:
    _, code = await invitation(furnished)
    typed = f" {code[:4].lower()} {code[5:].lower()} "
    assert (await furnished.house.stranger().post("/i", {"token": typed})).address == "/"


def test_letters_that_look_like_digits_are_read_as_those() -> None:
    assert as_short_code("OIL2-3456") == "01123456"
    assert as_short_code("oil2 3456") == "01123456"
    assert as_short_code("1234-567") is None
    assert as_short_code("1234-567U") is None  # no U in Crockford's alphabet


async def test_a_code_works_once_and_so_does_its_link(furnished: Furnished) -> None:
    token, code = await invitation(furnished)
    assert (await furnished.house.stranger().post("/i", {"token": code})).address == "/"
    assert (await furnished.house.stranger().post("/i", {"token": code})).status == 404
    assert (await furnished.house.stranger().post("/i", {"token": token})).status == 404
    token, code = await invitation(furnished)
    assert (await furnished.house.stranger().post("/i", {"token": token})).address == "/"
    assert (await furnished.house.stranger().post("/i", {"token": code})).status == 404


async def test_a_code_lives_ten_minutes_and_its_link_longer(furnished: Furnished) -> None:
    token, code = await invitation(furnished)
    furnished.house.clock.advance(minutes=10)
    assert (await furnished.house.stranger().post("/i", {"token": code})).status == 404
    assert (await furnished.house.stranger().post("/i", {"token": token})).address == "/"


def other_than(code: str, number: int) -> str:
    wrong = f"{number:04d}-{number:04d}"
    assert wrong != code
    return wrong


async def test_a_code_dies_after_five_wrong_tries_of_anyone(tmp_path: Path) -> None:
    # Behind a proxy, so that each guess comes from an address of its own and the limit per address sees none twice.
    async with open_house(tmp_path, trusted_proxies=(ip_network("127.0.0.1/32"),)) as house:
        furnished = await Furnished.of(house)
        token, code = await invitation(furnished)
        for number in range(5):
            guesser = house.stranger()
            guesser.headers["X-Forwarded-For"] = f"198.51.100.{number + 1}"
            assert (await guesser.post("/i", {"token": other_than(code, number)})).status == 404
        assert (await house.stranger().post("/i", {"token": code})).status == 404
        assert (await house.stranger().post("/i", {"token": token})).address == "/"


async def test_four_wrong_tries_are_forgiven(furnished: Furnished) -> None:
    _, code = await invitation(furnished)
    for number in range(4):
        await furnished.house.stranger().post("/i", {"token": other_than(code, number)})
    assert (await furnished.house.stranger().post("/i", {"token": code})).address == "/"


async def test_what_cannot_be_a_code_is_no_try_at_one(furnished: Furnished) -> None:
    _, code = await invitation(furnished)
    for typed in ("hello", "1234567", "x" * 60, "uuuu-uuuu"):
        await furnished.house.stranger().post("/i", {"token": typed})
    assert (await furnished.house.stranger().post("/i", {"token": code})).address == "/"


async def test_codes_cannot_be_guessed_in_bulk(furnished: Furnished) -> None:
    guesser = furnished.house.stranger()
    answers = [await guesser.post("/i", {"token": f"{number:04d}-0000"}) for number in range(6)]
    assert [page.status for page in answers] == [404] * 5 + [429]


async def test_only_a_press_of_the_button_redeems(furnished: Furnished) -> None:
    token, code = await invitation(furnished)
    preview = furnished.house.stranger()
    await preview.get(f"/i?token={code}")
    await preview.get(f"/i?token={token}")
    await preview.get("/i")
    assert (await furnished.house.stranger().post("/i", {"token": code})).address == "/"


async def test_the_books_hold_no_code(furnished: Furnished) -> None:
    token, code = await invitation(furnished)
    rows = await furnished.house.app.books.read(lambda conn: [tuple(row) for row in conn.execute(select(short_code))])
    assert code.replace("-", "") not in str(rows)
    assert token not in str(rows)
