"""Pushes go to push services and nowhere else, whatever a browser named, and whatever a name leads to."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import ssl

from aiohttp import ClientSession, TCPConnector
from cryptography.hazmat.primitives.asymmetric import ec
import pytest

from evshare_app.delivery.outcome import Fate, Outcome
from evshare_app.delivery.push import PublicResolver, Push, PushSender, is_public, push_session
from evshare_app.delivery.webpush import VapidKey
from evshare_app.resident.pushes import SubscriptionRefused, check_endpoint, read_subscription
from tests.app.delivery.phone import Names, Phone, PushService, base64url, push_service, unbase64

NOW = datetime(2026, 7, 2, 16, 30, tzinfo=UTC)
NAME = "updates.push.services.mozilla.com"
KEY = VapidKey(ec.derive_private_key(4711, ec.SECP256R1()))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[tuple[PushService, ssl.SSLContext]]:
    async with push_service(tmp_path, NAME) as running:
        yield running


def sender(http: ClientSession, *more_hosts: str) -> PushSender:
    return PushSender(http, KEY, contact="https://laden.example.org", more_hosts=more_hosts, clock=lambda: NOW)


def push(phone: Phone, endpoint: str, *more_hosts: str) -> Push:
    return Push(
        subscription=read_subscription(endpoint, phone.p256dh, base64url(phone.auth), more_hosts),
        message=json.dumps({"title": "Stall 2"}).encode(),
        life=timedelta(minutes=15),
        urgent=True,
    )


async def send(service: tuple[PushService, ssl.SSLContext], *more_hosts: str, endpoint: str | None = None) -> Outcome:
    running, trusted = service
    connector = TCPConnector(resolver=Names(running), ssl=trusted)
    async with ClientSession(connector=connector) as http:
        one = push(Phone.new(), endpoint or running.endpoint(), *more_hosts)
        return await sender(http, *more_hosts).send(one)


async def test_a_push_arrives_encrypted_for_the_phone_and_signed_by_the_house(
    service: tuple[PushService, ssl.SSLContext],
) -> None:
    running, trusted = service
    phone = Phone.new()
    async with ClientSession(connector=TCPConnector(resolver=Names(running), ssl=trusted)) as http:
        outcome = await sender(http).send(push(phone, running.endpoint()))
    assert outcome.fate is Fate.SENT
    [taken] = running.taken
    assert taken.path == "/wpush/v2/a-phone"
    assert json.loads(phone.read(taken.body)) == {"title": "Stall 2"}
    assert b"Stall" not in taken.body
    assert taken.headers["Content-Encoding"] == "aes128gcm"
    assert taken.headers["TTL"] == "900"
    assert taken.headers["Urgency"] == "high"
    claims = json.loads(unbase64(taken.headers["Authorization"].split(".")[1]))
    assert claims["aud"] == f"https://{NAME}"
    assert "Cookie" not in taken.headers
    assert "Topic" not in taken.headers  # it would tell the push service what it is about


@pytest.mark.parametrize(
    ("status", "headers", "fate", "not_before"),
    [
        (201, {}, Fate.SENT, None),
        (404, {}, Fate.GONE, None),
        (410, {}, Fate.GONE, None),
        (429, {"Retry-After": "120"}, Fate.LATER, timedelta(minutes=2)),
        (503, {"Retry-After": "9999999999"}, Fate.LATER, None),
        (500, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Fate.LATER, None),
        (400, {}, Fate.REFUSED, None),
        (403, {}, Fate.REFUSED, None),
        (413, {}, Fate.REFUSED, None),
    ],
)
async def test_what_a_push_service_answers_decides_what_becomes_of_it(
    service: tuple[PushService, ssl.SSLContext],
    status: int,
    headers: dict[str, str],
    fate: Fate,
    not_before: timedelta | None,
) -> None:
    service[0].answers.append((status, headers))
    outcome = await send(service)
    assert (outcome.fate, outcome.not_before) == (fate, not_before)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_sends_us_on_to_somewhere_else(service: tuple[PushService, ssl.SSLContext], status: int) -> None:
    service[0].answers.append((status, {"Location": f"https://{NAME}/elsewhere"}))
    assert (await send(service)).fate is Fate.REFUSED
    assert [one.path for one in service[0].taken] == ["/wpush/v2/a-phone"]


async def test_a_service_without_a_certificate_of_its_name_gets_nothing(
    service: tuple[PushService, ssl.SSLContext],
) -> None:
    running, _ = service
    async with ClientSession(connector=TCPConnector(resolver=Names(running))) as http:
        outcome = await sender(http).send(push(Phone.new(), running.endpoint()))
    assert outcome.fate is Fate.LATER
    assert running.taken == []


async def test_a_host_that_is_accepted_no_more_is_not_even_looked_up(
    service: tuple[PushService, ssl.SSLContext],
) -> None:
    running, trusted = service
    async with ClientSession(connector=TCPConnector(resolver=Names(running), ssl=trusted)) as http:
        one = push(Phone.new(), "https://push.example.org/x", "push.example.org")
        assert (await sender(http).send(one)).fate is Fate.GONE
    assert running.looked_up == []


ACCEPTED = [
    "https://fcm.googleapis.com/fcm/send/cXY:APA91b-_~",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAAA",
    "https://updates.push.services.mozilla.com:443/wpush/v2/gAAAAA",
    "https://web.push.apple.com/QGuQyavXutnMVRBFHf",
    "https://db5p.notify.windows.com/w/?token=BQYAAAD%2bx",
]
REFUSED = [
    "http://fcm.googleapis.com/fcm/send/x",
    "https://fcm.googleapis.com:8443/x",
    "https://fcm.googleapis.com:80/x",
    "https://fcm.googleapis.com",
    "https://fcm.googleapis.com.evil.example/x",
    "https://evilfcm.googleapis.com/x",
    "https://evil.example/https://fcm.googleapis.com/x",
    "https://user@fcm.googleapis.com/x",
    "https://fcm.googleapis.com@192.168.1.1/x",
    "https://192.168.1.1/x",
    "https://127.0.0.1:443/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://localhost/x",
    "https://homeassistant.local/api/services",
    "https://homeassistant/api",
    "https://supervisor/core/api",
    "https://FCM.googleapis.com\\@evil.example/x",
    "https://fcm.googleapis.com\\.evil.example/x",
    "https://fcm.googleapis.com%2eevil.example/x",
    "https://fcm.googleapis.com#@evil.example/x",
    "https://fcm.googleapis.com/x#fragment",
    "https://fcm.googleapis.com/x y",
    "https://fcm.googleapis.com/x\r\nX-Injected: 1",
    "https://fcm。googleapis.com/x",
    "//fcm.googleapis.com/x",
    "file:///etc/passwd",
    "gopher://fcm.googleapis.com/x",
    "",
    "https://fcm.googleapis.com/" + "x" * 1000,
]


@pytest.mark.parametrize("endpoint", ACCEPTED)
def test_addresses_of_known_push_services_are_accepted(endpoint: str) -> None:
    assert check_endpoint(endpoint) in endpoint


@pytest.mark.parametrize("endpoint", REFUSED)
def test_all_other_addresses_are_refused(endpoint: str) -> None:
    with pytest.raises(SubscriptionRefused, match="endpoint: got"):
        check_endpoint(endpoint)


def test_an_owner_may_name_another_push_service() -> None:
    assert check_endpoint("https://a.push.example.org/x", ("push.example.org",)) == "a.push.example.org"
    with pytest.raises(SubscriptionRefused):
        check_endpoint("https://example.org/x", ("push.example.org",))


@pytest.mark.parametrize(
    ("p256dh", "auth", "named"),
    [
        ("", base64url(b"a" * 16), "p256dh"),
        (base64url(b"\x04" + b"\x01" * 64), base64url(b"a" * 16), "p256dh"),  # no point on the curve
        (base64url(b"\x02" + b"\x01" * 64), base64url(b"a" * 16), "p256dh"),
        (Phone(key=7, auth=b"").p256dh, base64url(b"a" * 15), "auth"),
        (Phone(key=7, auth=b"").p256dh, "a b c", "auth"),
        (Phone(key=7, auth=b"").p256dh + "é", base64url(b"a" * 16), "p256dh"),
    ],
)
def test_keys_that_cannot_be_are_refused(p256dh: str, auth: str, named: str) -> None:
    with pytest.raises(SubscriptionRefused, match=f"{named}: got"):
        read_subscription(ACCEPTED[0], p256dh, auth)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.30.32.2",
        "192.168.1.10",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:192.168.1.10",
        "64:ff9b::c0a8:10a",  # NAT64 of 192.168.1.10
        "2002:c0a8:10a::1",  # 6to4 of 192.168.1.10
        "not an address",
    ],
)
def test_addresses_of_the_house_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["142.250.185.74", "2a00:1450:4001:82f::200a", "64:ff9b::8efa:b94a"])
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("leads_to", ["127.0.0.1", "192.168.1.10", "::1", "169.254.169.254"])
async def test_a_known_name_that_leads_into_the_house_is_not_connected_to(
    service: tuple[PushService, ssl.SSLContext], leads_to: str
) -> None:
    running, _ = service
    names = Names(running, {"fcm.googleapis.com": leads_to})
    async with push_session(PublicResolver(names)) as http:
        outcome = await sender(http).send(push(Phone.new(), "https://fcm.googleapis.com/fcm/send/x"))
        assert outcome.fate is Fate.LATER
        # Nor where the test's own service would answer.
        assert (await sender(http).send(push(Phone.new(), running.endpoint()))).fate is Fate.LATER
    assert running.looked_up == ["fcm.googleapis.com:443", f"{NAME}:443"]
    assert running.taken == []
