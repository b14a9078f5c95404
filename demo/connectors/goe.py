"""go-e Charger: local HTTP API v2 (connectors.md 2.2; connectors.yaml ``goe_http_v2``; go-eCharger-API-v2 http-en).

``GET /api/status?filter=a,b`` and ``GET /api/set?key=<json>``; a set is answered with ``true`` or an error text per
key. `frc` and `trx` die with a reboot, `acs`, `amp`, `psm` and `dwo` are stored. Cards it read are sent as `lri` only
where `rde` is on. Modbus drives the same electronics (``demo/boxes/goe.py``).
"""

from collections.abc import Callable, Mapping, Sequence
import json

from aiohttp import web

from demo.car import MAINS_V, MWS_PER_WH
from demo.connectors.boot import Boot
from demo.doors import HttpHandler
from demo.physics import CommandListener, Outlet, nobody_listens
from demo.stalls import Place

BOOT_S = 15
DEFECT, IDLE, CHARGING, WAIT_CAR, COMPLETE, ERROR = 0, 1, 2, 3, 4, 5
MIN_A = 6
MAX_CARD_SLOTS = 10
NO_GROUND = 8
"""Error code: no ground was detected."""
_FORCE_NEUTRAL, _FORCE_OFF, _FORCE_ON = 0, 1, 2
_ACCESS_OPEN, _ACCESS_WAIT = 0, 1
_SINGLE_PHASE = 1
_MODEL_ACCESS_CONTROL, _MODEL_FORCED_ON, _MODEL_FORCED_OFF = 2, 3, 4
_MODEL_CHARGING = 15
"""`modelStatus` when nothing stands in the way (API key list: ChargingBecauseFallbackDefault)."""


