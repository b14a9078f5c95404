"""The Modbus wires to a simulated wall connector: loopback TCP and a serial line (a pty), with their faults.

A wire keeps its port while it is shut. Opening and shutting happen at once, so a fault switched in one line of a test
holds for the next one. On all of them the faults act between socket and device (`faults.py`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
import os
import socket
import tty

from demo.boxes.faults import Faults
from demo.boxes.frames import Frame, Framing, HangUp, NoAnswer, Splitter, answer, wrapped
from demo.boxes.model import Manners, Stranger
from demo.doors import HOST, PortHold
from demo.modbus import RegisterUnit

_GATEWAY_NO_RESPONSE = 0x0B
_PAUSE_ENDS_FRAME_S = 0.2
"""On a serial line a pause ends a frame (3.5 characters); a loaded machine needs more."""
_HIGHEST_UNIT = 247


class Listener:
    """A TCP port that opens and shuts at once; shut, it refuses connections and keeps its number."""

    def __init__(self, accepted: Callable[[], asyncio.BaseProtocol], port: int | None = None) -> None:
        self._accepted = accepted
        self._hold = PortHold(port)
        self._socket: socket.socket | None = None
        self._connecting: set[asyncio.Task[object]] = set()

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return self._hold.port

    def open(self) -> None:
        """Accept connections; nothing happens when it already does."""
        if self._socket is not None:
            return
        self._hold.release()
        self._socket = socket.create_server((HOST, self.port))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def shut(self) -> None:
        """Refuse connections; those that are there are not touched."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        self._hold.hold()

    def give_up(self) -> None:
        """Release the port for good."""
        self.shut()
        self._hold.release()

    def _accept(self) -> None:
        assert self._socket is not None
        try:
            connection, _address = self._socket.accept()
        except OSError:
            return  # gone again before it was taken
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(self._accepted, connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)


@dataclass(kw_only=True)
class ModbusLine:
    """The units behind a wire, whatever the wire is."""

    framing: Framing
    units: dict[int, RegisterUnit]
    manners: Manners
    faults: Faults
    before: Callable[[], None]
    """Brings the device up to now."""
    second: Callable[[], int]
    """The device's time."""
    requests: int = 0

    def answer(self, request: Frame) -> Frame | None:
        """What comes back, None for nothing; raises HangUp where the device closes the connection."""
        self.requests += 1
        try:
            if request.unit == 0 and self.framing is not Framing.MBAP:
                for unit in self.units.values():
                    answer(unit, request)
                return None  # a broadcast is never answered
            if request.unit in self.units:
                return answer(self.units[request.unit], request)
            match self.manners.stranger:
                case Stranger.ANSWERED:
                    return answer(next(iter(self.units.values())), request)
                case Stranger.GATEWAY:
                    return request.excepted(_GATEWAY_NO_RESPONSE)
                case Stranger.SILENCE:
                    return None
        except NoAnswer:
            return None


