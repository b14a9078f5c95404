"""A phone's cookie is replaced every month; whoever shows an old one gives a copy away."""

from http.cookies import SimpleCookie
from typing import Any

from sqlalchemy import select

from evshare_app.books.access_tables import notice, old_cookie
from evshare_app.books.schema import device
from tests.app.house import Browser, Furnished, plugged_stall


def cookie_of(browser: Browser) -> str:
    return next(one.value for one in browser.http.cookie_jar if one.key == "evs_d")


def copy_of(furnished: Furnished, browser: Browser) -> Browser:
    """Return another browser with the same cookie, which is given no new one."""
    copied = furnished.house.stranger()
    copied.headers["Cookie"] = f"evs_d={cookie_of(browser)}"
    return copied


async def rows(furnished: Furnished, table: Any) -> list[Any]:
    return await furnished.house.app.books.read(lambda conn: list(conn.execute(select(table))))


async def test_a_cookie_is_kept_for_thirty_days_and_then_replaced(furnished: Furnished) -> None:
    first = cookie_of(furnished.phone)
    furnished.house.clock.advance(days=29, hours=23)
    await furnished.phone.get("/me")
    assert cookie_of(furnished.phone) == first
    furnished.house.clock.advance(hours=1)
    assert (await furnished.phone.get("/me")).status == 200
    second = cookie_of(furnished.phone)
    assert second != first
    assert len(second) == 43  # 256 bits in base64url
    assert (await furnished.phone.get("/me")).status == 200
    furnished.house.clock.advance(days=30)
    await furnished.phone.get("/me")
    assert cookie_of(furnished.phone) not in (first, second)


async def test_any_answer_brings_the_new_cookie(furnished: Furnished) -> None:
    furnished.house.clock.advance(days=30)
    answer = await furnished.phone.get(f"/s/{furnished.code}/live")
    given = SimpleCookie(answer.headers["Set-Cookie"])["evs_d"]
    assert given.value == cookie_of(furnished.phone)
    assert given["httponly"]
    assert given["samesite"] == "Lax"


async def test_parallel_tabs_get_the_same_new_cookie_for_ten_minutes(furnished: Furnished) -> None:
    tab = copy_of(furnished, furnished.phone)
    furnished.house.clock.advance(days=30)
    await furnished.phone.get("/me")
    furnished.house.clock.advance(minutes=9, seconds=59)
    answer = await tab.get("/me")
    assert answer.status == 200
    assert SimpleCookie(answer.headers["Set-Cookie"])["evs_d"].value == cookie_of(furnished.phone)
    assert len(await rows(furnished, old_cookie)) == 1


async def test_an_old_cookie_signs_the_phone_out_and_its_resident_is_told(furnished: Furnished) -> None:
    thief = copy_of(furnished, furnished.phone)
    furnished.house.clock.advance(days=30)
    await furnished.phone.get("/me")
    furnished.house.clock.advance(minutes=10)
    assert (await thief.get("/me")).status == 403
    assert (await furnished.phone.get("/me")).status == 403
    assert [row.revoked_why for row in await rows(furnished, device)] == ["stolen"]
    assert [(row.resident_id, row.kind) for row in await rows(furnished, notice)] == [("res-1", "phone_stolen")]
    # Said once, however often the thief comes back.
    await thief.get("/me")
    assert len(await rows(furnished, notice)) == 1


async def test_a_thief_who_was_first_is_found_out_by_the_phone(furnished: Furnished) -> None:
    victim = copy_of(furnished, furnished.phone)
    furnished.house.clock.advance(days=30)
    await furnished.phone.get("/me")  # the thief, with the copied cookie
    furnished.house.clock.advance(days=1)
    assert (await victim.get("/me")).status == 403
    assert (await furnished.phone.get("/me")).status == 403


async def test_a_stolen_old_cookie_starts_nothing(furnished: Furnished) -> None:
    thief = copy_of(furnished, furnished.phone)
    furnished.house.clock.advance(days=30)
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    page = await furnished.phone.get(f"/s/{furnished.code}")
    furnished.house.clock.advance(minutes=10)
    fields = page.form(f"/s/{furnished.code}/start") | {"mode": "fast"}
    assert (await thief.post(f"/s/{furnished.code}/start", fields)).status == 403
    assert [ask for ask in furnished.integration.asked if ask["what"] == "start"] == []


async def test_an_older_cookie_still_gives_the_thief_away(furnished: Furnished) -> None:
    thief = copy_of(furnished, furnished.phone)
    for _ in range(3):
        furnished.house.clock.advance(days=30)
        await furnished.phone.get("/me")
    await thief.get("/")
    assert (await furnished.phone.get("/me")).status == 403


async def test_a_form_of_before_the_replacement_still_counts(furnished: Furnished) -> None:
    page = await furnished.phone.get("/me")
    furnished.house.clock.advance(days=30)
    changed = await furnished.phone.submit(page, "/me/language", language="de")
    assert changed.status == 200


async def test_looking_twice_writes_nothing_new(furnished: Furnished) -> None:
    furnished.house.clock.advance(days=30)
    await furnished.phone.get("/me")
    before = await rows(furnished, device)
    furnished.house.clock.advance(minutes=59)
    await furnished.phone.get("/me")
    assert await rows(furnished, device) == before


async def test_signing_out_while_the_cookie_is_replaced_leaves_none(furnished: Furnished) -> None:
    page = await furnished.phone.get("/me")
    furnished.house.clock.advance(days=30)
    await furnished.phone.submit(page, "/me/sign-out-everywhere")
    assert [one for one in furnished.phone.http.cookie_jar if one.key == "evs_d"] == []
    assert (await furnished.phone.get("/me")).status == 403
