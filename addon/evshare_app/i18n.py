"""Texts in people's languages: gettext catalogues read from `locale/<language>/LC_MESSAGES/*.po`.

The message ids are the English texts. A language may have several `.po` files (one per room); they are read as one
catalogue, in memory, so nothing has to be compiled before it runs. Numbers, dates and money are Babel's, in the same
language.
"""

from collections.abc import Callable
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "de", "fr")
"""What residents and managers can choose from; the first is the source language and the fallback."""
LANGUAGE_NAMES = {"en": "English", "de": "Deutsch", "fr": "Français"}
"""What each calls itself: people find theirs in whatever language the page is."""

_LOCALE = Path(__file__).parent / "locale"


@cache
def translations(language: str) -> GNUTranslations:
    """Return the catalogue of a language; an unknown language gets the source texts."""
    merged = Catalog(locale=language if language in LANGUAGES else LANGUAGES[0])
    for path in sorted(_LOCALE.glob(f"{merged.locale_identifier}/LC_MESSAGES/*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=merged.locale_identifier):
                if message.id and message.string:
                    merged[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext_for(language: str) -> Callable[[str], str]:
    """Return the function that says an English text in `language`."""
    return translations(language).gettext


def best_language(accept_language: str, fallback: str) -> str:
    """Choose from an `Accept-Language` header (RFC 9110 12.5.4); `fallback` when nothing in it is spoken here."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        language = tag.partition("-")[0].strip().lower()
        if language in LANGUAGES and weight > 0:
            wishes.append((-weight, place, language))
    return min(wishes)[2] if wishes else fallback


def mark(text: str) -> str:
    """Return the text as it is: it is translated where it is shown, and listed for the catalogues here."""
    return text
