"""openWB Pro over HTTP (connectors.md 2.11; connectors.yaml ``openwb_pro``; openWB/core, chargepoint openwb_pro).

One page, ``/connect.php``: GET reads, a POST of form fields commands. Fields appear only when there is something to
say. Once the heartbeat was switched on, a silence closes the box until somebody speaks and sets a current again.
"""

from collections.abc import Callable, Mapping

from aiohttp import web

from demo.boxes.electronics import Electronics, Watchdog
from demo.boxes.model import Box, BoxModel, Kind, Site
from demo.car import MAINS_V
from demo.doors import HttpHandler
from demo.physics import Outlet, whole_second
from demo.stalls import Place

BOOT_S = 20
HEARTBEAT_S = 120
"""How long a silence may be: the reference names no time [u]."""
_MIN_CENTI_A = 600
CP_PULSE_S = 4


class OpenWbPro(Electronics):
    """The box's electronics."""

    def __init__(self, place: Place, unix_s: Callable[[], int]) -> None:
        """As delivered: no heartbeat asked for. `unix_s` tells the reader the time."""
        super().__init__(rated_a=place.rated_a, boot_s=BOOT_S)
        self.serial = place.serial
        self.heartbeat = False
        """Stored [u]: closed after a restart only when it is on (``closed_if_heartbeat``)."""
        self._unix_s = unix_s
        self._phases = 3
        self.forget()

    def forget(self) -> None:
        """With heartbeat closed; without, the reference does not say: the whole rating, the choice that opens."""
        self.ampere_centi = 0 if self.heartbeat else self.rated_a * 100
        self.phasetarget = 3
        self.tag: tuple[str, int] | None = None
        """The last card and its time; kept until the next."""
        self._interrupted_until_s = 0
        self.watchdog = Watchdog(HEARTBEAT_S if self.heartbeat else 0)

    @property
    def phases(self) -> int:
        """Switched while no current flows."""
        return self._phases

    def heard(self) -> None:
        """Any request is a heartbeat."""
        self.watchdog.feed()

    def live(self, outlet: Outlet) -> None:
        """The heartbeat; phases."""
        if self.watchdog.second():
            self.ampere_centi = 0
        if not any(outlet.currents_ma):
            self._phases = self.phasetarget

    def offer_ma(self) -> int:
        """The set current, unless the pilot is interrupted."""
        return 0 if self.uptime_s <= self._interrupted_until_s else self.ampere_centi * 10

    def enable_heartbeat(self, on: bool) -> None:
        """From now on a silence counts, or no longer."""
        self.heartbeat = on
        self.watchdog = Watchdog(HEARTBEAT_S if on else 0)

    def interrupt_pilot(self, duration_s: int) -> None:
        """Take the pilot away for a while, so that a sleeping car wakes."""
        self._interrupted_until_s = self.uptime_s + duration_s

    def show_card(self, uid: str) -> None:
        """A card: its UID and when it was read."""
        self.tag = (uid.upper(), self._unix_s())


def _command(box: OpenWbPro, form: Mapping[str, str]) -> str | None:
    """Carry out the fields of a form; what is wrong, or None. Nothing is done when one is wrong."""
    try:
        centi = round(float(form["ampere"]) * 100) if "ampere" in form else None
        phases = int(form["phasetarget"]) if "phasetarget" in form else None
        heartbeat = int(form["heartbeatenabled"]) if "heartbeatenabled" in form else None
        duration_s = int(form.get("cp_duration", CP_PULSE_S)) if "cp_interrupt" in form else None
    except ValueError as error:
        return str(error)
    if centi is not None and not (centi == 0 or _MIN_CENTI_A <= centi <= box.rated_a * 100):
        return f"ampere: {form['ampere']} is not 0 or 6 to {box.rated_a}"
    if phases is not None and phases not in (1, 3):
        return f"phasetarget: {phases} is not 1 or 3"
    if heartbeat is not None and heartbeat not in (0, 1):
        return f"heartbeatenabled: {heartbeat} is not 0 or 1"
    if centi is not None:
        box.ampere_centi = centi
    if phases is not None:
        box.phasetarget = phases
    if heartbeat is not None:
        box.enable_heartbeat(bool(heartbeat))
    if duration_s is not None:
        box.interrupt_pilot(duration_s)
    for name in form:
        box.commanded(name, form[name])
    return None


def state(box: OpenWbPro, outlet: Outlet) -> dict[str, object]:
    """`GET /connect.php`."""
    page: dict[str, object] = {
        "date": "2026:01:01-00:00:00",
        "serial": box.serial,
        "plug_state": box.plugged,
        "charge_state": outlet.pilot == "C",
        "offered_current": box.ampere_centi / 100,
        "evse_signaling": "basic iec61851",
        "phases_in_use": sum(current_ma > 0 for current_ma in outlet.currents_ma),
        "phases_target": box.phasetarget,
        "power_all": outlet.power_mw / 1000,
        "currents": [current_ma / 1000 for current_ma in outlet.currents_ma],
        "voltages": [float(MAINS_V)] * 3,
        "imported": outlet.register_wh,
        "exported": 0,
        "v2g_ready": 0,
    }
    if vehicle_id := box.ev_id(outlet):
        page["vehicle_id"] = vehicle_id
    if box.tag is not None:
        page["rfid_tag"], page["rfid_timestamp"] = box.tag
    return page


def http_handler(box: OpenWbPro, outlet: Outlet) -> HttpHandler:
    """The box's web server."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        box.heard()
        if request.path != "/connect.php":
            return web.Response(status=404, text="Not Found")
        if request.method == "GET":
            return web.json_response(state(box, outlet))
        form = {name: str(value) for name, value in (await request.post()).items()}
        wrong = _command(box, form)
        return web.Response(status=400, text=wrong) if wrong else web.Response(text="OK")

    return handle


def _build(site: Site) -> Box:
    (outlet,) = site.outlets
    box = OpenWbPro(outlet.plan, unix_s=lambda: whole_second(site.now()))
    return Box(wallboxes=[box], handler=http_handler(box, outlet))


MODELS = (
    BoxModel(
        id="openwb_pro",
        name="openWB Pro",
        kind=Kind.HTTP,
        build=_build,
        serial="823950",
        has_card=True,
    ),
)
