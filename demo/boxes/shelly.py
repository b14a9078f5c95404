"""A Shelly Gen2 relay on the coil of a contactor, with a Pro 3EM's meter behind it (connectors.md 1.5, 2.12;
connectors.yaml ``shelly_gen2_contactor``; shelly-api-docs: Switch, EM, EMData, Authentication).

The contactor feeds a dumb socket that offers its whole rating to any car as soon as it has power. Nobody can see the
car. `toggle_after` makes the relay a dead man's switch: every `Switch.Set` sets the timer anew, or ends it.
"""

from collections.abc import Callable, Mapping
import json

from aiohttp import web

from demo.boxes.auth import Digest, Open
from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Options, Site
from demo.boxes.replies import BadBody, json_fields, truth, whole
from demo.car import MAINS_V
from demo.doors import HttpHandler
from demo.physics import Outlet, whole_second

BOOT_S = 6
SOCKET_WAKES_S = 5
"""The dumb socket needs this long after the contactor closed [u]."""
COIL_W = 3.5
_LOAD_MA = 500
_INITIAL = ("off", "on", "restore_last", "match_input")
_INVALID, _UNKNOWN_METHOD = -103, 404


class RpcError(Exception):
    """An RPC was refused."""

    def __init__(self, code: int, message: str) -> None:
        """`code` and `message` as the device words them."""
        super().__init__(message)
        self.code = code


class ShellyContactor(Electronics):
    """Relay, contactor, socket and meter."""

    def __init__(self, outlet: Outlet, options: Options) -> None:
        """As bought: off, and after a power cut as before it."""
        super().__init__(rated_a=outlet.plan.rated_a, boot_s=BOOT_S)
        self.id = f"shellypro3em-{outlet.plan.serial.lower()}"
        self._outlet = outlet
        self.has_em = options.flag("em")
        self.em_every_s = options.number("emdata_every_s")
        self.output = False
        self.config_writes = 0
        self.closings = 0
        self.openings_under_load = 0
        self.config: dict[str, object] = {
            "id": 0,
            "name": None,
            "in_mode": "detached",
            "initial_state": options.word("initial_state"),
            "auto_on": False,
            "auto_on_delay": 60.0,
            "auto_off": False,
            "auto_off_delay": 60.0,
        }
        self.source = "init"
        self.timer_s: float | None = None
        """What the running timer was set to."""
        self._timer_since_s = 0
        self._closed_s = 0
        self._coil_mws = 0
        self.booked_wh = outlet.register_wh
        """What `EMData` shows: brought up to the truth every `emdata_every_s` seconds."""
        self._age_s = 0

    @property
    def age_s(self) -> int:
        """Seconds since it was made."""
        return self._age_s

    @property
    def timer_ran_s(self) -> int:
        """Seconds since the timer was set."""
        return self._age_s - self._timer_since_s

    @property
    def coil_wh(self) -> float:
        """What the relay itself measured: the contactor's coil."""
        return self._coil_mws / 3_600_000

    @property
    def supplied(self) -> bool:
        """The contactor feeds the socket; a restarting relay lets go of its coil."""
        return self.output and super().supplied

    def forget(self) -> None:
        """After a power cut the relay is as `initial_state` says (`match_input` with an open input: off)."""
        initial = self.config["initial_state"]
        if initial != "restore_last":
            self._switch(initial == "on")
        self.timer_s, self.source, self._closed_s = None, "init", 0

    def offer_ma(self) -> int:
        """Everything, to anyone, once the socket has woken up."""
        return self.rated_a * 1000 if self.output and self._closed_s > SOCKET_WAKES_S else 0

    def second(self, outlet: Outlet) -> int:
        """One second; returns the mA offered."""
        self._age_s += 1
        if self._age_s % self.em_every_s == 0:
            self.booked_wh = outlet.register_wh
        if self.timer_s is not None and self.timer_ran_s >= self.timer_s:
            self._switch(not self.output)
            self.timer_s, self.source = None, "timer"
        self._closed_s = self._closed_s + 1 if self.output else 0
        self._coil_mws += round(COIL_W * 1000) * self.output
        return super().second(outlet)

    def set(self, on: bool, toggle_after: float | None) -> bool:
        """`Switch.Set`; returns whether it was on. Without `toggle_after` a timer ends; `auto_off` begins one."""
        was_on = self.output
        self._switch(on)
        delay = toggle_after
        if delay is None and self.config["auto_off" if on else "auto_on"]:
            delay = float(str(self.config["auto_off_delay" if on else "auto_on_delay"]))
        self.timer_s, self._timer_since_s, self.source = delay, self._age_s, "http"
        self.commanded("Switch.Set", on)
        if toggle_after is not None:
            self.commanded("toggle_after", toggle_after)
        return was_on

    def _switch(self, on: bool) -> None:
        self.closings += on and not self.output
        self.openings_under_load += not on and self.output and max(self._outlet.currents_ma) > _LOAD_MA
        self.output = on


