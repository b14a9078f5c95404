"""A box that speaks only OCPP 1.6J: a WebSocket client with a will of its own (ocpi-ocpp.md section 10).

It calls its central system, tells its statuses, asks about cards and reports transactions; what concerns a transaction
it keeps in order until it was answered, also over an outage. Time is `now()`; `tick` lives up to it. It has nothing
of the product in it, and no timer: who owns `now` says when it reconnects.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
import ssl

import aiohttp

from demo.boxes import ocpp_messages as messages
from demo.boxes.ocpp_cards import CardMemory
from demo.boxes.ocpp_configuration import Configuration
from demo.boxes.ocpp_line import Line, Message, NotLetIn, Payload
from demo.boxes.ocpp_outlet import CONNECTION_TIMEOUT_S, Manners, OcppOutlet, Transaction
from demo.boxes.ocpp_signed import SigningMeter
from demo.car import Car
from demo.physics import Outlet, whole_second
from demo.stalls import Place

__all__ = ["Manners", "NotLetIn", "OcppBox"]

BOOT_S = 20

type Obeyed = tuple[Payload, Callable[[], None] | None]


@dataclass(kw_only=True)
class OcppBox:
    """The box."""

    url: str
    """Of the central system, without the identity."""
    identity: str
    password: str | None
    now: Callable[[], datetime]
    serial: str = "OB-1001"
    points: int = 1
    rated_a: int = 32
    register_start_wh: int = 137_000
    manners: Manners = field(default_factory=Manners)
    user: str | None = None
    """None: its identity, as it must be."""
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        """Hang it on the wall, switched off."""
        self.configuration = Configuration(self.manners)
        self.configuration["NumberOfConnectors"] = str(self.points)
        self.outlets = [self._connector(number) for number in range(1, self.points + 1)]
        self._lived = whole_second(self.now())
        self._line = Line(self.identity, self._obey)
        self._cards = CardMemory(self.configuration)
        self.signing_meter = SigningMeter(self.serial)

    def _connector(self, number: int) -> OcppOutlet:
        start_wh = self.register_start_wh * number
        place = Place(
            id=f"{self.identity}-{number}", name=self.identity, serial=self.serial, register_start_wh=start_wh
        )
        return OcppOutlet(number=number, rated_a=self.rated_a, outlet=Outlet(plan=place), manners=self.manners)

    # --- its network -------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether it has a connection."""
        return self._line.connected

    @property
    def commands(self) -> list[tuple[str, Payload]]:
        """What it was told, in order."""
        return self._line.commands

    @property
    def answers(self) -> list[tuple[str, Payload]]:
        """What its own calls were answered with."""
        return self._line.answers

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Its own calls that were answered with an error: action and code."""
        return self._line.errors

    async def connect(self, *, boot: bool = True) -> None:
        """Call the central system; `boot` False after a mere loss of the network. Raises `NotLetIn`."""
        headers: dict[str, str] = {}
        if self.password is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(self.user or self.identity, self.password)
        await self._line.connect(self.url, headers, self.manners.subprotocol, self.tls)
        if boot:
            self._say("BootNotification", lambda: messages.boot(self.serial))
        for outlet in self.outlets:
            if boot or outlet.said != outlet.status:
                self._say_status(outlet)

    async def drop(self) -> None:
        """The network is gone, from one moment to the next."""
        await self._line.drop()

    async def quiet(self) -> None:
        """Wait until it has said everything it can say now."""
        await self._line.quiet()

    # --- what people do ----------------------------------------------------------------------------------------

    def plug(self, car: Car, point: int = 1) -> None:
        """Plug a car in."""
        outlet = self.outlets[point - 1]
        outlet.outlet.plug(car, outlet)
        if outlet.transaction is None and outlet.authorised is not None:
            self._begin(outlet, outlet.authorised[0])
        self._tell()

    def unplug(self, point: int = 1) -> Car:
        """Take the car away."""
        outlet = self.outlets[point - 1]
        car = outlet.outlet.unplug(outlet)
        if outlet.transaction is not None and self.configuration.on("StopTransactionOnEVSideDisconnect"):
            if self.manners.frees_before_stop:
                ended = outlet.transaction
                outlet.end()
                self._tell()
                self._say_stop(outlet, ended, "EVDisconnected", None)
            else:
                self._end(outlet, "EVDisconnected")
        self._tell()
        return car

    def show_card(self, uid: str, point: int = 1) -> None:
        """Hold a card before the reader."""
        outlet = self.outlets[point - 1]
        running = outlet.transaction
        if running is not None and running.tag == uid:
            self._end(outlet, "Local", uid)
            self._tell()
        elif self.manners.authorises_locally or self._cards.lets_in(uid, online=self.connected):
            self._authorised(outlet, uid)
        elif self.connected:
            self._say("Authorize", lambda: {"idTag": uid}, lambda answer: self._told_of_card(outlet, uid, answer))

    def press_stop(self, point: int = 1) -> None:
        """Press the stop button."""
        self._end(self.outlets[point - 1], "Local")
        self._tell()

    def start_again(self, uid: str, point: int = 1) -> None:
        """Begin a transaction whatever anybody says (a box with a fault)."""
        self._begin(self.outlets[point - 1], uid)
        self._tell()

    def say_again(self, action: str, payload: Payload) -> None:
        """Send a call as it is given."""
        self._say(action, lambda: payload)

    async def reboot(self) -> None:
        """Restart: the network is gone, and stays so for `BOOT_S` seconds of its time."""
        await self.drop()
        for outlet in self.outlets:
            running = outlet.transaction
            outlet.reboot()
            outlet.dark_s = BOOT_S
            if running is not None and not self.manners.resumes_after_reboot:
                outlet.end()
                outlet.finishing = False
                if not self.manners.forgets_on_reboot:
                    self._say_stop(outlet, running, "Reboot", None)
        self.configuration.rebooted()

    # --- time --------------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Live up to `now`, and say what there is to say."""
        until = whole_second(self.now())
        while self._lived < until:
            self._lived += 1
            for outlet in self.outlets:
                outlet.outlet.second(outlet)
                self._sample(outlet)
            self._tell()
        await self.quiet()

    def true_register_wh(self, point: int = 1) -> int:
        """What its register truly counted."""
        return self.outlets[point - 1].outlet.register_wh

    def delivered_wh(self, point: int = 1) -> int:
        """Everything that ever flowed there."""
        return self.outlets[point - 1].outlet.delivered_mws // 3_600_000

    @property
    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._lived, UTC)

    def _sample(self, outlet: OcppOutlet) -> None:
        every_s = int(self.configuration["MeterValueSampleInterval"])
        if outlet.transaction is not None and every_s and outlet.sampled_s >= every_s:
            outlet.sampled_s = 0
            self._say_meter(outlet, outlet.transaction)

    # --- what it says ------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Tell statuses that changed."""
        for outlet in self.outlets:
            if outlet.said != outlet.status and not outlet.dark_s:
                self._say_status(outlet)

    def _say_status(self, outlet: OcppOutlet) -> None:
        if not self.connected:
            return
        outlet.said = outlet.status
        payload = messages.status(outlet, self._moment)
        self._say("StatusNotification", lambda: payload)

    def _say_meter(self, outlet: OcppOutlet, transaction: Transaction | None) -> None:
        if self.manners.unmetered:
            return
        value = messages.meter_value(outlet, self._moment)

        def payload() -> Payload:
            own = {} if transaction is None else {"transactionId": transaction.id}
            return {"connectorId": outlet.number, **own, "meterValue": [value]}

        if transaction is None:
            self._say("MeterValues", payload)
        else:
            self._line.keep(Message(action="MeterValues", payload=payload))

    def _say_start(self, outlet: OcppOutlet, transaction: Transaction) -> None:
        payload = messages.start(outlet, transaction)

        def answered(answer: Payload) -> None:
            transaction.id = answer["transactionId"]
            transaction.accepted = answer["idTagInfo"]["status"] == "Accepted"
            refused = not transaction.accepted and outlet.transaction is transaction
            if refused and self.configuration.on("StopTransactionOnInvalidId") and not self.manners.keeps_going:
                self._end(outlet, "DeAuthorized")
                self._tell()

        self._line.keep(
            Message(action="StartTransaction", payload=lambda: payload, answered=answered, times=self._times)
        )

    def _say_stop(self, outlet: OcppOutlet, transaction: Transaction, reason: str, tag: str | None) -> None:
        rest = messages.stop(outlet, self._moment, reason, tag)
        if self.manners.signs_transactions:
            begin, end = (transaction.started_at, transaction.start_wh), (self._moment, outlet.register_wh)
            signed = self.signing_meter.sign(transaction.tag, begin, end)
            rest = {**rest, **messages.transaction_data(self._moment, self.signing_meter.sampled(signed))}
        self._line.keep(
            Message(
                action="StopTransaction", payload=lambda: {"transactionId": transaction.id, **rest}, times=self._times
            )
        )

    @property
    def _times(self) -> int:
        return 2 if self.manners.says_twice else 1

    def _say(
        self,
        action: str,
        payload: Callable[[], Payload],
        answered: Callable[[Payload], None] = lambda _: None,
    ) -> None:
        """Say something that is worth nothing later."""
        self._line.say(Message(action=action, payload=payload, answered=answered))

    # --- what it hears -----------------------------------------------------------------------------------------

    def _obey(self, action: str, payload: Payload) -> Obeyed:
        """The answer to a command, and what is done after it was sent."""
        answer, act = self._carry_out(action, payload)

        def acted() -> None:
            if act is not None:
                act()
            self._tell()

        return answer, acted

    def _carry_out(self, action: str, payload: Payload) -> Obeyed:
        if payload.get("connectorId", 0) > self.points:
            return {"status": "Rejected"}, None
        match action:
            case "GetConfiguration":
                return {"configurationKey": self.configuration.listed(), "unknownKey": []}, None
            case "ChangeConfiguration":
                return {"status": self.configuration.write(payload["key"], payload["value"])}, None
            case "RemoteStartTransaction":
                return self._remote_start(payload)
            case "RemoteStopTransaction":
                return self._remote_stop(payload["transactionId"])
            case "SetChargingProfile":
                return {"status": self._limit(payload)}, None
            case "ClearChargingProfile":
                point = payload.get("connectorId", 0)
                for outlet in self.outlets if point == 0 else [self.outlets[point - 1]]:
                    outlet.unlimit()
                return {"status": "Accepted"}, None
            case "ClearCache":
                self._cards.clear()
                return {"status": "Accepted"}, None
            case "TriggerMessage":
                return self._trigger(payload)
            case "ChangeAvailability":
                outlet = self.outlets[payload["connectorId"] - 1]
                outlet.operative = payload["type"] == "Operative"
                return {"status": "Accepted" if outlet.transaction is None else "Scheduled"}, None
            case _:
                return {"status": "NotSupported"}, None

    def _remote_start(self, payload: Payload) -> Obeyed:
        outlet, tag = self.outlets[payload.get("connectorId", 1) - 1], payload["idTag"]
        if self.manners.refuses_remote_start or outlet.transaction is not None or not outlet.operative:
            return {"status": "Rejected"}, None

        def act() -> None:
            if self.manners.asks_for_remote_starts or self.configuration.on("AuthorizeRemoteTxRequests"):
                self._say("Authorize", lambda: {"idTag": tag}, lambda answer: self._told_of_card(outlet, tag, answer))
            else:
                self._authorised(outlet, tag)

        return {"status": "Accepted"}, act

    def _remote_stop(self, transaction: int) -> Obeyed:
        for outlet in self.outlets:
            running = outlet.transaction
            if running is not None and running.id == transaction and not self.manners.refuses_remote_stop:
                return {"status": "Accepted"}, partial(self._end, outlet, "Remote")
        return {"status": "Rejected"}, None

    def _limit(self, payload: Payload) -> str:
        profile = payload["csChargingProfiles"]
        (period,) = profile["chargingSchedule"]["chargingSchedulePeriod"]
        point = payload["connectorId"]
        outlets = self.outlets if point == 0 else [self.outlets[point - 1]]
        purpose, transaction = profile["chargingProfilePurpose"], profile.get("transactionId")
        taken = [outlet.limit(purpose, period["limit"], transaction) for outlet in outlets]
        return "Accepted" if all(taken) else "NotSupported" if self.manners.refuses_all_limits else "Rejected"

    def _trigger(self, payload: Payload) -> Obeyed:
        if self.manners.refuses_triggers:
            return {"status": "NotImplemented"}, None
        message, point = payload["requestedMessage"], payload.get("connectorId")
        asked = self.outlets if point is None else [self.outlets[point - 1]]

        def act() -> None:
            match message:
                case "BootNotification":
                    self._say("BootNotification", lambda: messages.boot(self.serial))
                case "StatusNotification":
                    for outlet in asked:
                        self._say_status(outlet)
                case "MeterValues":
                    for outlet in asked:
                        self._say_meter(outlet, None)

        return {"status": "Accepted"}, act

    # --- what it decides ---------------------------------------------------------------------------------------

    def _told_of_card(self, outlet: OcppOutlet, uid: str, answer: Payload) -> None:
        if answer["idTagInfo"]["status"] == "Accepted":
            self._cards.accepted(uid)
            self._authorised(outlet, uid)
            self._tell()

    def _authorised(self, outlet: OcppOutlet, uid: str) -> None:
        if outlet.transaction is not None:
            return
        if outlet.outlet.car is not None and self.manners.starts_with_car:
            self._begin(outlet, uid)
        else:
            outlet.authorised = (uid, CONNECTION_TIMEOUT_S)
        self._tell()

    def _begin(self, outlet: OcppOutlet, tag: str) -> None:
        self._say_start(outlet, outlet.begin(tag, self._moment))

    def _end(self, outlet: OcppOutlet, reason: str, tag: str | None = None) -> None:
        running = outlet.transaction
        if running is not None:
            outlet.end()
            self._say_stop(outlet, running, reason, tag)
