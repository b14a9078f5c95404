"""Tesla Wall Connector Gen 3: read-only HTTP, no control (connectors.md 1.1-1.5; connectors.yaml ``tesla_twc3``).

It lives behind a contactor: without supply it is dark, after closing it boots, and then charges whoever is plugged in.
Its JSON is sometimes invalid (1.2) and its lifetime counter not to be trusted (1.4): here it creeps while idle and
forgets what the last session was when the supply goes.
"""

from collections.abc import Callable
from enum import StrEnum
import json
from random import Random

from aiohttp import web

from demo.car import MAINS_V
from demo.connectors.boot import Boot
from demo.doors import HttpHandler
from demo.physics import CommandListener, Outlet, nobody_listens
from demo.stalls import Place

BOOT_S = 8
SETTLE_S = 3
"""After its network is up it still reports `evse_state` 0 for a moment."""
CREEP_EVERY_S = 90 * 60
"""The lifetime counter creeps up about every 90 minutes while idle (1.4)."""
_CREEP_WH = 10
_INVALID_ONE_IN = 8
_BOOTING, _NOT_CONNECTED, _WAITING_CAR, _FINISHED, _CHARGING = 0, 1, 9, 8, 11
_LOAD_MA = 500


class Lifetime(StrEnum):
    """What is wrong with the lifetime counter (1.4)."""

    SOUND = "sound"
    CREEPS = "creeps"
    """It grows about every 90 minutes while idle."""
    TENFOLD = "tenfold"
    """Ten times too high (firmware 2.13.66)."""
    STUCK = "stuck"
    """Always 0."""


