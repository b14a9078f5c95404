"""Which request is answered by what: method, path, the SDK's request type, and the permission it needs.

Permissions are those of restricted keys (payments.md 4.1), named as in Stripe's refusal (`rak_customer_write`).
"""

from collections.abc import Callable
from dataclasses import dataclass
import re
from typing import Any

from stripe import params as p
from stripe.params import checkout as pc

from . import checkout, customers, intents
from .errors import StripeFault
from .lists import equal, events, page
from .world import (
    BALANCE_TRANSACTION,
    CHARGE,
    CUSTOMER,
    EVENT,
    PAYMENT_INTENT,
    PAYMENT_METHOD,
    REFUND,
    SESSION,
    SETUP_INTENT,
    StripeObject,
    World,
)

type Act = Callable[..., StripeObject]


@dataclass(frozen=True)
class Route:
    """One endpoint. `act(world, params, *ids)`."""

    method: str
    path: re.Pattern[str]
    request_type: Any
    permission: str
    act: Act


def _route(method: str, path: str, request_type: Any, permission: str, act: Act) -> Route:
    pattern = re.compile("^" + path.replace("{id}", r"([A-Za-z0-9_]+)") + "$")
    return Route(method, pattern, request_type, permission, act)


def _retrieve(kind: str) -> Act:
    def act(world: World, _params: dict[str, Any], object_id: str) -> StripeObject:
        return world.find(kind, object_id)

    return act


def _list(kind: str, path: str, *filters: str) -> Act:
    def act(world: World, params: dict[str, Any]) -> StripeObject:
        return page(world, kind, params, path, equal(params, *filters))

    return act


ROUTES = (
    _route("POST", "/v1/customers", p.CustomerCreateParams, "customer_write", customers.create),
    _route("GET", "/v1/customers", p.CustomerListParams, "customer_read", _list(CUSTOMER, "/v1/customers", "email")),
    _route("GET", "/v1/customers/{id}", p.CustomerRetrieveParams, "customer_read", _retrieve(CUSTOMER)),
    _route("POST", "/v1/customers/{id}", p.CustomerUpdateParams, "customer_write", customers.update),
    _route(
        "GET",
        "/v1/customers/{id}/payment_methods",
        p.CustomerPaymentMethodListParams,
        "payment_method_read",
        customers.methods,
    ),
    _route("POST", "/v1/checkout/sessions", pc.SessionCreateParams, "checkout_session_write", checkout.create),
    _route(
        "GET",
        "/v1/checkout/sessions",
        pc.SessionListParams,
        "checkout_session_read",
        _list(SESSION, "/v1/checkout/sessions", "customer", "payment_intent", "status"),
    ),
    _route("GET", "/v1/checkout/sessions/{id}", pc.SessionRetrieveParams, "checkout_session_read", _retrieve(SESSION)),
    _route(
        "POST", "/v1/checkout/sessions/{id}/expire", pc.SessionExpireParams, "checkout_session_write", checkout.expire
    ),
    _route("GET", "/v1/setup_intents/{id}", p.SetupIntentRetrieveParams, "setup_intent_read", _retrieve(SETUP_INTENT)),
    _route(
        "GET",
        "/v1/setup_intents",
        p.SetupIntentListParams,
        "setup_intent_read",
        _list(SETUP_INTENT, "/v1/setup_intents", "customer", "payment_method"),
    ),
    _route(
        "GET",
        "/v1/payment_methods/{id}",
        p.PaymentMethodRetrieveParams,
        "payment_method_read",
        _retrieve(PAYMENT_METHOD),
    ),
    _route(
        "GET",
        "/v1/payment_methods",
        p.PaymentMethodListParams,
        "payment_method_read",
        _list(PAYMENT_METHOD, "/v1/payment_methods", "customer", "type"),
    ),
    _route(
        "POST", "/v1/payment_methods/{id}/detach", p.PaymentMethodDetachParams, "payment_method_write", intents.detach
    ),
    _route("POST", "/v1/payment_intents", p.PaymentIntentCreateParams, "payment_intent_write", intents.create),
    _route(
        "GET",
        "/v1/payment_intents",
        p.PaymentIntentListParams,
        "payment_intent_read",
        _list(PAYMENT_INTENT, "/v1/payment_intents", "customer"),
    ),
    _route(
        "GET",
        "/v1/payment_intents/{id}",
        p.PaymentIntentRetrieveParams,
        "payment_intent_read",
        _retrieve(PAYMENT_INTENT),
    ),
    _route(
        "POST",
        "/v1/payment_intents/{id}/confirm",
        p.PaymentIntentConfirmParams,
        "payment_intent_write",
        intents.confirm,
    ),
    _route(
        "POST", "/v1/payment_intents/{id}/cancel", p.PaymentIntentCancelParams, "payment_intent_write", intents.cancel
    ),
    _route("GET", "/v1/charges/{id}", p.ChargeRetrieveParams, "charge_read", _retrieve(CHARGE)),
    _route(
        "GET",
        "/v1/charges",
        p.ChargeListParams,
        "charge_read",
        _list(CHARGE, "/v1/charges", "customer", "payment_intent"),
    ),
    _route(
        "GET",
        "/v1/balance_transactions/{id}",
        p.BalanceTransactionRetrieveParams,
        "balance_transaction_read",
        _retrieve(BALANCE_TRANSACTION),
    ),
    _route(
        "GET",
        "/v1/balance_transactions",
        p.BalanceTransactionListParams,
        "balance_transaction_read",
        _list(BALANCE_TRANSACTION, "/v1/balance_transactions", "type", "currency"),
    ),
    _route("POST", "/v1/refunds", p.RefundCreateParams, "charge_write", intents.refund),
    _route("GET", "/v1/refunds/{id}", p.RefundRetrieveParams, "charge_read", _retrieve(REFUND)),
    _route(
        "GET",
        "/v1/refunds",
        p.RefundListParams,
        "charge_read",
        _list(REFUND, "/v1/refunds", "charge", "payment_intent"),
    ),
    _route("GET", "/v1/events", p.EventListParams, "event_read", events),
    _route("GET", "/v1/events/{id}", p.EventRetrieveParams, "event_read", _retrieve(EVENT)),
)

ALL_PERMISSIONS = frozenset(route.permission for route in ROUTES)


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """Return the endpoint and the ids in its path, or raise Stripe's 404 for an unknown URL."""
    for route in ROUTES:
        match = route.path.match(path)
        if match is not None and route.method == method:
            return route, match.groups()
    raise StripeFault(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).", stored=False)
