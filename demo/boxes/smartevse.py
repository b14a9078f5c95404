"""SmartEVSE v3 (connectors.md 2.11; connectors.yaml ``smartevse3_http``; SmartEVSE-3 docs/REST_API.md, src/esp32.cpp).

Its web server takes parameters in the query, wants a POST with an announced body (of length 0), and answers one request
per connection. Without ``Content-Length`` it waits for a body that never comes; a second request on the same connection
finds nobody there. A value it does not like is answered with 200 and "Value not allowed!" for that key.
"""

import asyncio
from collections.abc import Callable
import weakref

from aiohttp import web

from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Options, Site
from demo.doors import HttpHandler
from demo.physics import Outlet
from demo.stalls import Place

BOOT_S = 10
REFUSED = "Value not allowed!"
_OFF, _NORMAL, _SOLAR, _SMART, _PAUSE = 0, 1, 2, 3, 4
_MODES = {_OFF: "OFF", _NORMAL: "NORMAL", _SOLAR: "SOLAR", _SMART: "SMART", _PAUSE: "PAUSE"}
_ACCESS_OFF, _ACCESS_ON, _ACCESS_PAUSE = 0, 1, 2
_A, _B, _C, _B1, _C1 = 0, 1, 2, 9, 10
_STATES = {
    _A: "Ready to Charge",
    _B: "Connected to EV",
    _C: "Charging",
    _B1: "Connected to EV, no PWM",
    _C1: "Stop Charging",
}
_C2 = ("Not present", "Always Off", "Solar Off", "Always On", "Auto")
_C2_ALWAYS_OFF, _C2_ALWAYS_ON = 1, 3
_RMT = "Rmt/OCPP"
_READERS = ("Disabled", "EnableAll", _RMT)
_NO_TAG = "0" * 14


