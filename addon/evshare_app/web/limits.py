"""Token buckets: how often one address, phone or stall may knock. Nobody is banned; a bucket fills again."""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
import math

_KEYS_KEPT = 4096


@dataclass(frozen=True)
class Rate:
    """At most `burst` at once, refilled at `per_minute`."""

    per_minute: float
    burst: int


class TokenBuckets:
    """Buckets of one rate, one per key. Time is the event loop's, in seconds."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now_s: float) -> int:
        """Take one token and return 0, or return the whole seconds until there is one."""
        wait_s = self.look(key, now_s)
        if not wait_s:
            self._buckets[key] = (self._tokens(key, now_s) - 1, now_s)
            self._buckets.move_to_end(key)
        # Forgetting the longest unseen key only ever refills its bucket.
        while len(self._buckets) > _KEYS_KEPT:
            self._buckets.popitem(last=False)
        return wait_s

    def look(self, key: str, now_s: float) -> int:
        """Return what `take` would, without taking anything."""
        tokens = self._tokens(key, now_s)
        return 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) * 60 / self._rate.per_minute))

    def _tokens(self, key: str, now_s: float) -> float:
        tokens, since_s = self._buckets.get(key, (float(self._rate.burst), now_s))
        return min(self._rate.burst, tokens + (now_s - since_s) * self._rate.per_minute / 60)


def client_address(peer: str | None, forwarded_for: str, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """Return the bucket key of whoever asks: the IPv4 address or IPv6 /64.

    `X-Forwarded-For` counts only when the peer is a trusted proxy, and then its right-most untrusted entry.
    """
    address = peer or "unknown"
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    while hops and _within(address, trusted):
        address = hops.pop()
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        # As listeners for both kinds write IPv4: they share no /64.
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)


def _within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
