"""Numbers, money and times as people write them: in their language, with the habits of the building's country."""

from copy import copy
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal, get_currency_precision

from .model import Month
from .money import Money


def locale_for(language: str, zone: ZoneInfo) -> Locale:
    """Return the locale of a language in the country of a time zone: English in Berlin has a 24-hour clock."""
    territory = get_global("zone_territories").get(zone.key)
    try:
        return Locale.parse(f"{language}_{territory}" if territory else language)
    except UnknownLocaleError:
        return Locale.parse(language)


def money(amount: Money, locale: Locale) -> str:
    """``€12.34``."""
    return price(amount.to_decimal(), amount.currency, locale, most_decimals=0)


def price(amount: Decimal, currency: str, locale: Locale, most_decimals: int = 4) -> str:
    """Return a unit price with as many decimals as it needs: at least the currency's, at most `most_decimals`."""
    pattern = copy(locale.currency_formats["standard"])
    least = get_currency_precision(currency)
    pattern.frac_prec = (least, max(least, most_decimals))
    written: str = pattern.apply(amount, locale, currency=currency, currency_digits=False)
    return written


def kwh(energy_wh: int, locale: Locale) -> str:
    """``12.345 kWh``: every Wh of it."""
    return f"{format_decimal(Decimal(energy_wh) / 1000, '#,##0.000', locale=locale)} kWh"


def number(value: int | Decimal, locale: Locale) -> str:
    """Return a plain number, grouped."""
    return format_decimal(value, locale=locale)


def duration(seconds: int) -> str:
    """``1:54 h``; with seconds only where there are any."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if rest else f"{hours}:{minutes:02d} h"


def day(of: date, locale: Locale) -> str:
    """``1 June 2026``."""
    return format_date(of, "long", locale=locale)


def moment(at: datetime, zone: ZoneInfo, locale: Locale) -> str:
    """``1 Jun, 18:30`` on the clocks of `zone`."""
    parts = (format_skeleton(part, at, tzinfo=zone, locale=locale) for part in ("MMMd", "Hm"))
    return ", ".join(parts)


def month_name(month: Month, locale: Locale) -> str:
    """``June 2026``."""
    return format_skeleton("yMMMM", date(month.year, month.month, 1), locale=locale)
