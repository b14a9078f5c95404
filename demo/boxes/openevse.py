"""OpenEVSE with its WiFi gateway (connectors.md 2.11; connectors.yaml ``openevse_http``; python-openevse-http 1.9.1;
openevse_esp32_firmware api.yml).

Several parties may *claim* the EVSE: the claim of highest priority that says something about state or current wins,
`max_current` is the minimum over all. A manual override is such a claim. With ``auto_release`` a claim vanishes when
the car leaves; none survives a restart. There is one current transformer: `amp` is L1's, in mA.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import json
from typing import Protocol
from urllib.parse import parse_qs

from aiohttp import web

from demo.boxes.auth import Basic, Open
from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Options, Site
from demo.boxes.push import Listeners, Topics
from demo.boxes.replies import BadBody, json_fields
from demo.car import MAINS_V
from demo.doors import HttpHandler
from demo.physics import Outlet
from demo.stalls import Place

BOOT_S = 12
MIN_A = 6
_NOT_CONNECTED, _CONNECTED, _CHARGING, _SLEEPING, _DISABLED = 1, 2, 3, 254, 255
_OVERRIDE, _OVERRIDE_PRIORITY, _API_PRIORITY = 65_538, 1000, 500
_PROPERTIES: Mapping[str, type] = {
    "state": str,
    "charge_current": int,
    "max_current": int,
    "auto_release": bool,
}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one party wants."""

    client: int
    priority: int
    properties: Mapping[str, object]

    @property
    def auto_release(self) -> bool:
        """Whether it ends when the car leaves."""
        return self.properties.get("auto_release") is True


