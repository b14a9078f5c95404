"""Peblar's local REST API, WLAC version 1 (connectors.md 2.10; connectors.yaml ``peblar_rest``; peblar 2.1.0).

The token stands bare in the ``Authorization`` header. Errors are JSON with a `statusmsg`. The same port serves the web
interface (``peblar_web.py``), where a card of the running session can be read.
"""

from collections import deque
from collections.abc import Callable

from aiohttp import web

from demo.boxes.model import Box, BoxModel, Kind, Site
from demo.boxes.peblar_charger import Peblar
from demo.boxes.peblar_web import WebInterface, complaint
from demo.boxes.push import Listeners
from demo.boxes.replies import BadBody, json_fields, truth, whole
from demo.car import MAINS_V, MIN_OFFER_MA
from demo.doors import HttpHandler
from demo.physics import Outlet, whole_second

BASE = "/api/wlac/v1/"
RATE_WINDOW_S = 10
_READ_WRITE = "ReadWrite"
_CP_STATES = {"A": "State A", "B": "State B", "C": "State C"}


class RestApi:
    """The local REST API."""

    def __init__(self, peblar: Peblar, outlet: Outlet, rate_limit: int) -> None:
        """At most `rate_limit` requests in any 10 s of the device's time [u]; 0 for no limit."""
        self._peblar = peblar
        self._outlet = outlet
        self._rate_limit = rate_limit
        self._recent: deque[int] = deque()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        peblar = self._peblar
        if not peblar.rest_enabled:
            return complaint(403, "Local REST API is disabled")
        if self._too_many():
            return complaint(429, "Too many requests")
        if request.headers.get("Authorization") != peblar.api_token:
            return complaint(401, "Invalid API token")
        pages: dict[str, Callable[[], dict[str, object]]] = {
            "evinterface": self.ev_interface,
            "meter": self.meter,
            "system": self.system,
            "health": lambda: {"AccessMode": peblar.access_mode, "ApiVersion": "1.0"},
        }
        name = request.path.removeprefix(BASE)
        if request.method == "GET" and name in pages:
            return web.json_response(pages[name]())
        changes = {("PATCH", "evinterface"), ("PUT", "evinterface"), ("POST", "authorization/charge-session")}
        if (request.method, name) not in changes:
            known = name in pages or name == "authorization/charge-session"
            return complaint(405, "Method not allowed") if known else complaint(404, "Not found")
        if peblar.access_mode != _READ_WRITE:
            return complaint(403, "Local REST API is read only")
        try:
            return await self._change(request, name)
        except BadBody as wrong:
            return complaint(400, str(wrong))

    async def _change(self, request: web.BaseRequest, name: str) -> web.Response:
        fields = await json_fields(request)
        if name == "evinterface":
            self._change_ev_interface(fields, whole_set=request.method == "PUT")
            return web.json_response(self.ev_interface())
        self._authorise(fields)
        return web.json_response({})

    def _too_many(self) -> bool:
        now_s = self._peblar.uptime_s
        while self._recent and not 0 <= now_s - self._recent[0] < RATE_WINDOW_S:
            self._recent.popleft()
        if self._rate_limit and len(self._recent) >= self._rate_limit:
            return True
        self._recent.append(now_s)
        return False

    def _change_ev_interface(self, fields: dict[str, object], *, whole_set: bool) -> None:
        writable = {"ChargeCurrentLimit", "Force1Phase"}
        if unknown := sorted(set(fields) - writable):
            raise BadBody(f"{unknown[0]}: not a writable field")
        if whole_set and (missing := sorted(writable - set(fields))):
            raise BadBody(f"{missing[0]}: missing")
        limit_ma, single = self._peblar.limit_ma, self._peblar.force_single_phase
        if "ChargeCurrentLimit" in fields:
            limit_ma = whole(fields, "ChargeCurrentLimit")
            highest_ma = self._peblar.rated_a * 1000
            if limit_ma != 0 and not MIN_OFFER_MA <= limit_ma <= highest_ma:
                raise BadBody(f"ChargeCurrentLimit: {limit_ma} is not 0 or {MIN_OFFER_MA} to {highest_ma}")
        if "Force1Phase" in fields:
            single = truth(fields, "Force1Phase")
        self._peblar.limit_ma, self._peblar.force_single_phase = limit_ma, single
        for name, value in fields.items():
            self._peblar.commanded(name, value)

    def _authorise(self, fields: dict[str, object]) -> None:
        """Presents a token of the standalone list, by UID or description; an unknown one is taken in silence."""
        if fields.get("Method") != "Rfid":
            raise BadBody(f"Method: {fields.get('Method')!r} is not 'Rfid'")
        token, name = fields.get("Token"), fields.get("Name")
        if (token is None) == (name is None):
            raise BadBody("Token, Name: give one of the two")
        by_name = {description: uid for uid, description in self._peblar.cards.items()}
        uid = by_name.get(str(name), "") if token is None else str(token)
        self._peblar.present(uid)
        self._peblar.commanded("authorization/charge-session", uid)

    def ev_interface(self) -> dict[str, object]:
        """`evinterface`."""
        peblar = self._peblar
        limited = peblar.limit_ma < peblar.rated_a * 1000
        return {
            "ChargeCurrentLimit": peblar.limit_ma,
            "ChargeCurrentLimitActual": peblar.actual_limit_ma,
            "ChargeCurrentLimitSource": "Local REST API" if limited else "Installation limit",
            "CpState": _CP_STATES[self._outlet.pilot],
            "Force1Phase": peblar.force_single_phase,
            "LockState": peblar.plugged,
        }

    def meter(self) -> dict[str, object]:
        """`meter`: mA, W, V, Wh."""
        outlet = self._outlet
        values: dict[str, object] = {
            "EnergySession": outlet.session_mws // 3_600_000,
            "EnergyTotal": outlet.register_wh,
            "PowerTotal": outlet.power_mw // 1000,
        }
        for phase, current_ma in enumerate(outlet.currents_ma, start=1):
            values[f"CurrentPhase{phase}"] = current_ma
            values[f"PowerPhase{phase}"] = current_ma * MAINS_V // 1000
            values[f"VoltagePhase{phase}"] = MAINS_V
        return values

    def system(self) -> dict[str, object]:
        """`system`."""
        return {
            "ActiveErrorCodes": [],
            "ActiveWarningCodes": [],
            "CellularSignalStrength": None,
            "FirmwareVersion": self._peblar.firmware,
            "Force1PhaseAllowed": True,
            "PhaseCount": 3,
            "ProductPn": "6004-2300-4605",
            "ProductSn": self._peblar.serial,
            "Uptime": self._peblar.uptime_s,
            "WlanSignalStrength": -57,
        }


def http_handler(rest: RestApi, interface: WebInterface) -> HttpHandler:
    """Both doors of the charger's web server."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(BASE):
            return await rest.answer(request)
        return await interface.answer(request)

    return handle


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    peblar = Peblar(outlet, site.options, unix_s=lambda: whole_second(site.now()))
    listeners = Listeners()
    rest = RestApi(peblar, outlet, site.options.number("rate_limit"))
    interface = WebInterface(peblar, outlet, listeners)
    return Box(wallboxes=[peblar], handler=http_handler(rest, interface), pulse=listeners.changed)


MODELS = (
    BoxModel(
        id="peblar_rest",
        name="Peblar Business",
        kind=Kind.HTTP,
        build=_build,
        serial="24-01-A03-0001",
        has_card=True,
        options={
            "api_token": "0123456789abcdef0123456789abcdef",
            "password": "peblar",
            "firmware": "1.10.0+1+WL-1.10",
            "charge_without_auth": True,
            "cards": "",
            "rest_enabled": True,
            "access_mode": _READ_WRITE,
            "rate_limit": 0,
            "new_token_at_reboot": False,
        },
    ),
)
