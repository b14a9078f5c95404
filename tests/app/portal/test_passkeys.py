"""Passkeys: made by a connected phone, they connect a new one and confirm who holds it; nothing else opens anything."""

from collections.abc import AsyncIterator
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from evshare_app.books.access_tables import challenge, notice, passkey
from tests.app.house import Browser, Furnished, Page, free_stall, plugged_stall
from tests.app.portal.authenticator import EDDSA, ES256, RS256, Authenticator, b64url, from_b64url
from tests.app.portal.local import open_local


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Furnished]:
    async with open_local(tmp_path) as furnished:
        yield furnished


@pytest.fixture
def key(local: Furnished) -> Authenticator:
    return Authenticator(origin=local.phone.origin)


async def options(browser: Browser, address: str) -> dict[str, Any]:
    fields = (await browser.get("/me")).form("/me/language") if address.startswith("/me") else {}
    answer = await browser.post(address, fields)
    assert answer.status == 200, answer.text
    made: dict[str, Any] = json.loads(answer.text)
    return made


async def send(browser: Browser, address: str, credential: str) -> Page:
    fields = (await browser.get("/me")).form("/me/language") if address.startswith("/me") else {}
    return await browser.post(address, fields | {"credential": credential})


async def add(local: Furnished, key: Authenticator, browser: Browser | None = None) -> Page:
    phone = browser or local.phone
    return await send(phone, "/me/passkeys", key.create(await options(phone, "/me/passkeys/challenge")))


async def confirm(local: Furnished, key: Authenticator) -> Page:
    return await send(local.phone, "/me/confirm", key.get(await options(local.phone, "/me/confirm/challenge")))


def later(local: Furnished) -> None:
    """Let the hour pass in which a phone that was just connected needs no passkey."""
    local.house.clock.advance(hours=2)


async def notices(local: Furnished) -> list[str]:
    return await local.house.app.books.read(lambda conn: list(conn.scalars(select(notice.c.kind))))


# --- making ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
async def test_a_passkey_of_each_kind_is_made_listed_and_connects_a_new_phone(local: Furnished, algorithm: int) -> None:
    key = Authenticator(origin=local.phone.origin, algorithm=algorithm)
    made = await add(local, key)
    assert "This phone has a passkey now" in made.text
    assert "/me/passkeys/" in made.text
    new = local.house.stranger()
    came = await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))
    assert came.address == "/"
    assert "Hello Ada Larsen" in came.text
    # One for the passkey, one because a second phone is connected.
    assert sorted(await notices(local)) == ["passkey_added", "phone_added"]


async def test_what_a_phone_is_asked_to_make(local: Furnished, key: Authenticator) -> None:
    asked = await options(local.phone, "/me/passkeys/challenge")
    assert asked["rp"] == {"id": "localhost", "name": "Lindenhof"}
    assert [one["alg"] for one in asked["pubKeyCredParams"]] == [-7, -8, -257]
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["residentKey"] == "preferred"
    assert len(asked["challenge"]) == 43  # 256 bits in base64url
    assert asked["timeout"] == 120_000
    assert asked["user"]["name"] == "Ada Larsen"
    assert "res-1" not in json.dumps(asked)


