"""The one door to Stripe: the client, and what its errors mean to us.

Facts: stripe-python 16.1 keeps one idempotency key over its own repetitions, does not repeat on 429, and lets errors
of aiohttp through when an answer breaks off while it is read.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
import re

from aiohttp import ClientError, ClientSession, ClientTimeout
import stripe

from .rail import PaymentRefused, RailMisconfigured, RailUnavailable

TIMEOUT_S = 20

_PERMISSION = re.compile(r"rak_[a-z_]+")


class _Http(stripe.AIOHTTPClient):
    """The SDK's aiohttp client with the pause between repetitions given from outside."""

    def __init__(self, session: ClientSession, pause: Callable[[float], Awaitable[None]]) -> None:
        super().__init__(timeout=ClientTimeout(total=TIMEOUT_S), session=session)
        self._pause = pause

    def sleep_async(self, secs: float) -> Awaitable[None]:
        return self._pause(secs)


def create_client(
    key: str,
    session: ClientSession,
    api_base: str | None = None,
    *,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> stripe.StripeClient:
    """Return a client on the app's aiohttp session, which stays the caller's to close.

    `api_base` is for the demo's stand-in only. Raises `PaymentRefused` for a key that must not be used.
    """
    if not key.startswith(("rk_live_", "rk_test_", "sk_test_")):
        # A full key that gets into wrong hands can pay money out; a restricted one cannot.
        msg = f"stripe_key: got a key beginning {key[:7]!r}, accepted is a restricted key (rk_live_… or rk_test_…)"
        raise PaymentRefused(msg)
    if api_base is not None and key.startswith("rk_live_"):
        msg = "stripe_api_base: is set, accepted with a live key is Stripe itself only"
        raise PaymentRefused(msg)
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        key,
        base_addresses={"api": api_base} if api_base is not None else {},
        max_network_retries=2,
        http_client=_Http(session, pause),
    )


async def ask[T](request: Awaitable[T]) -> T:
    """Await a request and translate what is not an answer to it.

    Raises:
        RailMisconfigured: the key is refused; nothing happened.
        RailUnavailable: no answer, too busy, or an error inside Stripe; whether something happened is unknown.
        stripe.CardError, stripe.InvalidRequestError, stripe.IdempotencyError: an answer; it is the caller's.
    """
    try:
        return await request
    except stripe.AuthenticationError:
        msg = "stripe_key: Stripe does not know it; make a new restricted key in Stripe's dashboard and enter it"
        raise RailMisconfigured(msg) from None
    except stripe.PermissionError as error:
        missing = _PERMISSION.search(str(error.user_message or error))
        msg = f"stripe_key: may not do this; give it the permission {missing[0] if missing else '(see Stripe)'}"
        raise RailMisconfigured(msg) from None
    except stripe.RateLimitError:
        msg = "Stripe is busy (429); it is tried again"
        raise RailUnavailable(msg) from None
    except stripe.APIConnectionError, ClientError, TimeoutError, OSError:
        msg = "Stripe did not answer; it is tried again"
        raise RailUnavailable(msg) from None
    except stripe.APIError as error:
        msg = f"Stripe had an error of its own (HTTP {error.http_status}); it is tried again"
        raise RailUnavailable(msg) from None


async def each[T: stripe.StripeObject](listing: Awaitable[stripe.ListObject[T]]) -> AsyncIterator[T]:
    """Yield all objects of a list, page after page, newest first. Raises like `ask`."""
    objects = aiter((await ask(listing)).auto_paging_iter())
    while True:
        try:
            one = await ask(anext(objects))
        except StopAsyncIteration:
            return
        yield one
