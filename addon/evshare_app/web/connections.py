"""How many connections a listener keeps open at once, so that whoever opens more and more takes nobody else's.

aiohttp closes a connection that says nothing; this bounds how many there may be meanwhile, each of which is an open
file of a program that has books and a link to look after. Where there are too many, the address with the most of them
loses its newest: a flood from one address costs that address, and nobody else. What is no HTTP never gets as far as a
door and its limits, so of that, too, only so much is written down.
"""

from asyncio import Transport
from collections import defaultdict
from collections.abc import Iterable
import logging
import time
from typing import Any, override

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from .limits import Rate, TokenBuckets, client_address
from .listener import security_headers

_LOGGED = Rate(per_minute=6, burst=10)


class _Seldom(logging.Filter):
    """Lets some of what cannot be read be told of, in one line each, and all else as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._buckets = TokenBuckets(_LOGGED)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        problem = record.exc_info[1] if record.exc_info else None
        if not isinstance(problem, HttpProcessingError):
            return True
        record.exc_info = None
        return not self._buckets.take("", time.monotonic())


_LOGGER = logging.getLogger(__name__)
_LOGGER.addFilter(_Seldom())


class BoundedRunner(web.AppRunner):
    """Runs a listener that keeps at most `most` connections open."""

    def __init__(self, app: web.Application, *, most: int, **options: Any) -> None:
        super().__init__(app, logger=_LOGGER, **options)
        self._most = most

    @override
    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _BoundedServer(
            made.request_handler, most=self._most, request_factory=made.request_factory, **self._kwargs
        )


class _Handler(RequestHandler):
    """Answers what cannot be read like a door would: with its headers, and without repeating it."""

    @override
    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)
        answer = web.Response(status=status, headers=security_headers("default-src 'none'; frame-ancestors 'none'"))
        # What comes after something that cannot be read cannot be read either.
        answer.force_close()
        return answer


class _BoundedServer(web.Server):
    def __init__(self, *handler: Any, most: int, **options: Any) -> None:
        super().__init__(*handler, **options)
        self._most = most

    @override
    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)

    @override
    def connection_made(self, handler: RequestHandler, transport: Transport) -> None:
        super().connection_made(handler, transport)
        open_now = [one for one in self._connections.values() if not one.is_closing()]
        if len(open_now) > self._most:
            one_too_many(open_now).abort()


def one_too_many(connections: Iterable[Transport]) -> Transport:
    """Return which of these connections is closed for there are too many; they are in the order they were made."""
    by_address: defaultdict[str, list[Transport]] = defaultdict(list)
    for one in connections:
        peer = one.get_extra_info("peername")
        by_address[client_address(peer[0] if peer else None, "", ())].append(one)
    return max(by_address.values(), key=len)[-1]
