"""Lists, pages and `expand`: what all resources share."""

from collections.abc import Callable, Iterable
from typing import Any

from .errors import invalid
from .world import (
    BALANCE_TRANSACTION,
    CHARGE,
    CUSTOMER,
    EVENT,
    PAYMENT_INTENT,
    PAYMENT_METHOD,
    REFUND,
    SETUP_INTENT,
    StripeObject,
    World,
)

EVENT_DAYS = 30

_EXPANDABLE = {
    "customer": CUSTOMER,
    "payment_method": PAYMENT_METHOD,
    "setup_intent": SETUP_INTENT,
    "payment_intent": PAYMENT_INTENT,
    "latest_charge": CHARGE,
    "charge": CHARGE,
    "balance_transaction": BALANCE_TRANSACTION,
}


def page(
    world: World, kind: str, params: dict[str, Any], path: str, keep: Callable[[StripeObject], bool]
) -> StripeObject:
    """List newest first with `limit`, `starting_after`, `ending_before`, `created` (payments.md 3.1 and 1, Lists)."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise invalid(f"Invalid limit: {limit}, must be between 1 and 100", param="limit")
    within = _created(params.get("created"))
    # Later objects stand later in the dict; that is also the order within one second.
    found = [one for one in reversed(world.objects[kind].values()) if within(one["created"]) and keep(one)]
    if "starting_after" in params and "ending_before" in params:
        raise invalid("You cannot pass both starting_after and ending_before", param="ending_before")
    if after := params.get("starting_after"):
        found = found[_place(found, after, kind, "starting_after") + 1 :]
        has_more, found = len(found) > limit, found[:limit]
    elif before := params.get("ending_before"):
        found = found[: _place(found, before, kind, "ending_before")]
        has_more, found = len(found) > limit, found[-limit:]
    else:
        has_more, found = len(found) > limit, found[:limit]
    return {"object": "list", "url": path, "has_more": has_more, "data": found}


def events(world: World, params: dict[str, Any]) -> StripeObject:
    """List events of the last 30 days with `types[]` of at most 20 or `type`, never both (payments.md 3.1)."""
    types = params.get("types")
    if types is not None and "type" in params:
        raise invalid("You may pass either type or types, but not both.", param="types")
    if types is not None and len(types) > 20:
        raise invalid("types: at most 20 names", param="types")
    oldest_s = world.now_s - EVENT_DAYS * 86400
    wanted = types if types is not None else [params["type"]] if "type" in params else None
    return page(
        world,
        EVENT,
        params,
        "/v1/events",
        lambda event: event["created"] >= oldest_s and (wanted is None or event["type"] in wanted),
    )


def equal(params: dict[str, Any], *names: str) -> Callable[[StripeObject], bool]:
    """Return a filter on the fields named in the request."""
    wanted = {name: params[name] for name in names if name in params}
    return lambda one: all(one.get(name) == value for name, value in wanted.items())


def expand(world: World, answer: StripeObject, paths: Iterable[str]) -> StripeObject:
    """Return a copy in which the named ids are replaced by their objects; in lists the path starts with `data`."""
    for path in paths:
        answer = _expanded(world, answer, path.split("."), path)
    return answer


def _expanded(world: World, node: StripeObject, parts: list[str], path: str) -> StripeObject:
    name, *rest = parts
    if name == "data" and node.get("object") == "list":
        return node | {"data": [_expanded(world, one, rest, path) for one in node["data"]]}
    if name not in _EXPANDABLE or name not in node:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = node[name]
    if value is None:
        return node
    child = world.find(_EXPANDABLE[name], value) if isinstance(value, str) else value
    return node | {name: _expanded(world, child, rest, path) if rest else child}


def _created(bounds: Any) -> Callable[[int], bool]:
    if bounds is None:
        return lambda _: True
    if isinstance(bounds, int):
        return lambda created: created == bounds
    return lambda created: (
        created >= bounds.get("gte", created)
        and created > bounds.get("gt", created - 1)
        and created <= bounds.get("lte", created)
        and created < bounds.get("lt", created + 1)
    )


def _place(found: list[StripeObject], object_id: str, kind: str, param: str) -> int:
    for place, one in enumerate(found):
        if one["id"] == object_id:
            return place
    raise invalid(f"No such {kind}: '{object_id}'", param=param, code="resource_missing")


def refunds_of(world: World, charge_id: str) -> list[StripeObject]:
    """Return the refunds of a charge."""
    return [one for one in world.objects[REFUND].values() if one["charge"] == charge_id]
