"""go-e Charger: local HTTP API v2 (connectors.md 2.2; connectors.yaml ``goe_http_v2``; go-eCharger-API-v2 http-en).

``GET /api/status?filter=a,b`` and ``GET /api/set?key=<json>``; a set is answered with ``true`` or an error text per
key. `frc` and `trx` die with a reboot, `acs`, `amp` and `psm` are stored. Cards are read by the reader on the wall, so
`lri` is not sent (`rde` is off).
"""

from collections.abc import Callable, Mapping
import json

from aiohttp import web

from demo.car import MAINS_V
from demo.connectors.boot import Boot
from demo.doors import HttpHandler
from demo.physics import CommandListener, Outlet, nobody_listens
from demo.stalls import StallPlan

BOOT_S = 15
_IDLE, _CHARGING, _WAIT_CAR, _COMPLETE = 1, 2, 3, 4
_FORCE_NEUTRAL, _FORCE_OFF, _FORCE_ON = 0, 1, 2
_ACCESS_OPEN, _ACCESS_WAIT = 0, 1
_SINGLE_PHASE = 1
_MODEL_ACCESS_CONTROL, _MODEL_FORCED_ON, _MODEL_FORCED_OFF = 2, 3, 4
_MODEL_CHARGING = 15
"""`modelStatus` when nothing stands in the way (API key list: ChargingBecauseFallbackDefault)."""
_CARD_SLOTS = 10


class GoE:
    """The charger's electronics."""

    def __init__(self, plan: StallPlan) -> None:
        """As delivered: access open, nothing forced."""
        self.commanded: CommandListener = nobody_listens
        self._rated_a = plan.rated_a
        self._boot = Boot(BOOT_S)
        self._plugged = False
        self._charged = False
        self._reboots = 0
        self.frc = _FORCE_NEUTRAL
        self.acs = _ACCESS_OPEN
        self.trx: int | None = None
        self.amp = min(plan.rated_a, 16)
        self.psm = 0

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up."""
        return self._boot.left_s

    @property
    def phases(self) -> int:
        """One when `psm` forces it, else three."""
        return 1 if self.psm == _SINGLE_PHASE else 3

    @property
    def supplied(self) -> bool:
        """While it restarts its contactor is open."""
        return self._boot.left_s == 0

    @property
    def allowed(self) -> bool:
        """`alw`: force off wins; access control waits for a transaction even when forced on."""
        return self.frc != _FORCE_OFF and (self.acs == _ACCESS_OPEN or self.trx is not None)

    def car_came(self) -> None:
        """A car was plugged in."""
        self._plugged, self._charged = True, False

    def car_left(self) -> None:
        """The transaction ends with the plug; `frc` stays (``on_unplug: manual``)."""
        self._plugged, self._charged = False, False
        self.trx = None

    def reboot(self) -> None:
        """`frc` and `trx` are lost; `acs=1` is what keeps a rebooted charger closed."""
        self._boot.restart()
        self._reboots += 1
        self.frc, self.trx = _FORCE_NEUTRAL, None

    def second(self, outlet: Outlet) -> int:
        """One second; returns the mA offered."""
        if not self._boot.second() or not self._plugged or not self.allowed:
            return 0
        self._charged = self._charged or outlet.pilot == "C"
        return min(self.amp, self._rated_a) * 1000

    def _car_state(self, outlet: Outlet) -> int:
        """`car`: 4 once charging has stopped for whatever reason, 3 before it began."""
        if not self._plugged:
            return _IDLE
        if outlet.offered_ma and outlet.pilot == "C":
            return _CHARGING
        return _COMPLETE if self._charged else _WAIT_CAR

    def _model_status(self) -> int:
        if self.frc == _FORCE_OFF:
            return _MODEL_FORCED_OFF
        if not self.allowed:
            return _MODEL_ACCESS_CONTROL
        return _MODEL_FORCED_ON if self.frc == _FORCE_ON else _MODEL_CHARGING

    def status(self, outlet: Outlet) -> dict[str, object]:
        """Every key this charger knows."""
        currents_a = [current_ma / 1000 for current_ma in outlet.currents_ma]
        powers_w = [current_a * MAINS_V for current_a in currents_a]
        return {
            "car": self._car_state(outlet),
            "alw": self.allowed,
            "acu": min(self.amp, self._rated_a) if self.allowed else 0,
            "amp": self.amp,
            "ama": self._rated_a,
            "mca": 6,
            "frc": self.frc,
            "acs": self.acs,
            "trx": self.trx,
            "psm": self.psm,
            "pnp": self.phases,
            "nrg": [MAINS_V, MAINS_V, MAINS_V, 0, *currents_a, *powers_w, 0, sum(powers_w), 1, 1, 1, 0],
            "wh": outlet.session_mws / 3_600_000,
            "eto": outlet.register_wh,
            "err": 0,
            "modelStatus": self._model_status(),
            "rbc": self._reboots,
            "rbt": self._boot.uptime_s * 1000,
            "sse": outlet.plan.serial,
            "fwv": "60.4",
            "typ": "go-eCharger_V4",
            "var": 22,
            "rde": False,
        }

    def set(self, key: str, text: str) -> bool | str:
        """Set one key to a JSON value; returns True, or the reason as the charger words it."""
        try:
            value: object = json.loads(text)
        except ValueError:
            return "value is not valid JSON"
        if isinstance(value, bool) or not (value is None or isinstance(value, int)):
            return "value has the wrong type"
        accepted: Mapping[str, bool] = {
            "frc": value in (_FORCE_NEUTRAL, _FORCE_OFF, _FORCE_ON),
            "acs": value in (_ACCESS_OPEN, _ACCESS_WAIT),
            "trx": value is None or 0 <= value <= _CARD_SLOTS,
            "amp": value is not None and 6 <= value <= self._rated_a,
            "psm": value in (0, 1, 2),
        }
        if key not in accepted:
            return "unknown or read-only key"
        if not accepted[key]:
            return "value out of range"
        setattr(self, key, value)
        self.commanded(key, -1 if value is None else value)
        return True


def http_handler(goe: GoE, outlet: Outlet, before: Callable[[], None]) -> HttpHandler:
    """The charger's web server."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        before()
        if request.method != "GET":
            return web.Response(status=405, text="method not allowed")
        if request.path == "/api/status":
            status = goe.status(outlet)
            wanted = request.query.get("filter")
            keys = status if wanted is None else [key for key in wanted.split(",") if key in status]
            return web.json_response({key: status[key] for key in keys})
        if request.path == "/api/set":
            return web.json_response({key: goe.set(key, value) for key, value in request.query.items()})
        return web.Response(status=404, text="not found")

    return handle