async def test_the_same_passkey_is_not_kept_twice(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    asked = await options(local.phone, "/me/passkeys/challenge")
    assert [from_b64url(one["id"]) for one in asked["excludeCredentials"]] == [key.kept[0].credential_id]
    again = Authenticator(origin=key.origin, named=key.kept[0].credential_id)
    refused = await send(local.phone, "/me/passkeys", again.create(asked))
    assert refused.address == "/me?said=no_passkey"
    kept = await local.house.app.books.read(lambda conn: list(conn.execute(select(passkey))))
    assert len(kept) == 1


async def test_an_algorithm_nobody_asked_for_is_not_taken(local: Furnished, key: Authenticator) -> None:
    answered = json.loads(key.create(await options(local.phone, "/me/passkeys/challenge")))
    attested = from_b64url(answered["response"]["attestationObject"])
    # In the COSE key: algorithm (3) ES256 (-7, 0x26) becomes -10 (0x29), which was not offered.
    changed = attested.replace(bytes([0x01, 0x02, 0x03, 0x26]), bytes([0x01, 0x02, 0x03, 0x29]))
    assert changed != attested
    answered["response"]["attestationObject"] = b64url(changed)
    refused = await send(local.phone, "/me/passkeys", json.dumps(answered))
    assert refused.address == "/me?said=no_passkey"
    assert "No passkey was made" in refused.text


async def test_a_passkey_made_on_another_site_is_not_kept(local: Furnished, key: Authenticator) -> None:
    key.origin = "http://localhost.evil.example"
    refused = await add(local, key)
    assert refused.address == "/me?said=no_passkey"


# --- coming in ---------------------------------------------------------------------------------------------------


async def test_a_passkey_used_on_another_site_opens_nothing(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    phisher = Authenticator(origin="http://localhost.evil.example", kept=key.kept)
    new = local.house.stranger()
    came = await send(new, "/i/passkey", phisher.get(await options(new, "/i/passkey/challenge")))
    assert came.status == 404
    assert (await new.get("/me")).status == 403


async def test_a_passkey_shown_inside_another_sites_page_opens_nothing(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    new = local.house.stranger()
    framed = key.get(await options(new, "/i/passkey/challenge"), crossOrigin=True)
    assert (await send(new, "/i/passkey", framed)).status == 404


async def test_a_passkey_of_another_domain_opens_nothing(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    key.kept[0].rp_id = "example.org"
    new = local.house.stranger()
    came = await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))
    assert came.status == 404


async def test_a_wrong_signature_opens_nothing(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    thief = Authenticator(origin=key.origin)
    thief.create(await options(local.phone, "/me/passkeys/challenge"))
    thief.kept[0].credential_id = key.kept[0].credential_id
    new = local.house.stranger()
    came = await send(new, "/i/passkey", thief.get(await options(new, "/i/passkey/challenge")))
    assert came.status == 404
    assert (await new.get("/me")).status == 403


async def test_nobody_comes_in_without_having_been_verified(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    key.verifies = False
    new = local.house.stranger()
    assert (await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))).status == 404


async def test_a_passkey_nobody_made_here_opens_nothing(local: Furnished, key: Authenticator) -> None:
    key.create(await options(local.phone, "/me/passkeys/challenge"))
    new = local.house.stranger()
    assert (await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))).status == 404


