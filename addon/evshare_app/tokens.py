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


def new_short_code() -> str:
    """Return 8 characters of Crockford base32 (40 bits): what is typed where nothing can be scanned or pasted."""
    return "".join(secrets.choice(_CROCKFORD) for _ in range(8))


def as_short_code(typed: str) -> str | None:
    """Return the short code somebody typed; None when it cannot be one.

    Case, spaces and hyphens do not matter, and the letters Crockford's alphabet leaves out are read as the digits they
    look like (O as 0, I and L as 1).
    """
    return _as_code(typed, 8)


def as_stall_code(typed: str) -> str | None:
    """Return the code of a stall that somebody typed, read like a short code; None when it cannot be one."""
    return _as_code(typed, 16)


def _as_code(typed: str, length: int) -> str | None:
    code = typed.upper().replace(" ", "").replace("-", "").translate(str.maketrans("OIL", "011"))
    return code if len(code) == length and set(code) <= set(_CROCKFORD) else None


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

    def next_cookie(self, cookie: str) -> str:
        """Return the cookie that takes the place of `cookie`: 256 bits that only this key can make, always the same.

        So that whichever of a phone's parallel requests is answered first, all are given the same one.
        """
        made = hmac.new(self._key, f"next:{cookie}".encode(errors="replace"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

    def short_code(self, code: str) -> str:
        """Return the HMAC-SHA256 hex under which a short code is kept: 40 bits are too few for a plain digest."""
        return self._sign("short", code)

    def reach(self, address: str, made_ms: int) -> str:
        """Return what a phone brings back to show that it reached `address`: 128 bits as hex."""
        return self._sign("reach", f"{made_ms}:{address}")[:32]

    def csrf(self, session: str) -> str:
        """Return the value a form of this session must carry."""
        return self._sign("csrf", session)

    def csrf_matches(self, session: str, value: str) -> bool:
        """Whether `value`, as a form of this session's page held it, is the one made for this session."""
        return masked_matches(self.csrf(session), value)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(errors="replace"), hashlib.sha256).hexdigest()


def masked(secret: str) -> str:
    """Return `secret` as a page may hold it: other characters each time, so that compressing the page tells nothing.

    An attacker who gets a text of theirs into a compressed page and watches its length (BREACH) finds out what is
    the same in every answer. The mask is a fresh one-time pad over the secret's digest, with the pad beside it.
    """
    pad = secrets.token_bytes(32)
    return (pad + _xor(pad, hashlib.sha256(secret.encode()).digest())).hex()


def masked_matches(secret: str, value: str) -> bool:
    """Whether `value` is what `masked` made of this secret, at any time."""
    try:
        sent = bytes.fromhex(value)
    except ValueError:
        return False
    expected = hashlib.sha256(secret.encode()).digest()
    return len(sent) == 64 and hmac.compare_digest(_xor(sent[:32], sent[32:]), expected)


def _xor(pad: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(pad, text, strict=True))


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
