"""NRGkick Gen2, local JSON API (connectors.md 2.11; connectors.yaml ``nrgkick_gen2_http``; nrgkick-api 1.8.1; the
maker's page "NRGkick Gen2 Local API").

Everything is a GET. A refusal is 406 with a text under ``Response``; all of a refused request is refused. With the API
switched off in the app every answer is 200 and says so under the same key.
"""

from collections.abc import Mapping
import re

from aiohttp import web

from demo.boxes.auth import Basic, Open
from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Options, Site
from demo.car import MAINS_V
from demo.doors import HttpHandler
from demo.physics import Outlet
from demo.stalls import Place

BOOT_S = 8
_STANDBY, _CONNECTED, _CHARGING = 1, 2, 3
_STATUS = {_STANDBY: "STANDBY", _CONNECTED: "CONNECTED", _CHARGING: "CHARGING"}
_RELAYS = {0: "NO_RELAY", 3: "N, L1", 7: "N, L1, L2", 15: "N, L1, L2, L3"}
_REFUSALS = {
    "current_set": "Invalid current entered, allowed 6.0A - 32.0A",
    "charge_pause": "Invalid state entered, allowed 0 / 1",
    "energy_limit": "Invalid limit entered, value must be greater or equal than 0Wh and less or equal than 1000000Wh",
    "phase_count": "Invalid phases entered, allowed 1 - 3",
}
_FORMS = {
    "current_set": re.compile(r"\d{1,2}(\.\d?)?"),
    "charge_pause": re.compile(r"[01]"),
    "energy_limit": re.compile(r"\d{1,7}"),
    "phase_count": re.compile(r"[123]"),
}
_INFO_SECTIONS = ("general", "connector", "grid", "network", "versions")
_VALUE_SECTIONS = ("energy", "powerflow", "general", "temperatures")


