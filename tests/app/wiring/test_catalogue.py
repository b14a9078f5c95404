"""Every text of the portal and the office exists in every language, and fits what is put into it."""

from collections.abc import Iterator
from pathlib import Path
import re

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
import pytest

import evshare_app
from evshare_app.i18n import LANGUAGES

ROOT = Path(evshare_app.__file__).parent
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "mark": None, "say": None}


def said() -> Iterator[str]:
    rooms = ("web", "portal", "office", "delivery", "tariff")
    methods = [(f"{room}/**.html", "jinja2") for room in rooms] + [(f"{room}/**.py", "python") for room in rooms]
    options = {"**.html": {"newstyle_gettext": "true"}}
    for _, _, message, _, _ in extract_from_dir(ROOT, methods, options_map=options, keywords=KEYWORDS):
        yield message if isinstance(message, str) else message[0]


def catalogue(language: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in sorted((ROOT / "locale" / language / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                first = message.id if isinstance(message.id, str) else message.id[0]
                text = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
                if first:
                    assert texts.get(first, text) == text, f"{first!r} is said in two ways"
                    texts[first] = text
    return texts


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_text_is_translated(language: str) -> None:
    texts = catalogue(language)
    assert sorted(one for one in set(said()) if not texts.get(one)) == []


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_translations_take_what_is_put_into_them(language: str) -> None:
    holes = re.compile(r"%\(\w+\)s|%s")
    for source, text in catalogue(language).items():
        assert sorted(holes.findall(source)) == sorted(holes.findall(text)), source


def test_french_never_breaks_a_line_before_its_double_punctuation() -> None:
    loose = re.compile(r" [:;!?»](?:\s|$)|« ")
    assert [text for text in catalogue("fr").values() if loose.search(text)] == []
    bare = re.compile(r"\w[;!?»]|\w:(?:\s|$)|'")
    assert [text for text in catalogue("fr").values() if bare.search(text)] == []
