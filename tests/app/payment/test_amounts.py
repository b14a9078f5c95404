"""Amounts as Stripe takes them (payments.md 4.2)."""

import pytest

from evshare_app.payment.stripe_amounts import chargeable_minor, from_stripe, minimum_minor, to_stripe


@pytest.mark.parametrize(("currency", "minimum"), [("EUR", 50), ("USD", 50), ("GBP", 30), ("CZK", 1500), ("XAF", 1)])
def test_the_smallest_charge_per_currency(currency: str, minimum: int) -> None:
    assert minimum_minor(currency) == minimum


def test_currencies_without_minor_unit_that_stripe_wants_with_two_decimals() -> None:
    assert to_stripe(1500, "ISK") == 150_000
    assert from_stripe(150_000, "ISK") == 1500
    assert to_stripe(1500, "JPY") == 1500
    assert to_stripe(1500, "EUR") == 1500


def test_a_fee_of_half_a_krona_is_booked_as_a_whole_one() -> None:
    assert from_stripe(150, "ISK") == 2


def test_three_decimals_are_charged_in_tens() -> None:
    assert chargeable_minor(12_345, "KWD") == 12_340
    assert chargeable_minor(12_345, "EUR") == 12_345
