"""The stand-in answers the real SDK as payments.md says Stripe does."""

from collections.abc import Callable

import pytest
import stripe

from demo.stripe import StripeStandIn
from demo.stripe.cards import Card
from demo.stripe.faults import Fault
from demo.stripe.server import KEY

from .conftest import Clock, charge, save_card


async def test_a_saved_card_is_charged_off_session(v1, card, stand_in: StripeStandIn):
    intent = await v1.payment_intents.create_async(charge(*card) | {"expand": ["latest_charge.balance_transaction"]})
    assert (intent.status, intent.amount_received) == ("succeeded", 3000)
    # 1.5 % of 30.00 + 0.25
    assert intent.latest_charge.balance_transaction.fee == 70
    assert stand_in.charges_per_statement() == {"2026-000001": 1}


async def test_an_unknown_parameter_reaches_nobody(v1, card, stand_in: StripeStandIn):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.payment_intents.create_async(charge(*card) | {"payment_method_types": ["card"]})
    assert refused.value.code == "payment_method_types_no_longer_supported"
    assert stand_in.charges_per_statement() == {}


async def test_confirming_without_return_address_needs_methods_that_do_not_redirect(v1, card):
    params = charge(*card)
    del params["automatic_payment_methods"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.payment_intents.create_async(params)
    assert refused.value.param == "return_url"


async def test_a_card_of_another_customer_is_refused(v1, card, stand_in: StripeStandIn):
    other, _ = await save_card(v1, stand_in, "5555555555554444")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.payment_intents.create_async(charge(other, card[1]))
    assert refused.value.code == "payment_method_unexpected_state"


async def test_less_than_the_minimum_is_refused(v1, card):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await v1.payment_intents.create_async(charge(*card, minor=49))
    assert refused.value.code == "amount_too_small"


@pytest.mark.parametrize(
    ("number", "code", "decline_code", "advice_code"),
    [
        ("4000000000009995", "card_declined", "insufficient_funds", "try_again_later"),
        ("4000000000009987", "card_declined", "lost_card", "do_not_try_again"),
        ("4000000000000341", "card_declined", "generic_decline", None),
        ("4000000000000119", "processing_error", None, "try_again_later"),
        ("4000002760003184", "authentication_required", "authentication_required", None),
    ],
)
async def test_a_decline_names_its_reason_and_its_intent(v1, stand_in, number, code, decline_code, advice_code):
    customer, method = await save_card(v1, stand_in, number)
    with pytest.raises(stripe.CardError) as declined:
        await v1.payment_intents.create_async(charge(customer, method))
    error = declined.value.json_body["error"]
    assert declined.value.http_status == 402
    assert (error["code"], error.get("decline_code"), error.get("advice_code")) == (code, decline_code, advice_code)
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert stand_in.charges_per_statement() == {}


async def test_a_card_may_behave_otherwise_later(v1, stand_in: StripeStandIn):
    customer, method = await save_card(v1, stand_in, "4000000000009995")
    stand_in.world.cards["4000000000009995"] = Card()
    assert (await v1.payment_intents.create_async(charge(customer, method))).status == "succeeded"


async def test_a_declined_intent_can_be_confirmed_again_or_canceled(v1, card, stand_in: StripeStandIn):
    customer, method = await save_card(v1, stand_in, "4000002760003184")
    with pytest.raises(stripe.CardError) as declined:
        await v1.payment_intents.create_async(charge(customer, method))
    intent_id = declined.value.json_body["error"]["payment_intent"]["id"]
    assert (await v1.payment_intents.cancel_async(intent_id, {"cancellation_reason": "abandoned"})).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as again:
        await v1.payment_intents.confirm_async(
            intent_id, {"payment_method": method, "return_url": "http://portal.local/"}
        )
    assert again.value.code == "payment_intent_unexpected_state"


async def test_a_bank_debit_is_processing_for_days(v1, stand_in: StripeStandIn, clock: Clock):
    customer, method = await save_card(v1, stand_in, "DE89370400440532013000")
    intent = await v1.payment_intents.create_async(charge(customer, method))
    assert intent.status == "processing"
    with pytest.raises(stripe.InvalidRequestError):
        await v1.payment_intents.cancel_async(intent.id)
    clock.advance(days=5)
    assert (await v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_a_failing_bank_debit_returns_with_its_reason(v1, stand_in: StripeStandIn, clock: Clock):
    customer, method = await save_card(v1, stand_in, "DE62370400440532013001")
    intent = await v1.payment_intents.create_async(charge(customer, method))
    clock.advance(days=5)
    intent = await v1.payment_intents.retrieve_async(intent.id)
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", "insufficient_funds")


async def test_the_fee_may_become_known_later(connect, clock: Clock):
    async with StripeStandIn(clock, fee_delay_s=60) as slow:
        v1 = stripe.StripeClient(KEY, base_addresses={"api": slow.url}, http_client=connect()._requestor._client).v1
        customer, method = await save_card(v1, slow, "4242424242424242")
        intent = await v1.payment_intents.create_async(charge(customer, method) | {"expand": ["latest_charge"]})
        assert intent.latest_charge.balance_transaction is None
        clock.advance(seconds=60)
        updated = await v1.events.list_async({"types": ["charge.updated"]})
        assert [event.data.object.id for event in updated.data] == [intent.latest_charge.id]


async def test_a_refund_is_limited_to_what_was_paid(v1, card, stand_in: StripeStandIn):
    intent = await v1.payment_intents.create_async(charge(*card))
    await v1.refunds.create_async({"payment_intent": intent.id, "amount": 1000})
    assert stand_in.minor_per_statement() == {"2026-000001": 2000}
    with pytest.raises(stripe.InvalidRequestError):
        await v1.refunds.create_async({"payment_intent": intent.id, "amount": 2001})


# --- idempotency ---------------------------------------------------------------------------------------------------


async def test_the_same_key_gets_the_same_answer_and_charges_once(v1, card, stand_in: StripeStandIn):
    first = await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})
    again = await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})
    assert first.id == again.id
    assert stand_in.charges_per_statement() == {"2026-000001": 1}


