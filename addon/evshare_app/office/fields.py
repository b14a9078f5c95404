"""Reading the office's own kinds of form fields: energy, money, dates, times of day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
import re
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from ..web.forms import BadInput, Form

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_MOST_KWH = 100_000
_YEARS = (2000, 3000)


def read_energy_wh(form: Form, name: str) -> int | None:
    """Return a field in kWh as Wh; None where it is empty."""
    text = form.text(name, 20, default="")
    if not text:
        return None
    amount = _decimal(text)
    if amount is None or not 0 < amount <= _MOST_KWH or amount * 1000 != int(amount * 1000):
        raise BadInput(name, text, f"nothing, or kWh above 0, at most {_MOST_KWH}, with at most 3 decimals")
    return int(amount * 1000)


def kwh_text(energy_wh: int | None) -> str:
    """Return energy as `read_energy_wh` reads it back, in kWh; empty for none."""
    return "" if energy_wh is None else f"{(Decimal(energy_wh) / 1000).normalize():f}"


def money_minor(form: Form, name: str, currency: str) -> int | None:
    """Return a field with an amount of money in minor units; None where it is empty."""
    text = form.text(name, 20, default="")
    if not text:
        return None
    digits = get_currency_precision(currency)
    amount = _decimal(text)
    minor = None if amount is None else amount.scaleb(digits)
    if minor is None or minor != int(minor) or not 0 < minor < 10**9:
        raise BadInput(name, text, f"nothing, or an amount above 0 with at most {digits} decimals, without grouping")
    return int(minor)


def whole(form: Form, name: str, least: int, most: int) -> int:
    """Return a field with a whole number."""
    text = form.text(name, 20)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise BadInput(name, text, f"a whole number from {least} to {most}")
    return int(text)


def time_of_day(form: Form, name: str) -> str:
    """Return a field with a time of the building's clock, HH:MM."""
    text = form.text(name, 20, default="")
    if not _TIME.fullmatch(text):
        raise BadInput(name, text, "a time of day such as 22:30")
    return text


def first_instant(form: Form, name: str, zone: ZoneInfo, *, after: bool = False) -> datetime | None:
    """Return the instant at which a field's day begins (or with `after` the day following it); None where empty."""
    text = form.text(name, 20, default="")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _YEARS[0] <= day.year < _YEARS[1]:
        raise BadInput(name, text, "nothing, or a date such as 2026-07-31")
    if after:
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None
