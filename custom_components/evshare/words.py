"""Words for what a dialogue shows besides its own texts, in the language of Home Assistant."""

from collections.abc import Mapping

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .connectors.ports import Failsafe
from .const import DOMAIN


class Words:
    """The options of our selectors, as the translations name them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Use `async_words`."""
        self._texts = texts

    def __call__(self, selector: str, option: str) -> str:
        """The word for an option of a selector; the option itself where there is none."""
        return self._texts.get(f"component.{DOMAIN}.selector.{selector}.options.{option}", option)


async def async_words(hass: HomeAssistant) -> Words:
    """Read the words."""
    return Words(await async_get_translations(hass, hass.config.language, "selector", {DOMAIN}))


def failsafe_said(failsafe: Failsafe | None, words: Words) -> str:
    """What a connector's own failsafe offers, and after how long."""
    if failsafe is None or failsafe.current_a is None:
        return words("failsafe", "unknown")
    current = f"{failsafe.current_a:g} A"
    if failsafe.timeout_s is None:
        return current
    return f"{current}, {words('failsafe', 'after')} {failsafe.timeout_s:g} s"
