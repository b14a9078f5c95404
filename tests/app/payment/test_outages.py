"""Stripe does not answer, answers with errors, or answered and nobody heard it: nothing twice, nothing lost."""

import pytest

from demo.stripe.faults import Fault
from demo.stripe.routes import ALL_PERMISSIONS
from evshare_app.payment.rail import PayState, RailMisconfigured, RailUnavailable

from .conftest import BACK, HOME, House

# The SDK repeats connection errors, 409 and 5xx twice by itself.
THRICE = 3


def posts(house: House, path: str) -> list[str | None]:
    """Return the idempotency keys of the POSTs to a path, in order."""
    return [one.idempotency_key for one in house.stand_in.requests if (one.method, one.path) == ("POST", path)]


@pytest.mark.parametrize(
    "fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.CONFLICT, Fault.ERROR, Fault.RATE_LIMIT]
)
async def test_a_collection_without_answer_is_sent_again_and_charges_once(house: House, fault: Fault) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    house.stand_in.faults.add(fault, times=THRICE, path="payment_intents", method="POST")
    with pytest.raises(RailUnavailable):
        await rail.collect(october)
    assert (await house.standing(october)).state is PayState.PROCESSING
    house.stand_in.faults.clear()
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
    assert len(set(posts(house, "/v1/payment_intents"))) == 1, "always with the same key"


async def test_one_lost_answer_is_not_even_noticed(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    house.stand_in.faults.add(Fault.LOST_ANSWER, path="payment_intents", method="POST")
    assert (await rail.collect(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_the_same_key_is_used_for_23_hours_and_not_longer(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    house.stand_in.faults.add(Fault.LOST_ANSWER, times=2 * THRICE, path="payment_intents", method="POST")
    with pytest.raises(RailUnavailable):
        await rail.collect(october)
    house.clock.advance(hours=22, minutes=59)
    with pytest.raises(RailUnavailable):
        await rail.poll()
    sent = len(posts(house, "/v1/payment_intents"))
    house.clock.advance(minutes=1)
    await rail.poll()
    assert len(posts(house, "/v1/payment_intents")) == sent, "looked for, not sent"
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


@pytest.mark.parametrize("fault", [Fault.STORED_ERROR, Fault.ERROR_AFTER_EFFECT])
async def test_a_kept_500_is_cleared_up_by_looking_after_23_hours(house: House, fault: Fault) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    house.stand_in.faults.add(fault, path="payment_intents", method="POST")
    with pytest.raises(RailUnavailable):
        await rail.collect(october)
    with pytest.raises(RailUnavailable):
        await rail.poll()
    house.clock.advance(hours=23)
    await rail.poll()
    await rail.collect_open()
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_a_long_outage_before_anything_was_sent_loses_nothing(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    await rail.poll()
    house.stand_in.faults.add(Fault.LOST_REQUEST, times=1000, method="POST")
    with pytest.raises(RailUnavailable):
        await rail.collect(october)
    house.stand_in.faults.clear()
    house.clock.advance(days=40)
    await rail.poll()
    assert (await house.rows("collect")) == [("failed", "never_sent")]
    assert (await rail.collect(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}


async def test_a_setup_without_answer_goes_on_with_the_next_tap(house: House) -> None:
    rail = house.rail()
    house.stand_in.faults.add(Fault.LOST_ANSWER, times=THRICE, path="checkout/sessions", method="POST")
    with pytest.raises(RailUnavailable):
        await rail.start_card_setup(HOME, BACK)
    assert (await rail.start_card_setup(HOME, BACK)).startswith("http://127.0.0.1")
    assert len(house.stand_in.world.objects["checkout.session"]) == 1
    assert len(house.stand_in.world.objects["customer"]) == 1


@pytest.mark.parametrize("path", ["customers", "checkout/sessions"])
async def test_a_setup_that_stayed_without_answer_for_a_day_is_begun_anew(house: House, path: str) -> None:
    rail = house.rail()
    house.stand_in.faults.add(Fault.LOST_ANSWER, times=THRICE, path=path, method="POST")
    with pytest.raises(RailUnavailable):
        await rail.start_card_setup(HOME, BACK)
    house.clock.advance(days=1)
    await rail.poll()
    await house.save_card(rail)
    assert (await house.account()).card_label == "Visa 4242"


async def test_a_cancellation_that_fails_is_finished_later(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail, "4000000000009995")
    october = await house.issue("2026-000010", 3000)
    house.stand_in.faults.add(Fault.LOST_REQUEST, times=THRICE, path="/cancel")
    with pytest.raises(RailUnavailable):
        await rail.collect(october)
    assert house.stand_in.payable() == ["2026-000010"]
    assert await rail.collect_open() == [], "the declined intent is not over yet"
    await rail.poll()
    assert house.stand_in.payable() == []
    assert (await house.standing(october)).state is PayState.RETRY_LATER


async def test_an_event_that_could_not_be_followed_comes_again(house: House) -> None:
    rail = house.rail()
    url = await rail.start_card_setup(HOME, BACK)
    house.stand_in.pay(url.rsplit("/", 1)[1])
    house.stand_in.faults.add(Fault.ERROR, times=THRICE, method="GET", path="/v1/checkout/sessions/")
    with pytest.raises(RailUnavailable):
        await rail.poll()
    await rail.poll()
    assert (await house.account()).card_label == "Visa 4242"


async def test_a_refused_key_says_so_and_what_was_begun_is_finished_with_the_right_one(house: House) -> None:
    await house.save_card(house.rail())
    october = await house.issue("2026-000010", 3000)
    with pytest.raises(RailMisconfigured, match="stripe_key: Stripe does not know it"):
        await house.rail(key="rk_test_revoked").collect(october)
    assert (await house.rail().collect(october)).state is PayState.PAID


async def test_a_missing_permission_is_named(house: House) -> None:
    rail = house.rail()
    await house.save_card(rail)
    october = await house.issue("2026-000010", 3000)
    house.stand_in._keys["rk_test_weak"] = ALL_PERMISSIONS - {"payment_intent_write"}
    weak = house.rail(key="rk_test_weak")
    with pytest.raises(RailMisconfigured, match="rak_payment_intent_write"):
        await weak.collect(october)
    await rail.poll()
    assert (await house.standing(october)).state is PayState.PAID
    assert house.stand_in.charges_per_statement() == {"2026-000010": 1}
