"""The API behind Peblar's web interface: login, settings, cards and sessions, as the client `peblar` 2.1.0 knows them.

A login by password gives a cookie; without one everything is answered with 401. The card of the running session stands
in ``statistics/meterhistory`` only (energies in mWh, the running session has no end). ``/rfid/tokenfound`` on the
WebSocket is for enrolling a card: cards shown while the charger does its work are not told there (the client's own
documentation of that topic), so nothing ever comes.
"""

from collections.abc import Callable, Mapping
import json

from aiohttp import web

from demo.boxes.peblar_charger import Peblar, Session
from demo.boxes.push import Listeners, Topics
from demo.boxes.replies import BadBody, json_fields
from demo.physics import Outlet

BASE = "/api/v1/"
COOKIE = "sessionid"
_SESSION_TOPIC = "/session/status/connector/1"
_TOPICS = (_SESSION_TOPIC, "/rfid/tokenfound", "/vehicle/tokenfound", "/system/fwupdate/status")
_SETTINGS: Mapping[str, object] = {
    "BopFallbackCurrent": 6,
    "BopHomeWizardAddress": "",
    "BopSource": "Disabled",
    "BopSourceParameters": "{}",
    "ConnectedPhases": 3,
    "CurrentCtrlBopCtType": "None",
    "CurrentCtrlBopEnable": False,
    "CurrentCtrlBopFuseRating": 25,
    "CurrentCtrlFixedChargeCurrentLimit": 32,
    "GroundMonitoring": True,
    "GroupLoadBalancingEnable": False,
    "GroupLoadBalancingFallbackCurrent": 6,
    "GroupLoadBalancingGroupId": 0,
    "GroupLoadBalancingInterface": "eth0",
    "GroupLoadBalancingMaxCurrent": 32,
    "GroupLoadBalancingRole": "Disabled",
    "HmiBuzzerVolume": 1,
    "HmiLedIntensityManual": 22,
    "HmiLedIntensityMax": 100,
    "HmiLedIntensityMin": 10,
    "HmiLedIntensityMode": "Fixed",
    "LocalRestApiAllowed": True,
    "LocalSmartChargingAllowed": True,
    "ModbusServerAccessMode": "ReadOnly",
    "ModbusServerAllowed": True,
    "ModbusServerEnable": False,
    "PhaseRotation": "RST",
    "PowerLimitInputDi1Inverse": False,
    "PowerLimitInputDi1Limit": 6,
    "PowerLimitInputDi2Inverse": False,
    "PowerLimitInputDi2Limit": 0,
    "PowerLimitInputEnable": False,
    "PredefinedCpoName": "",
    "ScheduledChargingAllowed": True,
    "ScheduledChargingEnable": False,
    "SeccOcppActive": False,
    "SeccOcppUri": "",
    "SolarChargingAllowed": True,
    "SolarChargingEnable": False,
    "SolarChargingMode": "OptimizedSolar",
    "SolarChargingSource": "Disabled",
    "SolarChargingSourceParameters": "{}",
    "TimeZone": "Europe/Berlin",
    "UserDefinedChargeLimitCurrent": 32,
    "UserDefinedChargeLimitCurrentAllowed": True,
    "UserDefinedHouseholdPowerLimit": 20_000,
    "UserDefinedHouseholdPowerLimitAllowed": True,
    "UserDefinedHouseholdPowerLimitEnable": False,
    "UserDefinedHouseholdPowerLimitSource": "Disabled",
    "UserKeepSocketLocked": False,
    "VDEPhaseImbalanceEnable": False,
    "VDEPhaseImbalanceLimit": 20,
    "WebIfUpdateHelper": False,
}
"""`config/user`, apart from what the electronics hold. Parameters are JSON in a text, as the charger sends them."""
_HARDWARE: Mapping[str, object] = {
    "CanChangeChargingPhases": True,
    "CanChargeSinglePhase": True,
    "CanChargeThreePhases": True,
    "CustomerId": "PBLR",
    "EthMacAddr": "02:00:5E:00:10:01",
    "HwFixedCableRating": 32,
    "HwFwCompat": "wlac-2",
    "HwHasBop": True,
    "HwHasBuzzer": True,
    "HwHasEichrechtLaserMarking": False,
    "HwHasEthernet": True,
    "HwHasLed": True,
    "HwHasLte": False,
    "HwHasMeter": True,
    "HwHasMeterDisplay": True,
    "HwHasPlc": False,
    "HwHasRfid": True,
    "HwHasRs485": False,
    "HwHasSocket": True,
    "HwHasTpm": False,
    "HwHasWlan": True,
    "HwOneOrThreePhase": 3,
    "MainboardPn": "6004-2300-7600",
    "MainboardSn": "24-01-A03-8001",
    "MeterFwIdent": "1.5",
    "ProductModelName": "WLAC2-H11R0WE0ICR00",
    "ProductPn": "6004-2300-4605",
    "ProductVendorName": "Peblar",
    "WlanApMacAddr": "02:00:5E:00:10:02",
    "WlanStaMacAddr": "02:00:5E:00:10:03",
    **{f"MeterCal{what}{phase}": 0 for what in ("IGain", "IRmsOffset", "Phase", "VGain") for phase in "ABC"},
}
"""`system/info`, apart from serial number, firmware and rating."""


