"""Words for what a dialogue shows besides its own texts, in the language of whoever looks at it."""

from collections.abc import Mapping
from typing import TypeGuard

from homeassistant.components.http import KEY_HASS_USER
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import current_request
from homeassistant.helpers.translation import async_get_translations

from .connectors.ports import Failsafe
from .const import DOMAIN

_COMMA = frozenset({"de"})
"""Languages of ours that write 1,5."""


class Words:
    """The options of our selectors, as the translations name them."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        """Use `async_words`."""
        self.language = language
        self._texts = texts

    def __call__(self, selector: str, option: str) -> str:
        """The word for an option of a selector; the option itself where there is none."""
        return self._texts.get(f"component.{DOMAIN}.selector.{selector}.options.{option}", option)

    def number(self, value: float, form: str = "g") -> str:
        """A number as it is written in this language."""
        written = format(value, form)
        return written.replace(".", ",") if self.language.partition("-")[0] in _COMMA else written


async def async_words(hass: HomeAssistant) -> Words:
    """Read the words."""
    language = await _async_language(hass)
    return Words(language, await async_get_translations(hass, language, "selector", {DOMAIN}))


async def _async_language(hass: HomeAssistant) -> str:
    """What the signed-in person chose in the profile, else the language of Home Assistant.

    A dialogue is not told who holds it; the request that it answers is.
    """
    request = current_request.get()
    user = None if request is None else request.get(KEY_HASS_USER)
    if user is None or "frontend" not in hass.config.components:
        return hass.config.language
    # Imported late: without the frontend what it needs may not be installed.
    from homeassistant.components.frontend.storage import async_user_store

    chosen = (await async_user_store(hass, user.id)).data.get("language")
    language = chosen.get("language") if isinstance(chosen, dict) else None
    return language if isinstance(language, str) else hass.config.language


def failsafe_said(failsafe: Failsafe | None, words: Words) -> str:
    """What a connector's own failsafe offers, and after how long."""
    if not failsafe_is_read(failsafe):
        return words("failsafe", "unknown")
    if failsafe.timeout_s == 0:
        return words("failsafe", "off")
    parts = []
    if failsafe.current_a is not None:
        parts.append(f"{words.number(failsafe.current_a)} A")
    if failsafe.timeout_s is not None:
        parts.append(f"{words('failsafe', 'after')} {words.number(failsafe.timeout_s)} s")
    return ", ".join(parts)


def failsafe_is_read(failsafe: Failsafe | None) -> TypeGuard[Failsafe]:
    """Whether anything is known of it."""
    return failsafe is not None and (failsafe.current_a, failsafe.timeout_s) != (None, None)