class _Conversation:
    """Requests and answers on one connection."""

    def __init__(self, line: ModbusLine, send: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._line = line
        self._splitter = Splitter(line.framing)
        self._send = send
        self._close = close
        self._heard_at = 0.0
        self._late: set[asyncio.TimerHandle] = set()
        self.over = False
        self.last_second = line.second()

    def received(self, data: bytes) -> None:
        faults = self._line.faults
        if faults.silence:
            return
        at = asyncio.get_running_loop().time()
        if self._line.framing is not Framing.MBAP and at - self._heard_at > _PAUSE_ENDS_FRAME_S:
            self._splitter.forget()
        self._heard_at = at
        try:
            for request in self._splitter.feed(data):
                self._serve(request)
        except HangUp:
            self._close()

    def _serve(self, request: Frame) -> None:
        line, faults = self._line, self._line.faults
        line.before()
        if self.over:
            return  # it was closed for idleness before this request came
        self.last_second = line.second()
        excepting = faults.excepting
        if excepting is not None and excepting.hits_modbus(request.function, request.addresses):
            reply: Frame | None = request.excepted(excepting.code)
        else:
            reply = line.answer(request)
        if reply is None or faults.loses_this_answer():
            return
        if faults.wrong_unit:
            reply = replace(reply, unit=reply.unit + 1 if reply.unit < _HIGHEST_UNIT else 1)
        sound = wrapped(line.framing, reply)
        data = faults.noise(len(sound)) or sound
        cut = faults.truncating
        closes = cut is not None and cut.close
        if cut is not None:
            data = cut.cut(data)
        if faults.delay_s:
            loop = asyncio.get_running_loop()
            self._late = {handle for handle in self._late if handle.when() > loop.time() and not handle.cancelled()}
            self._late.add(loop.call_later(faults.delay_s, self._deliver, data, closes))
        else:
            self._deliver(data, closes)

    def end(self) -> None:
        """Nothing more comes, not even what is late."""
        self.over = True
        for handle in self._late:
            handle.cancel()

    def _deliver(self, data: bytes, closes: bool) -> None:
        if not self.over and not self._line.faults.silence:
            self._send(data)
            if closes:
                self._close()


class _ModbusConnection(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, wire: ModbusWire) -> None:
        self._wire = wire
        self._transport: asyncio.Transport | None = None
        self._conversation: _Conversation | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._wire.takes(self):
            transport.abort()
            return
        self._conversation = _Conversation(self._wire.line, transport.write, self.close)

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None:
            self._conversation.received(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._conversation is not None:
            self._conversation.end()
        self._wire.lost(self)

    def close(self) -> None:
        """End it after what was written."""
        if self._conversation is not None:
            self._conversation.end()
        if self._transport is not None:
            self._transport.close()

    @property
    def left_already(self) -> bool:
        """Whether the client closed it, though the event loop has not come to that: a device sees it at once."""
        if self._transport is None or self._transport.is_closing():
            return True
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as same:
            same.setblocking(False)
            try:
                return same.recv(1, socket.MSG_PEEK) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

    def idle_s(self, second: int) -> int:
        """How long nothing was asked."""
        return 0 if self._conversation is None else second - self._conversation.last_second


class ModbusWire:
    """Modbus over TCP, in whichever framing."""

    def __init__(self, line: ModbusLine, port: int | None = None) -> None:
        self.line = line
        self._listener = Listener(lambda: _ModbusConnection(self), port)
        self._connections: list[_ModbusConnection] = []

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return self._listener.port

    @property
    def requests(self) -> int:
        """How many reached the device."""
        return self.line.requests

    def open(self) -> None:
        """Accept connections."""
        self._listener.open()

    def shut(self) -> None:
        """Refuse new connections and end those that are there."""
        self._listener.shut()
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection; new ones are welcome."""
        for connection in list(self._connections):
            connection.close()
            self.lost(connection)

    def give_up(self) -> None:
        """Release the port."""
        self.shut()
        self._listener.give_up()

    def look(self) -> None:
        """Close connections that were idle for too long."""
        limit_s = self.line.manners.idle_close_s
        for connection in list(self._connections):
            if limit_s is not None and connection.idle_s(self.line.second()) >= limit_s:
                connection.close()

    def takes(self, connection: _ModbusConnection) -> bool:
        """Whether a new connection may stay."""
        self.line.before()
        manners = self.line.manners
        for gone in [one for one in self._connections if one.left_already]:
            self.lost(gone)
        if manners.max_clients is not None and len(self._connections) >= manners.max_clients:
            return False
        if manners.admits is not None and not manners.admits():
            return False
        self._connections.append(connection)
        return True

    def lost(self, connection: _ModbusConnection) -> None:
        """A connection ended."""
        if connection in self._connections:
            self._connections.remove(connection)
            if self.line.manners.left is not None:
                self.line.manners.left()


class SerialWire:
    """A serial line, as a pty: `device` is the end for the driver. It is there for its whole life; shut, it is mute.

    A pty knows neither speed nor parity, so wrong line settings do not show.
    """

    def __init__(self, line: ModbusLine) -> None:
        self._line = line
        self._conversation = _Conversation(line, self._send, lambda: None)
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.device = os.ttyname(self._theirs)
        self._open = False
        asyncio.get_running_loop().add_reader(self._ours, self._readable)

    def open(self) -> None:
        """Answer what comes."""
        self._open = True

    def shut(self) -> None:
        """Hear nothing."""
        self._open = False

    def give_up(self) -> None:
        """Take the device away."""
        self._conversation.end()
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self._theirs)

    def _readable(self) -> None:
        try:
            data = os.read(self._ours, 4096)
        except OSError:
            return
        if self._open:
            self._conversation.received(data)

    def _send(self, data: bytes) -> None:
        if self._open:
            os.write(self._ours, data)
