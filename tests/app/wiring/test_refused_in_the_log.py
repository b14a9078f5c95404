"""Who was turned away is in the log, with the reason and without a word of who it was."""

import logging

import pytest

from tests.app.house import Furnished, plugged_stall


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("Refused")]


async def test_a_refused_change_is_logged_with_its_reason(
    furnished: Furnished, caplog: pytest.LogCaptureFixture
) -> None:
    phone, path = furnished.phone, f"/s/{furnished.code}/start"
    await furnished.house.stranger().post(path, {"mode": "fast"})
    await phone.post(path, {"mode": "fast"}, Origin="https://free-power.example")
    await phone.post(path, {"mode": "fast"})
    await phone.post("/statements/none/pay", (await phone.get("/me")).form("/me/language"))
    await phone.get("/statements/none")
    assert refusals(caplog) == [
        "Refused POST /s/{code}/start (403): no phone that may",
        "Refused POST /s/{code}/start (403): sent by another site",
        "Refused POST /s/{code}/start (403): without the page's own value",
        "Refused POST /statements/{id}/pay (404): not there, or not theirs",
    ]


async def test_a_start_that_came_to_nothing_here_is_logged(
    furnished: Furnished, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await furnished.integration.live(plugged_stall(1, furnished.house.clock.now))
    page = await furnished.phone.get(f"/s/{furnished.code}")
    form = page.form(f"/s/{furnished.code}/start") | {"mode": "fast"}
    await furnished.phone.post(f"/s/{furnished.code}/start", form)
    assert "refused" not in caplog.text
    await furnished.phone.post(f"/s/{furnished.code}/start", form | {"request_id": "0" * 32})
    assert "A start at Stall 1 was refused: page_too_old" in caplog.text
    assert "Ada" not in caplog.text


async def test_whoever_knocks_on_and_on_does_not_fill_the_log(
    furnished: Furnished, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = furnished.house.stranger()
    for _ in range(90):
        await stranger.post(f"/s/{furnished.code}/start", {"mode": "fast"})
    assert 60 <= len(refusals(caplog)) <= 70
