"""A resident's past: months, single sessions with receipts, and refusals; each their own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
import re

import pypdfium2  # type: ignore[import-untyped]

from evshare_app.model import SessionId
from evshare_app.portal.charts import HEIGHT, WIDTH, Stretch, bars, steps
from evshare_app.statement.receipt import printed_receipt, receipt_of
from evshare_app.tariff.presets import SolarFriendly, to_ocpi
from evshare_app.tariff.store import add_version
from tests.app.delivery.secure_house import PORTAL, open_outside
from tests.app.house import NOW, Furnished, Page, live_session, plugged_stall

MAY = datetime(2026, 5, 10, 18, 0, tzinfo=UTC)
JUNE = datetime(2026, 6, 10, 18, 0, tzinfo=UTC)


def plain(page: Page) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text.replace("\u00a0", " ")))


async def test_a_month_is_chosen_and_shows_its_sessions_only(furnished: Furnished) -> None:
    furnished.integration.charge("stall-1", "res-1", MAY, MAY + timedelta(hours=2), 11_000)
    furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 22_000)
    await furnished.integration.deliver()
    newest = plain(await furnished.phone.get("/sessions"))
    assert "22,00 kWh" in newest
    assert "11,00 kWh" not in newest
    may = plain(await furnished.phone.get("/sessions?month=2026-05"))
    assert "11,00 kWh" in may
    assert "22,00 kWh" not in may
    # 11 and 22 kWh at 0.30, in the list of months.
    assert "Jun 2026 22,0 6,60 €" in may
    assert "May 2026 11,0 3,30 €" in may
    empty = plain(await furnished.phone.get("/sessions?month=2026-03"))
    assert "No session in March 2026." in empty


async def test_a_month_that_is_none_is_named(furnished: Furnished) -> None:
    for asked in ("2026-13", "june", "2026-06-01"):
        page = await furnished.phone.get(f"/sessions?month={asked}")
        assert page.status == 400
        assert "month: got" in page.text


async def test_the_days_sum_to_the_month_also_over_its_first_night(furnished: Furnished) -> None:
    # From 23:00 on 31 May to 01:00 on 1 June in Berlin, a quarter of an hour each slice: billed in June.
    start = datetime(2026, 5, 31, 21, 0, tzinfo=UTC)
    session_id = furnished.integration.begin("stall-1", "res-1", start)
    for quarter in range(8):
        at = start + timedelta(minutes=15 * quarter)
        furnished.integration.cut("stall-1", session_id, at, at + timedelta(minutes=15), 1_000)
    furnished.integration.finish("stall-1", session_id, start + timedelta(hours=2), 8_000)
    await furnished.integration.deliver()
    page = plain(await furnished.phone.get("/sessions?month=2026-06"))
    assert "Sun, 31 May 4,00 Mon, 1 Jun 4,00" in page
    assert "8,0 kWh" in page


async def test_a_running_session_shows_what_the_house_says_it_has(furnished: Furnished) -> None:
    session_id = furnished.integration.begin("stall-1", "res-1", NOW - timedelta(minutes=10))
    await furnished.integration.deliver()
    session = live_session(session_id, "res-1", NOW, energy_wh=1_830)
    await furnished.integration.live(plugged_stall(1, NOW, status="charging", session=session))
    assert "1,83 kWh" in plain(await furnished.phone.get("/sessions"))


async def test_a_session_tells_its_power_its_price_and_its_meter(furnished: Furnished) -> None:
    session_id = furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    page = plain(await furnished.phone.get(f"/sessions/{session_id}"))
    assert "20:00–22:00 12,00 6,0 16 A" in page  # 12 kWh in two hours are 6 kW
    assert "Energy 12,000 kWh × 0,30 €" in page
    assert "Total 3,60 €" in page
    assert "17619300" in page
    # The register stood at 4,213,877 Wh.
    assert "At the start 4.213,877 kWh" in page
    assert "At the end 4.225,877 kWh" in page
    assert "The car was unplugged." in page


async def test_a_session_is_kept_as_a_receipt(furnished: Furnished) -> None:
    session_id = furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    answer = await furnished.phone.http.get(f"{furnished.phone.origin}/sessions/{session_id}/receipt")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert f'filename="evshare-2026-06-10-{session_id[:6]}.pdf"' in answer.headers["Content-Disposition"]
    assert (await answer.read()).startswith(b"%PDF-")


async def test_a_receipt_says_who_when_how_much_and_that_it_is_no_bill(furnished: Furnished) -> None:
    session_id = SessionId(furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000))
    await furnished.integration.deliver()
    document = await furnished.house.app.books.read(lambda conn: receipt_of(conn, session_id, "en", NOW))
    assert document is not None
    assert document.resident == "Ada Larsen"
    said = re.sub(r"\s", " ", repr(printed_receipt(document)).replace("\\xa0", " "))
    for text in ("Receipt: charging on 10 June 2026", "12,000 kWh × 0,30 €", "'3,60 €'", "4.213.877 Wh", "17619300"):
        assert text in said, said
    assert "asks for no money: 3,60 € are part of the month’s statement" in said


async def receipt_of_a_session(furnished: Furnished) -> tuple[SessionId, str, list[str]]:
    """Return a session, what its receipt says, and where that leads."""
    session_id = SessionId(furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000))
    await furnished.integration.deliver()
    phone = furnished.phone
    answer = await phone.http.get(f"{phone.origin}/sessions/{session_id}/receipt", headers=phone.headers)
    content = await answer.read()
    said = pypdfium2.PdfDocument(content)[0].get_textpage().get_text_range()
    return session_id, said, [one.decode() for one in re.findall(rb"/URI \((.*?)\)", content)]


async def test_a_receipt_leads_to_how_its_price_came_about_and_names_the_tariffs_version(tmp_path: Path) -> None:
    async with open_outside(tmp_path) as outside:
        session_id, said, addresses = await receipt_of_a_session(outside.furnished)
        assert addresses == [f"{PORTAL}/sessions/{session_id}/price"]
        assert addresses[0] in re.sub(r"\s", "", said)
        assert "Tariff default" in said
        assert "How this price came about:" in said
        assert (await outside.furnished.phone.get(f"/sessions/{session_id}/price")).status == 200


async def test_where_the_public_address_is_not_known_a_receipt_leads_nowhere(furnished: Furnished) -> None:
    _, said, addresses = await receipt_of_a_session(furnished)
    assert addresses == []
    assert "Tariff default" in said
    assert "How this price came about" not in said


async def test_what_runs_has_no_receipt_yet(furnished: Furnished) -> None:
    session_id = furnished.integration.begin("stall-1", "res-1", JUNE)
    await furnished.integration.deliver()
    assert (await furnished.phone.get(f"/sessions/{session_id}")).status == 200
    assert (await furnished.phone.get(f"/sessions/{session_id}/receipt")).status == 404


async def test_somebody_elses_session_is_answered_like_one_that_does_not_exist(furnished: Furnished) -> None:
    session_id = furnished.integration.charge("stall-1", "res-2", JUNE, JUNE + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    unknown = await furnished.phone.get("/sessions/none")
    for path in (f"/sessions/{session_id}", f"/sessions/{session_id}/receipt"):
        theirs = await furnished.phone.get(path)
        assert (theirs.status, theirs.text) == (404, unknown.text)


async def test_refusals_are_ones_own_of_thirty_days_in_words(furnished: Furnished) -> None:
    for days, resident_id, reason in (
        (1, "res-1", "plug_too_old"),
        (2, "res-2", "stall_in_use"),
        (3, None, "unknown_card"),
        (29, "res-1", "something_new"),
        (31, "res-1", "blocked_resident"),
    ):
        furnished.integration.record(
            "denied",
            NOW - timedelta(days=days),
            stall_id="stall-1",
            credential_kind="phone",
            reason=reason,
            resident_id=resident_id,
        )
    await furnished.integration.deliver()
    page = plain(await furnished.phone.get("/refusals"))
    assert "Unplug it, plug it in again, then start. Wed, 1 Jul, 18:30 · Stall 1 · Phone" in page
    assert "The house did not say why." in page
    assert page.count("Stall 1") == 2
    assert "in use" not in page
    assert "blocked" not in page


async def test_nobody_who_was_not_refused_is_told_so(furnished: Furnished) -> None:
    assert "You were not refused in the last 30 days." in plain(await furnished.phone.get("/refusals"))


def test_bars_fill_the_frame_and_small_ones_are_seen() -> None:
    first, second, none = bars([50, 100, 0])
    assert (first.height, second.height) == (HEIGHT / 2, HEIGHT)
    assert second.y == 0
    assert none.empty
    assert none.height > 0
    assert first.x > 0
    assert none.x + none.width < WIDTH
    assert bars([]) == ()
    assert all(bar.empty for bar in bars([0, 0]))


def test_steps_stand_on_the_ground_and_fall_to_it_in_a_gap() -> None:
    def stretch(start: int, end: int, value: float) -> Stretch:
        return Stretch(start=JUNE + timedelta(minutes=start), end=JUNE + timedelta(minutes=end), value=value)

    # Ten minutes at 4, ten at nothing, twenty at 8: the highest reaches the top.
    assert steps([stretch(0, 10, 4), stretch(20, 40, 8)]) == "M0 100V50.0H250.0V100H500.0V0.0H1000.0V100Z"
    assert steps([]) == ""
    assert steps([stretch(0, 0, 4)]) == ""


async def test_a_price_is_explained_step_by_step(furnished: Furnished) -> None:
    session_id = furnished.integration.charge("stall-1", "res-1", JUNE, JUNE + timedelta(hours=2), 12_000)
    await furnished.integration.deliver()
    session = await furnished.phone.get(f"/sessions/{session_id}")
    assert f'href="/sessions/{session_id}/price"' in session.text
    page = plain(await furnished.phone.get(f"/sessions/{session_id}/price"))
    assert "10 Jun, 20:00 – 10 Jun, 22:00: 12,000 kWh, 2:00 h charging" in page
    assert "12,000 kWh × 0,30 € per kWh = 3,60 €" in page
    assert "rounded 3,60 € and 3,60 €" in page


async def test_a_price_by_the_sun_is_provisional_until_the_month_is_closed(furnished: Furnished) -> None:
    sunny = to_ocpi(SolarFriendly(solar=Decimal("0.10"), grid=Decimal("0.30")), "EUR", NOW)
    await furnished.house.app.books.write(lambda conn: add_version(conn, sunny, NOW, NOW))
    furnished.house.clock.advance(hours=3)
    later = NOW + timedelta(hours=1)
    session_id = furnished.integration.charge("stall-1", "res-1", later, later + timedelta(hours=1), 10_000)
    await furnished.integration.deliver()
    assert "It is billed when the month is closed" in (await furnished.phone.get(f"/sessions/{session_id}")).text
    page = plain(await furnished.phone.get(f"/sessions/{session_id}/price"))
    # Nothing was recorded of where it came from: all of it counts as the grid's.
    assert "10,000 kWh × 0,30 € per kWh = 3,00 €" in page
    assert "Provisional" in page
