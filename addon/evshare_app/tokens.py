"""Secrets the app makes: random tokens, how they are kept, and the files that hold its own keys.

Tokens are opaque and random; the books keep only their SHA-256 (single-use tokens) or an HMAC under a key that lies
beside the books, never in them (cookies). Looking a token up by its digest needs no comparison that could leak time.
"""

import base64
from collections.abc import Callable
import hashlib
import hmac
import os
from pathlib import Path
import secrets

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_token(bits: int = 256) -> str:
    """Return a random token of `bits` bits as base64url without padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(bits // 8)).rstrip(b"=").decode()


def new_stall_code() -> str:
    """Return 16 characters of Crockford base32: the public name of a stall on its QR code, not a secret."""
    return "".join(secrets.choice(_CROCKFORD) for _ in range(16))


def digest(token: str) -> str:
    """Return the SHA-256 hex digest under which a single-use token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenKey:
    """The key under which cookies are kept, and CSRF values are made."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mac(self, token: str) -> str:
        """Return the HMAC-SHA256 hex under which a cookie is kept."""
        return self._sign("cookie", token)

    def csrf(self, session: str) -> str:
        """Return the value a form of this session must carry."""
        return self._sign("csrf", session)

    def csrf_matches(self, session: str, value: str) -> bool:
        """Whether `value` is the one made for this session."""
        return hmac.compare_digest(self.csrf(session).encode(), value.encode(errors="replace"))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(errors="replace"), hashlib.sha256).hexdigest()


def key_file(path: Path) -> bytes:
    """Read the 32 random bytes at `path`, making them (mode 0600) the first time."""
    return bytes.fromhex(secret_file(path, lambda: secrets.token_hex(32))[0])


def pairing_token(path: Path) -> tuple[str, bool]:
    """Read the 256-bit pairing token at `path`, making it the first time; the second value says whether it is new."""
    return secret_file(path, new_token)


def secret_file(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """Read a secret that only we may read, or make and store it durably before anyone uses it."""
    if path.exists():
        return path.read_text().strip(), False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = make()
    unfinished = path.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return text, True