def complaint(status: int, message: str) -> web.Response:
    """An error as the charger words it, on this API and on the local REST API."""
    return web.json_response({"statusmsg": message}, status=status)


class WebInterface:
    """What the browser speaks to."""

    def __init__(self, peblar: Peblar, outlet: Outlet, listeners: Listeners) -> None:
        """The web interface of `peblar`."""
        self._peblar = peblar
        self._outlet = outlet
        self._listeners = listeners
        self._settings = dict(_SETTINGS)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        name = request.path.removeprefix(BASE)
        if not request.path.startswith(BASE):
            return complaint(404, "Not found")
        try:
            if (request.method, name) == ("POST", "auth/login"):
                return await self._login(request)
            if request.cookies.get(COOKIE) not in self._peblar.logins:
                return complaint(401, "Not logged in")
            if name == "ws":
                return await self._serve_socket(request)
            return await self._signed_in(request, name)
        except BadBody as wrong:
            return complaint(400, str(wrong))

    async def _login(self, request: web.BaseRequest) -> web.Response:
        if (await json_fields(request)).get("Password") != self._peblar.password:
            return complaint(401, "Invalid password")
        response = web.json_response({})
        response.set_cookie(COOKIE, self._peblar.login(), httponly=True)
        return response

    async def _signed_in(self, request: web.BaseRequest, name: str) -> web.Response:
        pages: dict[str, Callable[[], object]] = {
            "auth/status": lambda: {"Active": True, "VersionHash": 1234},
            "config/api-token": lambda: {"ApiToken": self._peblar.api_token},
            "config/user": self._user_configuration,
            "config/auth/standalonelist": lambda: {"Tokens": self._cards()},
            "connector/plug-state": self._plug_state,
            "statistics/meterhistory": self._meter_history,
            "system/info": self._information,
            "system/software/automatic-update/current-versions": self._versions,
            "system/software/automatic-update/available-versions": self._versions,
        }
        if request.method == "GET" and name in pages:
            return web.json_response(pages[name]())
        match request.method, name:
            case "POST", "auth/logout":
                self._peblar.logins.discard(request.cookies[COOKIE])
            case "POST", "config/api-token":
                self._peblar.renew_api_token()
                self._peblar.commanded(name, self._peblar.api_token)
            case "PATCH", "config/user":
                self._configure(await json_fields(request))
            case "POST", "config/auth/standalonelist":
                self._add_card(await json_fields(request))
            case "POST", "system/reboot":
                self._peblar.commanded(name, "HardReboot")
                self._peblar.reboot()
            case "DELETE", _ if name.startswith("config/auth/standalonelist/"):
                if self._peblar.cards.pop(name.rpartition("/")[2], None) is None:
                    return complaint(404, "Token not found")
            case _:
                return complaint(404, "Not found")
        return web.json_response({})

    def _versions(self) -> dict[str, object]:
        return {"Customization": "Peblar-1.10", "Firmware": self._peblar.firmware}

    def _user_configuration(self) -> dict[str, object]:
        return self._settings | {
            "LocalRestApiAccessMode": self._peblar.access_mode,
            "LocalRestApiEnable": self._peblar.rest_enabled,
            "SessionManagerChargeWithoutAuth": self._peblar.free,
        }

    def _configure(self, fields: dict[str, object]) -> None:
        now = self._user_configuration()
        for name, value in fields.items():
            if name not in now or type(value) is not type(now[name]):
                raise BadBody(f"{name}: {value!r} is not accepted")
        mode = fields.get("LocalRestApiAccessMode", self._peblar.access_mode)
        if mode not in ("ReadWrite", "ReadOnly"):
            raise BadBody(f"LocalRestApiAccessMode: {mode!r} is not ReadWrite or ReadOnly")
        self._peblar.access_mode = str(mode)
        self._peblar.rest_enabled = bool(fields.get("LocalRestApiEnable", self._peblar.rest_enabled))
        self._settings |= {name: value for name, value in fields.items() if name in self._settings}
        for name, value in fields.items():
            self._peblar.commanded(name, value)

    def _cards(self) -> list[dict[str, str]]:
        cards = self._peblar.cards.items()
        return [{"RfidTokenUid": uid, "RfidTokenDescription": description} for uid, description in cards]

    def _add_card(self, fields: dict[str, object]) -> None:
        uid, description = fields.get("RfidTokenUid"), fields.get("RfidTokenDescription")
        if not isinstance(uid, str) or not uid or not isinstance(description, str):
            raise BadBody("RfidTokenUid, RfidTokenDescription: two texts are needed")
        self._peblar.cards[uid.upper()] = description
        self._peblar.commanded("config/auth/standalonelist", uid)

    def _plug_state(self) -> dict[str, object]:
        return {"ConnectorId": "1", "PluggedInEV": self._peblar.plugged, "PluggedInEVSE": self._peblar.plugged}

    def _information(self) -> dict[str, object]:
        return dict(_HARDWARE) | {
            "FwIdent": self._peblar.firmware,
            "Hostname": f"PBLR-{self._peblar.serial[-4:]}",
            "HwMaxCurrent": self._peblar.rated_a,
            "ProductSn": self._peblar.serial,
        }

    def _meter_history(self) -> dict[str, object]:
        if not self._peblar.sessions:
            return {"NoSessions": True}
        return {
            "Corrupted": False,
            "CorruptedSession": [False] * len(self._peblar.sessions),
            "MetaData": {
                "MeterHash": "1a1234",
                "MeterVersion": "1.5",
                "MidCertified": True,
                "ProductPn": "6004-2300-4605",
                "ProductSn": self._peblar.serial,
                "TimeZone": "Europe/Berlin",
            },
            "Session": [_history_line(session) for session in self._peblar.sessions],
        }

    def _session_status(self) -> dict[str, object]:
        peblar, outlet = self._peblar, self._outlet
        if not peblar.plugged:
            state = "available" if peblar.token is None else "preparingAuthorized"
        elif not peblar.authorised:
            state = "preparingPluggedIn"
        else:
            state = "charging" if outlet.pilot == "C" else "finishing"
        powers_w = [current_ma * 230 // 1000 for current_ma in outlet.currents_ma]
        return {
            "state": state,
            "meterData": {
                "instantaneousPower": powers_w,
                "sessionEnergy": outlet.session_mws // 3_600_000,
                "totalEnergy": outlet.register_wh,
            },
        }

    async def _serve_socket(self, request: web.BaseRequest) -> web.StreamResponse:
        """Subscribe and unsubscribe by topic; the current status comes right behind the acknowledgement."""
        wanted: set[str] = set()

        def answer(text: str) -> str | None:
            try:
                asked = json.loads(text)
                action, topic = asked["action"], asked["topic"]
            except ValueError, KeyError, TypeError:
                return None
            known = topic in _TOPICS and action in ("subscribe", "unsubscribe")
            if known:
                (wanted.add if action == "subscribe" else wanted.discard)(topic)
            data = {"status": "ok"} if known else {"status": "error", "message": f"unknown topic {topic}"}
            return json.dumps({"type": "result", "topic": topic, "data": data})

        def topics() -> Topics:
            return {_SESSION_TOPIC: self._session_status()} if _SESSION_TOPIC in wanted else {}

        def frame(new: Topics) -> str:
            ((topic, data),) = new.items()
            return json.dumps({"type": "event", "topic": topic, "data": data})

        return await self._listeners.serve(request, topics=topics, frame=frame, answer=answer)


def _history_line(session: Session) -> dict[str, object]:
    line: dict[str, object] = {
        "Checksum": 2_069_550_412 ^ session.number,
        "SessionNumber": session.number,
        "SessionStartEnergymWh": session.start_mwh,
        "SessionStartTime": session.start_time,
    }
    if session.token is not None:
        line["AuthToken"] = session.token
    if session.end_mwh is not None:
        line |= {"SessionEndEnergymWh": session.end_mwh, "SessionEndTime": session.end_time}
    return line
