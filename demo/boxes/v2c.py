"""V2C Trydan over HTTP (connectors.yaml ``v2c_trydan``; home-assistant/core components/v2c).

``GET /RealTimeData`` reads everything, ``GET /read/Key`` one key, ``GET /write/Key=value`` writes one and is answered
with "OK". There is no cumulative register: energy is that of the session, in kWh.
"""

from aiohttp import web

from demo.boxes.electronics import Electronics
from demo.boxes.model import Box, BoxModel, Kind, Options, Site
from demo.doors import HttpHandler
from demo.physics import Outlet
from demo.stalls import Place

BOOT_S = 15
_MIN_A = 6


class Trydan(Electronics):
    """The charger's electronics."""

    def __init__(self, place: Place, options: Options) -> None:
        """As installed: neither paused nor locked."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.serial = place.serial
        self.three_phase_meter = options.flag("three_phase_meter")
        self.locked = 0
        self.forget()

    def forget(self) -> None:
        """Pause and current are lost; the lock stays. The reference is silent: the choice that opens the pause."""
        self.intensity = self.rated_a
        self.paused = 0

    def offer_ma(self) -> int:
        """The set current, unless paused or locked."""
        return 0 if self.paused or self.locked else self.intensity * 1000

    def write(self, key: str, text: str) -> bool:
        """Set a key; False when key or value is not accepted."""
        value = int(text) if text.isdecimal() else -1
        accepted = {
            "Intensity": _MIN_A <= value <= self.rated_a,
            "Paused": value in (0, 1),
            "Locked": value in (0, 1),
        }
        if not accepted.get(key, False):
            return False
        setattr(self, key.lower(), value)
        self.commanded(key, value)
        return True

    def real_time_data(self, outlet: Outlet) -> dict[str, object]:
        """`/RealTimeData`."""
        data: dict[str, object] = {
            "ID": self.serial,
            "ChargeState": {"A": 0, "B": 1, "C": 2}[outlet.pilot],
            "ReadyState": int(not self.paused),
            "ChargePower": outlet.power_mw / 1000,
            "ChargeEnergy": round(outlet.session_mws / 3_600_000_000, 2),
            "SlaveError": 0,
            "ChargeTime": self.session_s,
            "HousePower": 0,
            "FVPower": 0,
            "Paused": self.paused,
            "Locked": self.locked,
            "Timer": 0,
            "Intensity": self.intensity,
            "Dynamic": 0,
            "PauseDynamic": 0,
            "DynamicPowerMode": 1,
            "ContractedPower": 22_000,
            "MinIntensity": _MIN_A,
            "MaxIntensity": self.rated_a,
            "FirmwareVersion": "2.1.7",
        }
        if self.three_phase_meter:
            amps = [current_ma / 1000 for current_ma in outlet.currents_ma]
            data |= {f"IntensityMeasure_L{number}": amp for number, amp in enumerate(amps, start=1)}
        return data


def http_handler(trydan: Trydan, outlet: Outlet) -> HttpHandler:
    """The charger's web server."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET":
            return web.Response(status=405, text="Method Not Allowed")
        if request.path == "/RealTimeData":
            return web.json_response(trydan.real_time_data(outlet))
        if request.path.startswith("/read/"):
            value = trydan.real_time_data(outlet).get(request.path.removeprefix("/read/"))
            return web.Response(status=404, text="Not Found") if value is None else web.Response(text=str(value))
        if request.path.startswith("/write/"):
            key, _, value = request.path.removeprefix("/write/").partition("=")
            return web.Response(text="OK" if trydan.write(key, value) else "ERROR")
        return web.Response(status=404, text="Not Found")

    return handle


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    trydan = Trydan(outlet.plan, site.options)
    return Box(wallboxes=[trydan], handler=http_handler(trydan, outlet))


MODELS = (
    BoxModel(
        id="v2c_trydan",
        name="V2C Trydan",
        kind=Kind.HTTP,
        build=_build,
        serial="W3XV07",
        options={"three_phase_meter": True},
    ),
)
