"""Under which address a browser reached us: what proxies say of it counts only from those the owner named."""

from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web
from yarl import URL

type Networks = tuple[IPv4Network | IPv6Network, ...]


def reached_at(request: web.Request, trusted: Networks) -> str:
    """Return the origin the browser used, such as `https://laden.example.org`; empty where it cannot be one.

    `X-Forwarded-Proto` and `X-Forwarded-Host` count only from a trusted proxy, and then what it added itself, the last.
    """
    scheme, host = request.scheme, request.host
    if from_trusted(request, trusted):
        scheme = _last(request, "X-Forwarded-Proto").lower() or scheme
        host = _last(request, "X-Forwarded-Host") or host
    try:
        url = URL(f"{scheme}://{host}")
        return str(url.origin()) if scheme in ("http", "https") and not url.user and url.path in ("", "/") else ""
    except ValueError:
        return ""


def from_trusted(request: web.Request, trusted: Networks) -> bool:
    """Whether the other end of this connection is a proxy the owner named."""
    try:
        peer = ip_address(request.remote or "")
    except ValueError:
        return False
    return any(peer in network for network in trusted)


def _last(request: web.Request, name: str) -> str:
    return ",".join(request.headers.getall(name, [])).rpartition(",")[2].strip()
