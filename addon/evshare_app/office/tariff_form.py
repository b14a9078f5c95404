"""The tariff editor's form: from its fields to an OCPI Tariff object, and from a tariff back to its fields.

A preset has a few fields of its own; what no preset can say is written as JSON. A limit of a session's price is typed
as all other prices are, with or without taxes; the other one of the two is worked out, so that both are always said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
import json
import re
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..books.building import BuildingRow
from ..books.payers import HOUSE
from ..i18n import mark
from ..tariff.objects import Holidays, PriceLimit, Tariff, TariffError, dump, load
from ..tariff.ocpi import parse_tariff
from ..tariff.presets import DayNight, Extras, Flat, Preset, SolarFriendly, SpotPriced, recognise, to_ocpi
from ..tariff.store import check_series
from ..web.forms import BadInput, Form
from .fields import whole

PRESETS: Final = {
    "flat": (mark("Flat"), mark("One price at all times.")),
    "day_night": (mark("Day and night"), mark("Cheaper at night, on weekends too if you like.")),
    "solar": (mark("Solar-friendly"), mark("Cheaper for energy from your own roof.")),
    "spot": (mark("Spot price"), mark("Follows the market, hour by hour.")),
    "ocpi": (mark("Everything else"), mark("Written by hand as an OCPI tariff.")),
}
"""Name and meaning of each, in the order in which they are shown."""
NEW_FAMILY: Final = "+"
DEFAULTS: Final[Mapping[str, str]] = {
    "family": HOUSE,
    "new_family": "",
    "preset": "flat",
    "price": "",
    "day": "",
    "night": "",
    "night_from": "22:00",
    "night_until": "06:00",
    "weekend": "",
    "country": "",
    "subdivision": "",
    "solar": "",
    "grid": "",
    "battery": "",
    "series": "",
    "factor": "1",
    "adder": "0",
    "spot_least": "0",
    "spot_most": "",
    "fallback": "",
    "slot": "60",
    "ocpi": "",
    "vat": "",
    "tax_included": "",
    "session_fee": "",
    "least": "",
    "most": "",
    "idle_fee": "",
    "idle_grace": "0",
    "idle_queue": "",
    "valid_from": "",
}
"""Every field of the form, and what stands in it at first."""
_USABLE = mark("an OCPI Tariff object (%(problem)s)")
_FAMILY = re.compile(r"[a-z0-9][a-z0-9-]{0,35}")
_FOUR = Decimal("0.0001")
_LONGEST_GRACE_MIN = 10_000

_SERIES: Final = "x_evshare.spot.series"
_FIELDS: Final = {
    "family": "new_family",
    "valid_from": "valid_from",
    "x_evshare.holidays": "country",
    "x_evshare.holidays.country": "country",
    "x_evshare.holidays.subdivision": "subdivision",
    _SERIES: "series",
    "x_evshare.spot.max": "spot_most",
    "min_price.incl_vat": "least",
    "min_price.after_taxes": "least",
    "max_price.incl_vat": "most",
    "max_price.after_taxes": "most",
}
"""Where the form asks for what a `TariffError` names; everything else is the JSON's."""
_TROUBLES: Final = {
    "family": mark("a name of 1 to 36 small letters, digits and -"),
    "valid_from": mark("a time that is not past, and at which no other version begins"),
    "x_evshare.holidays": mark("a country and subdivision that have holidays, such as DE and BY"),
    "x_evshare.holidays.country": mark("two letters of a country, such as DE"),
    "x_evshare.holidays.subdivision": mark("nothing, or a subdivision of the country, such as BY"),
    "x_evshare.spot.max": mark("nothing, or a price not below the least one"),
}
"""What is accepted there, in words."""
_OF_ANY_FORM: Final = frozenset(("family", "valid_from"))


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A version as it is wanted."""

    family: str
    valid_from: datetime
    ocpi: Mapping[str, Any]
    tariff: Tariff
    preset: str


def read_draft(form: Form, building: BuildingRow, now: datetime) -> Draft:
    """Read the form. Raises `BadInput` for the field that cannot be used."""
    preset = form.choice("preset", PRESETS, default="flat")
    family, valid_from = _family(form), _valid_from(form, building.zone, now)
    try:
        ocpi = _by_hand(form) if preset == "ocpi" else _by_preset(form, preset, building.currency, now)
        tariff = parse_tariff(ocpi)
        check_series(tariff, building.price_series)
    except TariffError as error:
        raise as_bad_input(error, preset) from None
    return Draft(family=family, valid_from=valid_from, ocpi=ocpi, tariff=tariff, preset=preset)


def as_bad_input(error: TariffError, preset: str) -> BadInput:
    """Return what is wrong with a tariff as something that is wrong with a field of the form."""
    path = str(error).partition(":")[0]
    by_hand = preset == "ocpi" and path not in _OF_ANY_FORM
    name = "ocpi" if by_hand else _FIELDS.get(path, "preset")
    if path == _SERIES and not by_hand:
        return _NotTold(name, error)
    known = _TROUBLES.get(path)
    if known is not None and not by_hand:
        return BadInput(name, str(error), known)
    return _NotUsable(name, error)


class _NotUsable(BadInput):
    """A tariff that is refused for something the form has no field of its own for."""

    def __init__(self, name: str, error: TariffError) -> None:
        super().__init__(name, str(error), _USABLE, problem=error)
        self._error = error

    def text(self, say: Callable[[str], str]) -> str:
        """Return what is accepted; of the problem, too, in the language of `say`."""
        return say("Accepted here: %s.") % (say(_USABLE) % {"problem": self._error.text(say)})


class _NotTold(BadInput):
    """A price series that the building does not have; which ones it has is in the error."""

    def __init__(self, name: str, error: TariffError) -> None:
        super().__init__(name, str(error), mark("the name of a price that Home Assistant tells"))
        self._error = error

    def text(self, say: Callable[[str], str]) -> str:
        """Return what is accepted, in the language of `say`."""
        return say("Accepted here: %s.") % self._error.accepted(say)


def typed(form: Form) -> dict[str, str]:
    """Return what was sent, to be shown again."""
    return {name: form.text(name, 60_000, default="") for name in DEFAULTS}


def fields_of(tariff: Tariff) -> dict[str, str]:
    """Return the form's fields for a tariff: those of its preset where they say all of it, else its JSON."""
    by_hand = dict(DEFAULTS) | {"preset": "ocpi", "ocpi": _pretty(tariff)}
    known = recognise(replace(tariff, min_price=None, max_price=None))
    if known is None:
        return by_hand
    preset, extras = known
    fields = by_hand | _preset_fields(preset)
    fields |= {
        "vat": _text(extras.vat),
        "tax_included": "on" if extras.tax_included else "",
        "session_fee": _text(extras.session_fee or None),
        "idle_fee": _text(extras.idle_fee or None),
        "idle_grace": str(extras.idle_grace_s // 60),
        "idle_queue": "on" if extras.idle_only_if_queue else "",
        "least": _text(_as_typed(tariff.min_price, extras)),
        "most": _text(_as_typed(tariff.max_price, extras)),
    }
    try:
        again = parse_tariff(_by_preset(Form(fields), fields["preset"], tariff.currency, tariff.last_updated))
    except BadInput, TariffError:
        return by_hand
    # These have no field here and are made anew each time.
    named = replace(tariff, id=again.id, country_code=again.country_code, party_id=again.party_id, type=again.type)
    return fields if again == named else by_hand


# --- reading ------------------------------------------------------------------------------------------------------


def _family(form: Form) -> str:
    family = form.text("family", 36, default=HOUSE)
    if family != NEW_FAMILY:
        return family if _FAMILY.fullmatch(family) else HOUSE
    name = form.text("new_family", 60, default="")
    if not _FAMILY.fullmatch(name):
        raise BadInput("new_family", name, _TROUBLES["family"])
    return name


def _valid_from(form: Form, zone: ZoneInfo, now: datetime) -> datetime:
    """Read a local time of the building; nothing means now."""
    text = form.text("valid_from", 30, default="")
    if not text:
        return now
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        local = None
    if local is None or not 2000 <= local.year < 3000 or local.tzinfo is not None:
        raise BadInput("valid_from", text, mark("a local date and time such as 2026-07-01T00:00"))
    return local.replace(tzinfo=zone).astimezone(UTC)


def _by_hand(form: Form) -> Mapping[str, Any]:
    text = form.text("ocpi", 60_000)
    try:
        ocpi = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise BadInput("ocpi", text, mark("JSON (%(problem)s)"), problem=error) from None
    if not isinstance(ocpi, dict):
        raise BadInput("ocpi", text, mark("an OCPI Tariff object"))
    return ocpi


def _by_preset(form: Form, preset: str, currency: str, now: datetime) -> dict[str, Any]:
    vat = _optional(form, "vat")
    if vat is not None and vat > 100:
        raise BadInput("vat", str(vat), mark("nothing, or a percentage from 0 to 100"))
    extras = Extras(
        vat=vat,
        tax_included=bool(form.text("tax_included", 5, default="")),
        session_fee=_optional(form, "session_fee") or Decimal(0),
        idle_fee=_optional(form, "idle_fee") or Decimal(0),
        idle_grace_s=60
        * (whole(form, "idle_grace", 0, _LONGEST_GRACE_MIN) if form.text("idle_grace", default="") else 0),
        idle_only_if_queue=bool(form.text("idle_queue", 5, default="")),
    )
    made = to_ocpi(_READ[preset](form), currency, now, extras)
    least, most = (_limit(form, name, extras) for name in ("least", "most"))
    if least is not None and most is not None and most.excl_vat < least.excl_vat:
        raise BadInput("most", str(most.excl_vat), mark("an amount not below the least price"))
    limits = replace(parse_tariff(made), min_price=least, max_price=most)
    return load(dump(limits))


def _flat(form: Form) -> Preset:
    return Flat(price=_price(form, "price"))


def _day_night(form: Form) -> Preset:
    country, subdivision = form.text("country", 2, default="").upper(), form.text("subdivision", 12, default="").upper()
    weekend = bool(form.text("weekend", 5, default=""))
    if subdivision and not country:
        raise BadInput("country", country, mark("the country of the subdivision, such as DE"))
    if country and not weekend:
        raise BadInput("country", country, mark("nothing, unless the weekend is cheap: a holiday counts as a Sunday"))
    return DayNight(
        day=_price(form, "day"),
        night=_price(form, "night"),
        night_from=time.fromisoformat(form.time_of_day("night_from")),
        night_until=time.fromisoformat(form.time_of_day("night_until")),
        weekend_is_night=weekend,
        holidays=Holidays(country=country, subdivision=subdivision or None) if country else None,
    )


def _solar(form: Form) -> Preset:
    return SolarFriendly(solar=_price(form, "solar"), grid=_price(form, "grid"), battery=_optional(form, "battery"))


def _spot(form: Form) -> Preset:
    least, most = _optional(form, "spot_least") or Decimal(0), _optional(form, "spot_most")
    return SpotPriced(
        series=form.text("series", 255, default=""),
        factor=_price(form, "factor"),
        adder=_number(form, "adder", form.text("adder", 12, default="") or "0", negative=True),
        min=least,
        max=most,
        fallback=_price(form, "fallback"),
        slot_minutes=int(form.choice("slot", ("15", "60"), default="60")),
    )


_READ: Final[Mapping[str, Callable[[Form], Preset]]] = {
    "flat": _flat,
    "day_night": _day_night,
    "solar": _solar,
    "spot": _spot,
}


def _price(form: Form, name: str) -> Decimal:
    return _number(form, name, form.text(name, 12, default=""))


def _optional(form: Form, name: str) -> Decimal | None:
    text = form.text(name, 12, default="")
    return _number(form, name, text) if text else None


def _number(form: Form, name: str, text: str, *, negative: bool = False) -> Decimal:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= 10**9 or number != round(number, 4) or (number < 0 and not negative):
        raise BadInput(name, text, mark("a number such as 0.30, with at most 4 decimals"))
    return number.normalize()


def _limit(form: Form, name: str, extras: Extras) -> PriceLimit | None:
    """Return a limit with both its amounts; half up where the one that is worked out has more than OCPI's decimals."""
    amount = _optional(form, name)
    if amount is None:
        return None
    return _both(amount, extras)


def _both(amount: Decimal, extras: Extras) -> PriceLimit:
    rate = (100 + (extras.vat or Decimal(0))) / 100
    if extras.tax_included:
        return PriceLimit(excl_vat=_rounded(amount / rate), incl_vat=amount)
    return PriceLimit(excl_vat=amount, incl_vat=_rounded(amount * rate))


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_FOUR, ROUND_HALF_UP).normalize()


