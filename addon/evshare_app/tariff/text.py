"""A tariff in words, for the people who pay it: prices with their VAT, and when each holds."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import get_day_names

from ..formats import day, duration, number, price
from ..i18n import LANGUAGES, gettext_for
from ..split.sources import Guess
from .objects import (
    DAYS,
    Dimension,
    DisplayText,
    EnergySource,
    Extensions,
    PriceComponent,
    PriceLimit,
    Restrictions,
    Spot,
    Tariff,
    TaxIncluded,
)


def tariff_lines(tariff: Tariff, locale: Locale) -> list[str]:
    """Return one line per price, e.g. ``€0.30 per kWh`` or ``€0.357 per kWh, incl. 19 % VAT``; then the rest."""
    gettext = gettext_for(locale.language)
    lines = []
    for element in tariff.elements:
        if element.restrictions.reservation is not None:
            continue
        when = _when(element.restrictions, locale)
        for component in element.price_components:
            if is_nothing(component) and tariff.x_evshare and tariff.x_evshare.spot:
                continue
            line = _price(component, tariff.currency, locale)
            lines.append(f"{line} ({when})" if when else line)
    for limit, text in (
        (tariff.min_price, gettext("at least %(price)s per session")),
        (tariff.max_price, gettext("at most %(price)s per session")),
    ):
        if limit is not None:
            lines.append(text % {"price": _limit(limit, tariff, locale)})
    lines += extension_lines(tariff, locale)
    lines += [one.text for one in tariff.tariff_alt_text if one.language == locale.language]
    return lines


def is_nothing(component: PriceComponent) -> bool:
    """Whether it is a fee of nothing, with which OCPI fills a tariff that has no other price."""
    return component.type is Dimension.FLAT and not component.price


def extension_lines(tariff: Tariff, locale: Locale) -> list[str]:
    """Return one line per extension, e.g. how the spot price is made."""
    gettext = gettext_for(locale.language)
    extensions = tariff.x_evshare or Extensions()
    lines = [] if extensions.spot is None else [_formula(extensions.spot, tariff, locale)]
    if extensions.idle_grace_s:
        text = gettext("the first %(duration)s without charging are free")
        lines.append(text % {"duration": duration(extensions.idle_grace_s)})
    if extensions.idle_only_if_queue:
        lines.append(gettext("time without charging costs something only while others wait"))
    if extensions.holidays is not None:
        names = get_day_names("wide", "stand-alone", locale=locale)
        day_name = names[DAYS.index(extensions.holidays.as_day)]
        lines.append(gettext("public holidays are charged as a %(day)s") % {"day": day_name})
    return lines


@lru_cache(maxsize=32)
def formula_texts(tariff: Tariff) -> tuple[DisplayText, ...]:
    """Return what plain OCPI cannot say of a tariff, in every language, to be published as its tariff_alt_text."""
    texts = ((one, "; ".join(extension_lines(tariff, Locale.parse(one)))) for one in LANGUAGES)
    # OCPI texts are printable: a space that does not break is a space there.
    texts = ((one, " ".join(text.split())) for one, text in texts)
    return tuple(DisplayText(language=language, text=text[:512]) for language, text in texts if text)


def _formula(spot: Spot, tariff: Tariff, locale: Locale) -> str:
    gettext = gettext_for(locale.language)

    def money(amount: Decimal) -> str:
        return price(amount, tariff.currency, locale)

    parts = [
        gettext("energy: %(series)s × %(factor)s + %(adder)s per kWh, changing every %(minutes)s minutes")
        % {
            "series": spot.series,
            "factor": number(spot.factor, locale),
            "adder": money(spot.adder),
            "minutes": number(spot.slot_minutes, locale),
        },
        gettext("at least %(price)s") % {"price": money(spot.min)},
    ]
    if spot.max is not None:
        parts.append(gettext("at most %(price)s") % {"price": money(spot.max)})
    parts.append(gettext("%(price)s where no price is known") % {"price": money(spot.fallback)})
    if spot.vat:
        text = (
            gettext("incl. %(percent)s%% VAT")
            if tariff.tax_included is TaxIncluded.YES
            else gettext("plus %(percent)s%% VAT")
        )
        parts.append(text % {"percent": number(spot.vat, locale)})
    return ", ".join(parts)


def source_name(source: EnergySource, locale: Locale) -> str:
    """Return where energy comes from, as it stands behind a price."""
    gettext = gettext_for(locale.language)
    return {
        EnergySource.SOLAR: gettext("from the sun"),
        EnergySource.BATTERY: gettext("from the battery"),
        EnergySource.GRID: gettext("from the grid"),
    }[source]


def guess_names(guesses: Iterable[str], gettext: Callable[[str], str]) -> str:
    """Return what was estimated of where energy came from, as it stands behind that word."""
    names = {
        Guess.SOLAR: gettext("the sun"),
        Guess.GRID: gettext("the grid"),
        Guess.BATTERY: gettext("the battery"),
        Guess.STALL: gettext("the stall’s own meter"),
        Guess.MISSING: gettext("times of which nothing was recorded"),
    }
    return ", ".join(names[Guess(one)] for one in guesses)


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
    return texts[component.type] % {"price": price(component.gross_price, currency, locale)}


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
    parts = [source_name(only.energy_source, locale)] if only.energy_source else []
    if only.day_of_week:
        parts.append(", ".join(names[DAYS.index(one)] for one in only.day_of_week))
    if only.start_time or only.end_time:
        start, end = (f"{one:%H:%M}" if one else "00:00" for one in (only.start_time, only.end_time))
        parts.append(f"{start}\N{EN DASH}{end}")
    bounds: tuple[tuple[str, object, object], ...] = (
        ("%s", only.start_date and day(only.start_date, locale), only.end_date and day(only.end_date, locale)),
        ("%s kWh", _number(only.min_kwh, locale), _number(only.max_kwh, locale)),
        ("%s kW", _number(only.min_power, locale), _number(only.max_power, locale)),
        ("%s A", _number(only.min_current, locale), _number(only.max_current, locale)),
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
