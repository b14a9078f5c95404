"""Sending less: pages, styles and scripts go out gzipped to browsers that take it.

A compressed answer tells by its length whether a text in it repeats another (BREACH). So pages hold no secret twice in
the same characters (`tokens.masked`), a page that shows a lasting secret says `keep_plain`, and the gzip header carries
a few random bytes.
"""

import gzip
from io import BytesIO
import secrets

from aiohttp import hdrs, web

_TYPES = frozenset(
    {"text/html", "text/css", "text/javascript", "image/svg+xml", "application/manifest+json", "application/json"}
)
_LEAST = 700
"""Bytes below which a packet is saved nowhere."""
_MOST_NOISE = 64
_PLAIN = web.ResponseKey("plain", bool)


def keep_plain(response: web.Response) -> web.Response:
    """Mark a page that shows a lasting secret: it is sent as it is."""
    response[_PLAIN] = True
    return response


def takes_gzip(request: web.Request) -> bool:
    """Whether `Accept-Encoding` (RFC 9110 12.5.3) names gzip with a quality above zero."""
    for part in request.headers.get(hdrs.ACCEPT_ENCODING, "")[:500].lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def compress(request: web.Request, response: web.StreamResponse) -> None:
    """Compress a whole answer in place, where it helps and nothing speaks against it."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return
    if response.content_type not in _TYPES or len(response.body) < _LEAST or response.get(_PLAIN, False):
        return
    # Also whoever keeps answers on the way must know that there are two of them.
    response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    if hdrs.CONTENT_ENCODING in response.headers or not takes_gzip(request):
        return
    response.body = _noisy_gzip(response.body)
    response.headers[hdrs.CONTENT_ENCODING] = "gzip"


def small(content: bytes) -> bytes:
    """Return content that never changes, as small as gzip makes it."""
    return gzip.compress(content, 9, mtime=0)


def _noisy_gzip(body: bytes) -> bytes:
    packed = BytesIO()
    # A name of random length in the header: readers skip it, and lengths say less.
    name = "x" * secrets.randbelow(_MOST_NOISE)
    with gzip.GzipFile(filename=name, mode="wb", compresslevel=6, fileobj=packed, mtime=0) as file:
        file.write(body)
    return packed.getvalue()