class Tesla:
    """The wall connector, and the contactor in front of it."""

    def __init__(self, plan: Place, seed: int, *, contactor: bool = True, lifetime: Lifetime = Lifetime.CREEPS) -> None:
        """Contactor open; without a `contactor` on the mains and long since up.

        `seed` decides which answers break, `lifetime` what is wrong with the counter of that name.
        """
        self.commanded: CommandListener = nobody_listens
        self._rated_a = plan.rated_a
        self._boot = Boot(BOOT_S, booted=not contactor)
        self._chance = Random(f"{seed}/{plan.id}")
        self._plugged = False
        self._charged = False
        self._connected_s = 0
        self._idle_s = 0
        self._session_base_mws = 0
        self._last_session_wh = 0.0
        self._lifetime = lifetime
        self._crept_wh = 0
        self.contactor_closed = not contactor
        self.contactor_cycles = 0
        self.openings_under_load = 0
        """How often the contactor was opened while more than 0.5 A flowed; what a good controller avoids."""

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up; None while the contactor is open."""
        return self._boot.left_s if self.contactor_closed else None

    @property
    def phases(self) -> int:
        """Wired with three phases."""
        return 3

    @property
    def supplied(self) -> bool:
        """The contactor feeds wall connector and car alike."""
        return self.contactor_closed and self._boot.left_s == 0

    def switch_contactor(self, closed: bool, outlet: Outlet) -> None:
        """Close or open the contactor in front."""
        if closed == self.contactor_closed:
            return
        self.contactor_closed = closed
        self.contactor_cycles += 1
        self._boot.restart()
        self.commanded("contactor", closed)
        if not closed:
            self.openings_under_load += max(outlet.currents_ma) > _LOAD_MA
            self._forget_session(outlet)

    def car_came(self) -> None:
        """A car was plugged in; the session counter drops to 0 when a new session begins, not at unplug (1.4)."""
        self._plugged, self._charged, self._connected_s = True, False, 0
        self._session_base_mws = 0

    def car_left(self) -> None:
        """The last session's energy stays in view."""
        self._plugged = False

    def reboot(self) -> None:
        """Restart with supply: session values lost, lifetime kept (1.4)."""
        self._boot.restart()

    def second(self, outlet: Outlet) -> int:
        """One second; returns the mA offered: all it has, to anyone."""
        if not self.contactor_closed:
            return 0
        up = self._boot.second()
        if self._plugged:
            self._connected_s += 1
        if not up:
            self._forget_session(outlet)
            return 0
        if outlet.pilot == "C":
            self._charged, self._idle_s = True, 0
        else:
            self._idle_s += 1
            self._crept_wh += _CREEP_WH * (self._idle_s % CREEP_EVERY_S == 0)
        if self._plugged:
            self._last_session_wh = (outlet.session_mws - self._session_base_mws) / 3_600_000
        return self._rated_a * 1000 if self._plugged else 0

    def _forget_session(self, outlet: Outlet) -> None:
        self._session_base_mws = outlet.session_mws
        self._last_session_wh = 0.0
        self._charged = False

    def _evse_state(self, outlet: Outlet) -> int:
        if self._boot.uptime_s < BOOT_S + SETTLE_S:
            return _BOOTING
        if not self._plugged:
            return _NOT_CONNECTED
        if outlet.pilot == "C":
            return _CHARGING
        return _FINISHED if self._charged else _WAITING_CAR

    def vitals(self, outlet: Outlet) -> dict[str, object]:
        """`/api/1/vitals`, newer field set."""
        charging = outlet.pilot == "C"
        a, b, c = (round(current_ma / 1000 + 0.1, 1) for current_ma in outlet.currents_ma)
        volts = (MAINS_V + 0.4, MAINS_V - 0.2, MAINS_V + 0.1) if charging else (0.0, 0.0, 3.1)
        high_v, low_v = (5.9, -11.8) if charging else (8.9, -11.7) if self._plugged else (11.9, 11.9)
        return {
            "contactor_closed": charging,
            "vehicle_connected": self._plugged,
            "session_s": self._connected_s if self._plugged else 0,
            "grid_v": 230.3,
            "grid_hz": 50.012,
            "vehicle_current_a": max(a, b, c),
            "currentA_a": a,
            "currentB_a": b,
            "currentC_a": c,
            "currentN_a": 0.1,
            "voltageA_v": volts[0],
            "voltageB_v": volts[1],
            "voltageC_v": volts[2],
            "relay_k1_v": 6.1 if charging else 11.9,
            "relay_k2_v": 6.1 if charging else 11.9,
            "pcba_temp_c": 36.5 if charging else 17.8,
            "handle_temp_c": 31.0 if charging else 14.2,
            "mcu_temp_c": 41.2 if charging else 23.6,
            "uptime_s": self._boot.uptime_s,
            "input_thermopile_uv": -214,
            "prox_v": 1.5 if self._plugged else 0.0,
            "pilot_high_v": high_v,
            "pilot_low_v": low_v,
            "session_energy_wh": round(self._last_session_wh, 1),
            "config_status": 5,
            "evse_state": self._evse_state(outlet),
            "current_alerts": [],
            "evse_not_ready_reasons": [1] if self._plugged else [4, 8],
        }

    def lifetime(self, outlet: Outlet) -> dict[str, object]:
        """`/api/1/lifetime`: do not bill from its energy."""
        return {
            "contactor_cycles": 412 + self.contactor_cycles,
            "contactor_cycles_loaded": 3 + self.openings_under_load,
            "alert_count": 17,
            "thermal_foldbacks": 0,
            "avg_startup_temp": 31.4,
            "charge_starts": 401,
            "energy_wh": self._lifetime_wh(outlet),
            "connector_cycles": 188,
            "uptime_s": self._boot.uptime_s,
            "charging_time_s": 2_213_345,
        }

    def _lifetime_wh(self, outlet: Outlet) -> int:
        match self._lifetime:
            case Lifetime.SOUND:
                return outlet.register_wh
            case Lifetime.CREEPS:
                return outlet.register_wh + self._crept_wh
            case Lifetime.TENFOLD:
                return outlet.register_wh * 10
            case Lifetime.STUCK:
                return 0

    def version(self, outlet: Outlet) -> dict[str, object]:
        """`/api/1/version`."""
        return {
            "firmware_version": "26.18.0+gabc1234",
            "git_branch": "HEAD",
            "part_number": "1457768-02-G",
            "serial_number": outlet.plan.serial,
            "web_service": "wc.example",
        }

    def wifi_status(self, _outlet: Outlet) -> dict[str, object]:
        """`/api/1/wifi_status`; the SSID is base64 (1.3)."""
        return {
            "wifi_ssid": "Q29uZG9OZXQ=",
            "wifi_signal_strength": 62,
            "wifi_rssi": -59,
            "wifi_snr": 33,
            "wifi_connected": True,
            "wifi_infra_ip": "192.0.2.31",
            "internet": True,
            "wifi_mac": "98:ED:5C:00:00:01",
        }

    def body(self, values: dict[str, object]) -> str:
        """The answer as sent: now and then with a bare ``nan`` or without its last brace (1.2)."""
        sound = json.dumps(values, separators=(",", ":"))
        if self._chance.randrange(_INVALID_ONE_IN):
            return sound
        if self._chance.randrange(2):
            return sound.removesuffix("}")
        for key in ("avg_startup_temp", "pcba_temp_c"):
            if key in values:
                return sound.replace(f'"{key}":{json.dumps(values[key])}', f'"{key}":nan')
        return sound


def http_handler(tesla: Tesla, outlet: Outlet, before: Callable[[], None]) -> HttpHandler:
    """The wall connector's web server: GET only; the content type says HTML (1.2: it is not reliable)."""
    pages = {
        "/api/1/vitals": tesla.vitals,
        "/api/1/lifetime": tesla.lifetime,
        "/api/1/version": tesla.version,
        "/api/1/wifi_status": tesla.wifi_status,
    }

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        before()
        if request.method != "GET":
            return web.Response(status=405, text="method not allowed")
        page = pages.get(request.path)
        if page is None:
            return web.Response(status=404, text="not found")
        return web.Response(text=tesla.body(page(outlet)), content_type="text/html")

    return handle
