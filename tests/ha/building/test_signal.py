"""What a lamp or buzzer beside the reader shows of a card."""

from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.evshare.building.signal import Beat, pattern
from custom_components.evshare.model import CardAnswer

from ..conftest import stall
from .conftest import ANNA, ANNAS_CARD, STALL_1, STRANGERS_CARD, MakeSite, Site

BUZZER = "switch.buzzer"


class Lamp:
    """An entity that does what it is told, and notes when."""

    def __init__(self, hass: HomeAssistant, entity_id: str, now: Callable[[], float]) -> None:
        self._hass = hass
        self._now = now
        self.entity_id = entity_id
        self.told: list[tuple[float, str, dict[str, Any]]] = []
        self.contexts: list[str | None] = []
        self.broken = False
        domain = entity_id.partition(".")[0]
        for service in ("turn_on", "turn_off"):
            hass.services.async_register(domain, service, self._obey)

    def is_now(self, state: str, **attributes: Any) -> None:
        self._hass.states.async_set(self.entity_id, state, attributes)

    async def _obey(self, call: ServiceCall) -> None:
        if self.broken:
            raise HomeAssistantError("no answer")
        data = {key: value for key, value in call.data.items() if key != "entity_id"}
        self.told.append((round(self._now(), 1), call.service, data))
        self.contexts.append(call.context.user_id)
        self.is_now("on" if call.service == "turn_on" else "off", **data)

    def flashes(self) -> list[tuple[float, float]]:
        """When it went on and off again, in seconds after the first; a lamp that is off stays off when told again."""
        first = self.told[0][0]
        steps: list[tuple[float, str]] = []
        for at, service, _ in self.told:
            if not steps or steps[-1][1] != service:
                steps.append((round(at - first, 1), service))
        ons = [at for at, service in steps if service == "turn_on"]
        offs = [at for at, service in steps if service == "turn_off"]
        return list(zip(ons, offs, strict=True))


@pytest.fixture
async def with_buzzer(make_site: MakeSite) -> tuple[Site, Lamp]:
    """Anna's card is enrolled; the reader of stall 1 has a buzzer."""
    site = await make_site(
        stalls=[stall("stall-1", "Stall 1", serial="1", tag_reader="reader-1", reader_signal=BUZZER)]
    )
    lamp = Lamp(site.hass, BUZZER, lambda: site.clock.mono_s)
    lamp.is_now("off")
    await site.start()
    await site.knows_card(ANNA, ANNAS_CARD)
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    return site, lamp


def test_each_answer_has_a_pattern_of_its_own() -> None:
    patterns = {pattern(answer, was_on=False) for answer in CardAnswer}
    assert len(patterns) == len(CardAnswer)
    for beats in patterns:
        assert sum(beat.seconds for beat in beats) < 3


def test_one_that_is_on_goes_off_first() -> None:
    assert pattern(CardAnswer.ACCEPTED, was_on=True)[0] == Beat(on=False, seconds=0.3)


async def test_an_accepted_card_is_one_long(with_buzzer: tuple[Site, Lamp]) -> None:
    site, lamp = with_buzzer
    await site.tap(ANNAS_CARD)
    assert len(site.records("session_authorised")) == 1
    await site.clock.passes(10)
    assert lamp.flashes() == [(0.0, 1.0)]
    assert lamp.contexts == [None] * len(lamp.told)


async def test_a_refused_card_is_three_short(with_buzzer: tuple[Site, Lamp]) -> None:
    site, lamp = with_buzzer
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(10)
    assert lamp.flashes() == [(0.0, 0.3), (0.6, 0.9), (1.2, 1.5)]


async def test_what_is_no_card_is_refused_too(with_buzzer: tuple[Site, Lamp]) -> None:
    site, lamp = with_buzzer
    await site.tap("no card at all")
    await site.clock.passes(10)
    assert len(lamp.flashes()) == 3


async def test_a_learnt_card_is_two_short(with_buzzer: tuple[Site, Lamp]) -> None:
    site, lamp = with_buzzer
    await site.building.async_enrol_card(ANNA, STALL_1)
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(10)
    assert lamp.flashes() == [(0.0, 0.3), (0.6, 0.9)]


async def test_a_second_tap_that_stops_is_long_and_short(with_buzzer: tuple[Site, Lamp]) -> None:
    site, lamp = with_buzzer
    await site.tap(ANNAS_CARD)
    await site.clock.passes(60)
    lamp.told.clear()
    await site.tap(ANNAS_CARD)
    await site.clock.passes(10)
    assert lamp.flashes() == [(0.0, 1.0), (1.3, 1.6)]


async def test_a_lamp_that_was_on_is_put_back_with_its_brightness(make_site: MakeSite) -> None:
    site = await make_site(
        stalls=[stall("stall-1", "Stall 1", serial="1", tag_reader="reader-1", reader_signal="light.lamp")]
    )
    lamp = Lamp(site.hass, "light.lamp", lambda: site.clock.mono_s)
    lamp.is_now("on", brightness=40, color_mode="brightness")
    await site.start()
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(10)
    _, service, data = lamp.told[-1]
    assert (service, data["brightness"]) == ("turn_on", 40)
    assert lamp.told[0][1] == "turn_off"


async def test_the_next_card_is_shown_at_once_and_the_lamp_ends_as_it_began(with_buzzer: tuple[Site, Lamp]) -> None:
    site, lamp = with_buzzer
    await site.tap(ANNAS_CARD)
    await site.clock.passes(0.2)
    lamp.told.clear()
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(10)
    assert [service for _, service, _ in lamp.told].count("turn_on") == 3
    assert site.hass.states.get(BUZZER).state == "off"


async def test_a_buzzer_that_does_not_work_keeps_nobody_out(
    with_buzzer: tuple[Site, Lamp], caplog: pytest.LogCaptureFixture
) -> None:
    site, lamp = with_buzzer
    lamp.broken = True
    await site.tap(ANNAS_CARD)
    await site.clock.passes(10)
    assert len(site.records("session_authorised")) == 1
    assert "switch.buzzer does not show what came of a card" in caplog.text


async def test_a_buzzer_that_never_answers_keeps_nobody_out(with_buzzer: tuple[Site, Lamp]) -> None:
    site, _ = with_buzzer
    site.hass.services.async_register("switch", "turn_on", _never)
    await site.tap(ANNAS_CARD)
    await site.clock.passes(1)
    assert site.connectors[STALL_1].enabled
    await site.clock.passes(60)


async def test_one_that_is_away_is_left_alone(with_buzzer: tuple[Site, Lamp]) -> None:
    site, lamp = with_buzzer
    lamp.is_now("unavailable")
    await site.tap(ANNAS_CARD)
    await site.clock.passes(10)
    assert lamp.told == []


async def test_when_the_building_stops_the_lamp_is_put_back(with_buzzer: tuple[Site, Lamp]) -> None:
    site, _ = with_buzzer
    await site.tap(ANNAS_CARD)
    await site.clock.passes(0.2)
    assert site.hass.states.get(BUZZER).state == "on"
    await site.stop()
    await site.clock.settles()
    assert site.hass.states.get(BUZZER).state == "off"


async def _never(call: ServiceCall) -> None:
    await call.hass.loop.create_future()
