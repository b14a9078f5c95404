"""A profile's points over HTTP with JSON: one request at a time, bodies repaired where the profile says so.

Connectors are small devices on a building's Wi-Fi, and anybody may sit at their address: redirects are not followed,
and bodies are read to a bound. Facts: connector reference 1.1 and 1.2 (Tesla), 2.2 (go-e).
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp
from yarl import URL

from .decode import CutOff, Unreadable, decode_json, parse_object
from .driver import ConnectorSettings
from .ports import ConnectorRefused, ConnectorUnreachable, WrongDevice
from .profile_model import PLACEHOLDERS, Profile, Step, Tier, Value

ATTEMPTS = 2
"""A lost request is made once more; a second loss is an outage."""
MAX_BODY_BYTES = 65536
_NO_TIMEOUT = aiohttp.ClientTimeout()
"""The one time-out is `asyncio.timeout` around the whole request, on the loop's time."""


class HttpWire:
    """Reads and writes a profile's points with GET requests."""

    def __init__(self, profile: Profile, settings: ConnectorSettings, session: aiohttp.ClientSession) -> None:
        """Nothing is sent.

        Raises:
            ValueError: `host` is not a host.
        """
        transport = profile.transport
        self._profile = profile
        self._session = session
        self._headers = {} if transport.keep_alive else {"Connection": "close"}
        try:
            self._base = URL.build(scheme="http", host=settings.host, port=settings.port or transport.port)
        except ValueError as error:
            raise ValueError(f"host: got {settings.host!r}; accepted: a host name or IP address") from error

    async def read(self, tiers: frozenset[Tier]) -> dict[str, Value]:
        """Make the requests of these tiers and take the points out of the answers; missing keys are None.

        Raises:
            ConnectorUnreachable: No answer, or one that breaks off.
            ConnectorRefused: An HTTP error.
            WrongDevice: An answer that is no JSON object, or a redirect.
        """
        values: dict[str, Value] = {}
        for request in self._profile.requests:
            if request.tier in tiers:
                body = await self._get(request.path)
                values |= {
                    point.name: decode_json(point, body)
                    for point in self._profile.points.values()
                    if point.request == request.id
                }
        return values

    async def write(self, step: Step, limit_a: int | None) -> None:
        """Set one step's keys; the connector answers `true` for each key it took.

        Raises:
            ConnectorUnreachable: No answer.
            ConnectorRefused: An HTTP error, or another answer than `true` for a key.
            WrongDevice: An answer that is no JSON object, or a redirect.
        """
        path = step.path if step.unit is None else step.path.replace(PLACEHOLDERS[step.unit], str(step.number(limit_a)))
        answer = await self._get(path)
        for key in URL(path).query:
            if answer.get(key) is not True:
                raise ConnectorRefused(f"{self._base.host}: {key}: got {str(answer.get(key))[:80]!r}; accepted: true")

    async def _get(self, path: str) -> Mapping[str, object]:
        url = self._base.join(URL(path))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with asyncio.timeout(self._profile.transport.timeout_s):
                    return await self._fetch(url)
            except (TimeoutError, aiohttp.ClientError, CutOff) as error:
                if attempt == ATTEMPTS:
                    why = str(error) or type(error).__name__
                    raise ConnectorUnreachable(f"{url}: no usable answer: {why}") from error
            except Unreadable as error:
                raise WrongDevice(f"{url}: {error}; accepted: what a {self._profile.name} answers") from error
        raise AssertionError("the last attempt returns or raises")

    async def _fetch(self, url: URL) -> Mapping[str, object]:
        request = self._session.get(url, headers=self._headers, allow_redirects=False, timeout=_NO_TIMEOUT)
        async with request as response:
            if 300 <= response.status < 400:
                raise Unreadable(f"it sends us elsewhere (HTTP {response.status})")
            if response.status != HTTPStatus.OK:
                raise ConnectorRefused(f"{url}: HTTP {response.status}; is its local interface switched on?")
            body = bytearray()
            async for chunk in response.content.iter_chunked(8192):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise Unreadable(f"the answer is longer than {MAX_BODY_BYTES} bytes")
        return parse_object(body.decode("utf-8", errors="replace"), self._profile.transport.json_fixups)
