"""There is a text for everything the house may answer."""

from pathlib import Path
import re

from evshare_app.portal.words import DENIALS, SAID

LINK = (Path(__file__).resolve().parents[3] / "docs" / "link.md").read_text()


def test_every_denial_of_the_link_has_words_that_say_what_to_do() -> None:
    passage = LINK.split("is one of the denial reasons:")[1].split("for others")[0]
    reasons = set(re.findall(r"[a-z]+(?:_[a-z]+)*", " ".join(re.findall(r"`([^`]+)`", passage))))
    assert {"quota", "wrong_stall", "no_credit", "held"} <= reasons
    assert reasons <= DENIALS.keys()
    assert reasons <= SAID.keys()
    assert all(len(text) < 110 and text.endswith(".") for text in DENIALS.values())
