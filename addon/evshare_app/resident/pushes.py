"""Where phones take pushes: addresses that browsers give, which are believed only where a known push service is.

The app will send to such an address by itself, so a browser could make it knock at doors inside the house (SSRF). An
address is taken only if it is https at port 443 of a host that has a known push service's name; that such a name leads
to a public address is checked when it is connected to (`delivery/push.py`).
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
import hashlib
from ipaddress import ip_address
import re

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, delete, insert, select

from ..books.access_tables import push_subscription
from ..books.building import the_building
from ..books.schema import device
from ..model import ResidentId, to_ms
from .devices import Device

PUSH_HOSTS = ("fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com")
"""The push services of Chrome, Firefox, Safari and Edge; a name stands for itself and for what is under it."""
_ADDRESS = re.compile(r"https://([a-z0-9.-]{1,253})(?::443)?(/[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)")
_MOST = 1000
_POINT, _AUTH = 65, 16
"""Bytes of an uncompressed point on P-256, and of the authentication secret (RFC 8291 3.1, 3.2)."""


class SubscriptionRefused(ValueError):
    """A browser's subscription cannot be used; the message names what."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """Where and for whom a phone takes pushes."""

    endpoint: str
    public_key: bytes
    """The browser's key, an uncompressed point on P-256."""
    auth: bytes

    @property
    def digest(self) -> str:
        """How the books name it: the address itself lets anyone ring the phone."""
        return hashlib.sha256(self.endpoint.encode()).hexdigest()


def check_endpoint(endpoint: str, more_hosts: Sequence[str] = ()) -> str:
    """Return the host of an address pushes may be sent to. Raises `SubscriptionRefused`."""
    found = _ADDRESS.fullmatch(endpoint) if len(endpoint) <= _MOST else None
    if found is None:
        msg = f"endpoint: got {endpoint[:80]!r}, accepted is an https address at port 443"
        raise SubscriptionRefused(msg)
    host = found[1]
    accepted = (*PUSH_HOSTS, *more_hosts)
    if _is_address(host) or not any(host == name or host.endswith(f".{name}") for name in accepted):
        msg = f"endpoint: got the host {host!r}, accepted are {', '.join(accepted)}"
        raise SubscriptionRefused(msg)
    return host


def read_subscription(endpoint: str, p256dh: str, auth: str, more_hosts: Sequence[str] = ()) -> Subscription:
    """Return what a browser sent as a subscription. Raises `SubscriptionRefused`."""
    check_endpoint(endpoint, more_hosts)
    public_key, secret = _bytes("p256dh", p256dh, _POINT), _bytes("auth", auth, _AUTH)
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    except ValueError:
        msg = "p256dh: got other bytes, accepted is an uncompressed point on P-256"
        raise SubscriptionRefused(msg) from None
    return Subscription(endpoint=endpoint, public_key=public_key, auth=secret)


def subscribe(conn: Connection, phone: Device, subscription: Subscription, now: datetime) -> None:
    """Push to this phone from now on, there and nowhere else."""
    # A browser has one address, also when another resident was connected on it before.
    conn.execute(
        delete(push_subscription).where(
            (push_subscription.c.device_id == phone.device_id)
            | (push_subscription.c.endpoint_hash == subscription.digest)
        )
    )
    conn.execute(
        insert(push_subscription).values(
            building_id=the_building(conn).building_id,
            endpoint_hash=subscription.digest,
            device_id=phone.device_id,
            resident_id=phone.person.resident_id,
            endpoint=subscription.endpoint,
            p256dh=_text(subscription.public_key),
            auth=_text(subscription.auth),
            created_ms=to_ms(now),
        )
    )


def unsubscribe(conn: Connection, phone: Device) -> None:
    """Push to this phone no more."""
    conn.execute(delete(push_subscription).where(push_subscription.c.device_id == phone.device_id))


def is_subscribed(conn: Connection, phone: Device) -> bool:
    """Whether this phone takes pushes."""
    found = select(push_subscription.c.endpoint_hash).where(push_subscription.c.device_id == phone.device_id)
    return conn.scalar(found) is not None


def find_subscription(conn: Connection, digest: str, resident_id: ResidentId, now: datetime) -> Subscription | None:
    """Return a subscription of a resident, if the phone is still let in."""
    row = conn.execute(
        select(push_subscription)
        .join(device, device.c.device_id == push_subscription.c.device_id)
        .where(
            push_subscription.c.endpoint_hash == digest,
            push_subscription.c.resident_id == resident_id,
            device.c.resident_id == resident_id,
            device.c.revoked_ms.is_(None),
            device.c.expires_ms > to_ms(now),
        )
    ).one_or_none()
    if row is None:
        return None
    return Subscription(
        endpoint=row.endpoint,
        public_key=_bytes("p256dh", row.p256dh, _POINT),
        auth=_bytes("auth", row.auth, _AUTH),
    )


def drop_subscription(conn: Connection, digest: str) -> None:
    """Forget a subscription its push service does not know any more."""
    conn.execute(delete(push_subscription).where(push_subscription.c.endpoint_hash == digest))


def forget_dead_subscriptions(conn: Connection, now: datetime) -> None:
    """Delete the subscriptions of phones that are not let in any more."""
    gone = select(device.c.device_id).where(device.c.revoked_ms.is_not(None) | (device.c.expires_ms < to_ms(now)))
    conn.execute(delete(push_subscription).where(push_subscription.c.device_id.in_(gone)))


def _bytes(name: str, text: str, length: int) -> bytes:
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError, binascii.Error:
        value = b""
    if len(value) != length:
        msg = f"{name}: got {len(value)} bytes, accepted are {length} as base64url"
        raise SubscriptionRefused(msg)
    return value


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        # Also the ways of writing one that `inet_aton` takes: 127.1, 0x7f000001, 2130706433.
        return all(re.fullmatch(r"0x[0-9a-f]*|[0-9]+", part) for part in host.rstrip(".").split("."))
    return True