class OpenEvse(Electronics):
    """Controller and gateway."""

    def __init__(self, place: Place, options: Options) -> None:
        """As delivered: enabled, no claim."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.serial = place.serial
        self.three_phase = options.flag("three_phase")
        self.switches_phases = options.flag("phase_switch")
        self.pause_uses_disabled = options.flag("pause_uses_disabled")
        self.claims_version = 0
        self.charging_s = 0
        self.forget()

    def forget(self) -> None:
        """Claims are not stored: after a restart it is enabled."""
        self.claims: dict[int, Claim] = {}
        self._phases = 3 if self.three_phase else 1

    @property
    def phases(self) -> int:
        """As built, or as switched over RAPI."""
        return self._phases

    @property
    def override(self) -> Claim | None:
        """The manual override."""
        return self.claims.get(_OVERRIDE)

    def winner(self, name: str) -> Claim | None:
        """Whose word counts for a property."""
        saying = [claim for claim in self.claims.values() if name in claim.properties]
        return max(saying, key=lambda claim: claim.priority, default=None)

    @property
    def active(self) -> bool:
        """Whether it may charge; it does when nobody claims otherwise."""
        claim = self.winner("state")
        return claim is None or claim.properties["state"] == "active"

    @property
    def charge_a(self) -> int:
        """The current it shows to the car. Out of range is taken as the nearest limit, without a word [u]."""
        claim = self.winner("charge_current")
        wanted_a = self.rated_a if claim is None else _number(claim.properties["charge_current"])
        return max(MIN_A, min(wanted_a, self.max_a))

    @property
    def max_a(self) -> int:
        """The lowest `max_current` anyone wants; below 6 A it is 6 A, because less cannot be shown."""
        wanted_a = [_number(claim.properties["max_current"]) for claim in self.claims.values() if _caps(claim)]
        return max(MIN_A, min([self.rated_a, *wanted_a]))

    def offer_ma(self) -> int:
        """The winning current while active."""
        return self.charge_a * 1000 if self.active else 0

    def claim(self, client: int, priority: int, properties: Mapping[str, object]) -> None:
        """Make or replace a claim."""
        self.claims[client] = Claim(client=client, priority=priority, properties=properties)
        self.claims_version += 1

    def release(self, client: int) -> bool:
        """End a claim; False when there is none."""
        self.claims_version += client in self.claims
        return self.claims.pop(client, None) is not None

    def switch_phases(self, phases: int) -> None:
        """RAPI ``$S7``."""
        self._phases = phases

    def live(self, outlet: Outlet) -> None:
        """The session clock runs while it charges."""
        self.charging_s += outlet.pilot == "C"

    def car_came(self) -> None:
        """A new session."""
        super().car_came()
        self.charging_s = 0

    def car_left(self) -> None:
        """Claims that release themselves are gone."""
        super().car_left()
        for claim in [claim for claim in self.claims.values() if claim.auto_release]:
            self.release(claim.client)

    def status(self, outlet: Outlet) -> dict[str, object]:
        """`/status`."""
        state = _CHARGING if outlet.pilot == "C" else _CONNECTED if self.plugged else _NOT_CONNECTED
        if not self.active:
            state = _DISABLED if self.pause_uses_disabled else _SLEEPING
        amp_ma = outlet.currents_ma[0]
        return {
            "mode": "STA",
            "wifi_client_connected": 1,
            "net_connected": 1,
            "ipaddress": "192.0.2.40",
            "evse_connected": 1,
            "amp": amp_ma,
            "voltage": MAINS_V,
            "power": outlet.power_mw / 1000,
            "pilot": self.charge_a,
            "max_current": self.max_a,
            "temp": 243,
            "state": state,
            "status": "active" if self.active else "disabled",
            "vehicle": int(self.plugged),
            "manual_override": int(self.override is not None),
            "elapsed": self.charging_s,
            "session_energy": outlet.session_mws / 3_600_000,
            "total_energy": outlet.register_wh / 1000,
            "gfcicount": 0,
            "nogndcount": 0,
            "stuckcount": 0,
            "uptime": self.uptime_s,
            "config_version": 1,
            "claims_version": self.claims_version,
            "override_version": self.claims_version,
        }

    def config(self) -> dict[str, object]:
        """`/config`."""
        return {
            "buildenv": "openevse_wifi_v1",
            "version": "v5.1.2",
            "firmware": "7.1.3",
            "protocol": "-",
            "wifi_serial": self.serial,
            "hostname": f"openevse-{self.serial[-4:].lower()}",
            "min_current_hard": MIN_A,
            "max_current_hard": self.rated_a,
            "max_current_soft": self.rated_a,
            "service": 2,
            "is_threephase": self.three_phase,
            "pause_uses_disabled": self.pause_uses_disabled,
            "default_state": True,
            "rfid_enabled": False,
        }


def _caps(claim: Claim) -> bool:
    """A `max_current` of 0 stands for none (api.yml's example)."""
    return _number(claim.properties.get("max_current", 0)) > 0


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


class _Page(Protocol):
    async def __call__(self, request: web.BaseRequest) -> web.Response: ...


class Gateway:
    """The web server's pages."""

    def __init__(self, evse: OpenEvse, outlet: Outlet) -> None:
        """The pages of `evse`."""
        self._evse = evse
        self._outlet = outlet

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        pages: dict[str, _Page] = {
            "status": self._status,
            "config": self._config,
            "override": self._override,
            "r": self._rapi,
        }
        name, _, rest = request.path.removeprefix("/").partition("/")
        try:
            if name == "claims":
                return await self._claims(request, rest)
            if rest or name not in pages:
                return web.Response(status=404, text="Not found")
            return await pages[name](request)
        except BadBody as wrong:
            return _message(400, str(wrong))

    async def _status(self, request: web.BaseRequest) -> web.Response:
        return _only_get(request) or web.json_response(self._evse.status(self._outlet))

    async def _config(self, request: web.BaseRequest) -> web.Response:
        return _only_get(request) or web.json_response(self._evse.config())

    async def _override(self, request: web.BaseRequest) -> web.Response:
        evse = self._evse
        match request.method:
            case "GET":
                return web.json_response({} if evse.override is None else dict(evse.override.properties))
            case "POST":
                properties = await _properties(request)
                evse.claim(_OVERRIDE, _OVERRIDE_PRIORITY, properties)
                evse.commanded("override", properties)
                return _message(201, "Created")
            case "PATCH":
                if not evse.release(_OVERRIDE):
                    evse.claim(_OVERRIDE, _OVERRIDE_PRIORITY, {"state": "disabled" if evse.active else "active"})
                evse.commanded("override", "toggle")
                return _message(200, "Updated")
            case "DELETE":
                evse.release(_OVERRIDE)
                evse.commanded("override", None)
                return _message(200, "Deleted")
        return _message(405, "Method not allowed")

    async def _claims(self, request: web.BaseRequest, client_text: str) -> web.Response:
        evse = self._evse
        if request.method == "GET" and not client_text:
            return web.json_response([_as_json(claim) for claim in evse.claims.values()])
        if request.method == "GET" and client_text == "target":
            return web.json_response(self._target())
        if not client_text.isdecimal():
            return _message(404, "Not found")
        client = int(client_text)
        claim = evse.claims.get(client)
        if request.method == "POST":
            properties = await _properties(request)
            evse.claim(client, _API_PRIORITY, properties)
            evse.commanded(f"claims/{client}", properties)
            return _message(200, "done")
        if claim is None:
            return _message(404, "Not found")
        if request.method == "DELETE":
            evse.release(client)
            evse.commanded(f"claims/{client}", None)
            return _message(200, "done")
        return web.json_response(dict(claim.properties))

    def _target(self) -> dict[str, object]:
        """Whose word counts, and what it is."""
        evse = self._evse
        state, current = evse.winner("state"), evse.winner("charge_current")
        properties: dict[str, object] = {"state": "active" if evse.active else "disabled"}
        if current is not None:
            properties["charge_current"] = evse.charge_a
        clients = {"state": state, "charge_current": current}
        return {
            "properties": properties,
            "claims": {name: claim.client for name, claim in clients.items() if claim is not None},
        }

    async def _rapi(self, request: web.BaseRequest) -> web.Response:
        """RAPI over HTTP; phases can be switched only where ``$G7`` is answered with ``$OK``."""
        query = request.query.get("rapi")
        if request.method == "POST":
            posted = parse_qs(await request.text()).get("rapi")
            query = posted[0] if posted else query
        command, *arguments = (query or "").split()[:3] or [""]
        answer = "$NK^21"
        if self._evse.switches_phases and command == "$G7":
            answer = f"$OK {self._evse.phases}"
        if self._evse.switches_phases and command == "$S7" and arguments in (["1"], ["3"]):
            self._evse.switch_phases(int(arguments[0]))
            self._evse.commanded("$S7", int(arguments[0]))
            answer = "$OK"
        return web.json_response({"cmd": query, "ret": answer})


def _as_json(claim: Claim) -> dict[str, object]:
    return {"client": claim.client, "priority": claim.priority, **claim.properties}


async def _properties(request: web.BaseRequest) -> dict[str, object]:
    fields = await json_fields(request)
    for name, value in fields.items():
        if name not in _PROPERTIES:
            raise BadBody(f"{name}: not a property of a claim")
        if type(value) is not _PROPERTIES[name]:
            raise BadBody(f"{name}: {value!r} is not {_PROPERTIES[name].__name__}")
    if fields.get("state", "active") not in ("active", "disabled"):
        raise BadBody(f"state: {fields['state']!r} is not active or disabled")
    return fields


def _only_get(request: web.BaseRequest) -> web.Response | None:
    return None if request.method == "GET" else _message(405, "Method not allowed")


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"msg": text}, status=status)


