"""What a sensor of the electricity price says, per kWh in the building's currency. Pure.

Its unit is money by energy: a currency's ISO code or sign, or its hundredth part, by kWh, MWh or Wh (Nord Pool:
``EUR/kWh``, ``SEK/kWh``; EPEX spot: ``ct/kWh``, ``EUR/MWh``; Tibber: ``NOK/kWh``; Energi Data Service: ``øre/kWh``).
"""

from decimal import Decimal, InvalidOperation
from typing import Final

HIGHEST: Final = Decimal(1_000_000)
"""No currency's kWh costs as much."""
_STEP: Final = Decimal("0.000001")
"""States are often floats; what is beyond is their noise."""
_ENERGIES: Final = {"kwh": Decimal(1), "mwh": Decimal(1000), "wh": Decimal("0.001")}
_SIGNS: Final = {
    "€": ("EUR",),
    "£": ("GBP",),
    "$": ("USD", "AUD", "CAD", "NZD", "SGD"),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "zł": ("PLN",),
    "fr": ("CHF",),
    "fr.": ("CHF",),
    "kč": ("CZK",),
    "ft": ("HUF",),
    "lei": ("RON",),
    "лв": ("BGN",),
    "₺": ("TRY",),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
}
_HUNDREDTHS: Final = {
    **dict.fromkeys(("ct", "cent", "cents", "c", "¢"), ("EUR", "USD", "AUD", "CAD", "NZD", "SGD")),
    **dict.fromkeys(("eurocent", "c€"), ("EUR",)),
    **dict.fromkeys(("öre", "øre", "ore"), ("SEK", "NOK", "DKK")),
    **dict.fromkeys(("p", "pence", "penny"), ("GBP",)),
    **dict.fromkeys(("rp", "rp.", "rappen"), ("CHF",)),
    **dict.fromkeys(("gr", "grosz"), ("PLN",)),
}


def price_factor(unit: str | None, currency: str) -> Decimal | None:
    """Return what a state in `unit` is multiplied with; None where that is no price in `currency` by energy."""
    money, slash, energy = (unit or "").strip().partition("/")
    # Wh is told apart from MWh by its letters alone; a small m would be a thousandth, and no price.
    per = _ENERGIES.get(energy.strip().lower()) if slash and not energy.strip().startswith("m") else None
    if per is None:
        return None
    said = money.strip()
    if said.upper() == currency or currency in _SIGNS.get(said.lower(), ()):
        return 1 / per
    return 1 / per / 100 if currency in _HUNDREDTHS.get(said.lower(), ()) else None


def price_per_kwh(state: str, unit: str | None, currency: str) -> Decimal | None:
    """Return a sensor's price in `currency` per kWh, may be negative; None where it says none."""
    factor = price_factor(unit, currency)
    try:
        price = Decimal(state)
    except InvalidOperation:
        return None  # unavailable, unknown, a text
    if factor is None or not price.is_finite() or abs(price) >= HIGHEST:
        return None
    price = (price * factor).quantize(_STEP)
    return price if abs(price) < HIGHEST else None


def price_text(price: Decimal) -> str:
    """Return it as records have it: no exponent, no zeros at the end."""
    return f"{price.normalize():f}" if price else "0"
