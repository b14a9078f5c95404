"""The opt-in relay: the residents' portal under Home Assistant's own address, for owners who have no other public door.

That origin also holds the tokens of whoever is signed in to Home Assistant, so whatever comes through here can run
nothing: only pages, styles, pictures and documents pass, under a policy that forbids scripts, whatever the portal says.
Nothing of Home Assistant goes the other way: no cookie of its own, no Authorization. The target is fixed, requests are
small and few, and no answer is 401, which Home Assistant would count as a failed sign-in of that address.

The app answers relayed requests only when they are signed with the pairing token (evshare_app/web/relay.py).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address, ip_network
import logging
import re
import time
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, web
from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_create_clientsession
from yarl import URL

from .const import CONF_APP_TOKEN, CONF_APP_URL, CONF_RELAY, CONF_RELAY_PORT, DOMAIN

RELAY_PATH: Final = "/api/evshare/portal"
PORTAL_PORT: Final = 8100

_HEADER: Final = "X-Evshare-Relay"
_LARGEST_BODY: Final = 64 * 1024
_LARGEST_ANSWER: Final = 8 * 1024 * 1024
BODY_S: Final = 10.0
"""How long a form may take to arrive."""
_TIMEOUT: Final = ClientTimeout(total=20)

_PATH: Final = re.compile(r"(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}){0,7})?")
_COOKIE: Final = re.compile(r"evs_[a-z]{1,8}")
_OURS: Final = "evshare_"
"""Before the names of the portal's cookies in browsers, so that no cookie of Home Assistant is taken for one."""

_PASSED_ON: Final = ("Accept", "Accept-Language", "Content-Type", "Origin", "Sec-Fetch-Site", "User-Agent")
_PASSED_BACK: Final = (
    "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Type", "Permissions-Policy", "Retry-After",
    "Vary",
)  # fmt: skip
_TYPES: Final = frozenset({
    "application/pdf", "image/png", "image/svg+xml", "text/calendar", "text/css", "text/csv", "text/html",
})  # fmt: skip
_DROPPED_RULES: Final = ("script-src", "worker-src", "manifest-src", "connect-src", "frame-ancestors", "base-uri")
_FORBIDDEN: Final = "script-src 'none'; worker-src 'none'; frame-ancestors 'none'; base-uri 'none'"

_PER_MINUTE: Final = 120
_BURST: Final = 60
_ALL_PER_MINUTE: Final = 1200
_ALL_BURST: Final = 200

_LOGGER = logging.getLogger(__name__)


class RelayView(HomeAssistantView):
    """Hands requests for the portal on to the app, while a building has the relay switched on."""

    url = RELAY_PATH + "/{path:.*}"
    extra_urls: list[str] = [RELAY_PATH]  # noqa: RUF012  # as Home Assistant declares it
    name = "api:evshare:portal"
    requires_auth = False
    cors_allowed = False
    max_body_size = _LARGEST_BODY

    def __init__(self) -> None:
        """One per Home Assistant; buildings are looked up per request, since views cannot be taken back."""
        self._everyone = Pace(_ALL_PER_MINUTE, _ALL_BURST)
        self._each = Pace(_PER_MINUTE, _BURST)
        self._http: ClientSession | None = None

    async def get(self, request: web.Request, path: str = "") -> web.Response:
        """Hand on a page somebody opens."""
        return await self._relay(request, path, b"")

    async def post(self, request: web.Request, path: str = "") -> web.Response:
        """Hand on a form somebody sends."""
        try:
            async with asyncio.timeout(BODY_S):
                body = await _small_body(request)
        except web.HTTPRequestEntityTooLarge:
            return _plain(413)
        except TimeoutError:
            return _plain(408)
        return await self._relay(request, path, body)

    async def _relay(self, request: web.Request, path: str, body: bytes) -> web.Response:
        hass = request.app[KEY_HASS]
        entry = _relaying(hass)
        # Over plain HTTP the portal's cookies could be read on the way, and there is the portal's own port for that.
        if entry is None or request.scheme != "https" or not _is_plain(request, path):
            return _plain(404)
        now_s = asyncio.get_running_loop().time()
        client = request.remote or "unknown"
        # Theirs first: whoever knocks on and on takes nothing of what is for all.
        if wait_s := self._each.wait(_pace_of(client), now_s) or self._everyone.wait("", now_s):
            return _plain(429, {"Retry-After": str(wait_s)})
        target = portal_target(entry, path, request.rel_url.raw_query_string)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        # What the app packed passes as it is; it knows what must not be packed.
        headers["Accept-Encoding"] = "gzip" if "gzip" in request.headers.get("Accept-Encoding", "") else "identity"
        headers["Cookie"] = "; ".join(_cookies_in(request.cookies))
        headers[_HEADER] = signed(
            entry.data[CONF_APP_TOKEN], request.method, target, client, f"{request.scheme}://{request.host}"
        )
        try:
            async with self._session(hass).request(
                request.method,
                target,
                data=body or None,
                headers=headers,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_TIMEOUT,
            ) as answer:
                return await _answer(answer)
        except (ClientError, TimeoutError, OSError) as problem:
            _LOGGER.debug("The portal does not answer: %s", problem)
            return _plain(503)

    def _session(self, hass: HomeAssistant) -> ClientSession:
        # Home Assistant's shared session keeps cookies, and would send one phone's along with another's request.
        if self._http is None:
            self._http = async_create_clientsession(hass, cookie_jar=DummyCookieJar())
        return self._http


