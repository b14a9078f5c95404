"""Hosted Checkout: the life of a session, and its page as a browser without scripts uses it."""

from aiohttp import ClientSession
import pytest
import stripe

from demo.stripe import StripeStandIn

from .conftest import Clock, save_card

PAY = {
    "mode": "payment",
    "line_items": [
        {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 1234, "product_data": {"name": "EV <1>"}}}
    ],
    "success_url": "http://portal.local/done?cs={CHECKOUT_SESSION_ID}",
    "cancel_url": "http://portal.local/back",
    "metadata": {"evshare_stmt": "2026-000001"},
    "payment_intent_data": {"metadata": {"evshare_stmt": "2026-000001"}},
}


async def _submit(url: str, number: str = "4242 4242 4242 4242", action: str = "submit") -> tuple[int, str, str]:
    async with (
        ClientSession() as browser,
        browser.post(url, data={"number": number, "action": action}, allow_redirects=False) as answer,
    ):
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def test_the_page_shows_what_is_paid_for(v1):
    session = await v1.checkout.sessions.create_async(PAY)
    async with ClientSession() as browser, browser.get(session.url) as page:
        text = await page.text()
    assert "Pay 12.34 EUR" in text
    assert "EV &lt;1&gt;" in text
    assert 'name="number"' in text
    assert "Cancel" in text


async def test_paying_completes_the_session_and_leads_back(v1, stand_in: StripeStandIn):
    session = await v1.checkout.sessions.create_async(PAY)
    status, location, _ = await _submit(session.url)
    assert (status, location) == (303, f"http://portal.local/done?cs={session.id}")
    session = await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (session.status, session.payment_status) == ("complete", "paid")
    assert session.payment_intent.latest_charge.amount == 1234
    assert stand_in.charges_per_statement() == {"2026-000001": 1}


async def test_paying_twice_charges_once(v1, stand_in: StripeStandIn):
    session = await v1.checkout.sessions.create_async(PAY)
    await _submit(session.url)
    status, _, text = await _submit(session.url)
    assert (status, "complete" in text) == (200, True)
    assert stand_in.charges_per_statement() == {"2026-000001": 1}


async def test_a_declined_card_may_be_followed_by_another(v1, stand_in: StripeStandIn):
    session = await v1.checkout.sessions.create_async(PAY)
    status, _, text = await _submit(session.url, "4000000000000002")
    assert (status, "generic_decline" in text) == (402, True)
    assert (await _submit(session.url))[0] == 303
    assert stand_in.charges_per_statement() == {"2026-000001": 1}


async def test_a_card_that_wants_authentication_gets_it_on_the_page(v1):
    session = await v1.checkout.sessions.create_async(PAY)
    assert (await _submit(session.url, "4000002760003184"))[0] == 303


async def test_cancel_leads_back_and_leaves_the_session_open(v1):
    session = await v1.checkout.sessions.create_async(PAY)
    assert (await _submit(session.url, action="cancel"))[:2] == (303, "http://portal.local/back")
    assert (await v1.checkout.sessions.retrieve_async(session.id)).status == "open"


async def test_saving_a_card_attaches_it_to_the_customer(v1, stand_in: StripeStandIn):
    customer, method = await save_card(v1, stand_in, "5555555555554444")
    methods = await v1.customers.payment_methods.list_async(customer)
    assert [(one.id, one.card.brand, one.card.last4) for one in methods.data] == [(method, "mastercard", "4444")]


async def test_a_card_declined_on_saving_leaves_the_page_open(v1):
    session = await v1.checkout.sessions.create_async(
        {"mode": "setup", "currency": "eur", "success_url": "http://portal.local/"}
    )
    assert (await _submit(session.url, "4000000000000002"))[0] == 402
    assert (await v1.checkout.sessions.retrieve_async(session.id)).status == "open"


async def test_a_session_expires_after_a_day_or_when_told(v1, clock: Clock):
    forgotten = await v1.checkout.sessions.create_async(PAY)
    recalled = await v1.checkout.sessions.create_async(PAY)
    await v1.checkout.sessions.expire_async(recalled.id)
    with pytest.raises(stripe.InvalidRequestError):
        await v1.checkout.sessions.expire_async(recalled.id)
    clock.advance(hours=24)
    assert (await v1.checkout.sessions.retrieve_async(forgotten.id)).status == "expired"
    assert (await _submit(forgotten.url))[0] == 200


async def test_a_debit_on_the_page_tells_later_how_it_ended(v1, clock: Clock):
    session = await v1.checkout.sessions.create_async(PAY)
    assert (await _submit(session.url, "DE89 3704 0044 0532 0130 00"))[0] == 303
    assert (await v1.checkout.sessions.retrieve_async(session.id)).payment_status == "unpaid"
    clock.advance(days=5)
    told = await v1.events.list_async({"types": ["checkout.session.async_payment_succeeded"]})
    assert [event.data.object.id for event in told.data] == [session.id]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"success_url": None}, "success_url"),
        ({"line_items": None}, "line_items"),
        ({"mode": "setup", "line_items": None, "payment_intent_data": None}, "currency"),
    ],
)
async def test_a_session_without_what_its_mode_needs_is_refused(v1, change, param):
    wanted = {name: value for name, value in (PAY | change).items() if value is not None}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.checkout.sessions.create_async(wanted)
    assert refused.value.param == param


async def test_expires_at_lies_30_minutes_to_24_hours_ahead(v1, clock: Clock):
    now_s = int(clock().timestamp())
    for seconds in (1799, 86401):
        with pytest.raises(stripe.InvalidRequestError):
            await v1.checkout.sessions.create_async(PAY | {"expires_at": now_s + seconds})
    assert (await v1.checkout.sessions.create_async(PAY | {"expires_at": now_s + 1800})).status == "open"


async def test_a_checker_in_another_process_can_ask_what_was_paid(v1, stand_in: StripeStandIn):
    session = await v1.checkout.sessions.create_async(PAY)
    await _submit(session.url)
    async with ClientSession() as checker, checker.get(f"{stand_in.url}/_stand_in/payments") as answer:
        assert await answer.json() == {"2026-000001": {"times": 1, "minor": 1234}}