async def test_an_answer_works_once(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    new = local.house.stranger()
    answered = key.get(await options(new, "/i/passkey/challenge"))
    visit = {one.key: one.value for one in new.http.cookie_jar}
    assert (await send(new, "/i/passkey", answered)).address == "/"
    copied = local.house.stranger()
    copied.http.cookie_jar.update_cookies(visit)
    assert (await send(copied, "/i/passkey", answered)).status == 404
    assert (await copied.get("/me")).status == 403


async def test_a_wrong_answer_uses_its_challenge_up(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    new = local.house.stranger()
    asked = await options(new, "/i/passkey/challenge")
    wrong = Authenticator(origin="http://evil.example", kept=key.kept)
    assert (await send(new, "/i/passkey", wrong.get(asked))).status == 404
    assert (await send(new, "/i/passkey", key.get(asked))).status == 404


async def test_an_answer_of_another_browser_is_none(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    one, other = local.house.stranger(), local.house.stranger()
    answered = key.get(await options(one, "/i/passkey/challenge"))
    await options(other, "/i/passkey/challenge")
    assert (await send(other, "/i/passkey", answered)).status == 404
    assert (await send(one, "/i/passkey", answered)).address == "/"


async def test_an_answer_for_another_purpose_is_none(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    # Both are this phone's challenges; one of them was for making a passkey.
    to_make = await options(local.phone, "/me/passkeys/challenge")
    to_confirm = await options(local.phone, "/me/confirm/challenge")
    wrong = key.get({"challenge": to_make["challenge"]})
    assert (await send(local.phone, "/me/confirm", wrong)).status == 403
    assert (await send(local.phone, "/me/confirm", key.get(to_confirm))).address == "/me?said=confirmed"


async def test_a_challenge_lives_120_seconds(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    new = local.house.stranger()
    answered = key.get(await options(new, "/i/passkey/challenge"))
    local.house.clock.advance(seconds=120)
    assert (await send(new, "/i/passkey", answered)).status == 404
    answered = key.get(await options(new, "/i/passkey/challenge"))
    local.house.clock.advance(seconds=119)
    assert (await send(new, "/i/passkey", answered)).address == "/"


async def test_old_challenges_do_not_pile_up(local: Furnished) -> None:
    new = local.house.stranger()
    for _ in range(5):
        await options(new, "/i/passkey/challenge")
        local.house.clock.advance(seconds=121)
    await options(new, "/i/passkey/challenge")
    assert len(await local.house.app.books.read(lambda conn: list(conn.execute(select(challenge))))) == 1


async def test_wrong_passkeys_are_slowed_down_like_wrong_invitations(local: Furnished, key: Authenticator) -> None:
    key.create(await options(local.phone, "/me/passkeys/challenge"))
    new = local.house.stranger()
    answers = [await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge"))) for _ in range(6)]
    assert [page.status for page in answers] == [404] * 5 + [429]


async def test_whoever_is_gone_does_not_come_in(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    local.integration.building["residents"].pop(0)
    await local.integration.send("building", building=local.integration.building)
    await local.integration.settled()
    new = local.house.stranger()
    assert (await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))).status == 404


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "x",
        "[]",
        "[" * 5000,
        "null",
        '{"response": 3}',
        '{"response": {"clientDataJSON": "e30"}}',
        '{"response": {"clientDataJSON": "!!"}}',
        json.dumps({"id": "\ud800", "response": {"clientDataJSON": "eyJjaGFsbGVuZ2UiOiAiYWJjIn0"}}),
    ],
)
async def test_nonsense_is_refused_and_not_an_error_of_ours(local: Furnished, nonsense: str) -> None:
    new = local.house.stranger()
    await options(new, "/i/passkey/challenge")
    assert (await send(new, "/i/passkey", nonsense)).status == 404


async def test_broken_answers_to_a_real_challenge_are_refused(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    for broken in (
        {"id": "\ud800"},
        {"rawId": "AAAA"},
        {"type": "other"},
        {"response": {"authenticatorData": "AAAA"}},
        {"response": {"signature": "AAAA"}},
        {"response": {"userHandle": "AAAA"}},
    ):
        local.house.clock.advance(minutes=11)
        new = local.house.stranger()
        answered = json.loads(key.get(await options(new, "/i/passkey/challenge")))
        nested = broken.get("response")
        if isinstance(nested, dict):
            answered["response"] |= nested
        else:
            answered |= broken
        assert (await send(new, "/i/passkey", json.dumps(answered))).status in (404, 429), broken
        assert (await new.get("/me")).status == 403, broken


# --- counters ----------------------------------------------------------------------------------------------------


async def test_a_counter_that_goes_back_is_told_and_not_refused(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    for count in (5, 2):
        key.kept[0].count = count
        new = local.house.stranger()
        came = await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))
        assert came.address == "/"
    assert "passkey_doubtful" in await notices(local)
    assert "It may exist twice" in (await local.phone.get("/me")).text


async def test_passkeys_that_do_not_count_are_not_suspected(local: Furnished, key: Authenticator) -> None:
    key.counts = False
    await add(local, key)
    for _ in range(2):
        new = local.house.stranger()
        await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))
    assert "passkey_doubtful" not in await notices(local)


# --- confirming --------------------------------------------------------------------------------------------------


async def test_signing_other_phones_out_wants_a_passkey_of_those_who_have_one(
    local: Furnished, key: Authenticator
) -> None:
    await add(local, key)
    second = await local.house.phone(local.office)
    later(local)
    asked = await local.phone.submit(await local.phone.get("/me"), "/me/sign-out-others")
    assert asked.address == "/me/confirm"
    assert (await second.get("/me")).status == 200
    thanked = await confirm(local, key)
    assert thanked.address == "/me?said=confirmed"
    await local.phone.submit(await local.phone.get("/me"), "/me/sign-out-others")
    assert (await second.get("/me")).status == 403
    assert (await local.phone.get("/me")).status == 200


async def test_a_confirmation_holds_for_five_minutes(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    await local.house.phone(local.office)
    later(local)
    await confirm(local, key)
    local.house.clock.advance(seconds=299)
    assert "/me/confirm" not in (await local.phone.get("/me")).text
    local.house.clock.advance(seconds=1)
    assert "/me/confirm" in (await local.phone.get("/me")).text
    asked = await local.phone.submit(await local.phone.get("/me"), "/me/sign-out-others")
    assert asked.address == "/me/confirm"


async def test_an_unverified_passkey_confirms_nothing(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    later(local)
    key.verifies = False
    assert (await confirm(local, key)).status == 403
    asked = await local.phone.submit(await local.phone.get("/me"), "/me/sign-out-everywhere")
    assert asked.address == "/me/confirm"


async def test_nobody_confirms_with_someone_elses_passkey(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    other = await local.house.phone(local.office, "res-2")
    theirs = Authenticator(origin=key.origin)
    await add(local, theirs, other)
    later(local)
    asked = await options(local.phone, "/me/confirm/challenge")
    assert (await send(local.phone, "/me/confirm", theirs.show(theirs.kept[0], asked))).status == 403


async def test_a_confirmation_is_one_phones(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    second = await local.house.phone(local.office)
    later(local)
    await confirm(local, key)
    assert "/me/confirm" in (await second.get("/me")).text


async def test_whoever_has_no_passkey_is_asked_for_none(local: Furnished) -> None:
    second = await local.house.phone(local.office)
    later(local)
    done = await local.phone.submit(await local.phone.get("/me"), "/me/sign-out-others")
    assert done.address == "/me?said=signed_out"
    assert (await second.get("/me")).status == 403


async def test_another_payment_card_wants_a_passkey_of_those_who_have_one(tmp_path: Path) -> None:
    # Nobody listens at this address: without the passkey it is not even asked.
    async with open_local(tmp_path, stripe_key="rk_test_1", stripe_api_base="http://127.0.0.1:9") as local:
        key = Authenticator(origin=local.phone.origin)
        await add(local, key)
        later(local)
        page = await local.phone.get("/me")
        assert (await local.phone.submit(page, "/me/card")).address == "/me/confirm"
        await confirm(local, key)
        assert (await local.phone.submit(await local.phone.get("/me"), "/me/card")).address == "/me?said=later"


async def test_an_unlocked_phone_in_a_strangers_hand_adds_no_passkey(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    later(local)
    fields = (await local.phone.get("/me")).form("/me/language")
    assert (await local.phone.post("/me/passkeys/challenge", fields)).status == 404
    asked = await options(local.phone, "/me/confirm/challenge")
    refused = await local.phone.post("/me/passkeys", fields | {"credential": key.get(asked)})
    assert refused.address == "/me/confirm"


async def test_a_passkey_is_removed_and_opens_nothing_any_more(local: Furnished, key: Authenticator) -> None:
    made = await add(local, key)
    action = made.text.split('action="/me/passkeys/')[1].split('"')[0]
    removed = await local.phone.submit(made, f"/me/passkeys/{action}")
    assert f"/me/passkeys/{action}" not in removed.text
    new = local.house.stranger()
    assert (await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))).status == 404


async def test_the_manager_removes_a_lost_phones_passkey(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    page = await local.office.get("/office/residents/res-1")
    action = "/office/residents/res-1/passkeys/" + page.text.split("/passkeys/")[1].split('"')[0]
    removed = await local.office.submit(page, action)
    assert action not in removed.text
    new = local.house.stranger()
    assert (await send(new, "/i/passkey", key.get(await options(new, "/i/passkey/challenge")))).status == 404


async def test_nobody_removes_someone_elses_passkey(local: Furnished, key: Authenticator) -> None:
    made = await add(local, key)
    action = "/me/passkeys/" + made.text.split('action="/me/passkeys/')[1].split('"')[0]
    other = await local.house.phone(local.office, "res-2")
    fields = (await other.get("/me")).form("/me/language")
    assert (await other.post(action, fields)).status == 404
    assert action in (await local.phone.get("/me")).text


async def test_a_signed_out_phone_starts_nothing_from_that_moment(local: Furnished) -> None:
    second = await local.house.phone(local.office)
    at = local.house.clock.now - timedelta(minutes=1)
    await local.integration.live(plugged_stall(1, at), free_stall(2))
    page = await second.get(f"/s/{local.code}")
    await local.phone.submit(await local.phone.get("/me"), "/me/sign-out-others")
    refused = await second.submit(page, f"/s/{local.code}/start", mode="fast")
    assert refused.status == 403
    assert [ask for ask in local.integration.asked if ask["what"] == "start"] == []


async def test_sign_out_everywhere_is_everywhere(local: Furnished) -> None:
    second = await local.house.phone(local.office)
    theirs = await local.house.phone(local.office, "res-2")
    left = await local.phone.submit(await local.phone.get("/me"), "/me/sign-out-everywhere")
    assert left.address == "/"
    assert (await local.phone.get("/me")).status == 403
    assert (await second.get("/me")).status == 403
    assert (await theirs.get("/me")).status == 200


# --- an old plug -------------------------------------------------------------------------------------------------


def starts(local: Furnished) -> list[dict[str, Any]]:
    return [ask["body"] for ask in local.integration.asked if ask["what"] == "start"]


def only_with_proof(what: str, body: dict[str, Any]) -> dict[str, Any]:
    if what == "start" and body["proof"] is None:
        return {"ok": False, "error": {"code": "plug_too_old", "message": "more than 5 minutes"}}
    return {"ok": True, "result": {"session_id": "5e55"}}


async def old_plug(local: Furnished) -> None:
    at = local.house.clock.now - timedelta(minutes=45)
    await local.integration.live(plugged_stall(1, at), free_stall(2))


async def test_with_an_old_plug_a_passkey_starts_in_one_go(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    later(local)
    await old_plug(local)
    page = await local.phone.get(f"/s/{local.code}")
    assert "Confirm it is you and start" in page.text
    local.integration.decide = only_with_proof
    action = f"/s/{local.code}/start"
    shown = key.get(await options(local.phone, "/me/confirm/challenge"))
    started = await local.phone.submit(page, action, mode="fast", credential=shown)
    assert started.address == f"/s/{local.code}?said=started"
    assert [body["proof"] for body in starts(local)] == ["passkey"]


async def test_a_wrong_passkey_is_no_proof_and_asks_nothing(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    later(local)
    await old_plug(local)
    page = await local.phone.get(f"/s/{local.code}")
    key.verifies = False
    shown = key.get(await options(local.phone, "/me/confirm/challenge"))
    refused = await local.phone.submit(page, f"/s/{local.code}/start", mode="fast", credential=shown)
    assert refused.address == f"/s/{local.code}?said=not_confirmed"
    assert starts(local) == []


async def test_without_a_passkey_people_are_told_to_plug_in_again(local: Furnished) -> None:
    await old_plug(local)
    local.integration.decide = only_with_proof
    page = await local.phone.get(f"/s/{local.code}")
    told = await local.phone.submit(page, f"/s/{local.code}/start", mode="fast")
    assert "Unplug it" in told.text
    assert "Confirm it is you and start" not in told.text
    assert [body["proof"] for body in starts(local)] == [None]


async def test_with_a_fresh_plug_nobody_is_bothered(local: Furnished, key: Authenticator) -> None:
    await add(local, key)
    later(local)
    at = local.house.clock.now - timedelta(minutes=1)
    await local.integration.live(plugged_stall(1, at), free_stall(2))
    assert "Confirm it is you" not in (await local.phone.get(f"/s/{local.code}")).text


# --- where there are none ----------------------------------------------------------------------------------------


async def test_without_a_public_address_pages_say_what_passkeys_need(furnished: Furnished) -> None:
    assert "Passkeys need an HTTPS address of the portal’s own" in (await furnished.phone.get("/me")).text
    new = furnished.house.stranger()
    assert "Passkeys need an HTTPS address of the portal’s own" in (await new.get("/i/passkey")).text
    assert "/i/passkey" not in (await new.get("/i")).text
    assert (await new.post("/i/passkey/challenge")).status == 404
