"""An invitation lets one phone in, once, in time."""

from pathlib import Path

from tests.app.house import Furnished, House, Page, open_house, role_admin


async def test_an_invitation_makes_a_phone_its_residents(furnished: Furnished) -> None:
    page = await furnished.phone.get("/me")
    assert "Ada Larsen" in page.text


async def test_a_whole_pasted_link_works_as_well_as_its_end(furnished: Furnished) -> None:
    token = await furnished.house.invite(furnished.office, "res-2")
    phone = furnished.house.stranger()
    page = await phone.post("/i", {"token": f" http://portal.example/i#{token} "})
    assert page.address == "/"
    assert "Hello Bo Meyer" in page.text


async def test_an_invitation_works_once(furnished: Furnished) -> None:
    token = await furnished.house.invite(furnished.office)
    assert (await furnished.house.stranger().post("/i", {"token": token})).address == "/"
    again = await furnished.house.stranger().post("/i", {"token": token})
    assert again.status == 404
    assert "does not work any more" in again.text


async def test_an_invitation_works_for_72_hours(furnished: Furnished) -> None:
    house = furnished.house
    token = await house.invite(furnished.office)
    house.clock.advance(hours=72)
    late = await house.stranger().post("/i", {"token": token})
    assert late.status == 404
    assert (await house.stranger().get("/me")).status == 403


async def test_an_unknown_invitation_is_answered_like_an_old_one(furnished: Furnished) -> None:
    token = await furnished.house.invite(furnished.office)
    await furnished.house.stranger().post("/i", {"token": token})
    used = await furnished.house.stranger().post("/i", {"token": token})
    unknown = await furnished.house.stranger().post("/i", {"token": "never-made"})
    assert (used.status, used.text) == (unknown.status, unknown.text)


async def test_an_invitation_is_not_in_the_page_that_asks_for_it(house: House) -> None:
    page = await house.stranger().get("/i")
    assert page.status == 200
    assert 'name="token"' in page.text


async def test_invitations_cannot_be_guessed_in_bulk(furnished: Furnished) -> None:
    attacker = furnished.house.stranger()
    answers = [await attacker.post("/i", {"token": f"guess-{number}"}) for number in range(6)]
    assert [page.status for page in answers] == [404] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_a_whole_house_can_come_in_by_one_address(furnished: Furnished) -> None:
    for _ in range(12):
        await furnished.house.phone(furnished.office, "res-2")


async def test_a_phone_of_a_resident_who_moved_out_is_let_in_no_more(furnished: Furnished) -> None:
    furnished.integration.building["residents"].pop(0)
    await furnished.integration.send("building", building=furnished.integration.building)
    await furnished.integration.settled()
    assert (await furnished.phone.get("/me")).status == 403
    page = await furnished.office.get("/office/residents/res-1")
    assert "/invite" not in page.text


async def test_a_phone_unused_for_half_a_year_has_to_be_invited_again(furnished: Furnished) -> None:
    furnished.house.clock.advance(days=179)
    assert (await furnished.phone.get("/me")).status == 200
    furnished.house.clock.advance(days=181)
    assert (await furnished.phone.get("/me")).status == 403


def sign_out(page: Page, *, this_one: bool) -> str:
    """Find where a listed phone is signed out."""
    rows = [row for row in page.text.split("<li>")[1:] if "/sign-out" in row]
    row = next(row for row in rows if ("this one" in row) is this_one)
    return row.split('action="')[1].split('"')[0]


async def test_a_signed_out_phone_is_out_at_once(furnished: Furnished) -> None:
    second = await furnished.house.phone(furnished.office)
    page = await furnished.phone.get("/me")
    await furnished.phone.submit(page, sign_out(page, this_one=False))
    assert (await second.get("/me")).status == 403
    left = await furnished.phone.submit(page, sign_out(page, this_one=True))
    assert left.address == "/"
    assert (await furnished.phone.get("/me")).status == 403


async def test_nobody_signs_out_someone_elses_phone(furnished: Furnished) -> None:
    mine = await furnished.phone.get("/me")
    action = sign_out(mine, this_one=True)
    other = await furnished.house.phone(furnished.office, "res-2")
    page = await other.get("/me")
    fields = page.form("/me/language")
    assert (await other.post(action, fields)).status == 404
    assert (await furnished.phone.get("/me")).status == 200


async def test_behind_tls_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    async with open_house(tmp_path, portal_url="https://laden.example.org") as house:
        integration = house.integration()
        integration.decide = role_admin
        await integration.connect()
        office = await house.office(integration)
        token = await house.invite(office)
        phone = house.stranger()
        phone.headers["Origin"] = "https://laden.example.org"
        answer = await phone.http.post(
            phone.origin + "/i", data={"token": token}, headers=phone.headers, allow_redirects=False
        )
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-evs_d=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("books.db*"))


async def test_the_books_hold_no_token_that_opens_anything(furnished: Furnished, tmp_path: Path) -> None:
    cookie = next(one.value for one in furnished.phone.http.cookie_jar)
    token = await furnished.house.invite(furnished.office)
    await furnished.house.app.books.write(lambda conn: None)
    stored = everything_in(tmp_path)
    assert cookie.encode() not in stored
    assert token.encode() not in stored


async def test_invitation_and_cookie_have_the_strength_they_should(furnished: Furnished) -> None:
    cookie = next(one.value for one in furnished.phone.http.cookie_jar)
    token = await furnished.house.invite(furnished.office)
    assert len(cookie) == 43  # 256 bits in base64url
    assert len(token) == 22  # 128 bits
