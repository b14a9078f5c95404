"""The hand on a stall's hardware: carries out commands one at a time, the newest wish first.

Commands and polls of one connector never overlap (`Hand.free`). A command that fails is tried again after 2, 5 and
10 s, one that the hardware will not do yet when it will; one that a newer command made pointless is given up. What came
of it is reported as an event of the stall.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import logging

from ..charging import ConnectorLost, Disable, DisableFailed, Enable, EnableFailed, Event, SetLimit
from ..connectors.ports import Connector, ConnectorError, NotYet

RETRIES_S = (2.0, 5.0, 10.0)

_LOGGER = logging.getLogger(__name__)

type Command = Enable | SetLimit | Disable


class Hand:
    """Carries out a stall's commands, in a task of its own (`run`)."""

    def __init__(self, name: str, connector: Connector, report: Callable[[Event], Awaitable[None]]) -> None:
        """`report` takes the events of commands that failed for good."""
        self._name = name
        self._connector = connector
        self._report = report
        self._wanted: list[Command] = []
        self._under_way: Command | None = None
        self._new = asyncio.Event()
        self._rest = asyncio.Event()
        self._rest.set()
        self.free = asyncio.Lock()
        """Held while anything talks to the connector."""
        self.done = asyncio.Event()
        """Set after each command that worked; whoever polls clears it."""

    def order(self, command: Command) -> None:
        """Have a command carried out after the ones before it, unless it makes them pointless."""
        match command:
            case Disable():
                self._wanted = [command]
            case Enable():
                self._wanted = [*(wanted for wanted in self._wanted if isinstance(wanted, Disable)), command]
            case SetLimit(limit_a=limit_a):
                kept = [wanted for wanted in self._wanted if not isinstance(wanted, SetLimit)]
                if limit_a > 0 and kept and isinstance(kept[-1], Enable):
                    self._wanted = [*kept[:-1], Enable(limit_a)]
                else:
                    self._wanted = [*kept, command]
        self._rest.clear()
        self._new.set()

    @property
    def lowering(self) -> bool:
        """Whether a command to offer nothing is still to be carried out."""
        commands = (self._under_way, *self._wanted)
        return any(isinstance(command, Disable) or command == SetLimit(0) for command in commands)

    async def at_rest(self) -> None:
        """Wait until there is nothing left to do."""
        await self._rest.wait()

    async def run(self) -> None:
        """Carry out what is ordered, for ever."""
        while True:
            await self._new.wait()
            self._new.clear()
            while self._wanted:
                try:
                    await self._carry_out(self._wanted.pop(0))
                except Exception:  # the report of a failure failed; the next command is carried out all the same
                    _LOGGER.exception("%s: a failed command could not be reported", self._name)
                self._under_way = None
            self._rest.set()

    async def _carry_out(self, command: Command) -> None:
        why: str | None = ""
        for pause_s in (*RETRIES_S, 0.0):
            command, why = await self._attempt(command)
            if why is None:
                return
            await self._wait(command, pause_s)
            if self._wanted and type(self._wanted[0]) is type(command):
                # The same again, perhaps with another current: goes on with the tries that are left.
                command = self._wanted.pop(0)
            elif self._pointless(command):
                return
        await self._report(_failure(command, why or ""))

    async def _attempt(self, command: Command) -> tuple[Command, str | None]:
        """Send it, or the same with another current if that is wanted by then, as soon as the hardware does it.

        Returns what was sent, and why it did not work, None when it did.
        """
        while True:
            self._under_way = command
            try:
                return command, await self._sent(command)
            except NotYet as wait:
                _LOGGER.debug("%s: %s not yet: %s", self._name, type(command).__name__, wait)
                await self._wait(command, wait.after_s)
                if self._wanted and type(self._wanted[0]) is type(command):
                    command = self._wanted.pop(0)
                elif self._pointless(command):
                    return command, str(wait)

    async def _sent(self, command: Command) -> str | None:
        """Send it once; returns why it did not work, None when it did. Raises `NotYet`."""
        try:
            async with self.free:
                await self._send(command)
        except NotYet:
            raise
        except ConnectorError as error:
            _LOGGER.warning("%s: %s did not work: %s", self._name, type(command).__name__, error)
            return str(error) or type(error).__name__
        except Exception as error:  # a driver's bug must not end the task that locks the stall
            _LOGGER.exception("%s: %s failed in the driver", self._name, type(command).__name__)
            return type(error).__name__
        self.done.set()
        return None

    async def _send(self, command: Command) -> None:
        match command:
            case Enable(limit_a=limit_a):
                await self._connector.enable(limit_a)
            case SetLimit(limit_a=limit_a):
                await self._connector.set_limit(limit_a)
            case Disable():
                await self._connector.disable()

    def _pointless(self, command: Command) -> bool:
        """Whether a newer command says otherwise. A stall is closed before it is opened for the next person."""
        return any(type(wanted) is not type(command) for wanted in self._wanted) and not isinstance(command, Disable)

    async def _wait(self, command: Command, pause_s: float) -> None:
        """Wait before the next try, or until a newer command made it pointless."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                while not self._pointless(command):
                    self._new.clear()
                    await self._new.wait()


def _failure(command: Command, why: str) -> Event:
    match command:
        case Enable():
            return EnableFailed(why)
        case Disable():
            return DisableFailed(why)
        case SetLimit():
            # What it offers is not known any more.
            return ConnectorLost(why)
