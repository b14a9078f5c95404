"""The form a guest pass is made with, on the portal and in the office: what may be chosen, and reading it."""

from collections.abc import Sequence
from decimal import Decimal
import re

from ..money import Money
from ..resident.passes import MOST_DAYS, MOST_KWH, MOST_MONEY, MOST_USES, Wanted
from .forms import BadInput, Form

LIMITS = {"kwh": MOST_KWH, "money": MOST_MONEY, "days": MOST_DAYS, "uses": MOST_USES}
DEFAULTS = {"kwh": 20, "money": "", "days": 3, "uses": 1}
_PASS_ID = re.compile(r"[0-9a-f]{32}")


def read_pass_id(form: Form) -> str:
    """Return the id the page made for its pass: sent again, the form makes no second one."""
    pass_id = form.text("pass_id", 64)
    if not _PASS_ID.fullmatch(pass_id):
        raise BadInput("pass_id", pass_id, "32 hex digits, as the page made them")
    return pass_id


def read_wanted(form: Form, stall_ids: Sequence[str], currency: str) -> Wanted:
    """Return the pass a form asks for. Raises `BadInput`."""
    kwh, money = _whole(form, "kwh", MOST_KWH), _whole(form, "money", MOST_MONEY)
    if kwh is None and money is None:
        raise BadInput("kwh, money", "neither", "at least one of them: a pass has a limit")
    label = form.text("label", 60)
    if not label:
        raise BadInput("label", label, "a name, so that you know later whose visit it was")
    return Wanted(
        label=label,
        stall_ids=_stalls(form, stall_ids),
        cap_wh=None if kwh is None else kwh * 1000,
        cap_minor=None if money is None else Money.from_decimal(Decimal(money), currency).minor,
        days=_at_least_one(form, "days", MOST_DAYS),
        uses=_at_least_one(form, "uses", MOST_USES),
        shows_host=form.choice("shows_host", ("", "1"), default="") == "1",
    )


def _stalls(form: Form, known: Sequence[str]) -> tuple[str, ...] | None:
    if form.choice("stalls", ("all", "chosen")) == "all":
        return None
    chosen = tuple(stall_id for stall_id in known if form.text(f"stall:{stall_id}", 5, default=""))
    if not chosen:
        raise BadInput("stalls", "chosen, and no stall", "all, or at least one stall")
    return chosen


def _at_least_one(form: Form, name: str, most: int) -> int:
    number = _whole(form, name, most)
    if number is None:
        raise BadInput(name, "nothing", f"a whole number from 1 to {most}")
    return number


def _whole(form: Form, name: str, most: int) -> int | None:
    text = form.text(name, 20, default="")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise BadInput(name, text, f"a whole number from 1 to {most}")
    return int(text)
