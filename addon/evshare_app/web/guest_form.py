"""The form a guest pass is made with, on the portal and in the office: what may be chosen, and reading it."""

from collections.abc import Sequence
from decimal import Decimal
import re

from ..i18n import mark
from ..money import Money
from ..resident.pass_making import MOST_DAYS, MOST_KWH, MOST_MONEY, MOST_USES, Wanted
from ..resident.passes import Payer
from .forms import BadInput, Form

LIMITS = {"kwh": MOST_KWH, "money": MOST_MONEY, "days": MOST_DAYS, "uses": MOST_USES}
DEFAULTS = {"kwh": 20, "money": "", "days": 3, "uses": 1}
_PASS_ID = re.compile(r"[0-9a-f]{32}")


def read_pass_id(form: Form) -> str:
    """Return the id the page made for its pass: sent again, the form makes no second one."""
    pass_id = form.text("pass_id", 64)
    if not _PASS_ID.fullmatch(pass_id):
        raise BadInput("pass_id", pass_id, mark("32 hex digits, as the page made them"))
    return pass_id


def read_wanted(form: Form, stall_ids: Sequence[str], currency: str, payer: Payer = Payer.HOST) -> Wanted:
    """Return the pass a form asks for. Raises `BadInput`."""
    label = form.text("label", 60)
    if not label:
        raise BadInput("label", label, mark("a name, so that you know later whose visit it was"))
    kwh, money = _whole(form, "kwh", MOST_KWH), _whole(form, "money", MOST_MONEY)
    if kwh is None and money is None:
        raise BadInput("kwh", "nothing, and no money", mark("a limit here or in money: a pass has at least one"))
    return Wanted(
        label=label,
        stall_ids=_stalls(form, stall_ids),
        cap_wh=None if kwh is None else kwh * 1000,
        cap_minor=None if money is None else Money.from_decimal(Decimal(money), currency).minor,
        days=_at_least_one(form, "days", MOST_DAYS),
        uses=_at_least_one(form, "uses", MOST_USES),
        shows_host=form.choice("shows_host", ("", "1"), default="") == "1",
        payer=payer,
    )


def _stalls(form: Form, known: Sequence[str]) -> tuple[str, ...] | None:
    if form.choice("stalls", ("all", "chosen")) == "all":
        return None
    chosen = tuple(stall_id for stall_id in known if form.text(f"stall:{stall_id}", 5, default=""))
    if not chosen:
        raise BadInput("stalls", "chosen, and no stall", mark("all, or at least one stall"))
    return chosen


def _at_least_one(form: Form, name: str, most: int) -> int:
    number = _whole(form, name, most)
    if number is None:
        raise _not_whole(name, "nothing", most)
    return number


def _whole(form: Form, name: str, most: int) -> int | None:
    text = form.text(name, 20, default="")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise _not_whole(name, text, most)
    return int(text)


def _not_whole(name: str, got: str, most: int) -> BadInput:
    return BadInput(name, got, mark("a whole number from %(least)s to %(most)s"), least=1, most=most)