class GoE:
    """The charger's electronics."""

    def __init__(
        self, plan: Place, *, sends_cards: bool = False, cards: Sequence[str] = (), force_on_opens_access: bool = False
    ) -> None:
        """As delivered: access open, nothing forced.

        `cards` are the UIDs it was taught, in the order of their slots. Whether forcing it on opens access control too
        is not said by the reference; by default it does not, which is harder for a driver.
        """
        self.commanded: CommandListener = nobody_listens
        self._rated_a = plan.rated_a
        self._boot = Boot(BOOT_S)
        self.rde = sends_cards
        """Whether it sends the last card; stored."""
        self._cards = [card.upper() for card in cards]
        self.card_mws = [0] * MAX_CARD_SLOTS
        """What each card slot has charged."""
        self._force_on_opens_access = force_on_opens_access
        self._plugged = False
        self._charged = False
        self._reboots = 0
        self.faulty = False
        """Set by a test: it found no ground, nothing is offered."""
        self.frc = _FORCE_NEUTRAL
        self.acs = _ACCESS_OPEN
        self.trx: int | None = None
        self.dwo: float | None = None
        """Energy limit of a session in Wh."""
        self.psm = 0
        self.last_card = ""
        """UID it read last; stays until the next one or a restart."""
        self.amp = min(plan.rated_a, 16)
        self.stored_amp = self.amp
        self.eeprom_writes = 0
        """How often the stored current was written; good for about 100 000 times."""

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
    def plugged(self) -> bool:
        """Whether a car is there."""
        return self._plugged

    @property
    def rated_a(self) -> int:
        """What the installer set."""
        return self._rated_a

    @property
    def allowed(self) -> bool:
        """`alw`: force off wins; access control waits for a transaction even when forced on."""
        if self.frc == _FORCE_OFF or self.faulty:
            return False
        if self.frc == _FORCE_ON and self._force_on_opens_access:
            return True
        return self.acs != _ACCESS_WAIT or self.trx is not None

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
        self.frc, self.trx, self.amp, self.last_card = _FORCE_NEUTRAL, None, self.stored_amp, ""
        self.faulty = False

    def show_card(self, uid: str) -> None:
        """Hold a card before the reader; one it was taught starts a transaction where access control waits for one."""
        self.last_card = uid
        if self.acs == _ACCESS_WAIT and self.trx is None and uid.upper() in self._cards:
            self.trx = self._cards.index(uid.upper()) + 1

    def store_amp(self, amp: int) -> None:
        """A current that holds from now on and after a restart."""
        self.amp = self.stored_amp = amp
        self.eeprom_writes += 1

    def second(self, outlet: Outlet) -> int:
        """One second; returns the mA offered."""
        if self.trx:
            self.card_mws[self.trx - 1] += outlet.power_mw
        if not self._boot.second() or not self._plugged or not self.allowed or self._limit_reached(outlet):
            return 0
        self._charged = self._charged or outlet.pilot == "C"
        return min(self.amp, self._rated_a) * 1000

    def _limit_reached(self, outlet: Outlet) -> bool:
        return self.dwo is not None and outlet.session_mws >= self.dwo * MWS_PER_WH

    def car_state(self, outlet: Outlet) -> int:
        """`car`: 4 once charging has stopped for whatever reason, 3 before it began."""
        if self.faulty:
            return ERROR
        if not self._plugged:
            return IDLE
        if outlet.offered_ma and outlet.pilot == "C":
            return CHARGING
        return COMPLETE if self._charged else WAIT_CAR

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
        card: dict[str, object] = {"lri": self.last_card.lower() or None} if self.rde else {}
        return {
            "car": self.car_state(outlet),
            "alw": self.allowed,
            "acu": min(self.amp, self._rated_a) if self.allowed else 0,
            "amp": self.amp,
            "ama": self._rated_a,
            "mca": MIN_A,
            "frc": self.frc,
            "acs": self.acs,
            "trx": self.trx,
            "psm": self.psm,
            "pnp": self.phases,
            "dwo": self.dwo,
            "nrg": [MAINS_V, MAINS_V, MAINS_V, 0, *currents_a, *powers_w, 0, sum(powers_w), 1, 1, 1, 0],
            "wh": outlet.session_mws / 3_600_000,
            "eto": outlet.register_wh,
            "err": NO_GROUND if self.faulty else 0,
            "modelStatus": self._model_status(),
            "rbc": self._reboots,
            "rbt": self._boot.uptime_s * 1000,
            "sse": outlet.plan.serial,
            "fwv": "60.4",
            "typ": "go-eCharger_V4",
            "var": 22,
            "rde": self.rde,
            "cards": self._card_slots(),
            **card,
        }

    def _card_slots(self) -> list[dict[str, object]]:
        """`cards`: each slot's name, energy in Wh, and whether a card was taught to it."""
        taught = len(self._cards)
        return [
            {"name": f"User {slot}" if slot <= taught else "n/a", "energy": mws // MWS_PER_WH, "cardId": slot <= taught}
            for slot, mws in enumerate(self.card_mws, start=1)
        ]

    def set(self, key: str, text: str) -> bool | str:
        """Set one key to a JSON value; returns True, or the reason as the charger words it."""
        try:
            value: object = json.loads(text)
        except ValueError:
            return "value is not valid JSON"
        if key == "rde" and isinstance(value, bool):
            self.rde = value
            self.commanded(key, value)
            return True
        if isinstance(value, bool) or not (value is None or isinstance(value, int)):
            return "value has the wrong type"
        accepted: Mapping[str, bool] = {
            "frc": value in (_FORCE_NEUTRAL, _FORCE_OFF, _FORCE_ON),
            "acs": value in (_ACCESS_OPEN, _ACCESS_WAIT),
            "trx": value is None or 0 <= value <= MAX_CARD_SLOTS,
            "amp": value is not None and MIN_A <= value <= self._rated_a,
            "psm": value in (0, 1, 2),
            "dwo": value is None or value >= 0,
        }
        if key not in accepted:
            return "unknown or read-only key"
        if not accepted[key]:
            return "value out of range"
        if key == "amp" and value is not None:
            self.store_amp(value)
        else:
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
