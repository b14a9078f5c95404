"""The portal behind Home Assistant's own address: for owners whose only public door is Home Assistant.

Its origin also holds Home Assistant's tokens, so a page there must not be able to run anything: pages go out without
scripts, and both sides forbid them by policy. The relay (custom_components/evshare/relay.py) signs who asks and under
which address with the pairing token; nobody else is believed, and while the portal's public address is the relay's,
nobody else is answered. Cookies are renamed and narrowed to the path by the relay.
"""

from dataclasses import dataclass
from datetime import datetime
import hashlib
import hmac
import re

from aiohttp import web

from .listener import Refused

RELAY_HEADER = "X-Evshare-Relay"
RELAY_AGE_S = 60
"""How old a signed request may be: two clocks on one machine, or kept by NTP."""

_FIELDS = 4
_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>\s*", re.DOTALL)
# What stands there for browsers without scripts is for these pages, whatever the browser could do.
_NO_SCRIPT = re.compile(r"</?noscript>")
# Texts of people are escaped, so a quote after an equals sign is always the templates' own.
_OWN_ADDRESS = re.compile(r'\b(href|src|action|formaction)="/(?!/)')
_HEAD = '<meta charset="utf-8">'
# Home Assistant sends `Referrer-Policy: no-referrer`, with which browsers send `Origin: null` with our own forms.
_REFERRER = '<meta name="referrer" content="same-origin">'


@dataclass(frozen=True, kw_only=True)
class Relayed:
    """What the relay says of a request."""

    client: str
    """IP address of whoever asks."""
    origin: str
    """Scheme and host the browser used."""


def relay_signature(token: str, method: str, path: str, at_s: str, client: str, origin: str) -> str:  # noqa: PLR0917
    """Return the HMAC-SHA256 hex of a relayed request; `path` with its query, as the portal sees it."""
    text = f"evshare-relay-1\n{method}\n{path}\n{at_s}\n{client}\n{origin}"
    return hmac.new(token.encode(), text.encode(errors="replace"), hashlib.sha256).hexdigest()


def relayed(request: web.Request, token: str, now: datetime) -> Relayed:
    """Return what the relay says of a request. Raises `Refused` for one that did not come by the relay."""
    fields = request.headers.get(RELAY_HEADER, "").split(";")
    if len(fields) != _FIELDS:
        raise Refused(403)
    at_s, client, origin, signature = fields
    expected = relay_signature(token, request.method, request.raw_path, at_s, client, origin)
    if not hmac.compare_digest(signature.encode(errors="replace"), expected.encode()):
        raise Refused(403)
    # Only now is it known that these were written by the relay.
    if abs(now.timestamp() - int(at_s)) > RELAY_AGE_S:
        raise Refused(403)
    return Relayed(client=client, origin=origin)


def without_scripts(response: web.StreamResponse, base: str) -> None:
    """Turn a page into one that runs nothing, and lead its own addresses through the relay."""
    location = response.headers.get("Location", "")
    if location.startswith("/"):
        response.headers["Location"] = base + location
    if isinstance(response, web.Response) and response.content_type == "text/html" and response.text:
        text = _NO_SCRIPT.sub("", _SCRIPT.sub("", response.text)).replace(_HEAD, _HEAD + _REFERRER, 1)
        response.text = _OWN_ADDRESS.sub(rf'\1="{base}/', text)