async def test_the_same_key_with_other_parameters_is_an_error(v1, card, stand_in: StripeStandIn):
    await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        await v1.payment_intents.create_async(charge(*card, minor=3001), {"idempotency_key": "k"})
    assert stand_in.charges_per_statement() == {"2026-000001": 1}


async def test_a_key_is_forgotten_after_24_hours_and_then_charges_again(v1, card, stand_in, clock: Clock):
    await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})
    clock.advance(hours=24)
    await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})
    assert stand_in.charges_per_statement() == {"2026-000001": 2}


async def test_a_decline_is_repeated_for_its_key(v1, stand_in: StripeStandIn):
    customer, method = await save_card(v1, stand_in, "4000000000009995")
    intents = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            await v1.payment_intents.create_async(charge(customer, method), {"idempotency_key": "k"})
        intents.append(declined.value.json_body["error"]["payment_intent"]["id"])
    assert intents[0] == intents[1]


async def test_what_failed_validation_is_not_kept_for_its_key(v1, card):
    with pytest.raises(stripe.InvalidRequestError):
        await v1.payment_intents.create_async(charge(*card) | {"nonsense": "1"}, {"idempotency_key": "k"})
    assert (await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})).status == "succeeded"


# --- faults --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "charged"),
    [
        (Fault.LOST_REQUEST, stripe.APIConnectionError, 0),
        (Fault.LOST_ANSWER, stripe.APIConnectionError, 1),
        (Fault.RATE_LIMIT, stripe.RateLimitError, 0),
        (Fault.CONFLICT, stripe.APIError, 0),
        (Fault.ERROR, stripe.APIError, 0),
        (Fault.STORED_ERROR, stripe.APIError, 0),
        (Fault.ERROR_AFTER_EFFECT, stripe.APIError, 1),
    ],
)
async def test_a_fault_has_the_effect_it_is_named_for(v1, card, stand_in, fault, error, charged):
    stand_in.faults.add(fault, path="payment_intents", method="POST")
    with pytest.raises(error):
        await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})
    assert sum(stand_in.charges_per_statement().values()) == charged


@pytest.mark.parametrize("fault", [Fault.STORED_ERROR, Fault.ERROR_AFTER_EFFECT])
async def test_a_kept_500_is_final_for_its_key(v1, card, stand_in, fault):
    stand_in.faults.add(fault, path="payment_intents", method="POST")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await v1.payment_intents.create_async(charge(*card), {"idempotency_key": "k"})


async def test_the_sdk_repeats_a_lost_answer_by_itself_and_charges_once(connect, card, stand_in):
    stand_in.faults.add(Fault.LOST_ANSWER, path="payment_intents", method="POST")
    client = connect(retries=1)
    client._requestor._client.sleep_async = _no_pause
    assert (await client.v1.payment_intents.create_async(charge(*card))).status == "succeeded"
    assert stand_in.charges_per_statement() == {"2026-000001": 1}


async def _no_pause(_seconds: float) -> None:
    pass


# --- keys ----------------------------------------------------------------------------------------------------------


async def test_an_unknown_key_is_401(connect):
    with pytest.raises(stripe.AuthenticationError):
        await connect("rk_test_stranger").v1.customers.list_async()


async def test_a_restricted_key_is_told_which_permission_it_lacks(
    connect: Callable[..., stripe.StripeClient], stand_in
):
    stand_in._keys["rk_test_reader"] = frozenset({"customer_read", "payment_intent_write"})
    v1 = connect("rk_test_reader").v1
    await v1.customers.list_async()
    await v1.payment_intents.list_async()  # write includes read
    with pytest.raises(stripe.PermissionError, match="rak_customer_write"):
        await v1.customers.create_async({})


async def test_an_unknown_id_is_404(v1):
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await v1.payment_intents.retrieve_async("pi_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
