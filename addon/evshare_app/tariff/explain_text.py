"""An explanation in words: one paragraph per step, in the reader's language. Pages may show the data instead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal

from babel import Locale
from babel.dates import format_skeleton, get_day_names

from ..formats import day, duration, kwh, money, number, price
from ..i18n import gettext_for
from ..money import Money
from .circumstances import GapKind
from .explain import Choice, Condition, ExplainedPeriod, Explanation, Kind, PassedOver
from .objects import DAYS, Dimension, EnergySource, PriceComponent
from .rating import PriceLine
from .text import guess_names, is_nothing, source_name


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A step: what it is about, and what happens in it."""

    title: str
    lines: tuple[str, ...]


def paragraphs(explanation: Explanation, locale: Locale) -> list[Paragraph]:
    """Return the steps to a price in words."""
    gettext = gettext_for(locale.language)
    currency = explanation.currency
    priced = [one for one in explanation.lines if not is_nothing(one.component)]
    told = [_period(one, currency, locale) for one in explanation.periods]
    for title, lines in (
        (gettext("Not known at the time"), _gaps(explanation, locale)),
        (gettext("Grace"), _forgiven(explanation, locale)),
        (gettext("Rounded up to whole steps"), _steps(explanation.stepped, currency, locale)),
        (gettext("Sum of each price"), [_line(one, currency, locale) for one in priced or explanation.lines]),
        (gettext("Least and most price"), _limits(explanation, locale)),
        (gettext("VAT"), _vat(explanation, locale)),
        (gettext("Total"), [_total(explanation, locale)]),
    ):
        if lines:
            told.append(Paragraph(title=title, lines=tuple(lines)))
    return told


def _period(period: ExplainedPeriod, currency: str, locale: Locale) -> Paragraph:
    gettext = gettext_for(locale.language)
    used = [kwh(period.energy_wh, locale)]
    if period.source is not None:
        used[0] += f" {source_name(period.source, locale)}"
    if period.charging_s:
        used.append(gettext("%(duration)s charging") % {"duration": duration(period.charging_s)})
    if period.parking_s:
        used.append(gettext("%(duration)s without charging") % {"duration": duration(period.parking_s)})
    span = f"{_moment(period.start, locale)} – {_moment(period.end, locale)}"
    told = [one for one in period.choices if one.component is None or not is_nothing(one.component)]
    lines = [line for choice in told or period.choices for line in _choice(choice, currency, locale)]
    return Paragraph(title=f"{span}: {', '.join(used)}", lines=tuple(lines))


def _choice(choice: Choice, currency: str, locale: Locale) -> Iterator[str]:
    gettext = gettext_for(locale.language)
    if choice.component is None:
        yield gettext("%(volume)s: no price holds, so it is free") % {"volume": _volume(choice, locale)}
    else:
        line = f"{_volume(choice, locale)} × {_price(choice.component, currency, locale)}"
        line += f" = {price(choice.amount, currency, locale, 6)}"
        reasons = "; ".join(_reason(one, locale) for one in choice.conditions)
        yield f"{line} ({reasons})" if reasons else line
    for passed_over in choice.passed_over:
        yield _passed_over(passed_over, currency, locale)


def _passed_over(passed_over: PassedOver, currency: str, locale: Locale) -> str:
    gettext = gettext_for(locale.language)
    return gettext("not %(price)s: that holds only %(conditions)s") % {
        "price": _price(passed_over.component, currency, locale),
        "conditions": "; ".join(_reason(one, locale) for one in passed_over.failed),
    }


def _reason(condition: Condition, locale: Locale) -> str:
    """Return a condition and, where it did not hold, what was there instead."""
    gettext = gettext_for(locale.language)
    text = _bounds(condition, locale)
    if condition.holds or condition.kind is Kind.SOURCE:
        return text
    return gettext("%(condition)s, it was %(value)s") % {
        "condition": text,
        "value": _value(condition.kind, condition.value, locale),
    }


def _bounds(condition: Condition, locale: Locale) -> str:
    gettext = gettext_for(locale.language)
    least, below = condition.least, condition.below
    if condition.kind is Kind.TIME_OF_DAY:
        return f"{_value(condition.kind, least, locale)}–{_value(condition.kind, below, locale)}"
    if condition.kind is Kind.WEEKDAY:
        assert isinstance(least, tuple)
        return ", ".join(_value(condition.kind, one, locale) for one in least)
    if condition.kind is Kind.SOURCE:
        return _value(condition.kind, least, locale)
    parts = []
    if least is not None:
        parts.append(gettext("from %(bound)s") % {"bound": _value(condition.kind, least, locale)})
    if below is not None:
        parts.append(gettext("below %(bound)s") % {"bound": _value(condition.kind, below, locale)})
    return " ".join(parts)


def _value(kind: Kind, value: object, locale: Locale) -> str:
    match kind, value:
        case Kind.TIME_OF_DAY, time():
            return f"{value:%H:%M}"
        case Kind.WEEKDAY, str():
            name: str = get_day_names("abbreviated", "stand-alone", locale=locale)[DAYS.index(value)]
            return name
        case Kind.DATE, date():
            return day(value, locale)
        case Kind.DURATION, int():
            return duration(value)
        case Kind.ENERGY, Decimal():
            return f"{number(value, locale)} kWh"
        case Kind.POWER, Decimal():
            return f"{number(value, locale)} kW"
        case Kind.CURRENT, Decimal():
            return f"{number(value, locale)} A"
        case Kind.SOURCE, EnergySource():
            return source_name(value, locale)
    msg = f"{kind}: got {value!r}, accepted is a value of that kind"
    raise TypeError(msg)