class Pace:
    """Token buckets, one per key: at most `burst` at once, refilled at `per_minute`."""

    _KEPT: Final = 4096

    def __init__(self, per_minute: float, burst: int) -> None:
        """Full buckets for everyone."""
        self._per_s = per_minute / 60
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str, now_s: float) -> int:
        """Take one token and return 0, or return the whole seconds until there is one."""
        tokens, since_s = self._buckets.get(key, (float(self._burst), now_s))
        tokens = min(self._burst, tokens + (now_s - since_s) * self._per_s)
        if tokens < 1:
            return int((1 - tokens) / self._per_s) + 1
        self._buckets[key] = (tokens - 1, now_s)
        self._buckets.move_to_end(key)
        # Forgetting the longest unseen key only ever refills its bucket.
        if len(self._buckets) > self._KEPT:
            self._buckets.popitem(last=False)
        return 0


def portal_target(entry: ConfigEntry, path: str, query: str) -> URL:
    """Where a path of the portal is: at the app's host and the port of the options, which no request can choose."""
    link = URL(entry.data[CONF_APP_URL])
    port = int(entry.options.get(CONF_RELAY_PORT, PORTAL_PORT))
    origin = URL.build(scheme="http", host=link.host or "", port=port)
    return URL(f"{origin}/{path}{f'?{query}' if query else ''}", encoded=True)


def signed(token: str, method: str, target: URL, client: str, origin: str) -> str:
    """The header that tells the app who asks and under which address."""
    at_s = str(int(time.time()))
    text = f"evshare-relay-1\n{method}\n{target.raw_path_qs}\n{at_s}\n{client}\n{origin}"
    signature = hmac.new(token.encode(), text.encode(errors="replace"), hashlib.sha256).hexdigest()
    return f"{at_s};{client};{origin};{signature}"


def _relaying(hass: HomeAssistant) -> ConfigEntry | None:
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        if entry.options.get(CONF_RELAY) and entry.data.get(CONF_APP_URL) and entry.data.get(CONF_APP_TOKEN):
            return entry
    return None


def _is_plain(request: web.Request, path: str) -> bool:
    """Whether a path is written as the portal writes its own: no percent signs, no dots that lead elsewhere."""
    written = request.rel_url.raw_path.removeprefix(RELAY_PATH).removeprefix("/")
    return written == path and _PATH.fullmatch(path) is not None


def _pace_of(client: str) -> str:
    """Whose pace it is: an IPv6 network of 64 bits is one customer's, who has all addresses in it."""
    try:
        address = ip_address(client)
    except ValueError:
        return "unknown"
    return str(ip_network((client, 64), strict=False)) if address.version == 6 else client


async def _small_body(request: web.Request) -> bytes:
    # Home Assistant 2026.10 knows no `max_body_size` yet.
    body = bytearray()
    async for part in request.content.iter_chunked(16 * 1024):
        body += part
        if len(body) > _LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(max_size=_LARGEST_BODY, actual_size=len(body))
    return bytes(body)


def _cookies_in(cookies: Mapping[str, str]) -> Iterable[str]:
    """The portal's own cookies under the names the app gave them; it binds them to the host over HTTPS."""
    for name, value in cookies.items():
        own = name.removeprefix(_OURS)
        if own != name and _COOKIE.fullmatch(own) and re.fullmatch(r"[A-Za-z0-9._~-]{1,200}", value):
            yield f"__Host-{own}={value}"


async def _answer(answer: ClientResponse) -> web.Response:
    status = 403 if answer.status == 401 else answer.status
    body = await answer.content.read(_LARGEST_ANSWER + 1)
    while len(body) <= _LARGEST_ANSWER and (more := await answer.content.read(_LARGEST_ANSWER + 1 - len(body))):
        body += more
    if len(body) > _LARGEST_ANSWER or (body and answer.content_type not in _TYPES):
        return _plain(404)
    headers = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
    headers["Content-Security-Policy"] = policy(answer.headers.get("Content-Security-Policy", ""))
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    location = answer.headers.get("Location", "")
    if location.startswith((f"{RELAY_PATH}/", "https://")):
        headers["Location"] = location
    response = web.Response(status=status, body=body, headers=headers)
    for line in answer.headers.getall("Set-Cookie", ()):
        _pass_cookie(response, line)
    return response


def policy(given: str) -> str:
    """The portal's content policy with scripts forbidden; one of our own where it has none."""
    rules = [rule.strip() for rule in given.split(";") if rule.strip()]
    if "default-src 'none'" not in rules:
        rules = ["default-src 'none'", "style-src 'self'", "img-src 'self' data:", "form-action 'self'"]
    kept = [rule for rule in rules if not rule.lower().startswith(_DROPPED_RULES)]
    return "; ".join((*kept, _FORBIDDEN))


def _pass_cookie(response: web.Response, line: str) -> None:
    """Let the browser keep a cookie of the portal, under a name of its own and for the relay's path alone."""
    try:
        found: SimpleCookie = SimpleCookie(line)
    except CookieError:
        return
    for name, morsel in found.items():
        own = name.removeprefix("__Host-")
        if _COOKIE.fullmatch(own):
            response.set_cookie(
                _OURS + own,
                morsel.value,
                max_age=morsel["max-age"] or None,
                expires=morsel["expires"] or None,
                path=RELAY_PATH,
                secure=True,
                httponly=True,
                samesite="Lax",
            )


_WORDS: Final = {
    404: "Nothing here.", 408: "Too slow.", 413: "Too much at once.", 429: "One moment.", 503: "Not now.",
}  # fmt: skip


def _plain(status: int, headers: Mapping[str, Any] | None = None) -> web.Response:
    return web.Response(
        status=status,
        text=_WORDS[status],
        headers={"Content-Security-Policy": policy(""), "Cache-Control": "no-store", **(headers or {})},
    )
