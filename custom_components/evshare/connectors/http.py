"""A profile's points over HTTP with JSON: one request at a time, bodies repaired where the profile says so.

Connectors are small devices on a building's Wi-Fi, and anybody may sit at their address: redirects are not followed,
and bodies are read to a bound. Facts: connector reference 1.1 and 1.2 (Tesla), 2.2 (go-e), 2.10 and 2.11 (others).
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from yarl import URL

from .decode import Body, CutOff, Unreadable, decode_json, parse_body
from .ports import ConnectorRefused, ConnectorUnreachable, NotAllowed, WrongDevice
from .profile_model import Point, Profile, Request, Step
from .profile_values import PLACEHOLDERS, Tier, Value
from .settings import ConnectorSettings

ATTEMPTS = 2
"""A lost request is made once more; a second loss is an outage."""
MAX_BODY_BYTES = 65536
_NO_TIMEOUT = aiohttp.ClientTimeout()
"""The one time-out is `asyncio.timeout` around the whole request, on the loop's time."""


class HttpWire:
    """Reads and writes a profile's points with HTTP requests."""

    def __init__(self, profile: Profile, settings: ConnectorSettings, session: aiohttp.ClientSession) -> None:
        """Nothing is sent.

        Raises:
            ValueError: `host` is not a host, or a password or token is missing.
        """
        transport = profile.transport
        self._settings = settings
        self._session = session
        self._headers = {} if transport.keep_alive else {"Connection": "close"}
        self._options: dict[str, Any] = {}
        self._present_credentials(profile)
        port = settings.port or transport.port + (settings.point - 1) * transport.port_step
        try:
            self._base = URL.build(scheme="http", host=settings.host, port=port)
        except ValueError as error:
            raise ValueError(f"host: got {settings.host!r}; accepted: a host name or IP address") from error
        self._lists: dict[str, list[object]] = {}
        self.adopt(profile)

    def adopt(self, profile: Profile) -> None:
        """Read and write as another variant of the model says."""
        self._profile = profile
        self._points: dict[str, list[Point]] = {request.id: [] for request in profile.requests}
        for point in profile.points.values():
            self._points[point.request].append(point)
        self._indexes = {request.index_from for request in profile.requests if request.index_from}

    async def read(self, tiers: frozenset[Tier]) -> dict[str, Value]:
        """Make the requests of these tiers and take the points out of the answers; missing keys are None.

        Raises:
            ConnectorUnreachable: No answer, or one that breaks off.
            ConnectorRefused: An HTTP error.
            WrongDevice: An answer that is no JSON object, or a redirect.
        """
        values: dict[str, Value] = {}
        for request in self._profile.requests:
            if request.tier in tiers or (request.id in self._indexes and request.id not in self._lists):
                values |= await self._taken(request)
        return values

    async def write(self, step: Step, limit_a: int | None) -> None:
        """Make one written request; its answer must be what the profile says.

        Raises:
            ConnectorUnreachable: No answer.
            ConnectorRefused: An HTTP error, or an answer that is a refusal.
            WrongDevice: An answer that is no JSON object, or a redirect.
        """
        number = step.number(limit_a, self._settings.phases) if step.unit else None
        url = self._base.join(URL(str(_filled(step.path, step.unit, number))))
        options: dict[str, Any] = {}
        if step.json is not None:
            options["json"] = _filled(step.json, step.unit, number)
        elif step.form is not None:
            options["data"] = {key: str(_filled(value, step.unit, number)) for key, value in step.form.items()}
        elif step.method != "GET":
            options["data"] = b""
        await self._ask(step.method, url, options, lambda text: self._check_answer(url, text))

    def _present_credentials(self, profile: Profile) -> None:
        transport, settings = profile.transport, self._settings
        given = settings.token if transport.auth == "header" else settings.password
        if transport.auth_required and not given:
            missing = "token" if transport.auth == "header" else "password"
            raise ValueError(f"{missing}: got none; accepted: the one of the {profile.name}")
        user = settings.username or transport.auth_user
        match transport.auth:
            case "header" if settings.token:
                self._headers[transport.auth_header] = settings.token
            case "basic" if settings.password:
                self._headers["Authorization"] = aiohttp.encode_basic_auth(user, settings.password)
            case "digest" if settings.password:
                self._options["middlewares"] = (aiohttp.DigestAuthMiddleware(user, settings.password),)

    async def _taken(self, request: Request) -> dict[str, Value]:
        points = self._points[request.id]
        try:
            body = await self._ask("GET", self._base.join(URL(request.path)), {}, self._parsed)
        except _NotThere:
            if request.optional:
                return dict.fromkeys((point.name for point in points), None)
            raise
        if request.id in self._indexes and isinstance(body, list):
            self._lists[request.id] = body
        index = self._lists.get(request.index_from or "", [])
        return {
            point.name: decode_json(point, body)
            if point.value_id is None
            else decode_json(point, body, (index.index(point.value_id),) if point.value_id in index else ("",))
            for point in points
        }

    def _check_answer(self, url: URL, text: str) -> None:
        rule = self._profile.transport.answer
        if rule is None:
            return
        if rule.contains is not None:
            if rule.contains not in text:
                raise ConnectorRefused(f"{self._base.host}: got {text[:80]!r}; accepted: {rule.contains}")
            return
        body = self._parsed(text)
        answer = body if isinstance(body, Mapping) else {}
        if rule.refused_key is not None and rule.refused_key in answer:
            raise ConnectorRefused(f"{self._base.host}: {str(answer[rule.refused_key])[:80]}")
        for key in url.query if rule.true_per_key else ():
            if answer.get(key) is not True:
                raise ConnectorRefused(f"{self._base.host}: {key}: got {str(answer.get(key))[:80]!r}; accepted: true")

    def _parsed(self, text: str) -> Body:
        return parse_body(text, self._profile.transport.json_fixups)

    async def _ask[T](self, method: str, url: URL, options: Mapping[str, Any], use: Callable[[str], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with asyncio.timeout(self._profile.transport.timeout_s):
                    return use(await self._fetch(method, url, options))
            except (TimeoutError, aiohttp.ClientError, CutOff) as error:
                if attempt == ATTEMPTS:
                    why = str(error) or type(error).__name__
                    raise ConnectorUnreachable(f"{url}: no usable answer: {why}") from error
            except Unreadable as error:
                raise WrongDevice(f"{url}: {error}; accepted: what a {self._profile.name} answers") from error
        raise AssertionError("the last attempt returns or raises")

    async def _fetch(self, method: str, url: URL, options: Mapping[str, Any]) -> str:
        request = self._session.request(
            method,
            url,
            headers=self._headers,
            allow_redirects=False,
            timeout=_NO_TIMEOUT,
            **self._options,
            **options,
        )
        async with request as response:
            if 300 <= response.status < 400:
                raise Unreadable(f"it sends us elsewhere (HTTP {response.status})")
            if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise NotAllowed(f"{url}: HTTP {response.status}; it refuses our user name, password or token")
            if response.status == HTTPStatus.NOT_FOUND:
                raise _NotThere(f"{url}: HTTP 404; is its local interface switched on?")
            if not 200 <= response.status < 300:
                raise ConnectorRefused(f"{url}: HTTP {response.status}; is its local interface switched on?")
            body = bytearray()
            async for chunk in response.content.iter_chunked(8192):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise Unreadable(f"the answer is longer than {MAX_BODY_BYTES} bytes")
        return body.decode("utf-8", errors="replace")


class _NotThere(ConnectorRefused):
    """It does not know this path."""


def _filled(template: object, unit: str | None, number: object) -> object:
    """A path or body with the number in its place; a text that is nothing but the place becomes the number."""
    mark = PLACEHOLDERS.get(unit or "", "")
    if isinstance(template, str):
        if not mark:
            return template
        return number if template == mark else template.replace(mark, str(number))
    if isinstance(template, Mapping):
        return {key: _filled(value, unit, number) for key, value in template.items()}
    return template