def _steps(lines: Sequence[PriceLine], currency: str, locale: Locale) -> list[str]:
    gettext = gettext_for(locale.language)
    text = gettext("billed in steps of %(step)s: %(added)s more, at %(price)s")
    return [
        text
        % {
            "step": _amount(one.component.type, one.component.step_size, locale),
            "added": _amount(one.component.type, one.added, locale),
            "price": _price(one.component, currency, locale),
        }
        for one in lines
    ]


def _line(line: PriceLine, currency: str, locale: Locale) -> str:
    amount = line.gross if line.component.tax_included else line.net
    volume = _amount(line.component.type, line.volume, locale)
    return f"{volume} × {_price(line.component, currency, locale)} = {price(amount, currency, locale, 6)}"


def _limits(explanation: Explanation, locale: Locale) -> list[str]:
    gettext = gettext_for(locale.language)
    lines = []
    for one in explanation.limits:
        text = (
            gettext("raised to the least price: %(before)s become %(after)s")
            if one.is_least
            else gettext("lowered to the most price: %(before)s become %(after)s")
        )
        # The amounts with VAT where the limit moves them, else those without.
        place = 1 if one.before[1] != one.after[1] else 0
        before, after = (price(each[place], explanation.currency, locale, 6) for each in (one.before, one.after))
        lines.append(text % {"before": before, "after": after})
    return lines


def _vat(explanation: Explanation, locale: Locale) -> list[str]:
    gettext = gettext_for(locale.language)
    text = gettext("%(percent)s%% on %(net)s: %(vat)s")
    return [
        text
        % {
            "percent": number(one.percent, locale),
            "net": price(one.net, explanation.currency, locale, 6),
            "vat": price(one.vat, explanation.currency, locale, 6),
        }
        for one in explanation.vat
        if one.percent
    ]


def _total(explanation: Explanation, locale: Locale) -> str:
    gettext = gettext_for(locale.language)
    currency = explanation.currency
    return gettext("%(net)s without VAT, %(gross)s with VAT; rounded %(net_rounded)s and %(gross_rounded)s") % {
        "net": price(explanation.net, currency, locale, 6),
        "gross": price(explanation.gross, currency, locale, 6),
        "net_rounded": money(Money(explanation.net_minor, currency), locale),
        "gross_rounded": money(Money(explanation.gross_minor, currency), locale),
    }


def _gaps(explanation: Explanation, locale: Locale) -> list[str]:
    gettext = gettext_for(locale.language)
    texts = {
        GapKind.PARTLY: gettext("the price was known for a part of it only, and is taken for all of it"),
        GapKind.LAST_KNOWN: gettext("no price was recorded, the last known one is taken"),
        GapKind.FALLBACK: gettext("no price was recorded, the agreed fallback is taken"),
        GapKind.SOURCE: gettext("where the energy came from was not recorded, it counts as the grid's"),
        GapKind.ESTIMATED: gettext("where the energy came from is estimated in part: %(what)s"),
        GapKind.WAITING: gettext("whether others waited was not recorded, so waiting costs nothing"),
    }
    return [
        f"{_moment(one.start, locale)} – {_moment(one.end, locale)}: "
        + (texts[one.kind] % {"what": guess_names(one.of, gettext)} if one.of else texts[one.kind])
        for one in explanation.gaps
    ]


def _forgiven(explanation: Explanation, locale: Locale) -> list[str]:
    if not explanation.forgiven_s:
        return []
    gettext = gettext_for(locale.language)
    return [gettext("%(duration)s without charging cost nothing") % {"duration": duration(explanation.forgiven_s)}]


def _volume(choice: Choice, locale: Locale) -> str:
    return _amount(choice.dimension, choice.volume, locale)


def _amount(dimension: Dimension, volume: int, locale: Locale) -> str:
    match dimension:
        case Dimension.ENERGY:
            return kwh(volume, locale)
        case Dimension.FLAT:
            return number(volume, locale)
        case Dimension.TIME | Dimension.PARKING_TIME:
            return duration(volume)


def _price(component: PriceComponent, currency: str, locale: Locale) -> str:
    """Return the price as it is reckoned with: with taxes only where the tariff's prices have them."""
    gettext = gettext_for(locale.language)
    texts = {
        Dimension.ENERGY: gettext("%(price)s per kWh"),
        Dimension.TIME: gettext("%(price)s per hour of charging"),
        Dimension.PARKING_TIME: gettext("%(price)s per hour connected without charging"),
        Dimension.FLAT: gettext("%(price)s per session"),
    }
    return texts[component.type] % {"price": price(component.price, currency, locale)}


def _moment(at: datetime, locale: Locale) -> str:
    # The times of an explanation are local already.
    return f"{format_skeleton('MMMd', at, locale=locale)}, {at:%H:%M}"