class Rpc:
    """The methods of the device."""

    def __init__(self, shelly: ShellyContactor, outlet: Outlet, unix_s: Callable[[], int]) -> None:
        """The methods of `shelly`; `unix_s` tells the time."""
        self._shelly = shelly
        self._outlet = outlet
        self._unix_s = unix_s
        self.methods: dict[str, Callable[[dict[str, object]], object]] = {
            "Shelly.GetDeviceInfo": lambda _params: self.device_info(),
            "Shelly.Reboot": self._reboot,
            "Switch.GetStatus": self._switch_status,
            "Switch.GetConfig": self._switch_config,
            "Switch.SetConfig": self._configure,
            "Switch.Set": self._set,
        }
        if shelly.has_em:
            self.methods |= {"EM.GetStatus": self._em_status, "EMData.GetStatus": self._emdata_status}

    def call(self, method: str, params: dict[str, object]) -> object:
        """Carry out a method. Raises RpcError."""
        if method not in self.methods:
            raise RpcError(_UNKNOWN_METHOD, f"No handler for {method}")
        try:
            return self.methods[method](params)
        except BadBody as wrong:
            raise RpcError(_INVALID, f"Invalid argument: {wrong}") from wrong

    def device_info(self) -> dict[str, object]:
        """`Shelly.GetDeviceInfo`, also at `/shelly`; needs no password."""
        return {
            "name": None,
            "id": self._shelly.id,
            "mac": self._shelly.id.rpartition("-")[2].upper(),
            "model": "SPEM-003CEBEU",
            "gen": 2,
            "ver": "2.0.0",
            "app": "Pro3EM",
            "auth_en": False,
        }

    def _reboot(self, _params: dict[str, object]) -> None:
        self._shelly.commanded("Shelly.Reboot", 1)
        self._shelly.reboot()

    def _switch_status(self, params: dict[str, object]) -> dict[str, object]:
        _first(params)
        shelly = self._shelly
        status: dict[str, object] = {
            "id": 0,
            "source": shelly.source,
            "output": shelly.output,
            # The relay carries the coil, never the car: this is not the car's energy.
            "apower": COIL_W if shelly.output else 0.0,
            "voltage": float(MAINS_V),
            "current": round(COIL_W / MAINS_V, 3) if shelly.output else 0.0,
            "aenergy": {"total": round(shelly.coil_wh, 3), "by_minute": [0.0, 0.0, 0.0], "minute_ts": self._unix_s()},
            "temperature": {"tC": 41.2, "tF": 106.2},
        }
        if shelly.timer_s is not None:
            status["timer_started_at"] = float(self._unix_s() - shelly.timer_ran_s)
            status["timer_duration"] = shelly.timer_s
        return status

    def _switch_config(self, params: dict[str, object]) -> dict[str, object]:
        _first(params)
        return dict(self._shelly.config)

    def _configure(self, params: dict[str, object]) -> dict[str, object]:
        """Stored at every call, so it wears the flash."""
        _first(params)
        changes = params.get("config")
        if not isinstance(changes, dict):
            raise BadBody(f"config: {changes!r} is not an object")
        now = self._shelly.config
        for name, value in changes.items():
            if name not in now or name == "id":
                raise BadBody(f"config.{name}: not known")
            if isinstance(now[name], float):
                _seconds(value, f"config.{name}")
            elif now[name] is not None and type(value) is not type(now[name]):
                raise BadBody(f"config.{name}: {value!r}")
        if changes.get("initial_state", "off") not in _INITIAL:
            raise BadBody(f"config.initial_state: {changes['initial_state']!r} is not one of {', '.join(_INITIAL)}")
        self._shelly.config = now | {
            name: float(value) if isinstance(now[name], float) else value for name, value in changes.items()
        }
        self._shelly.config_writes += 1
        self._shelly.commanded("Switch.SetConfig", changes)
        return {"restart_required": False}

    def _set(self, params: dict[str, object]) -> dict[str, object]:
        _first(params)
        on = truth(params, "on")
        after = None if "toggle_after" not in params else _seconds(params["toggle_after"], "toggle_after")
        return {"was_on": self._shelly.set(on, after)}

    def _em_status(self, params: dict[str, object]) -> dict[str, object]:
        _first(params)
        status: dict[str, object] = {"id": 0}
        for phase, current_ma in zip("abc", self._outlet.currents_ma, strict=True):
            power_w = current_ma * MAINS_V / 1000
            status |= {
                f"{phase}_current": current_ma / 1000,
                f"{phase}_voltage": float(MAINS_V),
                f"{phase}_act_power": power_w,
                f"{phase}_aprt_power": power_w,
                f"{phase}_pf": 1.0,
                f"{phase}_freq": 50.0,
            }
        total_w = self._outlet.power_mw / 1000
        return status | {
            "n_current": None,
            "total_current": sum(self._outlet.currents_ma) / 1000,
            "total_act_power": total_w,
            "total_aprt_power": total_w,
            "user_calibrated_phase": [],
        }

    def _emdata_status(self, params: dict[str, object]) -> dict[str, object]:
        _first(params)
        total_wh = float(self._shelly.booked_wh)
        thirds = {f"{phase}_total_act_energy": round(total_wh / 3, 2) for phase in "abc"}
        returned = {f"{phase}_total_act_ret_energy": 0.0 for phase in "abc"}
        return {"id": 0, **thirds, **returned, "total_act": total_wh, "total_act_ret": 0.0}


