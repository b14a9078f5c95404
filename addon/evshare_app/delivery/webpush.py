"""Messages only one browser can read (RFC 8291, coding aes128gcm of RFC 8188), and who sends them (VAPID, RFC 8292).

Every message has a key pair and salt of its own. Messages are padded to whole kibibytes, so that push services do not
learn from their length what they say. Pure but for randomness.
"""

import base64
from datetime import datetime, timedelta
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..tokens import secret_file

_CURVE = ec.SECP256R1()
_RECORD_SIZE = 4096
_TAG = 16
_LAST_RECORD = b"\x02"
MOST_BYTES = 3 * 1024 - 1
"""Of a message: with padding, tag and header it stays below the 4096 bytes every push service takes (RFC 8030 7.2)."""
_PADDED_TO = 1024
_TOKEN_LIFE = timedelta(hours=12)
"""RFC 8292 2: not more than 24 hours."""


def encrypt(
    message: bytes,
    public_key: bytes,
    auth: bytes,
    *,
    own_key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
    padded_to: int = _PADDED_TO,
) -> bytes:
    """Return the body of a push for the browser with this key and authentication secret.

    `own_key` and `salt` must be new for each message; tests give those of the RFC. Raises ValueError for a message
    that is too long, or a key that is no point on P-256.
    """
    if len(message) > MOST_BYTES:
        msg = f"message: got {len(message)} bytes, accepted are {MOST_BYTES}"
        raise ValueError(msg)
    own_key = own_key or ec.generate_private_key(_CURVE)
    salt = salt or os.urandom(16)
    own_public = _point(own_key.public_key())
    shared = own_key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public_key))
    ikm = _hkdf(auth, shared, b"WebPush: info\x00" + public_key + own_public, 32)
    content_key = _hkdf(salt, ikm, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _hkdf(salt, ikm, b"Content-Encoding: nonce\x00", 12)
    padding = -(len(message) + len(_LAST_RECORD)) % padded_to if padded_to else 0
    sealed = AESGCM(content_key).encrypt(nonce, message + _LAST_RECORD + bytes(padding), None)
    header = salt + _RECORD_SIZE.to_bytes(4) + len(own_public).to_bytes(1) + own_public
    return header + sealed


class VapidKey:
    """The key by which push services know this house."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def at(cls, path: Path) -> VapidKey:
        """Read the key at `path`, making it the first time."""
        text, _ = secret_file(path, _new_key)
        return cls(ec.derive_private_key(int(text, 16), _CURVE))

    @property
    def public(self) -> str:
        """What browsers subscribe with, an uncompressed point as base64url."""
        return _base64url(_point(self._key.public_key()))

    def authorization(self, origin: str, contact: str, now: datetime) -> str:
        """Return the header that says who sends; `origin` is the push service's, `contact` a URL of ours."""
        claims = {"aud": origin, "exp": int((now + _TOKEN_LIFE).timestamp()), "sub": contact}
        head = _base64url(_json({"typ": "JWT", "alg": "ES256"})) + "." + _base64url(_json(claims))
        # JWS wants r and s side by side (RFC 7518 3.4), not ASN.1.
        r, s = decode_dss_signature(self._key.sign(head.encode(), ec.ECDSA(hashes.SHA256())))
        signature = _base64url(r.to_bytes(32) + s.to_bytes(32))
        return f"vapid t={head}.{signature}, k={self.public}"


def _new_key() -> str:
    return f"{ec.generate_private_key(_CURVE).private_numbers().private_value:064x}"


def _hkdf(salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
