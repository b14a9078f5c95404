"""Customers and the payment methods they saved."""

from typing import Any

from .errors import missing
from .lists import equal, page
from .world import CUSTOMER, PAYMENT_METHOD, StripeObject, World

_KEPT = ("email", "name", "description", "preferred_locales", "metadata")


def create(world: World, params: dict[str, Any]) -> StripeObject:
    """`POST /v1/customers` (payments.md 2.1, step 1)."""
    customer = world.make(
        CUSTOMER, **{name: params.get(name) for name in _KEPT} | {"metadata": params.get("metadata") or {}}
    )
    world.tell("customer.created", customer)
    return customer


def update(world: World, params: dict[str, Any], customer_id: str) -> StripeObject:
    """`POST /v1/customers/{id}`; metadata is merged, an empty value removes a key (payments.md 2.1)."""
    customer = world.find(CUSTOMER, customer_id)
    merged = customer["metadata"] | (params.get("metadata") or {})
    customer.update({name: params[name] for name in _KEPT if name in params})
    customer["metadata"] = {name: value for name, value in merged.items() if value != ""}
    world.tell("customer.updated", customer)
    return customer


def methods(world: World, params: dict[str, Any], customer_id: str) -> StripeObject:
    """`GET /v1/customers/{id}/payment_methods` (payments.md 1, names)."""
    if customer_id not in world.objects[CUSTOMER]:
        raise missing(CUSTOMER, customer_id)
    mine = equal({"customer": customer_id} | {k: v for k, v in params.items() if k == "type"}, "customer", "type")
    return page(world, PAYMENT_METHOD, params, f"/v1/customers/{customer_id}/payment_methods", mine)
