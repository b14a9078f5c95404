"""Encrypted pushes: the RFC's own example, and a browser written from the RFC that reads what we seal."""

import base64
from datetime import UTC, datetime
import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
import pytest

from evshare_app.delivery.webpush import MOST_BYTES, VapidKey, encrypt
from tests.app.delivery.phone import Phone, unbase64

NOW = datetime(2026, 7, 2, 16, 30, tzinfo=UTC)

# RFC 8291 section 5 and appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
    "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def rfc_phone() -> Phone:
    return Phone(key=int.from_bytes(unbase64(UA_PRIVATE)), auth=unbase64(AUTH))


def test_the_example_of_the_rfc_is_made_byte_for_byte() -> None:
    own_key = ec.derive_private_key(int.from_bytes(unbase64(AS_PRIVATE)), ec.SECP256R1())
    body = encrypt(PLAINTEXT, unbase64(UA_PUBLIC), unbase64(AUTH), own_key=own_key, salt=unbase64(SALT), padded_to=0)
    assert base64.urlsafe_b64encode(body).rstrip(b"=").decode() == BODY


def test_the_phone_these_tests_judge_by_reads_the_example_of_the_rfc() -> None:
    assert rfc_phone().p256dh == UA_PUBLIC
    assert rfc_phone().read(unbase64(BODY)) == PLAINTEXT


@pytest.mark.parametrize("length", [0, 1, 1022, 1023, 1024, MOST_BYTES])
def test_the_phone_reads_every_length(length: int) -> None:
    phone, message = Phone.new(), b"x" * length
    assert phone.read(encrypt(message, unbase64(phone.p256dh), phone.auth)) == message


def test_short_messages_are_all_of_one_length_and_never_the_same() -> None:
    phone = Phone.new()
    bodies = [encrypt(message, unbase64(phone.p256dh), phone.auth) for message in (b"a", b"a", b"b" * 800)]
    assert len({len(body) for body in bodies}) == 1
    assert bodies[0] != bodies[1]
    assert len(encrypt(b"x" * MOST_BYTES, unbase64(phone.p256dh), phone.auth)) <= 4096


def test_another_phone_reads_nothing() -> None:
    phone, other = Phone.new(), Phone.new()
    body = encrypt(b"Stall 2", unbase64(phone.p256dh), phone.auth)
    with pytest.raises(InvalidTag):
        other.read(body)
    with pytest.raises(InvalidTag):
        Phone(key=phone.key, auth=other.auth).read(body)


def test_too_long_a_message_and_a_key_off_the_curve_are_refused() -> None:
    phone = Phone.new()
    with pytest.raises(ValueError, match="message: got 3072 bytes, accepted are 3071"):
        encrypt(b"x" * (MOST_BYTES + 1), unbase64(phone.p256dh), phone.auth)
    with pytest.raises(ValueError, match=r"not on the curve|[Ii]nvalid"):
        encrypt(b"x", b"\x04" + b"\x01" * 64, phone.auth)


def test_the_house_signs_who_it_is_for_each_push_service(tmp_path: Path) -> None:
    key = VapidKey.at(tmp_path / "keys" / "vapid.key")
    header = key.authorization("https://push.example.org", "https://laden.example.org", NOW)
    scheme, _, rest = header.partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(", "))
    assert scheme == "vapid"
    assert parts["k"] == key.public
    head, claims, signature = parts["t"].split(".")
    assert json.loads(unbase64(head)) == {"typ": "JWT", "alg": "ES256"}
    said = json.loads(unbase64(claims))
    assert said["aud"] == "https://push.example.org"
    assert said["sub"] == "https://laden.example.org"
    assert NOW.timestamp() < said["exp"] <= NOW.timestamp() + 24 * 3600  # RFC 8292 section 2
    raw = unbase64(signature)
    assert len(raw) == 64
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64(key.public))
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(der, f"{head}.{claims}x".encode(), ec.ECDSA(hashes.SHA256()))


def test_the_key_is_made_once_and_only_we_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "vapid.key"
    first = VapidKey.at(path).public
    assert VapidKey.at(path).public == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(unbase64(first)) == 65
