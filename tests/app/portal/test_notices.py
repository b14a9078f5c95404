"""What residents are told on the portal, and that they choose how else they hear of it."""

from datetime import UTC, datetime, timedelta
import re
from typing import Any

import pytest

from evshare_app.resident.notices import CHOICES, KINDS, note
from evshare_app.resident.statement_notices import note_statements
from tests.app.house import NOW, Browser, Furnished, resident
from tests.app.office.telling import told_card


async def news(browser: Browser, path: str = "/notices") -> str:
    """Return the words of a page, without markup."""
    main = (await browser.get(path)).text.split("<main", 1)[1].split("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


async def start(place: Furnished, kind: str, **more: Any) -> str:
    delivered = len(place.integration.journal)
    session_id = place.integration.begin("stall-1", "res-1", NOW - timedelta(minutes=2), kind=kind, **more)
    await place.integration.deliver(delivered)
    return session_id


@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        ("card", {"credential_id": "card-1"}, "By card “Card 1”, 18:28. Not you? Block the card"),
        ("card", {"credential_id": "card-9"}, "By your card, 18:28."),
        ("phone", {}, "By your phone, 18:28."),
        ("ha_user", {}, "At 18:28. Not you?"),
        ("car", {}, "At 18:28. Not you?"),
    ],
)
async def test_every_start_is_told_and_by_what(
    furnished: Furnished, kind: str, more: dict[str, Any], text: str
) -> None:
    await furnished.integration.cards([told_card(1, "res-1")], [])
    session_id = await start(furnished, kind, **more)
    page = await furnished.phone.get("/")
    assert "Charging began at Stall 1" in page.text
    assert text in await news(furnished.phone, "/")
    assert f"/sessions/{session_id}" in page.text


async def test_the_end_tells_energy_and_cost(furnished: Furnished) -> None:
    session_id = await start(furnished, "phone")
    integration, delivered = furnished.integration, len(furnished.integration.journal)
    integration.cut("stall-1", session_id, NOW - timedelta(minutes=2), NOW, 10_000)
    integration.finish("stall-1", session_id, NOW, 10_000)
    await integration.deliver(delivered)
    assert "Charging ended at Stall 1 10,00 kWh for 3,00 €." in (await news(furnished.phone)).replace("\u00a0", " ")


async def test_a_session_that_never_began_is_no_news(furnished: Furnished) -> None:
    integration = furnished.integration
    integration.record(
        "session_authorised",
        NOW,
        session_id="5" * 32,
        stall_id="stall-1",
        resident_id="res-1",
        credential_kind="phone",
        mode="fast",
        plug_epoch=None,
        credential_id=None,
        cap_wh=None,
    )
    integration.record(
        "session_ended",
        NOW,
        session_id="5" * 32,
        stall_id="stall-1",
        stop_reason="no_plug",
        register_start_wh=None,
        register_end_wh=None,
        energy_wh=0,
    )
    await integration.deliver()
    assert "Charging" not in await news(furnished.phone)


def denied(place: Furnished, reason: str, seconds_ago: int = 5, **body: Any) -> None:
    shown = {"stall_id": "stall-2", "credential_kind": "card", "credential_id": "card-1", "resident_id": "res-1"}
    place.integration.record("denied", NOW - timedelta(seconds=seconds_ago), reason=reason, **(shown | body))


async def test_a_refused_card_is_told_once_with_the_reason(furnished: Furnished) -> None:
    await furnished.integration.cards([told_card(1, "res-1")], [])
    for seconds in (9, 7, 5):
        denied(furnished, "card_quiet", seconds)
    denied(furnished, "unknown_card", resident_id=None)
    denied(furnished, "plug_too_old", credential_kind="phone")  # whose page says so
    await furnished.integration.deliver()
    words = await news(furnished.phone)
    assert words.count("Your card was refused at Stall 2") == 1
    assert "Card “Card 1”: This card starts nothing at this time of day." in words


async def test_a_card_that_charges_elsewhere_is_a_warning_of_a_copy(furnished: Furnished) -> None:
    await start(furnished, "card", credential_id="card-1")
    delivered = len(furnished.integration.journal)
    denied(furnished, "quota")
    await furnished.integration.deliver(delivered)
    words = await news(furnished.phone)
    assert "Your card was shown at Stall 2 It charges at Stall 1 already." in words
    assert "refused" not in words


async def test_what_was_seen_is_gone_from_the_first_page_and_stays_in_the_list(furnished: Furnished) -> None:
    await start(furnished, "phone")
    first = await furnished.phone.get("/")
    house = furnished.house
    house.clock.advance(minutes=1)
    later = {"label": "Pixel"}
    await house.app.books.write(lambda conn: note(conn, "res-1", "phone_added", "d2", later, house.clock.now))
    # Only what the page showed was seen; what came meanwhile stays new.
    page = await furnished.phone.submit(first, "/notices/seen")
    assert "Charging began" not in page.text
    assert "Another phone was connected" in page.text
    words = await news(furnished.phone)
    assert "Charging began" in words
    assert words.count(" New") == 1


async def test_nobody_reads_or_marks_what_others_were_told(furnished: Furnished) -> None:
    await start(furnished, "phone")
    bo = await furnished.house.phone(furnished.office, "res-2")
    assert "Charging began" not in await news(bo)
    await start(furnished, "phone")
    await bo.post("/notices/seen", {"until": "99999999999999", **(await csrf(bo))})
    assert "Charging began" in await news(furnished.phone, "/")


