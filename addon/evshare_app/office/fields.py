"""Reading the office's own kinds of form fields: energy, money, dates, times of day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from ..i18n import mark
from ..model import Month
from ..web.forms import BadInput, Form

_MOST_KWH = 100_000
_YEARS = (2000, 3000)


def read_energy_wh(form: Form, name: str, *, most_kwh: int = _MOST_KWH) -> int | None:
    """Return a field in kWh as Wh; None where it is empty."""
    text = form.text(name, 20, default="")
    if not text:
        return None
    amount = _decimal(text)
    if amount is None or not 0 < amount <= most_kwh or amount * 1000 != int(amount * 1000):
        accepted = mark("nothing, or kWh above 0, at most %(most)s, with at most 3 decimals")
        raise BadInput(name, text, accepted, most=most_kwh)
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
        accepted = mark("nothing, or an amount above 0 with at most %(digits)s decimals, without grouping")
        raise BadInput(name, text, accepted, digits=digits)
    return int(minor)


def whole(form: Form, name: str, least: int, most: int) -> int:
    """Return a field with a whole number."""
    text = form.text(name, 20)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise BadInput(name, text, mark("a whole number from %(least)s to %(most)s"), least=least, most=most)
    return int(text)


def percent(form: Form, name: str) -> Decimal | None:
    """Return a field with a rate of VAT in percent; None where it is empty: none applies."""
    text = form.text(name, 8, default="")
    if not text:
        return None
    rate = _decimal(text)
    if rate is None or not 0 <= rate <= 100 or rate != round(rate, 2):
        raise BadInput(name, text, mark("nothing, or a percentage from 0 to 100 with at most 2 decimals"))
    return rate


def price(form: Form, name: str) -> Decimal:
    """Return a field with a price per kWh."""
    text = form.text(name, 12)
    amount = _decimal(text)
    if amount is None or not 0 <= amount < 10**6 or amount != round(amount, 6):
        raise BadInput(name, text, mark("a price from 0 with at most 6 decimals, such as 0.30"))
    return amount


def weight(form: Form, name: str) -> Decimal | None:
    """Return a field with a weight; None where it is empty."""
    text = form.text(name, 12, default="")
    if not text:
        return None
    amount = _decimal(text)
    if amount is None or not 0 <= amount < 10**6 or amount != round(amount, 3):
        raise BadInput(name, text, mark("nothing, or a number from 0 with at most 3 decimals"))
    return amount


def local_day(form: Form, name: str) -> date | None:
    """Return a field with a day of the building's calendar; None where it is empty."""
    text = form.text(name, 20, default="")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not _YEARS[0] <= day.year < _YEARS[1]:
        raise BadInput(name, text, mark("nothing, or a date such as 2026-07-31"))
    return day


def a_day(form: Form, name: str) -> date:
    """Return a field with a day that has to be given."""
    day = local_day(form, name)
    if day is None:
        raise BadInput(name, "nothing", mark("a date such as 2026-07-31"))
    return day


def a_month(form: Form, name: str) -> Month:
    """Return a field with a month."""
    text = form.text(name, 7)
    try:
        month = Month.parse(text)
    except ValueError:
        month = Month(0, 0)
    if not _YEARS[0] <= month.year < _YEARS[1]:
        raise BadInput(name, text, mark("a month such as 2026-07"))
    return month


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
        raise BadInput(name, text, mark("nothing, or a date such as 2026-07-31"))
    if after:
        day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None