class NrgKick(Electronics):
    """The unit on its cable."""

    def __init__(self, place: Place, options: Options) -> None:
        """As bought: charges whoever plugs in."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.serial = place.serial
        self.api_enabled = options.flag("api_enabled")
        self.solar = options.flag("solar_charging")
        """PV mode in the app: commands that pause are refused then."""
        self.charges = 6120
        self.charging_s = 0
        self._pause_ends_at_unplug = options.flag("pause_ends_at_unplug")
        self.forget()

    def forget(self) -> None:
        """After a restart nothing is paused or limited. The reference is silent: the choice that opens."""
        self.current_set = float(self.rated_a)
        self.charge_pause = 0
        self.energy_limit = 0
        self.phase_count = 3
        self._session_mws = 0

    @property
    def phases(self) -> int:
        """As set."""
        return self.phase_count

    @property
    def permitted(self) -> bool:
        """Neither paused nor at the energy limit."""
        used_up = self.energy_limit and self._session_mws >= self.energy_limit * 3_600_000
        return not self.charge_pause and not used_up

    def offer_ma(self) -> int:
        """The set current while permitted."""
        return round(self.current_set * 1000) if self.permitted else 0

    def live(self, outlet: Outlet) -> None:
        """Count the session."""
        self._session_mws = outlet.session_mws
        self.charging_s += outlet.pilot == "C"

    def car_came(self) -> None:
        """One more plug-in."""
        super().car_came()
        self.charges, self.charging_s, self._session_mws = self.charges + 1, 0, 0

    def car_left(self) -> None:
        """The pause stays, unless the option says that it ends with the plug."""
        super().car_left()
        if self._pause_ends_at_unplug:
            self.charge_pause = 0

    def control(self) -> dict[str, object]:
        """`/control` without parameters."""
        return {
            "current_set": self.current_set,
            "charge_pause": self.charge_pause,
            "energy_limit": self.energy_limit,
            "phase_count": self.phase_count,
        }

    def command(self, wanted: Mapping[str, str]) -> tuple[int, dict[str, object]]:
        """Set all of `wanted`, or nothing; returns status and body."""
        for key, text in wanted.items():
            if not self._acceptable(key, text):
                return 406, {"Response": _REFUSALS[key]}
        if self.solar and "charge_pause" in wanted:
            return 406, {"Response": "Charging pause is blocked by solar-charging"}
        done: dict[str, object] = {}
        for key, text in wanted.items():
            value = round(float(text), 1) if key == "current_set" else int(text)
            setattr(self, key, value)
            self.commanded(key, value)
            done[key] = value
        return 200, done

    @staticmethod
    def _acceptable(key: str, text: str) -> bool:
        if not _FORMS[key].fullmatch(text):
            return False
        return {
            "current_set": lambda: 6 <= float(text) <= 32,
            "energy_limit": lambda: int(text) <= 1_000_000,
        }.get(key, lambda: True)()

    def values(self, outlet: Outlet, *, raw: bool) -> dict[str, object]:
        """`/values`; with `raw` states are numbers instead of names."""
        charging = outlet.pilot == "C"
        status = _CHARGING if charging else _CONNECTED if self.plugged else _STANDBY
        relay = {1: 3, 2: 7, 3: 15}[self.phase_count] if charging else 0
        watts = [current_ma * MAINS_V / 1000 for current_ma in outlet.currents_ma]
        phases = {
            f"l{number}": {
                "voltage": MAINS_V,
                "current": current_ma / 1000,
                "active_power": power_w,
                "reactive_power": 0,
                "apparent_power": power_w,
                "power_factor": 1 if power_w else 0,
            }
            for number, (current_ma, power_w) in enumerate(zip(outlet.currents_ma, watts, strict=True), start=1)
        }
        return {
            "energy": {
                "total_charged_energy": outlet.register_wh,
                "charged_energy": outlet.session_mws // 3_600_000,
            },
            "powerflow": {
                "charging_voltage": MAINS_V,
                "charging_current": max(outlet.currents_ma) / 1000,
                "grid_frequency": 50,
                "peak_power": 0,
                "total_active_power": sum(watts),
                "total_reactive_power": 0,
                "total_apparent_power": sum(watts),
                "total_power_factor": 1 if any(watts) else 0,
                **phases,
                "n": {"current": 0},
            },
            "general": {
                "charging_rate": 0,
                "vehicle_connect_time": self.session_s,
                "vehicle_charging_time": self.charging_s,
                "status": status if raw else _STATUS[status],
                "charge_permitted": int(self.permitted),
                "relay_state": relay if raw else _RELAYS[relay],
                "charge_count": self.charges,
                "rcd_trigger": 0 if raw else "NO_FAULT",
                "warning_code": 0 if raw else "NO_WARNING",
                "error_code": 0 if raw else "NO_ERROR",
            },
            "temperatures": {"housing": 34.5, "connector_l1": 22.1, "connector_l2": 22.1, "connector_l3": 22.3},
        }

    def info(self, *, raw: bool) -> dict[str, object]:
        """`/info`."""
        return {
            "general": {
                "serial_number": self.serial,
                "model_type": "NRGkick Gen2 SIM",
                "device_name": "NRGkick",
                "rated_current": self.rated_a,
                "json_api_version": "v1",
            },
            "connector": {"phase_count": 3, "max_current": 32, "type": 1 if raw else "CEE", "serial": "A1234567"},
            "grid": {"voltage": MAINS_V, "frequency": 50, "phases": 7 if raw else "L1, L2, L3"},
            "network": {"ip_address": "192.0.2.50", "mac_adress": "02:00:5E:00:20:01", "ssid": "CondoNet", "rssi": -61},
            "versions": {"sw_sm": "4.0.0.0", "hw_sm": "1.1.0"},
        }


def http_handler(kick: NrgKick, outlet: Outlet, guard: Open | Basic) -> HttpHandler:
    """The SmartModule's web server."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        refusal = guard.refusal(request)
        if refusal is not None:
            return refusal
        if not kick.api_enabled:
            return web.json_response({"Response": "API must be enabled within the NRGkick App"})
        if request.method != "GET":
            return web.json_response({"Response": "Error 405 - Method Not Allowed"}, status=405)
        raw = request.query.get("raw", "0") != "0"
        match request.path:
            case "/values":
                return web.json_response(_sections(kick.values(outlet, raw=raw), request, _VALUE_SECTIONS))
            case "/info":
                return web.json_response(_sections(kick.info(raw=raw), request, _INFO_SECTIONS))
            case "/control":
                wanted = {key: value for key, value in request.query.items() if key in _FORMS}
                status, body = kick.command(wanted) if wanted else (200, kick.control())
                return web.json_response(body, status=status)
        return web.json_response({"Response": "Error 404 - Not Found"}, status=404)

    return handle


def _sections(everything: dict[str, object], request: web.BaseRequest, names: tuple[str, ...]) -> dict[str, object]:
    """The sections asked for in the query; all without one."""
    wanted = [name for name in names if name in request.query] or names
    return {name: everything[name] for name in wanted}


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    kick = NrgKick(outlet.plan, site.options)
    password = site.options.word("password")
    body = '{"Response": "401 Unauthorized"}'
    guard = Basic("NRGkick", site.options.word("user"), password, body=body) if password else Open()
    return Box(wallboxes=[kick], handler=http_handler(kick, outlet, guard))


MODELS = (
    BoxModel(
        id="nrgkick_gen2_http",
        name="NRGkick Gen2 (JSON API)",
        kind=Kind.HTTP,
        build=_build,
        serial="T2332500000000000S1D2",
        options={
            "api_enabled": True,
            "solar_charging": False,
            "pause_ends_at_unplug": False,
            "user": "nrgkick",
            "password": "",
        },
    ),
)
