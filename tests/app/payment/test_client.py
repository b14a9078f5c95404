"""Which keys are used, and where they may go."""

from aiohttp import ClientSession
import pytest
import stripe

from evshare_app.payment.rail import PaymentRefused, Rail
from evshare_app.payment.stripe_client import create_client

from .conftest import House


@pytest.mark.parametrize("key", ["sk_live_full", "pk_live_public", "", "whsec_hook"])
async def test_a_key_that_could_do_harm_or_nothing_is_refused_without_showing_it(key: str) -> None:
    async with ClientSession() as session:
        with pytest.raises(PaymentRefused, match="accepted is a restricted key") as refused:
            create_client(key, session)
    assert "full" not in str(refused.value)


async def test_a_live_key_goes_to_stripe_only() -> None:
    async with ClientSession() as session:
        with pytest.raises(PaymentRefused, match="stripe_api_base"):
            create_client("rk_live_x", session, "http://127.0.0.1:1")


async def test_telemetry_is_off() -> None:
    async with ClientSession() as session:
        create_client("rk_test_x", session)
    assert stripe.enable_telemetry is False


async def test_the_stripe_rail_is_a_rail(house: House) -> None:
    rail: Rail = house.rail()
    assert rail.name == "stripe"
