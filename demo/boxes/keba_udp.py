"""KEBA's text interface over UDP (connectors.md 2.1; connectors.yaml ``keba_udp``): one datagram asks, one answers.

Reports are JSON, commands answer ``TCH-OK :done`` or ``TCH-ERR``. What changes is pushed to whoever asked last. `ena`,
`curr` and `currtime` feed the failsafe timer. Formats as the PyPI client keba-kecontact 4.3.1 reads them.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
import json
import socket

from demo.car import MAINS_V
from demo.connectors.keba import MWS_PER_TENTH_WH, SWITCHED_BY_UDP, Keba
from demo.modbus import Refusal
from demo.physics import Outlet, whole_second

DONE, WRONG = "TCH-OK :done\n", "TCH-ERR :wrong\n"
_TAG_DIGITS = 16
_MOST_BYTES = 2048
_CLASS = "01010400000000000000"
_HISTORY = 30
_ENDED_BY_UNPLUG, _NOT_ENDED = 1, 0
_NO_SESSION: dict[str, object] = {"Session ID": 0, "E start": 0, "E pres": 0, "RFID tag": "0" * _TAG_DIGITS}


class TextInterface:
    """What it answers to a text. Texts it does not know are an error."""

    def __init__(self, keba: Keba, outlet: Outlet, now: Callable[[], datetime]) -> None:
        self._keba = keba
        self._outlet = outlet
        self._now = now
        self._timer: tuple[int, int] | None = None
        """The mA that hold from this second on (`currtime`)."""
        self._session: dict[str, object] | None = None
        self._session_number = 0
        self._history: list[dict[str, object]] = []
        self._pushed = self._to_push()

    def answer(self, text: str) -> str:
        """One datagram for one."""
        self.live()
        word, *values = text.split() or [""]
        if word == "i":
            return '"Firmware":"P30 v 3.10.42 (250101-120000)"\n'
        if word == "report":
            return self._report(values)
        try:
            numbers = [int(value) for value in values]
        except ValueError:
            numbers = []
        try:
            done = self._command(word, values, numbers)
        except Refusal:
            return WRONG
        if done:
            self._keba.commanded(word, " ".join(values))
        return DONE if done else WRONG

    def live(self) -> None:
        """What time brings: a current that was ordered for now, sessions that begin and end."""
        if self._timer is not None and self._second >= self._timer[1]:
            (current_ma, _at), self._timer = self._timer, None
            self._set_current(current_ma, stored=False)
        plugged = self._keba.cable > 0
        if plugged and self._session is None:
            self._session_number += 1
            self._session = self._new_session()
        elif not plugged and self._session is not None:
            self._history.insert(0, {**self._session_now(), "ended[s]": self._second, "reason": _ENDED_BY_UNPLUG})
            del self._history[_HISTORY:]
            self._session = None
        elif plugged and self._keba.uid and self._session is not None:
            self._session["RFID tag"] = self._tag

    def changes(self) -> list[str]:
        """Messages about what changed since they were last asked for."""
        self.live()
        now = self._to_push()
        messages = [json.dumps({key: value}) for key, value in now.items() if value != self._pushed[key]]
        self._pushed = now
        return messages

    @property
    def _second(self) -> int:
        return whole_second(self._now())

    @property
    def _tag(self) -> str:
        return self._keba.uid.lower().ljust(_TAG_DIGITS, "0")[:_TAG_DIGITS]

    @property
    def _e_total(self) -> int:
        return self._outlet.register_mws // MWS_PER_TENTH_WH

    @property
    def _e_pres(self) -> int:
        return self._outlet.session_mws // MWS_PER_TENTH_WH

    def _to_push(self) -> dict[str, int]:
        keba = self._keba
        return {
            "State": keba.state(self._outlet),
            "Plug": keba.cable,
            "Input": 0,
            "Enable sys": int(keba.enabled),
            "Max curr": self._max_curr(),
            "E pres": self._e_pres,
        }

    def _max_curr(self) -> int:
        """What the pilot allows now."""
        return min(self._keba.current_ma, self._keba.rated_ma) if self._keba.released else 0

    def _command(self, word: str, values: list[str], numbers: list[int]) -> bool:
        keba = self._keba
        match word, numbers:
            case "ena", [0 | 1 as on]:
                keba.enabled = on == 1
                keba.feed()
            case "curr", [current_ma]:
                self._set_current(current_ma, stored=True)
                keba.feed()
            case "currtime", [current_ma, delay_s] if 0 <= delay_s < 860_400:
                self._timer = (current_ma, self._second + delay_s)
                keba.feed()
            case "failsafe", [timeout_s, current_ma, 0 | 1 as persist]:
                keba.set_failsafe(timeout_s=timeout_s, current_ma=current_ma)
                if persist:
                    keba.persist_failsafe()
            case "setenergy", [tenths_wh] if tenths_wh >= 0:
                keba.energy_limit_mws = tenths_wh * MWS_PER_TENTH_WH
            case "unlock", []:
                keba.unlock_plug(self._outlet)
            case "x2", [0 | 1 as three]:
                keba.switch_phases(three=three == 1, by=SWITCHED_BY_UDP)
            case "output" | "display" | "setdatetime" | "x2src", _ if values:
                pass
            case _:
                return self._authorise(word, values)
        return True

    def _authorise(self, word: str, values: list[str]) -> bool:
        keba = self._keba
        if word == "start" and len(values) in (1, 2) and _is_tag(values[0]):
            keba.authorise(values[0])
            return True
        if word == "stop" and len(values) == 1 and _is_tag(values[0]):
            if values[0].lower().ljust(_TAG_DIGITS, "0") != self._tag:
                return False
            keba.deauthorise()
            return True
        return False

    def _set_current(self, current_ma: int, *, stored: bool) -> None:
        """0 stops like ``ena 0``."""
        if current_ma == 0:
            self._keba.enabled = False
        else:
            self._keba.set_current(current_ma, stored=stored)

    def _report(self, values: list[str]) -> str:
        number = int(values[0]) if len(values) == 1 and values[0].isdecimal() else 0
        match number:
            case 1:
                report = self._identity()
            case 2:
                report = self._state()
            case 3:
                report = self._metering()
            case 100:
                report = self._session_now()
            case _ if 101 <= number <= 100 + _HISTORY:
                past = self._history[number - 101 : number - 100]
                report = past[0] if past else _NO_SESSION
            case _:
                return WRONG
        return json.dumps({"ID": str(number), **report}) + "\n"

    def _identity(self) -> dict[str, object]:
        return {
            "Product": "KC-P30-EC240122-E0R",
            "Serial": self._outlet.plan.serial,
            "Firmware": "P30 v 3.10.42 (250101-120000)",
            "COM-module": 1,
            "Backend": 0,
            "timeQ": 3,
            "Sec": self._keba.uptime_s,
        }

    def _state(self) -> dict[str, object]:
        keba = self._keba
        authorisation = keba.traits.authorisation
        timer_ma, at = self._timer or (0, self._second)
        return {
            "State": keba.state(self._outlet),
            "Error1": 0,
            "Error2": 0,
            "Plug": keba.cable,
            "AuthON": int(authorisation),
            "Authreq": int(authorisation and not keba.authorised and keba.cable > 0),
            "Enable sys": int(keba.enabled),
            "Enable user": int(keba.enabled),
            "Max curr": self._max_curr(),
            "Max curr %": min(keba.current_ma * 1000 // 60_000, 1000),
            "Curr HW": keba.rated_ma,
            "Curr user": keba.current_ma,
            "Curr FS": keba.failsafe_ma,
            "Tmo FS": keba.failsafe_timeout_s,
            "Curr timer": timer_ma,
            "Tmo CT": at - self._second,
            "Setenergy": keba.energy_limit_mws // MWS_PER_TENTH_WH,
            "Output": 0,
            "Input": 0,
            "X2 phaseSwitch source": keba.traits.phase_source,
            "X2 phaseSwitch": 0 if keba.on_one_phase else 1,
            "Serial": self._outlet.plan.serial,
            "Sec": keba.uptime_s,
        }

    def _metering(self) -> dict[str, object]:
        l1_ma, l2_ma, l3_ma = self._outlet.currents_ma
        return {
            "U1": MAINS_V,
            "U2": MAINS_V,
            "U3": MAINS_V,
            "I1": l1_ma,
            "I2": l2_ma,
            "I3": l3_ma,
            "P": self._outlet.power_mw,
            "PF": 1000 if self._outlet.power_mw else 0,
            "E pres": self._e_pres,
            "E total": self._e_total,
            "Serial": self._outlet.plan.serial,
            "Sec": self._keba.uptime_s,
        }

    def _new_session(self) -> dict[str, object]:
        return {
            "Session ID": self._session_number,
            "Curr HW": self._keba.rated_ma,
            "E start": self._e_total,
            "E pres": 0,
            "started[s]": self._second,
            "ended[s]": 0,
            "reason": _NOT_ENDED,
            "RFID tag": self._tag,
            "RFID class": _CLASS,
            "Serial": self._outlet.plan.serial,
            "Sec": self._keba.uptime_s,
        }

    def _session_now(self) -> dict[str, object]:
        """The running session; between sessions the last one."""
        if self._session is None:
            return self._history[0] if self._history else self._new_session()
        return {**self._session, "E pres": self._e_pres, "Sec": self._keba.uptime_s}


def _is_tag(text: str) -> bool:
    with suppress(ValueError):
        return 1 <= len(bytes.fromhex(text)) <= _TAG_DIGITS // 2
    return False


class TextDoor(asyncio.DatagramProtocol):
    """The UDP port. Dark, it stays bound and swallows what comes, as a host that is switched off does."""

    def __init__(self, interface: TextInterface, *, host: str, port: int) -> None:
        """Bind `port`, or any free one (0), of a loopback address. Raises OSError when it is taken."""
        self._interface = interface
        self._socket: socket.socket | None = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, port))
        self._address: tuple[str, int] = self._socket.getsockname()
        self._transport: asyncio.DatagramTransport | None = None
        self._before: Callable[[], None] | None = None
        self._last_sender: tuple[str, int] | None = None

    @property
    def port(self) -> int:
        """Its port."""
        return self._address[1]

    async def open(self, before: Callable[[], None]) -> None:
        """Answer from now on what comes from now on."""
        if self._before is None and self._socket is not None:
            with suppress(BlockingIOError):
                while True:
                    self._socket.recv(_MOST_BYTES)
        self._before = before
        if self._transport is None:
            loop = asyncio.get_running_loop()
            self._transport, _protocol = await loop.create_datagram_endpoint(lambda: self, sock=self._socket)

    async def shut(self) -> None:
        """Go dark; who asked last is forgotten."""
        self._before = None
        self._last_sender = None

    def give_up(self) -> None:
        """Release the port."""
        if self._transport is not None:
            self._transport.close()
        elif self._socket is not None:
            self._socket.close()
        self._socket = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer to where it came from."""
        if self._before is None or self._transport is None:
            return
        self._last_sender = addr
        self._before()
        answer = self._interface.answer(data.decode("cp437"))
        self._transport.sendto(answer.encode("cp437"), addr)
        self.push()

    def push(self) -> None:
        """Tell the last sender what changed."""
        for message in self._interface.changes():
            if self._before is not None and self._transport is not None and self._last_sender is not None:
                self._transport.sendto(message.encode("cp437"), self._last_sender)
