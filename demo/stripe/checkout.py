"""Hosted Checkout: sessions in mode `setup` and `payment`, and what the customer does on their page."""

from typing import Any
from urllib.parse import quote

from .cards import Card
from .errors import StripeFault, invalid, refused
from .intents import attach, cancel_now, confirm_with, new_intent, new_payment_method
from .world import CUSTOMER, PAYMENT_INTENT, PAYMENT_METHOD, SESSION, SETUP_INTENT, StripeObject, World

SHORTEST_S, LONGEST_S = 30 * 60, 24 * 3600
"""`expires_at` may lie 30 minutes to 24 hours ahead (payments.md 2.3); without it a session lives 24 hours."""


def create(world: World, params: dict[str, Any]) -> StripeObject:
    """`POST /v1/checkout/sessions` (payments.md 2.1 and 2.3)."""
    mode = params.get("mode")
    if mode not in ("setup", "payment"):
        raise invalid("mode: the stand-in knows setup and payment", param="mode")
    if "success_url" not in params:
        raise invalid("Missing required param: success_url.", param="success_url", code="parameter_missing")
    if customer := params.get("customer"):
        world.named(CUSTOMER, customer, "customer")
    expires_at = params.get("expires_at", world.now_s + LONGEST_S)
    if not SHORTEST_S <= expires_at - world.now_s <= LONGEST_S:
        raise invalid("The `expires_at` timestamp must be between 30 minutes and 24 hours ahead.", param="expires_at")
    amount, currency, label = _contents(mode, params)
    session = world.make(
        SESSION,
        mode=mode,
        status="open",
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        amount_total=amount,
        currency=currency,
        customer=params.get("customer"),
        client_reference_id=params.get("client_reference_id"),
        metadata=params.get("metadata") or {},
        success_url=params["success_url"],
        cancel_url=params.get("cancel_url"),
        expires_at=expires_at,
        payment_intent=None,
        setup_intent=_setup_intent(world, params) if mode == "setup" else None,
        payment_method_types=["card", "sepa_debit"],
        ui_mode="hosted_page",
        _label=label,
        _intent=params.get("payment_intent_data") or {},
    )
    session["url"] = f"{world.base_url}/pay/{session['id']}"

    def expire_unused() -> None:
        if session["status"] == "open":
            _expire(world, session)

    world.later(expires_at - world.now_s, expire_unused)
    return session


def expire(world: World, _params: dict[str, Any], session_id: str) -> StripeObject:
    """`POST /v1/checkout/sessions/{id}/expire`: only while it is open (payments.md 2, statuses)."""
    session = world.find(SESSION, session_id)
    if session["status"] != "open":
        raise refused(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.',
            code="checkout_session_unexpected_state",
        )
    _expire(world, session)
    return session


def submit(world: World, session: StripeObject, number: str) -> str | None:
    """The customer presses Pay or Save card. Return what the page says about a decline, None when it worked.

    They are present, so a card that wants authentication gets it (payments.md 2.2, SCA recovery).
    """
    return _save(world, session, number) if session["mode"] == "setup" else _pay(world, session, number)


def return_address(session: StripeObject) -> str:
    """Where the customer is sent after success; `{CHECKOUT_SESSION_ID}` is filled in (payments.md 2.1)."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", quote(session["id"]))


def _contents(mode: str, params: dict[str, Any]) -> tuple[int | None, str, str]:
    if mode == "setup":
        if "line_items" in params or "payment_intent_data" in params:
            raise invalid("You can not pass line_items or payment_intent_data in setup mode.", param="line_items")
        if "currency" not in params:
            # Required with dynamic payment methods (payments.md 2.1, step 2).
            raise invalid("Missing required param: currency.", param="currency", code="parameter_missing")
        return None, params["currency"].lower(), "Save a card for later payments"
    items = params.get("line_items")
    if not items:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    if "setup_intent_data" in params:
        raise invalid("You can not pass setup_intent_data in payment mode.", param="setup_intent_data")
    amount, labels, currencies = 0, [], set()
    for place, item in enumerate(items):
        price = item.get("price_data")
        if price is None or "unit_amount" not in price or "product_data" not in price:
            raise invalid(f"line_items[{place}]: the stand-in knows price_data only", param=f"line_items[{place}]")
        amount += price["unit_amount"] * item.get("quantity", 1)
        labels.append(price["product_data"]["name"])
        currencies.add(price["currency"].lower())
    if len(currencies) != 1:
        raise invalid("All line items must have the same currency.", param="line_items")
    return amount, currencies.pop(), ", ".join(labels)


def _setup_intent(world: World, params: dict[str, Any]) -> str:
    intent = world.make(
        SETUP_INTENT,
        status="requires_payment_method",
        customer=params.get("customer"),
        payment_method=None,
        usage="off_session",
        last_setup_error=None,
        mandate=None,
        metadata=(params.get("setup_intent_data") or {}).get("metadata") or {},
    )
    return str(intent["id"])


def _save(world: World, session: StripeObject, number: str) -> str | None:
    setup = world.find(SETUP_INTENT, session["setup_intent"])
    method = new_payment_method(world, number)
    kind = world.instrument(number)
    if isinstance(kind, Card) and kind.on_saving is not None:
        setup["last_setup_error"] = {"type": "card_error", "code": kind.on_saving.code}
        world.tell("setup_intent.setup_failed", setup)
        return kind.on_saving.decline_code or kind.on_saving.code
    if session["customer"]:
        attach(world, method, session["customer"])
    setup.update(status="succeeded", payment_method=method["id"], last_setup_error=None)
    world.tell("setup_intent.succeeded", setup)
    session["status"] = "complete"
    world.tell("checkout.session.completed", session)
    return None


def _pay(world: World, session: StripeObject, number: str) -> str | None:
    data = session["_intent"]
    if session["payment_intent"] is None:
        intent = new_intent(
            world,
            amount=session["amount_total"],
            currency=session["currency"],
            customer=session["customer"],
            payment_method=None,
            description=data.get("description"),
            metadata=data.get("metadata") or {},
            _checkout=session["id"],
        )
        session["payment_intent"] = intent["id"]
    intent = world.find(PAYMENT_INTENT, session["payment_intent"])
    intent["payment_method"] = new_payment_method(world, number)["id"]
    try:
        confirm_with(world, intent, off_session=False)
    except StripeFault as decline:
        error = decline.body["error"]
        return str(error.get("decline_code") or error["code"])
    if session["customer"] and data.get("setup_future_usage") == "off_session":
        attach(world, world.find(PAYMENT_METHOD, intent["payment_method"]), session["customer"])
    session["status"] = "complete"
    session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
    world.tell("checkout.session.completed", session)
    return None


def _expire(world: World, session: StripeObject) -> None:
    session["status"] = "expired"
    if session["payment_intent"]:
        cancel_now(world, world.find(PAYMENT_INTENT, session["payment_intent"]), "expired")
    world.tell("checkout.session.expired", session)
