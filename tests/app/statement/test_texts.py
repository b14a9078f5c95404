import ast
from pathlib import Path
import re

from babel.messages.pofile import read_po
import pytest

import evshare_app
from evshare_app.i18n import LANGUAGES

ROOM = Path(evshare_app.__file__).parent
OTHERS = [language for language in LANGUAGES if language != "en"]


def said() -> set[str]:
    """Every text that statements, tariffs, the month close and the checks say."""
    texts = set()
    for path in (*ROOM.glob("statement/*.py"), *ROOM.glob("tariff/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="text" | "gettext" | "Reason"), args=[ast.Constant(value=str(one)), *_]):
                    texts.add(one)
                case ast.Tuple(elts=[ast.Constant(value=str(one)), ast.Attribute()]) if path.stem == "checks":
                    texts.add(one)
    return texts


def catalogue(language: str) -> dict[str, str]:
    texts = {}
    for path in sorted(ROOM.glob(f"locale/{language}/LC_MESSAGES/*.po")):
        with path.open("rb") as file:
            texts |= {str(one.id): str(one.string) for one in read_po(file, locale=language) if one.id}
    return texts


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_has_a_translation(language):
    assert said() - {text for text, translation in catalogue(language).items() if translation} == set()
    assert len(said()) > 50


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_fills_in_the_same_values(language):
    placeholders = re.compile(r"%\(\w+\)s|%%")
    for text, translation in catalogue(language).items():
        assert sorted(placeholders.findall(text)) == sorted(placeholders.findall(translation)), text