def _first(params: dict[str, object]) -> None:
    if whole(params, "id") != 0:
        raise BadBody(f"id: {params['id']!r} not found")


def _seconds(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise BadBody(f"{name}: {value!r} is not a number of seconds")
    return float(value)


def _from_query(query: Mapping[str, str]) -> dict[str, object]:
    """Parameters in a query are JSON, each by itself; what is none is a text."""
    params: dict[str, object] = {}
    for name, text in query.items():
        try:
            params[name] = json.loads(text)
        except ValueError:
            params[name] = text
    return params


def http_handler(rpc: Rpc, guard: Open | Digest) -> HttpHandler:
    """RPC over HTTP: ``/rpc/Method?…``, ``POST /rpc/Method`` with parameters, ``POST /rpc`` with a request frame."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.path in ("/shelly", "/rpc/Shelly.GetDeviceInfo"):
            return web.json_response(rpc.device_info() | {"auth_en": not isinstance(guard, Open)})
        refusal = guard.refusal(request)
        if refusal is not None:
            return refusal
        if request.path == "/rpc" and request.method == "POST":
            return await _framed(request)
        if not request.path.startswith("/rpc/"):
            return web.Response(status=404, text="Not Found")
        try:
            posted = request.method == "POST" and await request.read()
            params = await json_fields(request) if posted else _from_query(request.query)
            return web.json_response(rpc.call(request.path.removeprefix("/rpc/"), params))
        except BadBody as wrong:
            return web.json_response({"code": _INVALID, "message": str(wrong)}, status=500)
        except RpcError as error:
            status = 404 if error.code == _UNKNOWN_METHOD else 500
            return web.json_response({"code": error.code, "message": str(error)}, status=status)

    async def _framed(request: web.BaseRequest) -> web.Response:
        frame: dict[str, object] = {}
        try:
            frame = await json_fields(request)
            params = frame.get("params", {})
            if not isinstance(params, dict):
                raise BadBody("params: not an object")
            answer: dict[str, object] = {"result": rpc.call(str(frame.get("method")), params)}
        except BadBody as wrong:
            answer = {"error": {"code": _INVALID, "message": str(wrong)}}
        except RpcError as error:
            answer = {"error": {"code": error.code, "message": str(error)}}
        return web.json_response({"id": frame.get("id"), "src": rpc.device_info()["id"], **answer})

    return handle


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    shelly = ShellyContactor(outlet, site.options)
    password = site.options.word("password")
    guard: Open | Digest = Open()
    if password:
        # The user is always admin, the realm the device's id (shelly-api-docs, Authentication).
        guard = Digest(shelly.id, "admin", password, algorithm="SHA-256", seconds=lambda: shelly.age_s)
    rpc = Rpc(shelly, outlet, unix_s=lambda: whole_second(site.now()))
    return Box(wallboxes=[shelly], handler=http_handler(rpc, guard))


MODELS = (
    BoxModel(
        id="shelly_gen2_contactor",
        name="Shelly relay, contactor and Pro 3EM",
        kind=Kind.HTTP,
        build=_build,
        serial="A0B1C2D3E4F5",
        options={"em": True, "emdata_every_s": 1, "initial_state": "restore_last", "password": ""},
    ),
)