def _frame(new: Topics) -> str:
    """Only what changed, as one object."""
    return json.dumps(dict(new))


def _pong(text: str) -> str | None:
    return json.dumps({"pong": 1}) if text.replace(" ", "") == '{"ping":1}' else None


def http_handler(
    gateway: Gateway, listeners: Listeners, guard: Open | Basic, status: Callable[[], Topics]
) -> HttpHandler:
    """The gateway's web server."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        refusal = guard.refusal(request)
        if refusal is not None:
            return refusal
        if request.path == "/ws":
            return await listeners.serve(request, topics=status, frame=_frame, answer=_pong)
        response = await gateway.answer(request)
        if request.method != "GET":
            listeners.changed()
        return response

    return handle


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    evse = OpenEvse(outlet.plan, site.options)
    listeners = Listeners()
    password = site.options.word("password")
    guard = Basic("openevse", site.options.word("user"), password) if password else Open()
    handler = http_handler(Gateway(evse, outlet), listeners, guard, lambda: evse.status(outlet))
    return Box(wallboxes=[evse], handler=handler, pulse=listeners.changed)


MODELS = (
    BoxModel(
        id="openevse_http",
        name="OpenEVSE with WiFi gateway 5.1",
        kind=Kind.HTTP,
        build=_build,
        serial="9C9C1FE50001",
        options={
            "three_phase": True,
            "phase_switch": False,
            "pause_uses_disabled": False,
            "user": "admin",
            "password": "",
        },
    ),
)
