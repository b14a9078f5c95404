"""A tariff in words, for the people who pay it: prices with their VAT, and when each holds."""

from collections.abc import Sequence
from decimal import Decimal

from babel import Locale
from babel.dates import get_day_names

from ..formats import day, duration, number, price
from ..i18n import gettext_for
from .ocpi import DAYS, Dimension, PriceComponent, PriceLimit, Restrictions, Tariff


def tariff_lines(tariff: Tariff, locale: Locale) -> list[str]:
    """Return one line per price, e.g. ``€0.30 per kWh`` or ``€0.357 per kWh, incl. 19 % VAT``; then the rest."""
    gettext = gettext_for(locale.language)
    lines = []
    for element in tariff.elements:
        when = _when(element.restrictions, locale)
        for component in element.price_components:
            line = _price(component, tariff.currency, locale)
            lines.append(f"{line} ({when})" if when else line)
    for limit, text in (
        (tariff.min_price, gettext("at least %(price)s per session")),
        (tariff.max_price, gettext("at most %(price)s per session")),
    ):
        if limit is not None:
            lines.append(text % {"price": _limit(limit, tariff, locale)})
    lines += [one.text for one in tariff.tariff_alt_text if one.language == locale.language]
    return lines


def price_line(components: Sequence[PriceComponent], currency: str, locale: Locale) -> str:
    """Return all of a session's prices in one line, with VAT: ``€0.357 per kWh + €1.00 per session, incl. VAT``."""
    gettext = gettext_for(locale.language)
    if not components:
        return gettext("Free of charge")
    line = " + ".join(_with_vat(component, currency, locale) for component in components)
    rates = {component.vat or Decimal(0) for component in components}
    if rates == {Decimal(0)}:
        return line
    if len(rates) == 1:
        return f"{line}, {gettext('incl. %(percent)s%% VAT') % {'percent': number(rates.pop(), locale)}}"
    return f"{line}, {gettext('incl. VAT')}"


def _price(component: PriceComponent, currency: str, locale: Locale) -> str:
    gettext = gettext_for(locale.language)
    parts = [_with_vat(component, currency, locale)]
    if component.vat:
        parts.append(gettext("incl. %(percent)s%% VAT") % {"percent": number(component.vat, locale)})
    return ", ".join(parts)


def _with_vat(component: PriceComponent, currency: str, locale: Locale) -> str:
    gettext = gettext_for(locale.language)
    texts = {
        Dimension.ENERGY: gettext("%(price)s per kWh"),
        Dimension.TIME: gettext("%(price)s per hour of charging"),
        Dimension.PARKING_TIME: gettext("%(price)s per hour connected without charging"),
        Dimension.FLAT: gettext("%(price)s per session"),
    }
    with_vat = component.price * (1 + (component.vat or Decimal(0)) / 100)
    return texts[component.type] % {"price": price(with_vat, currency, locale)}


def _limit(limit: PriceLimit, tariff: Tariff, locale: Locale) -> str:
    gettext = gettext_for(locale.language)
    if limit.incl_vat is not None:
        return price(limit.incl_vat, tariff.currency, locale)
    net = price(limit.excl_vat, tariff.currency, locale)
    vat = any(component.vat for element in tariff.elements for component in element.price_components)
    return gettext("%(price)s plus VAT") % {"price": net} if vat else net


def _when(only: Restrictions, locale: Locale) -> str:
    gettext = gettext_for(locale.language)
    names = get_day_names("abbreviated", "stand-alone", locale=locale)
    parts = [", ".join(names[DAYS.index(one)] for one in only.day_of_week)] if only.day_of_week else []
    if only.start_time or only.end_time:
        start, end = (f"{one:%H:%M}" if one else "00:00" for one in (only.start_time, only.end_time))
        parts.append(f"{start}\N{EN DASH}{end}")
    bounds: tuple[tuple[str, object, object], ...] = (
        ("%s", only.start_date and day(only.start_date, locale), only.end_date and day(only.end_date, locale)),
        ("%s kWh", _number(only.min_kwh, locale), _number(only.max_kwh, locale)),
        ("%s kW", _number(only.min_power, locale), _number(only.max_power, locale)),
        ("%s", _duration(only.min_duration), _duration(only.max_duration)),
    )
    for unit, least, below in bounds:
        if least is not None:
            parts.append(gettext("from %(bound)s") % {"bound": unit % least})
        if below is not None:
            parts.append(gettext("below %(bound)s") % {"bound": unit % below})
    return "; ".join(parts)


def _number(value: Decimal | None, locale: Locale) -> str | None:
    return None if value is None else number(value, locale)


def _duration(seconds: int | None) -> str | None:
    return None if seconds is None else duration(seconds)
