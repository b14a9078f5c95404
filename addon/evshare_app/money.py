"""Money: integer minor units of one currency, and the splits that lose nothing.

Prices are `Decimal` and become `Money` exactly once, by `Money.from_decimal` (half up). There are no floats here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Self

from babel.numbers import get_currency_precision


@dataclass(frozen=True, order=False)
class Money:
    """An amount in minor units (cents) of an ISO 4217 currency."""

    minor: int
    currency: str

    @classmethod
    def from_decimal(cls, amount: Decimal, currency: str) -> Self:
        """Round a price half up to the currency's minor unit."""
        exponent = get_currency_precision(currency)
        minor = (amount * 10**exponent).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        return cls(int(minor), currency)

    def to_decimal(self) -> Decimal:
        """Return the amount in major units, exact."""
        exponent = get_currency_precision(self.currency)
        return Decimal(self.minor).scaleb(-exponent).quantize(Decimal(1).scaleb(-exponent))

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            msg = f"currency: got {other.currency}, accepted is {self.currency}"
            raise ValueError(msg)


def split_largest_remainder[K](
    total: int, weights: Mapping[K, int | Decimal | Fraction], order: Sequence[K] | None = None
) -> dict[K, int]:
    """Divide an integer so that the parts sum to it exactly and each is within 1 of its exact share.

    Missing units go to the largest fractional parts; ties to the larger weight, then to the earlier in `order`
    (default: the mapping's own order). A negative total is split as its absolute value. Raises ValueError when
    all weights are zero or one is negative.
    """
    if any(weight < 0 for weight in weights.values()):
        msg = f"weights: got {dict(weights)!r}, accepted are numbers >= 0"
        raise ValueError(msg)
    sum_of_weights = sum(Fraction(weight) for weight in weights.values())
    if sum_of_weights == 0:
        msg = "weights: all are zero, accepted is at least one above zero"
        raise ValueError(msg)
    rank = {key: place for place, key in enumerate(order if order is not None else weights)}
    sign = -1 if total < 0 else 1
    parts: dict[K, int] = {}
    fractions: dict[K, Fraction] = {}
    for key, weight in weights.items():
        # Fractions, because a rounded quotient could land on the wrong side of a whole unit.
        exact = abs(total) * Fraction(weight) / sum_of_weights
        parts[key] = int(exact)
        fractions[key] = exact - int(exact)
    missing = abs(total) - sum(parts.values())
    eligible = sorted(
        (key for key, weight in weights.items() if weight > 0),
        key=lambda key: (-fractions[key], -weights[key], rank[key]),
    )
    for key in eligible[:missing]:
        parts[key] += 1
    return {key: sign * part for key, part in parts.items()}
