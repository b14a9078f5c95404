"""The stand-in as an aiohttp server on loopback: keys, idempotency, faults, dispatch, the hosted page.

`async with StripeStandIn(now) as stripe_stand_in:` gives `url` for the SDK's `base_addresses={"api": url}`.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Any, Self

from aiohttp import web
import stripe

from . import checkout
from .errors import StripeFault
from .faults import Fault, Faults, answer_of
from .forms import decode_form
from .lists import expand
from .page import closed_page, form_page
from .routes import ALL_PERMISSIONS, Route, find_route
from .validation import check
from .world import CHARGE, SESSION, StripeObject, World, public

KEY = "rk_test_evshare_demo"
"""A restricted key that may do all the stand-in knows."""
KEY_LIFE_S = 24 * 3600
"""Idempotency keys are forgotten after this time; using one again is a new request (security-reliability.md F-21)."""

type Answer = tuple[int, StripeObject]


@dataclass(frozen=True)
class Seen:
    """A request that arrived, for checkers."""

    method: str
    path: str
    idempotency_key: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True)
class _Call:
    """A request that may run: its endpoint, the ids of its path, its checked parameters."""

    route: Route
    ids: tuple[str, ...]
    params: dict[str, Any]


@dataclass(frozen=True)
class _Kept:
    """The first answer given for an Idempotency-Key."""

    at_s: int
    fingerprint: str
    answer: Answer


class StripeStandIn:
    """One Stripe account in test mode, served on loopback while the context is open."""

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        keys: Mapping[str, Collection[str]] | None = None,
        fee_delay_s: int = 0,
    ) -> None:
        """`keys` maps accepted API keys to permissions (`customer_write`, …); default is `KEY` with all of them."""
        self.world = World(now, stripe.api_version, fee_delay_s=fee_delay_s)
        self.faults = Faults()
        self.requests: deque[Seen] = deque(maxlen=10_000)
        self._keys = dict(keys) if keys is not None else {KEY: ALL_PERMISSIONS}
        self._kept: dict[str, _Kept] = {}
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Base address of the API, without a slash at the end."""
        return self.world.base_url

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/v1/{tail:.*}", self._api)
        app.router.add_get("/pay/{session}", self._show_page)
        app.router.add_post("/pay/{session}", self._submit_page)
        app.router.add_get("/_stand_in/payments", self._show_payments)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.world.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    # --- for checkers ------------------------------------------------------------------------------------------

    def charges_per_statement(self, metadata_key: str = "evshare_stmt") -> dict[str, int]:
        """Return how often each statement named in the metadata was really paid; 2 or more is a double charge."""
        return dict(Counter(charge["metadata"].get(metadata_key, "") for charge in self._paid()))

    def minor_per_statement(self, metadata_key: str = "evshare_stmt") -> dict[str, int]:
        """Return what arrived for each statement, in minor units, less refunds."""
        sums: Counter[str] = Counter()
        for charge in self._paid():
            sums[charge["metadata"].get(metadata_key, "")] += charge["amount"] - charge["amount_refunded"]
        return dict(sums)

    def payable(self, metadata_key: str = "evshare_stmt") -> list[str]:
        """Return the statements that could still be paid at Stripe right now, one entry per way to do so."""
        self.world.settle()
        sessions = [
            one for one in self.world.objects[SESSION].values() if one["status"] == "open" and one["mode"] == "payment"
        ]
        under_way = [
            one
            for one in self.world.objects["payment_intent"].values()
            if one["status"] not in ("succeeded", "canceled") and not one.get("_checkout")
        ]
        return [one["metadata"].get(metadata_key, "") for one in [*sessions, *under_way]]

    def pay(self, session_id: str, number: str = "4242424242424242") -> str | None:
        """Do what the hosted page does when the customer submits a number; return why it was declined, or None."""
        self.world.settle()
        return checkout.submit(self.world, self.world.find(SESSION, session_id), number)

    def _paid(self) -> list[StripeObject]:
        self.world.settle()
        return [one for one in self.world.objects[CHARGE].values() if one["status"] == "succeeded"]

    # --- the API -----------------------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        body = await request.text() if request.method == "POST" else request.query_string
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        self.requests.append(Seen(request.method, request.path, key, dict(request.headers)))
        fault = self.faults.take(request.method, request.path)
        replayed = False
        try:
            if fault in (Fault.RATE_LIMIT, Fault.CONFLICT, Fault.ERROR):
                raise answer_of(fault) or AssertionError
            if fault is Fault.LOST_REQUEST:
                return _cut(request)
            self.world.settle()
            route, ids, permissions = *find_route(request.method, request.path), self._permissions(request)
            _permit(route, permissions)
            params = check(route.request_type, decode_form(body))
            (status, answer), replayed = self._once(key, _Call(route, ids, params), fault)
        except StripeFault as error:
            status, answer = error.status, error.body
        if fault is Fault.LOST_ANSWER:
            return _cut(request)
        return _respond(status, answer, key, replayed=replayed)

    def _permissions(self, request: web.Request) -> Collection[str]:
        """A missing or unknown key is 401; the API version must be the SDK's (payments.md 1)."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or key not in self._keys:
            raise StripeFault(401, "invalid_request_error", "Invalid API Key provided.", stored=False)
        version = request.headers.get("Stripe-Version")
        if version != self.world.api_version:
            raise StripeFault(400, "invalid_request_error", f"Invalid Stripe API version: {version}", stored=False)
        return self._keys[key]

    def _once(self, key: str | None, call: _Call, fault: Fault | None) -> tuple[Answer, bool]:
        """Run a request, or repeat the answer its key got first; the same key with other parameters is an error.

        payments.md 2.9: answers are kept 24 hours, also a 500; what failed validation is not kept.
        """
        if key is None:
            return self._run(call, fault), False
        fingerprint = json.dumps([call.route.path.pattern, call.ids, call.params], sort_keys=True, default=str)
        kept = self._kept.get(key)
        if kept is not None and self.world.now_s - kept.at_s < KEY_LIFE_S:
            if kept.fingerprint != fingerprint:
                message = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                )
                raise StripeFault(400, "idempotency_error", message, stored=False)
            return kept.answer, True
        answer = self._run(call, fault)
        self._kept[key] = _Kept(self.world.now_s, fingerprint, answer)
        return answer, False

    def _run(self, call: _Call, fault: Fault | None) -> Answer:
        error = answer_of(fault) if fault is not None else None
        if fault is Fault.STORED_ERROR and error is not None:
            return error.status, error.body
        params = dict(call.params)
        paths = params.pop("expand", [])
        try:
            answer = public(expand(self.world, call.route.act(self.world, params, *call.ids), paths))
        except StripeFault as refusal:
            if not refusal.stored:
                raise
            return refusal.status, refusal.body
        # A copy: the object lives on, the answer of this moment is what a repetition gets.
        answer = json.loads(json.dumps(answer))
        return (error.status, error.body) if error is not None else (200, answer)

    # --- the hosted page ---------------------------------------------------------------------------------------

    async def _show_page(self, request: web.Request) -> web.StreamResponse:
        session = self._session(request)
        page = form_page(session) if session["status"] == "open" else closed_page(session)
        return web.Response(text=page, content_type="text/html")

    async def _submit_page(self, request: web.Request) -> web.StreamResponse:
        session, form = self._session(request), await request.post()
        if form.get("action") == "cancel":
            raise web.HTTPSeeOther(session["cancel_url"] or session["success_url"])
        if session["status"] != "open":
            return web.Response(text=closed_page(session), content_type="text/html")
        number = "".join(str(form.get("number", "")).split()).upper()
        decline = checkout.submit(self.world, session, number)
        if decline is not None:
            return web.Response(text=form_page(session, decline), content_type="text/html", status=402)
        raise web.HTTPSeeOther(checkout.return_address(session))

    def _session(self, request: web.Request) -> StripeObject:
        self.world.settle()
        try:
            return self.world.find(SESSION, request.match_info["session"])
        except StripeFault:
            raise web.HTTPNotFound from None

    async def _show_payments(self, request: web.Request) -> web.StreamResponse:
        """For a checker in another process: how often, and how much, each statement was paid."""
        key = request.query.get("metadata_key", "evshare_stmt")
        sums = self.minor_per_statement(key)
        return web.json_response(
            {name: {"times": times, "minor": sums[name]} for name, times in self.charges_per_statement(key).items()}
        )


def _permit(route: Route, permissions: Collection[str]) -> None:
    """A restricted key without the permission is 403 and told its name (payments.md 4.1); write includes read."""
    if route.permission in permissions or route.permission.replace("_read", "_write") in permissions:
        return
    message = (
        "The provided key does not have the required permissions for this endpoint. "
        f"Having the 'rak_{route.permission}' permission would allow this request to continue."
    )
    raise StripeFault(403, "invalid_request_error", message, stored=False)


def _cut(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _respond(status: int, answer: StripeObject, key: str | None, *, replayed: bool) -> web.Response:
    headers = {"Request-Id": "req_stand_in", "Stripe-Version": stripe.api_version}
    if key is not None:
        headers["Idempotency-Key"] = key
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return web.json_response(answer, status=status, headers=headers)
