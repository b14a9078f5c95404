"""Everything the stand-in knows: objects, events and the clock, in memory.

Handlers (`customers.py`, `intents.py`, `checkout.py`, `lists.py`) are plain functions of a `World`; each runs whole,
so requests never interleave.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
import hashlib
from itertools import count
import json
from typing import Any

from .cards import UNKNOWN_NUMBER, BankAccount, Card, Wallet, wallet
from .errors import invalid, missing

type StripeObject = dict[str, Any]

CUSTOMER = "customer"
SESSION = "checkout.session"
SETUP_INTENT = "setup_intent"
PAYMENT_METHOD = "payment_method"
PAYMENT_INTENT = "payment_intent"
CHARGE = "charge"
BALANCE_TRANSACTION = "balance_transaction"
REFUND = "refund"
EVENT = "event"

_PREFIX = {
    CUSTOMER: "cus",
    SESSION: "cs_test",
    SETUP_INTENT: "seti",
    PAYMENT_METHOD: "pm",
    PAYMENT_INTENT: "pi",
    CHARGE: "ch",
    BALANCE_TRANSACTION: "txn",
    REFUND: "re",
    EVENT: "evt",
}

DEBIT_S = 5 * 86400
"""How long a SEPA debit is `processing` (payments.md 2.1: about 5 days)."""


def public(answer: StripeObject) -> StripeObject:
    """Return an object, or a list of them, without the fields (`_…`) only the stand-in knows."""
    return {name: _public(value) for name, value in answer.items() if not name.startswith("_")}


def _public(value: Any) -> Any:
    if isinstance(value, dict):
        return public(value)
    return [_public(one) for one in value] if isinstance(value, list) else value


@dataclass
class World:
    """The state of one Stripe account."""

    now: Callable[[], datetime]
    api_version: str
    fee_delay_s: int = 0
    """A charge's `balance_transaction` may exist only some time after it (`charge.updated` tells)."""
    base_url: str = ""
    cards: Wallet = field(default_factory=wallet)
    objects: dict[str, dict[str, StripeObject]] = field(default_factory=lambda: {kind: {} for kind in _PREFIX})
    numbers: dict[str, str] = field(default_factory=dict)
    """Number behind a payment method; the API never shows it."""
    _counter: count[int] = field(default_factory=lambda: count(1))
    _later: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)

    @property
    def now_s(self) -> int:
        """Seconds since 1970, as every `created` is told."""
        return int(self.now().timestamp())

    def make(self, kind: str, /, **fields: Any) -> StripeObject:
        """Create an object. Ids are not ordered by time, like Stripe's (payments.md 3.1)."""
        digest = hashlib.sha256(f"{kind}{next(self._counter)}".encode()).hexdigest()
        made = {
            "id": f"{_PREFIX[kind]}_{digest[:24]}",
            "object": kind,
            "created": self.now_s,
            "livemode": False,
            **fields,
        }
        self.objects[kind][made["id"]] = made
        return made

    def find(self, kind: str, object_id: str) -> StripeObject:
        """Return an object or raise Stripe's 404."""
        try:
            return self.objects[kind][object_id]
        except KeyError:
            raise missing(kind, object_id) from None

    def named(self, kind: str, object_id: str, param: str) -> StripeObject:
        """Return an object a parameter names, or raise the 400 Stripe answers for one it does not know."""
        if object_id not in self.objects[kind]:
            raise invalid(f"No such {kind}: '{object_id}'", param=param, code="resource_missing")
        return self.objects[kind][object_id]

    def tell(self, event_type: str, about: StripeObject) -> None:
        """Record an event with the object as it is now (payments.md 3.1: rendered at creation time)."""
        self.make(
            EVENT,
            type=event_type,
            api_version=self.api_version,
            data={"object": json.loads(json.dumps(public(about)))},
            pending_webhooks=0,
            request={"id": None, "idempotency_key": None},
        )

    def later(self, delay_s: int, effect: Callable[[], None]) -> None:
        """Let something happen when the clock gets there; see `settle`."""
        self._later.append((self.now_s + delay_s, next(self._counter), effect))

    def settle(self) -> None:
        """Let happen what is due by now. Called before every request, so a still clock keeps everything still."""
        while due := min((item for item in self._later if item[0] <= self.now_s), default=None):
            self._later.remove(due)
            due[2]()

    def instrument(self, number: str) -> Card | BankAccount:
        """Return how a card or account behaves today."""
        return self.cards.get(number, UNKNOWN_NUMBER)