# --- a tariff's fields --------------------------------------------------------------------------------------------


def _as_typed(limit: PriceLimit | None, extras: Extras) -> Decimal | None:
    if limit is None:
        return None
    return limit.incl_vat if extras.tax_included else limit.excl_vat


def _preset_fields(preset: Preset) -> dict[str, str]:
    match preset:
        case Flat():
            return {"preset": "flat", "price": _text(preset.price)}
        case DayNight():
            holidays = preset.holidays
            return {
                "preset": "day_night",
                "day": _text(preset.day),
                "night": _text(preset.night),
                "night_from": f"{preset.night_from:%H:%M}",
                "night_until": f"{preset.night_until:%H:%M}",
                "weekend": "on" if preset.weekend_is_night else "",
                "country": holidays.country if holidays else "",
                "subdivision": (holidays.subdivision or "") if holidays else "",
            }
        case SolarFriendly():
            prices = {"solar": preset.solar, "grid": preset.grid, "battery": preset.battery}
            return {"preset": "solar"} | {name: _text(price) for name, price in prices.items()}
        case SpotPriced():
            return {
                "preset": "spot",
                "series": preset.series,
                "factor": _text(preset.factor),
                "adder": _text(preset.adder),
                "spot_least": _text(preset.min),
                "spot_most": _text(preset.max),
                "fallback": _text(preset.fallback),
                "slot": str(preset.slot_minutes),
            }


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.normalize():f}"


def _pretty(tariff: Tariff) -> str:
    return json.dumps(json.loads(tariff.to_json()), indent=2, ensure_ascii=False)
