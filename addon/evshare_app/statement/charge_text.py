"""Charges in words: one sentence per charge that says what it is for and how it came about."""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale

from .. import formats
from ..model import from_ms
from ..money import Money
from ..tariff.text import guess_names
from . import charge as charges

type Text = Callable[[str], str]


def charge_text(
    kind: str, details: Mapping[str, Any], text: Text, *, currency: str, locale: Locale, zone: ZoneInfo
) -> str:
    """Say a charge. An unknown kind is said by its name, so that nothing on a statement is without words."""

    def money(minor: int) -> str:
        return formats.money(Money(minor, currency), locale)

    match kind:
        case charges.BASE_FEE:
            return _base_fee(details, text)
        case charges.INCLUDED:
            return _included(details, text, locale)
        case charges.DEMAND:
            said = text("Demand, plan %(name)s: %(kw)s kW in the building's highest quarter hour, %(when)s")
            if details.get("estimated"):
                said = text(
                    "Demand, plan %(name)s: %(kw)s kW in the building's highest quarter hour, %(when)s "
                    "(estimated: %(what)s)"
                )
            return said % {
                "what": guess_names(details.get("estimated", ()), text),
                "name": details["name"],
                "kw": formats.number(Decimal(details["kw"]), locale),
                "when": formats.moment(from_ms(details["peak_ms"]), zone, locale),
            }
        case charges.COST:
            return text("%(name)s: %(percent)s%% of %(total)s, divided %(key)s") % {
                "name": details["name"],
                "percent": _percent(details["weight"], details["whole"], locale),
                "total": money(details["total_minor"]),
                "key": _key(details["key"], text),
            }
        case charges.SOLAR:
            return _solar(details, text, currency, locale)
        case charges.LOSSES:
            return text("Losses in the building's wiring, bill %(number)s: share of %(total)s for %(kwh)s") % {
                "number": details["number"],
                "total": money(details["total_minor"]),
                "kwh": formats.kwh(details["losses_wh"], locale),
            }
        case charges.TRUE_UP:
            return text(
                "Settlement of what the energy really cost (bill %(numbers)s): your share for %(kwh)s is %(share)s, "
                "%(charged)s were charged before"
            ) % {
                "numbers": ", ".join(details["numbers"]),
                "kwh": formats.kwh(details["wh"], locale),
                "share": money(details["share_minor"]),
                "charged": money(details["charged_minor"]),
            }
        case charges.CREDIT:
            of = str(details.get("kind", ""))
            what = str(details.get("reason", ""))
            if of and "of" in details:
                what = charge_text(of, details["of"], text, currency=currency, locale=locale, zone=zone)
            return text("Credit: %(what)s") % {"what": what}
        case _:
            return str(details.get("name", kind))


def _base_fee(details: Mapping[str, Any], text: Text) -> str:
    if details["days"] == details["of_days"]:
        return text("Base fee, plan %(name)s") % details
    return text("Base fee, plan %(name)s: %(days)s of %(of_days)s days") % details


def _included(details: Mapping[str, Any], text: Text, locale: Locale) -> str:
    values = {"name": details["name"]} | {
        name: formats.kwh(details[f"{name}_wh"], locale) for name in ("granted", "kept", "used", "left")
    }
    said = text("Included in plan %(name)s: %(used)s of %(granted)s")
    if details["kept_wh"]:
        said = text("Included in plan %(name)s: %(used)s of %(granted)s and %(kept)s from the month before")
    if details["left_wh"]:
        said += text("; %(left)s stay for next month")
    return said % values


def _solar(details: Mapping[str, Any], text: Text, currency: str, locale: Locale) -> str:
    said = text("Energy from the roof: %(kwh)s, %(saved)s less per kWh")
    if details["estimated"]:
        said = text("Energy from the roof (estimated in part: %(what)s): %(kwh)s, %(saved)s less per kWh")
    return said % {
        "what": guess_names(details["estimated"], text),
        "kwh": formats.kwh(details["wh"], locale),
        "saved": formats.price(Decimal(details["saved"]), currency, locale),
    }


def _key(key: str, text: Text) -> str:
    return {
        "equal": text("equally"),
        "stall": text("by stalls"),
        "ownership": text("by ownership shares"),
        "kwh": text("by energy"),
        "capacity": text("by the stalls' capacity"),
        "time": text("by time"),
        "custom": text("as agreed"),
    }.get(key, key)


def _percent(weight: str, whole: str, locale: Locale) -> str:
    share = Fraction(weight) * 100 / Fraction(whole)
    rounded = (Decimal(share.numerator) / share.denominator).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return formats.number(rounded.normalize() if rounded % 1 else rounded.to_integral_value(), locale)
