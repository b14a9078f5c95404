"""An authenticator in software, written from WebAuthn level 2 and RFC 8152/8949, without the app's libraries for it.

It makes and shows passkeys the way a phone does, and can be told to lie: to be used on another site, not to have
verified anyone, to count backwards.
"""

import base64
from dataclasses import dataclass, field
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40  # WebAuthn 6.1
ES256, EDDSA, RS256 = -7, -8, -257  # IANA COSE algorithms


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value: Any) -> bytes:
    """Encode what attestation needs: integers, bytes, texts and maps (RFC 8949 3.1)."""

    def head(major: int, number: int) -> bytes:
        if number < 24:
            return bytes([major << 5 | number])
        if number < 256:
            return bytes([major << 5 | 24, number])
        return bytes([major << 5 | 25]) + number.to_bytes(2)

    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


type PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass
class Credential:
    credential_id: bytes
    key: PrivateKey
    rp_id: str
    user_handle: bytes
    count: int = 0


@dataclass
class Authenticator:
    """One person's phone. `origin` is the site the browser really is on."""

    origin: str
    algorithm: int = ES256
    verifies: bool = True
    counts: bool = True
    named: bytes | None = None
    """The id its next passkey has; None: a random one."""
    kept: list[Credential] = field(default_factory=list)

    def create(self, options: dict[str, Any], **client: Any) -> str:
        """Answer `navigator.credentials.create`, as the JSON a page would send."""
        assert self.algorithm in [one["alg"] for one in options["pubKeyCredParams"]]
        made = Credential(
            credential_id=self.named or secrets.token_bytes(32),
            key=_new_key(self.algorithm),
            rp_id=options["rp"]["id"],
            user_handle=from_b64url(options["user"]["id"]),
        )
        self.kept.append(made)
        attested = bytes(16) + len(made.credential_id).to_bytes(2) + made.credential_id + _cose(made.key)
        data = self._data(made, ATTESTED) + attested
        response = {
            "clientDataJSON": self._client_data("webauthn.create", options["challenge"], client),
            "attestationObject": b64url(cbor({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return _said(made, response)

    def get(self, options: dict[str, Any], **client: Any) -> str:
        """Answer `navigator.credentials.get`."""
        allowed = [from_b64url(one["id"]) for one in options.get("allowCredentials", [])]
        shown = next(one for one in reversed(self.kept) if not allowed or one.credential_id in allowed)
        return self.show(shown, options, **client)

    def show(self, shown: Credential, options: dict[str, Any], **client: Any) -> str:
        """Show a certain passkey, allowed or not."""
        shown.count += self.counts
        data = self._data(shown, 0)
        client_data = self._client_data("webauthn.get", options["challenge"], client)
        signed = data + hashlib.sha256(from_b64url(client_data)).digest()
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": b64url(data),
            "signature": b64url(_sign(shown.key, signed)),
            "userHandle": b64url(shown.user_handle),
        }
        return _said(shown, response)

    def _data(self, credential: Credential, flags: int) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return hashlib.sha256(credential.rp_id.encode()).digest() + bytes([flags]) + credential.count.to_bytes(4)

    def _client_data(self, kind: str, challenge: str, changes: dict[str, Any]) -> str:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False} | changes
        return b64url(json.dumps(said).encode())


def _said(credential: Credential, response: dict[str, str]) -> str:
    name = b64url(credential.credential_id)
    return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _new_key(algorithm: int) -> PrivateKey:
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def _cose(key: PrivateKey) -> bytes:
    """Return the COSE_Key of its public half (RFC 8152 13, RFC 8230 4)."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        return cbor({1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cbor({1: 1, 3: EDDSA, -1: 6, -2: raw})
    numbers = key.public_key().public_numbers()
    return cbor({1: 3, 3: RS256, -1: numbers.n.to_bytes(256), -2: numbers.e.to_bytes(3)})


def _sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
