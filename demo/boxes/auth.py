"""How simulated devices ask who is there: HTTP Basic (RFC 7617) and Digest (RFC 7616), checked on the raw headers.

`refusal` gives the 401 to send, or None for a caller who may come in. Digest counts per nonce: a count that does not
follow the last one is refused, as Shelly firmware 2 does, and a nonce that grew old is answered with ``stale=true``.
"""

import base64
import binascii
from collections.abc import Callable
import hashlib
import hmac
from random import Random
from typing import Protocol
from urllib.request import parse_http_list, parse_keqv_list

from aiohttp import web

NONCE_LIFE_S = 3600
NONCE_REQUESTS = 30_000
"""A Shelly nonce is valid for one hour and 30 000 requests (shelly-api-docs, Authentication)."""
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class Guard(Protocol):
    """Decides who may come in."""

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        """The 401 for this request, or None."""


class Open:
    """No password is set: everyone may come in."""

    def refusal(self, _request: web.BaseRequest) -> web.Response | None:
        """Nobody is refused."""
        return None


class Basic:
    """User and password in every request."""

    def __init__(self, realm: str, user: str, password: str, *, body: str = "Unauthorized") -> None:
        """`body` is what stands in the 401."""
        self._realm = realm
        self._wanted = f"{user}:{password}"
        self._body = body

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        """A challenge unless user and password are right."""
        scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(coded, validate=True).decode("latin1") if scheme.lower() == "basic" else ""
        except binascii.Error:
            given = ""
        if hmac.compare_digest(given.encode(), self._wanted.encode()):
            return None
        challenge = {"WWW-Authenticate": f'Basic realm="{self._realm}"'}
        return web.Response(status=401, text=self._body, headers=challenge)


class Digest:
    """Challenge and response, with ``qop=auth`` only."""

    def __init__(self, realm: str, user: str, password: str, *, algorithm: str, seconds: Callable[[], int]) -> None:
        """`algorithm` is ``MD5`` or ``SHA-256``; `seconds` counts the device's time, by which nonces grow old."""
        self._realm = realm
        self._user = user
        self._password = password
        self._algorithm = algorithm
        self._seconds = seconds
        self._chance = Random(f"{realm}/{user}")
        self._nonces: dict[str, tuple[int, int]] = {}
        """When each nonce was given out, and its last count."""

    def refusal(self, request: web.BaseRequest) -> web.Response | None:
        """A challenge unless the request answers an earlier one."""
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "digest":
            return self._challenge(stale=False)
        given = parse_keqv_list(parse_http_list(rest))
        if not self._rightly_answered(given, request):
            return self._challenge(stale=False)
        issued_s, last = self._nonces.get(given["nonce"], (None, 0))
        count = int(given["nc"], 16)
        if issued_s is None or self._seconds() - issued_s >= NONCE_LIFE_S or count > NONCE_REQUESTS:
            return self._challenge(stale=True)
        if count != last + 1:
            return self._challenge(stale=False)
        self._nonces[given["nonce"]] = (issued_s, count)
        return None

    def _rightly_answered(self, given: dict[str, str], request: web.BaseRequest) -> bool:
        wanted = {"username": self._user, "realm": self._realm, "uri": request.raw_path, "qop": "auth"}
        if any(given.get(key) != value for key, value in wanted.items()):
            return False
        if given.get("algorithm", "MD5") != self._algorithm or len(given.get("nc", "")) != 8:
            return False
        secret = self._hash(f"{self._user}:{self._realm}:{self._password}")
        action = self._hash(f"{request.method}:{request.raw_path}")
        answer = self._hash(f"{secret}:{given.get('nonce')}:{given['nc']}:{given.get('cnonce')}:auth:{action}")
        return hmac.compare_digest(given.get("response", "").encode(), answer.encode())

    def _challenge(self, *, stale: bool) -> web.Response:
        # Base64 with its padding: clients that cut a value at every "=" fail on it (Shelly firmware 2).
        nonce = base64.b64encode(self._chance.randbytes(16)).decode()
        self._nonces[nonce] = (self._seconds(), 0)
        parts = f'realm="{self._realm}", qop="auth", nonce="{nonce}", algorithm={self._algorithm}'
        header = f"Digest {parts}{', stale=true' if stale else ''}"
        return web.Response(status=401, headers={"WWW-Authenticate": header})

    def _hash(self, text: str) -> str:
        return _HASHES[self._algorithm](text.encode(), usedforsecurity=False).hexdigest()