async def csrf(browser: Browser) -> dict[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', (await browser.get("/me")).text)
    assert found
    return {"csrf": found[1]}


async def test_the_choices_are_kept_and_shown(furnished: Furnished) -> None:
    ada = furnished.phone
    page = await ada.submit(await ada.get("/me"), "/me/notices", push_refused="on", email_session_ended="on")
    ticked = set(re.findall(r'name="((?:push|email)_\w+)"[^>]* checked', page.text))
    assert ticked == {"push_refused", "email_session_ended"}
    offered = set(re.findall(r'name="push_(\w+)"', page.text))
    assert offered == set(CHOICES)
    assert {"phone_added", "phone_stolen", "passkey_doubtful", "card_elsewhere"}.isdisjoint(offered)


@pytest.mark.parametrize("until", ["", "-1", "1e9", "９", "x" * 16])
async def test_nonsense_is_refused_by_name(furnished: Furnished, until: str) -> None:
    answered = await furnished.phone.post("/notices/seen", {"until": until, **(await csrf(furnished.phone))})
    assert answered.status == 400
    assert "until: got" in answered.text


async def test_every_kind_has_words_in_every_language(furnished: Furnished) -> None:
    facts: dict[str, Any] = {
        "session_id": "5" * 32,
        "stall": "Stall 1",
        "other": "Stall 2",
        "code": furnished.code,
        "by": "card",
        "card": "Blue",
        "guest": "",
        "label": "Pixel",
        "reason": "held",
        "number": 2,
        "energy_wh": 1000,
        "minor": 30,
        "currency": "EUR",
        "statement_id": "s1",
        "month": "2026-06",
        "overdue": False,
        "upheld": False,
        "note": "No",
        **dict.fromkeys(("at_ms", "until_ms", "since_ms", "due_ms", "started_ms"), 1783009800000),
    }
    for number, kind in enumerate(KINDS):
        await furnished.house.app.books.write(
            lambda conn, kind=kind, number=number: note(conn, "res-1", kind, f"c{number}", facts, NOW)
        )
    english = await news(furnished.phone)
    await furnished.phone.submit(await furnished.phone.get("/me"), "/me/language", language="de")
    german = await news(furnished.phone)
    for text in (english, german):
        assert not re.search(r"%\(|%s|None|\{", text)
    assert "Please move your car" in english
    assert "Bitte stellen Sie Ihr Auto um" in german


async def test_an_unknown_kind_is_a_mistake_of_ours(furnished: Furnished) -> None:
    with pytest.raises(ValueError, match="kind: got 'gossip', accepted are session_started"):
        await furnished.house.app.books.write(lambda conn: note(conn, "res-1", "gossip", "1", {}, NOW))


# --- statements, and moving out ------------------------------------------------------------------------------------


async def june_closed(place: Furnished) -> Browser:
    end = datetime(2026, 7, 2, 15, tzinfo=UTC)
    place.integration.charge("stall-1", "res-1", end - timedelta(hours=1), end, 10_000)
    await place.integration.deliver()
    place.house.clock.now = datetime(2026, 8, 1, 8, tzinfo=UTC)
    office = await place.house.office(place.integration)
    await office.submit(await office.get("/office/month?month=2026-07"), "/office/month/close")
    return office


async def told_of_statements(place: Furnished, days: float) -> str:
    at = datetime(2026, 8, 1, 8, tzinfo=UTC) + timedelta(days=days)
    await place.house.app.books.write(lambda conn: note_statements(conn, at))
    place.house.clock.now = at
    return (await news(place.phone)).replace("\u00a0", " ")


async def test_an_open_statement_is_told_once_and_once_more_when_it_is_overdue(furnished: Furnished) -> None:
    await june_closed(furnished)
    for days, times in ((0.1, 1), (1, 1), (10, 1), (16.9, 1), (17.1, 2), (18, 2), (40, 2)):
        words = await told_of_statements(furnished, days)
        found = words.count("July 2026")
        assert found == times, days
    assert "Your statement for July 2026 3,00 €, please pay it by 15 Aug 2026." in words
    assert "3,00 € for July 2026 is still open It was due on 15 Aug 2026." in words


async def test_a_paid_statement_is_no_news(furnished: Furnished) -> None:
    office = await june_closed(furnished)
    page = await office.get("/office/month?month=2026-07")
    found = re.search(r'action="(/office/statements/[^"]+/transfer)"', page.text)
    assert found
    await office.submit(page, found[1], amount="3.00", day="2026-08-01", entry="1")
    assert "July 2026" not in await told_of_statements(furnished, 20)


async def test_old_statements_of_restored_books_ring_nobody(furnished: Furnished) -> None:
    await june_closed(furnished)
    assert "July 2026" not in await told_of_statements(furnished, 4)


async def test_moving_out_is_told(furnished: Furnished) -> None:
    furnished.integration.building["residents"].append(resident(3, "Cy Novak"))
    page = await furnished.office.get("/office/residents/res-1")
    await furnished.office.submit(page, "/office/residents/res-1/moving", moves_out="2026-07-01")
    for _ in range(2):
        await furnished.house.app.apply_time()
    notices = await furnished.house.app.books.read(
        lambda conn: conn.exec_driver_sql("SELECT kind FROM notice WHERE resident_id = 'res-1'").scalars().all()
    )
    assert notices == ["moved_out"]
