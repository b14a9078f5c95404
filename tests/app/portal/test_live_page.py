"""Why a car charges as fast as it does, in words, and what is known about the end."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evshare_app.link.messages import LiveSession, LiveStall
from evshare_app.portal.speed import when_done, why_this_fast
from evshare_app.web.formats import Formats
from tests.app.house import NOW, Furnished, live_session, plugged_stall

FORMATS = Formats("en", ZoneInfo("Europe/Berlin"))
AT = datetime(2026, 7, 2, 16, 30, tzinfo=UTC)


def running(**changes: Any) -> LiveSession:
    known: dict[str, Any] = {
        "session_id": "5" * 32,
        "resident_id": "res-1",
        "mode": "fast",
        "authorised_at": AT,
        "started_at": AT,
        "energy_wh": 5_000,
    }
    return LiveSession(**known | changes)


def charging(**changes: Any) -> LiveStall:
    known: dict[str, Any] = {
        "stall_id": "stall-1",
        "status": "charging",
        "plugged": True,
        "plug_epoch": 3,
        "plugged_at": AT,
        "power_w": 11_000,
        "offered_a": 16,
        "limit_reason": "none",
        "session": running(),
    }
    return LiveStall(**known | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limit_reason": "circuit", "offered_a": 10}, "The house shares its amps: you get 10 of 16 A now."),
        ({"limit_reason": "circuit", "offered_a": 0}, "The house has no amps to spare right now."),
        ({"limit_reason": "solar", "offered_a": 8}, "Follows the sun: 8 of 16 A now."),
        ({"limit_reason": "solar", "offered_a": 0, "status": "suspended_evse"}, "Waiting for more sun."),
        ({"limit_reason": "paused", "offered_a": 0}, "Paused."),
        ({"limit_reason": "failsafe", "offered_a": 6}, "A meter is silent"),
        ({"status": "suspended_ev", "power_w": 0}, "The car takes nothing at the moment"),
        ({}, "As fast as this stall can."),
        # One of three phases: 3.7 of 11.04 kW.
        ({"power_w": 3_680}, "The car takes less than it is offered: 3,7 kW of 11,0 kW."),
        ({"power_w": 9_500}, "As fast as this stall can."),
        ({"power_w": 40}, ""),
    ],
)
def test_the_reason_for_the_speed_is_a_sentence(changes: dict[str, Any], said: str) -> None:
    told = why_this_fast(charging(**changes), 16, 3, str, FORMATS).replace("\u00a0", " ")
    assert told.startswith(said), told
    assert bool(told) == bool(said)


def test_without_a_limit_nobody_knows_the_end_but_how_long_some_energy_takes() -> None:
    told = when_done(charging(power_w=5_000), running(), str, FORMATS)
    assert told.replace("\u00a0", " ") == "When it is full only the car knows. At this power 10 kWh take about 2 hrs."


def test_with_a_limit_the_end_is_known() -> None:
    told = when_done(charging(power_w=10_000), running(cap_wh=20_000), str, FORMATS)  # 15 kWh to go
    assert told.replace("\u00a0", " ") == "It ends by itself at 20,0 kWh, at this power in about 1 hr 30 mins."


def test_a_car_that_does_not_draw_is_promised_nothing() -> None:
    assert when_done(charging(power_w=0), running(), str, FORMATS) == "When it is full only the car knows."


async def test_the_poll_brings_the_reason_and_the_limit(furnished: Furnished) -> None:
    begun = NOW - timedelta(minutes=30)
    session = live_session("5" * 32, "res-1", begun)
    stall = plugged_stall(
        1, begun, status="charging", power_w=5_000, offered_a=8, limit_reason="circuit", session=session
    )
    await furnished.integration.live(stall)
    page = await furnished.phone.get(f"/s/{furnished.code}/live")
    assert "you get 8 of 16 A now" in page.text
    assert "take about 2 hrs" in page.text.replace("\u00a0", " ").replace("\\u00a0", " ")


async def test_somebody_elses_reason_is_not_told(furnished: Furnished) -> None:
    session = live_session("5" * 32, "res-2", NOW)
    await furnished.integration.live(plugged_stall(1, NOW, status="charging", limit_reason="circuit", session=session))
    for browser in (furnished.phone, furnished.house.stranger()):
        page = await browser.get(f"/s/{furnished.code}/live")
        assert page.status == 200
        assert '"values": {}' in page.text
