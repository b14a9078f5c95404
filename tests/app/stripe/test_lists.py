"""Lists, pages and events."""

import pytest
import stripe

from demo.stripe import StripeStandIn

from .conftest import Clock, charge


async def _customers(v1, clock: Clock, count: int) -> list[str]:
    made = []
    for _ in range(count):
        made.append((await v1.customers.create_async({})).id)
        clock.advance(seconds=1)
    return made


async def test_lists_are_newest_first_and_cut_at_the_limit(v1, clock):
    first, second, third = await _customers(v1, clock, 3)
    page = await v1.customers.list_async({"limit": 2})
    assert ([one.id for one in page.data], page.has_more) == ([third, second], True)
    page = await v1.customers.list_async({"limit": 2, "starting_after": second})
    assert ([one.id for one in page.data], page.has_more) == ([first], False)


async def test_ending_before_walks_from_old_to_new(v1, clock):
    first, second, third = await _customers(v1, clock, 3)
    page = await v1.customers.list_async({"limit": 1, "ending_before": first})
    assert ([one.id for one in page.data], page.has_more) == ([second], True)
    walked = [one.id async for one in page.auto_paging_iter()]
    assert walked == [second, third]


async def test_pages_are_walked_to_the_end(v1, clock):
    made = await _customers(v1, clock, 5)
    page = await v1.customers.list_async({"limit": 2})
    assert [one.id async for one in page.auto_paging_iter()] == made[::-1]


async def test_created_bounds_a_list(v1, clock):
    start = int(clock().timestamp())
    _, second, third = await _customers(v1, clock, 3)
    page = await v1.customers.list_async({"created": {"gte": start + 1}})
    assert [one.id for one in page.data] == [third, second]
    page = await v1.customers.list_async({"created": {"gt": start + 1}})
    assert [one.id for one in page.data] == [third]


@pytest.mark.parametrize("limit", [0, 101])
async def test_a_limit_outside_1_to_100_is_refused(v1, limit):
    with pytest.raises(stripe.InvalidRequestError, match="limit"):
        await v1.customers.list_async({"limit": limit})


async def test_what_cannot_be_expanded_is_refused(v1):
    customer = await v1.customers.create_async({})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await v1.customers.retrieve_async(customer.id, {"expand": ["shoe_size"]})


async def test_events_tell_what_happened_newest_first(v1, card):
    await v1.payment_intents.create_async(charge(*card))
    listed = await v1.events.list_async({"types": ["payment_intent.succeeded", "payment_intent.created"]})
    assert [event.type for event in listed.data] == ["payment_intent.succeeded", "payment_intent.created"]
    assert listed.data[1].data.object.status == "requires_confirmation", "rendered as it was then"
    assert listed.data[0].api_version == "2026-10-28.endive"


async def test_events_are_gone_after_30_days(v1, card, clock: Clock):
    clock.advance(days=30, seconds=1)
    assert (await v1.events.list_async()).data == []


async def test_types_and_type_exclude_each_other(v1):
    with pytest.raises(stripe.InvalidRequestError):
        await v1.events.list_async({"type": "customer.created", "types": ["customer.created"]})
    with pytest.raises(stripe.InvalidRequestError):
        await v1.events.list_async({"types": [f"t{number}" for number in range(21)]})


async def test_objects_show_nothing_private(v1, stand_in: StripeStandIn):
    session = await v1.checkout.sessions.create_async(
        {"mode": "setup", "currency": "eur", "success_url": "http://portal.local/"}
    )
    assert not [name for name in session.to_dict() if name.startswith("_")]
