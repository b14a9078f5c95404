"""Sending a push: only to known push services, only to public addresses, following nobody anywhere else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
import logging
import socket

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from ..resident.pushes import Subscription, SubscriptionRefused, check_endpoint
from .outcome import SENT, Fate, Outcome
from .webpush import VapidKey, encrypt

_LOGGER = logging.getLogger(__name__)

_TIMEOUT = ClientTimeout(total=20)
_LONGEST_WAIT = timedelta(hours=6)
_NAT64 = IPv6Network("64:ff9b::/96")
_TAKEN = (200, 201, 202, 204)
_GONE = (404, 410)
_BUSY = (408, 425, 429)


class PublicResolver(AbstractResolver):
    """Finds hosts by name and refuses those with any address that is not on the public internet.

    What is checked is what is connected to: a name that leads elsewhere a moment later gains nothing.
    """

    def __init__(self, finder: AbstractResolver | None = None) -> None:
        self._finder = finder or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError."""
        found = await self._finder.resolve(host, port, family)
        if not found or not all(is_public(one["host"]) for one in found):
            msg = "host: its name leads to an address that is not public"
            raise OSError(msg)
        return found

    async def close(self) -> None:
        """Let go of what finding names needs."""
        await self._finder.close()


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in _NAT64:
            inner = IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            parsed = inner
    return parsed.is_global and not parsed.is_multicast


def push_session(resolver: AbstractResolver | None = None) -> ClientSession:
    """Return the session pushes are sent with: it reaches the public internet and nothing in the house.

    It keeps no cookies and asks no proxy: one could be made to fetch what we may not.
    """
    return ClientSession(
        connector=TCPConnector(resolver=resolver or PublicResolver(), limit=8), timeout=_TIMEOUT, trust_env=False
    )


@dataclass(frozen=True, kw_only=True)
class Push:
    """One message for one phone."""

    subscription: Subscription
    message: bytes
    life: timedelta
    """How long a push service keeps it for a phone that sleeps."""
    urgent: bool


class PushSender:
    """Sends pushes in this house's name."""

    def __init__(
        self,
        http: ClientSession,
        key: VapidKey,
        *,
        contact: str,
        more_hosts: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._http = http
        self._key = key
        self._contact = contact
        self._more_hosts = tuple(more_hosts)
        self._clock = clock

    async def send(self, push: Push) -> Outcome:
        """Send one message."""
        try:
            # Again, because the list of hosts may be another than when the phone subscribed.
            host = check_endpoint(push.subscription.endpoint, self._more_hosts)
        except SubscriptionRefused:
            return Outcome(fate=Fate.GONE, reason="its push service is not accepted any more")
        headers = {
            "Authorization": self._key.authorization(f"https://{host}", self._contact, self._clock()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(0, int(push.life.total_seconds()))),
            "Urgency": "high" if push.urgent else "normal",
        }
        body = encrypt(push.message, push.subscription.public_key, push.subscription.auth)
        address = URL(push.subscription.endpoint, encoded=True)
        try:
            async with self._http.post(address, data=body, headers=headers, allow_redirects=False) as answer:
                return _outcome(answer.status, answer.headers.get("Retry-After", ""))
        except (ClientError, OSError, TimeoutError) as problem:
            _LOGGER.debug("A push service could not be reached: %s", type(problem).__name__)
            return Outcome(fate=Fate.LATER, reason=f"not reached ({type(problem).__name__})")


def _outcome(status: int, retry_after: str) -> Outcome:
    if status in _TAKEN:
        return SENT
    reason = f"answered {status}"
    if status in _GONE:
        return Outcome(fate=Fate.GONE, reason=reason)
    if status >= 500 or status in _BUSY:
        seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7 else 0
        wait = min(timedelta(seconds=seconds), _LONGEST_WAIT) if seconds else None
        return Outcome(fate=Fate.LATER, reason=reason, not_before=wait)
    # Also a redirect: a push service has no reason to send us anywhere else.
    return Outcome(fate=Fate.REFUSED, reason=reason)