class SmartEvse(Electronics):
    """The controller."""

    def __init__(self, place: Place, options: Options) -> None:
        """As installed: Normal mode, no override, three phases."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.serial = place.serial
        self.old_firmware = options.flag("old_firmware")
        """Before 3.11.2: no mode 4, energies in kWh, power in another unit (kW here [u])."""
        self.reader = options.word("rfid_reader")
        if self.reader not in _READERS:
            raise ValueError(f"options: rfid_reader is {self.reader!r}; accepted is {', '.join(_READERS)}")
        self.cards = {uid.upper() for uid in options.word("cards").split(",") if uid}
        self.c2 = _C2_ALWAYS_ON
        self._phases = 3
        self._offering = False
        self.forget()

    def forget(self) -> None:
        """After a restart it is in Normal mode without override. The reference does not say: the choice that opens."""
        self.mode = _NORMAL
        self.override_da = 0
        self.access = _ACCESS_OFF if self.reader == "EnableAll" else _ACCESS_ON
        self.last_tag = _NO_TAG

    @property
    def phases(self) -> int:
        """The second contactor moves only when charging begins (REST_API.md, enable_C2)."""
        return self._phases

    @property
    def charge_da(self) -> int:
        """What it gives the car in 0.1 A; 0 without a car or access."""
        if not self.plugged or self.access != _ACCESS_ON or self.mode not in (_NORMAL, _SMART):
            return 0
        return self.override_da or self.rated_a * 10

    def offer_ma(self) -> int:
        """What it gives the car."""
        return self.charge_da * 100

    def live(self, outlet: Outlet) -> None:
        """The second contactor follows its setting at the next start of a charge."""
        begins = bool(self.charge_da) and not self._offering and not any(outlet.currents_ma)
        if begins:
            self._phases = 1 if self.c2 == _C2_ALWAYS_OFF else 3
        self._offering = bool(self.charge_da)

    def car_left(self) -> None:
        """Mode and override stay; a card's access ends with the plug."""
        super().car_left()
        if self.reader == "EnableAll":
            self.access = _ACCESS_OFF

    def show_card(self, uid: str) -> None:
        """Seven bytes are shown, shorter UIDs with zeros behind [u]; it stays until another card, or a restart."""
        if self.reader == "Disabled":
            raise ValueError("this SmartEVSE has no reader")
        self.last_tag = uid.upper()[:14].ljust(14, "0")
        if self.reader == "EnableAll" and uid.upper() in self.cards:
            self.access = _ACCESS_OFF if self.access == _ACCESS_ON else _ACCESS_ON

    def set_mode(self, text: str) -> object:
        """`mode`. Solar and Smart need a mains meter, and there is none, so they are refused in silence."""
        mode = int(text) if text.isdecimal() else -1
        if mode not in _MODES or (mode == _PAUSE and self.old_firmware):
            return REFUSED
        if mode not in (_SOLAR, _SMART):
            self.mode = mode
            self.access = {_OFF: _ACCESS_OFF, _PAUSE: _ACCESS_PAUSE}.get(mode, _ACCESS_ON)
            self.commanded("mode", mode)
        return _MODES[self.mode]

    def set_override(self, text: str) -> object:
        """`override_current` in 0.1 A; only in Normal and Smart mode, 0 ends it."""
        value = int(text) if text.isdecimal() else -1
        if self.mode not in (_NORMAL, _SMART) or not (value == 0 or 60 <= value <= self.rated_a * 10):
            return REFUSED
        self.override_da = value
        self.commanded("override_current", value)
        return value

    def set_c2(self, text: str) -> object:
        """`enable_C2`: a setting, not a movement."""
        value = int(text) if text.isdecimal() else -1
        if not 0 <= value < len(_C2):
            return REFUSED
        self.c2 = value
        self.commanded("enable_C2", value)
        return _C2[value]

    def _state(self, outlet: Outlet) -> int:
        if not self.plugged:
            return _A
        if not self.charge_da:
            return _C1 if any(outlet.currents_ma) else _B1
        return _C if outlet.pilot == "C" else _B

    def settings(self, outlet: Outlet) -> dict[str, object]:
        """`GET /settings`."""
        state = self._state(outlet)
        evse: dict[str, object] = {
            "temp": 24,
            "temp_max": 60,
            "connected": self.plugged,
            "access": self.access,
            "mode": self.mode,
            "loadbl": 0,
            "pwm": 1024,
            "state": _STATES[state],
            "state_id": state,
            "error": "None",
            "error_id": 0,
            "rfidreader": self.reader,
            "nrofphases": self._phases,
            "rfid": "Not Installed" if self.reader == "Disabled" else "Ready to read card",
        }
        if self.reader != "Disabled":
            evse["rfid_lastread"] = self.last_tag
        return {
            "version": "v3.10.3" if self.old_firmware else "v3.11.4",
            "serialnr": self.serial,
            "mode": _MODES[self.mode],
            "mode_id": self.mode,
            "car_connected": self.plugged,
            "evse": evse,
            "settings": {
                "charge_current": self.charge_da,
                "override_current": self.override_da,
                "current_min": 6,
                "current_max": self.rated_a,
                "current_main": self.rated_a,
                "enable_C2": _C2[self.c2],
                "mains_meter": "Disabled",
            },
            "ev_meter": self._meter(outlet),
        }

    def _meter(self, outlet: Outlet) -> dict[str, object]:
        l1_da, l2_da, l3_da = (current_ma // 100 for current_ma in outlet.currents_ma)
        meter: dict[str, object] = {
            "description": "Eastron3P",
            "address": 11,
            "currents": {"TOTAL": l1_da + l2_da + l3_da, "L1": l1_da, "L2": l2_da, "L3": l3_da},
            "export_active_energy": 0,
        }
        power_w, total_wh, charged_wh = outlet.power_mw // 1000, outlet.register_wh, outlet.session_mws // 3_600_000
        if self.old_firmware:
            total_kwh = round(total_wh / 1000, 1)
            return meter | {
                "import_active_power": power_w / 1000,
                "total_kwh": total_kwh,
                "charged_kwh": round(charged_wh / 1000, 1),
                "import_active_energy": total_kwh,
            }
        return meter | {
            "import_active_power": power_w,
            "total_wh": total_wh,
            "charged_wh": charged_wh,
            "import_active_energy": total_wh,
        }


def http_handler(evse: SmartEvse, outlet: Outlet) -> HttpHandler:
    """The web server, with its habits."""
    served: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()
    keys: dict[str, Callable[[str], object]] = {
        "mode": evse.set_mode,
        "override_current": evse.set_override,
        "disable_override_current": lambda _value: evse.set_override("0"),
        "enable_C2": evse.set_c2,
    }

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            if transport in served:
                transport.abort()
                await _forever()
            served.add(transport)
        if request.method == "POST" and "Content-Length" not in request.headers:
            await _forever()
        return await _answer(request)

    async def _forever() -> None:
        """Until the client leaves."""
        await asyncio.get_running_loop().create_future()

    async def _answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/settings" and request.method == "GET":
            return web.json_response(evse.settings(outlet))
        if request.method != "POST" or request.path not in ("/settings", "/reboot"):
            return web.Response(status=404, text="Not found")
        if await request.read():
            return web.Response(status=400, text="Parameters belong into the query")
        if request.path == "/reboot":
            evse.commanded("reboot", 1)
            evse.reboot()
            return web.json_response({"reboot": True})
        # Mode first, as the override depends on it.
        wanted = sorted(request.query.items(), key=lambda item: item[0] != "mode")
        return web.json_response({key: keys[key](value) for key, value in wanted if key in keys})

    return handle


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    evse = SmartEvse(outlet.plan, site.options)
    return Box(wallboxes=[evse], handler=http_handler(evse, outlet))


MODELS = (
    BoxModel(
        id="smartevse3_http",
        name="SmartEVSE v3",
        kind=Kind.HTTP,
        build=_build,
        serial="51446",
        has_card=True,
        options={"rfid_reader": _RMT, "cards": "", "old_firmware": False},
    ),
)
