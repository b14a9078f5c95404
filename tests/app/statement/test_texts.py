import ast
from pathlib import Path
import re

from babel.messages.pofile import read_po
import pytest

import evshare_app

ROOM = Path(evshare_app.__file__).parent
CATALOGUE = ROOM / "locale" / "de" / "LC_MESSAGES" / "statement.po"


def said() -> set[str]:
    """Every text that statements, tariffs and the month close say."""
    texts = set()
    for path in (*ROOM.glob("statement/*.py"), *ROOM.glob("tariff/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="text" | "gettext" | "Reason"), args=[ast.Constant(value=str(one)), *_]):
                    texts.add(one)
    return texts


def german() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file, locale="de") if one.id}


def test_every_text_has_a_german_translation():
    assert said() <= {text for text, translation in german().items() if translation}
    assert len(said()) > 40


@pytest.mark.parametrize(("text", "translation"), german().items())
def test_a_translation_fills_in_the_same_values(text, translation):
    placeholders = re.compile(r"%\(\w+\)s|%%")
    assert sorted(placeholders.findall(text)) == sorted(placeholders.findall(translation))
