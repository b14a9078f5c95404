"""Amounts as Stripe takes them: its minor units, and the smallest charge per currency."""

_SENT_TIMES_100 = frozenset({"ISK", "UGX"})
"""Have no minor unit, but Stripe wants two decimals that are 00."""
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Stripe wants the last of their three decimals to be 0."""

_MINIMUM_MINOR = {
    "EUR": 50,
    "USD": 50,
    "GBP": 30,
    "CHF": 50,
    "CAD": 50,
    "AUD": 50,
    "NZD": 50,
    "SGD": 50,
    "BRL": 50,
    "INR": 50,
    "DKK": 250,
    "NOK": 300,
    "SEK": 300,
    "PLN": 200,
    "RON": 200,
    "CZK": 1500,
    "HUF": 17500,
    "HKD": 400,
    "MXN": 1000,
    "JPY": 50,
}


def minimum_minor(currency: str) -> int:
    """Return the smallest amount Stripe charges; for currencies not listed every positive amount is tried."""
    return _MINIMUM_MINOR.get(currency, 10 if currency in _THREE_DECIMALS else 1)


def chargeable_minor(amount_minor: int, currency: str) -> int:
    """Return how much of an amount can be charged: all, but for currencies Stripe rounds to ten."""
    return amount_minor - amount_minor % 10 if currency in _THREE_DECIMALS else amount_minor


def to_stripe(amount_minor: int, currency: str) -> int:
    """Return the integer Stripe is told."""
    return amount_minor * 100 if currency in _SENT_TIMES_100 else amount_minor


def from_stripe(amount: int, currency: str) -> int:
    """Return minor units of an amount Stripe told (fees are rounded up to a whole unit)."""
    return -(-amount // 100) if currency in _SENT_TIMES_100 else amount
