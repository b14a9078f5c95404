"""Customers' money: payment methods, PaymentIntents, charges with their fees, refunds."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .cards import AUTHENTICATION_REQUIRED, BankAccount, Decline
from .errors import StripeFault, invalid, refused
from .lists import refunds_of
from .world import (
    BALANCE_TRANSACTION,
    CHARGE,
    CUSTOMER,
    DEBIT_S,
    PAYMENT_INTENT,
    PAYMENT_METHOD,
    REFUND,
    SESSION,
    StripeObject,
    World,
    public,
)

MINIMUM_MINOR = {"eur": 50, "usd": 50, "gbp": 30, "chf": 50}
"""Smallest charge (payments.md 4.2)."""
MAXIMUM_MINOR = 99_999_999
CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")


def new_payment_method(world: World, number: str) -> StripeObject:
    """Make the payment method of a number typed on the hosted page."""
    kind = world.instrument(number)
    last4 = number[-4:]
    details: dict[str, Any] = (
        {"type": "sepa_debit", "sepa_debit": {"country": number[:2], "last4": last4}}
        if isinstance(kind, BankAccount)
        else {"type": "card", "card": {"brand": kind.brand, "last4": last4, "exp_month": 12, "exp_year": 2040}}
    )
    method = world.make(PAYMENT_METHOD, customer=None, metadata={}, **details)
    world.numbers[method["id"]] = number
    return method


def attach(world: World, method: StripeObject, customer: str) -> None:
    """Keep a payment method for a customer (payments.md 2.1)."""
    method["customer"] = customer
    world.tell("payment_method.attached", method)


def detach(world: World, _params: dict[str, Any], method_id: str) -> StripeObject:
    """`POST /v1/payment_methods/{id}/detach`: it cannot be charged any more (payments.md 1, names)."""
    method = world.find(PAYMENT_METHOD, method_id)
    if method["customer"] is None:
        raise refused("The payment method you provided is not attached to a customer.", code="resource_missing")
    method["customer"] = None
    world.tell("payment_method.detached", method)
    return method


def create(world: World, params: dict[str, Any]) -> StripeObject:
    """`POST /v1/payment_intents`, with `confirm` and `off_session` (payments.md 2.2)."""
    _check_amount(params["amount"], params["currency"])
    if params.get("off_session") and not params.get("confirm"):
        raise invalid("off_session is only allowed with confirm=true", param="off_session")
    if params.get("confirm"):
        _check_redirects(params)
    if customer := params.get("customer"):
        world.named(CUSTOMER, customer, "customer")
    if method := params.get("payment_method"):
        _check_method(world, method, params.get("customer"))
    intent = new_intent(
        world,
        amount=params["amount"],
        currency=params["currency"].lower(),
        customer=params.get("customer"),
        payment_method=method,
        description=params.get("description"),
        metadata=params.get("metadata") or {},
    )
    if params.get("confirm"):
        confirm_with(world, intent, off_session=bool(params.get("off_session")))
    return intent


def new_intent(world: World, **fields: Any) -> StripeObject:
    """Make a PaymentIntent that nobody confirmed yet."""
    status = "requires_confirmation" if fields.get("payment_method") else "requires_payment_method"
    intent = world.make(
        PAYMENT_INTENT,
        status=status,
        amount_received=0,
        amount_capturable=0,
        capture_method="automatic_async",
        latest_charge=None,
        last_payment_error=None,
        next_action=None,
        canceled_at=None,
        cancellation_reason=None,
        # Still returned, though it may not be sent any more (payments.md 1, "Breaking in endive").
        payment_method_types=["card", "sepa_debit"],
        **fields,
    )
    world.tell("payment_intent.created", intent)
    return intent


def confirm(world: World, params: dict[str, Any], intent_id: str) -> StripeObject:
    """`POST /v1/payment_intents/{id}/confirm` (payments.md 2, statuses)."""
    intent = world.find(PAYMENT_INTENT, intent_id)
    if intent["status"] not in ("requires_payment_method", "requires_confirmation", "requires_action"):
        raise _unexpected_state(intent, "confirm")
    _check_redirects(params)
    if method := params.get("payment_method"):
        _check_method(world, method, intent["customer"])
        intent["payment_method"] = method
    if intent["payment_method"] is None:
        raise refused("The PaymentIntent needs a payment method.", code="payment_intent_unexpected_state")
    confirm_with(world, intent, off_session=bool(params.get("off_session")))
    return intent


def confirm_with(world: World, intent: StripeObject, *, off_session: bool) -> None:
    """Try to take the money. On the hosted page the customer is there and authenticates.

    Off-session a card that wants authentication answers 402 `authentication_required`, and the intent goes back to
    `requires_payment_method` (payments.md 2.2, SCA recovery). A bank debit is `processing` for days.
    """
    number = world.numbers[intent["payment_method"]]
    kind = world.instrument(number)
    if isinstance(kind, BankAccount):
        _begin_debit(world, intent, kind)
        return
    decline = kind.on_charging
    if decline is None and off_session and kind.authenticates:
        decline = AUTHENTICATION_REQUIRED
    if decline is not None:
        raise _declined(world, intent, decline)
    _succeed(world, intent, _charge(world, intent, "succeeded"))


def cancel(world: World, params: dict[str, Any], intent_id: str) -> StripeObject:
    """`POST /v1/payment_intents/{id}/cancel`: not once it succeeded or was canceled, nor a debit under way.

    payments.md 2.2: the intent left by a decline is canceled, so that nothing can pay it later.
    """
    intent = world.find(PAYMENT_INTENT, intent_id)
    if intent["status"] not in CANCELABLE:
        raise _unexpected_state(intent, "cancel")
    if intent.get("_checkout"):
        raise refused(
            "You cannot cancel a PaymentIntent created by Checkout; expire the session instead.",
            code="payment_intent_unexpected_state",
        )
    cancel_now(world, intent, params.get("cancellation_reason"))
    return intent


def cancel_now(world: World, intent: StripeObject, reason: str | None) -> None:
    """End a PaymentIntent for good."""
    intent.update(status="canceled", canceled_at=world.now_s, cancellation_reason=reason)
    world.tell("payment_intent.canceled", intent)


def refund(world: World, params: dict[str, Any]) -> StripeObject:
    """`POST /v1/refunds` of a PaymentIntent or charge; the fee is not returned (payments.md 2.8)."""
    if (params.get("payment_intent") is None) == (params.get("charge") is None):
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if intent_id := params.get("payment_intent"):
        intent = world.named(PAYMENT_INTENT, intent_id, "payment_intent")
        if intent["status"] != "succeeded":
            raise _unexpected_state(intent, "refund")
        charge = world.find(CHARGE, intent["latest_charge"])
    else:
        charge = world.named(CHARGE, params["charge"], "charge")
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if not 0 < amount <= left:
        raise refused(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            code="charge_already_refunded",
        )
    made = world.make(
        REFUND,
        amount=amount,
        currency=charge["currency"],
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        reason=params.get("reason"),
        status="succeeded",
        metadata=params.get("metadata") or {},
        balance_transaction=_balance_transaction(world, "refund", -amount, 0, charge["currency"])["id"],
    )
    charge["amount_refunded"] = sum(one["amount"] for one in refunds_of(world, charge["id"]))
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.tell("refund.created", made)
    world.tell("charge.refunded", charge)
    return made


def _check_amount(amount: int, currency: str) -> None:
    if amount < MINIMUM_MINOR.get(currency.lower(), 50):
        raise refused(
            f"Amount must be at least the minimum charge of {currency}", code="amount_too_small", param="amount"
        )
    if amount > MAXIMUM_MINOR:
        raise refused("Amount must be no more than 999,999.99", code="amount_too_large", param="amount")


def _check_method(world: World, method_id: str, customer: str | None) -> None:
    method = world.named(PAYMENT_METHOD, method_id, "payment_method")
    if method["customer"] is None or method["customer"] != customer:
        raise refused(
            "The payment method is not attached to this customer.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )


def _check_redirects(params: dict[str, Any]) -> None:
    # Found in public reports of 2026 (same 400 for saved cards): without return_url the methods must not redirect.
    methods = params.get("automatic_payment_methods") or {}
    if "return_url" not in params and methods.get("allow_redirects") != "never":
        raise invalid(
            "A `return_url` must be specified because this PaymentIntent is configured to accept payment methods "
            "which may redirect; or set `automatic_payment_methods[allow_redirects]` to `never`.",
            param="return_url",
        )


def _unexpected_state(intent: StripeObject, verb: str) -> StripeFault:
    return refused(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
    )


def _charge(world: World, intent: StripeObject, status: str, **fields: Any) -> StripeObject:
    method = world.find(PAYMENT_METHOD, intent["payment_method"])
    charge = world.make(
        CHARGE,
        amount=intent["amount"],
        amount_refunded=0,
        refunded=False,
        currency=intent["currency"],
        customer=intent["customer"],
        payment_intent=intent["id"],
        payment_method=intent["payment_method"],
        payment_method_details={"type": method["type"], method["type"]: method[method["type"]]},
        status=status,
        paid=status == "succeeded",
        captured=status == "succeeded",
        balance_transaction=None,
        metadata=dict(intent["metadata"]),
        **fields,
    )
    intent["latest_charge"] = charge["id"]
    return charge


def _declined(world: World, intent: StripeObject, decline: Decline) -> StripeFault:
    charge = _charge(world, intent, "failed", failure_code=decline.code)
    world.tell("charge.failed", charge)
    error: dict[str, Any] = {
        "type": "card_error",
        "code": decline.code,
        "message": "Your card was declined.",
        "charge": charge["id"],
        "payment_method": dict(world.find(PAYMENT_METHOD, intent["payment_method"])),
    }
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    if decline.advice_code:
        error["advice_code"] = decline.advice_code
    intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    world.tell("payment_intent.payment_failed", intent)
    answer = StripeFault(402, "card_error", error["message"])
    answer.body["error"] |= {**error, "payment_intent": public(intent)}
    return answer


def _begin_debit(world: World, intent: StripeObject, account: BankAccount) -> None:
    charge = _charge(world, intent, "pending")
    intent["status"] = "processing"
    world.tell("payment_intent.processing", intent)

    def end() -> None:
        if account.failure_code is None:
            charge.update(status="succeeded", paid=True, captured=True)
            _succeed(world, intent, charge)
            _tell_checkout(world, intent, paid=True)
            return
        charge.update(status="failed", failure_code=account.failure_code)
        error = {"type": "invalid_request_error", "code": account.failure_code, "message": "The debit failed."}
        intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
        world.tell("charge.failed", charge)
        world.tell("payment_intent.payment_failed", intent)
        _tell_checkout(world, intent, paid=False)

    world.later(DEBIT_S, end)


def _tell_checkout(world: World, intent: StripeObject, *, paid: bool) -> None:
    """A debit begun on the hosted page tells its session how it ended (payments.md 3.1, types)."""
    if session_id := intent.get("_checkout"):
        session = world.find(SESSION, session_id)
        session["payment_status"] = "paid" if paid else "unpaid"
        world.tell(f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", session)


def _succeed(world: World, intent: StripeObject, charge: StripeObject) -> None:
    intent.update(status="succeeded", amount_received=intent["amount"], last_payment_error=None)
    world.tell("charge.succeeded", charge)
    world.tell("payment_intent.succeeded", intent)

    def settle_fee() -> None:
        fee = _fee_minor(charge)
        transaction = _balance_transaction(world, "charge", charge["amount"], fee, charge["currency"])
        charge["balance_transaction"] = transaction["id"]
        if world.fee_delay_s:
            world.tell("charge.updated", charge)

    if world.fee_delay_s:
        world.later(world.fee_delay_s, settle_fee)
    else:
        settle_fee()


def _fee_minor(charge: StripeObject) -> int:
    """List prices of an EEA account: cards 1.5 % + 0.25, SEPA debit 0.35 (payments.md 4.3)."""
    if charge["payment_method_details"]["type"] == "sepa_debit":
        return 35
    percent = (Decimal(charge["amount"]) * Decimal("0.015")).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return int(percent) + 25


def _balance_transaction(world: World, kind: str, amount: int, fee: int, currency: str) -> StripeObject:
    return world.make(
        BALANCE_TRANSACTION,
        type=kind,
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=currency,
        status="pending",
        available_on=world.now_s + 2 * 86400,
    )
