"""Faults on the wire between a simulated wall connector and whoever speaks to it, switched while both run.

They act on the bytes of the connection (`wires.py`), behind the socket and in front of the device: neither the device
nor the driver knows. Every fault is off until switched on; several may be on at once. Seconds are the event loop's.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random

STRANGER_JSON = b'{"device":"kettle","serial":"0000000000","ok":true}'
"""What answers instead of the device when its address went to another one."""


@dataclass(frozen=True, kw_only=True)
class Excepting:
    """Which requests are answered with an exception (Modbus) or a status (HTTP)."""

    code: int
    registers: Collection[int] = ()
    functions: Collection[int] = ()
    paths: Collection[str] = ()

    def hits_modbus(self, function: int, addresses: range) -> bool:
        """Whether a request is meant: it touches one of the registers and has one of the functions, where given."""
        return not self.paths and (
            (not self.registers or any(register in addresses for register in self.registers))
            and (not self.functions or function in self.functions)
        )

    def hits_http(self, path: str) -> bool:
        """Whether a request is meant: its path begins with one of those given."""
        return not self.paths or any(path.startswith(wanted) for wanted in self.paths)


@dataclass(frozen=True, kw_only=True)
class Truncating:
    """Answers end early."""

    keep: int | None
    """How many bytes are sent (of an HTTP answer: of its body); None for half of them."""
    close: bool
    """Whether the connection ends there; otherwise it goes on with the next answer."""

    def cut(self, data: bytes) -> bytes:
        """What is left of an answer."""
        return data[: len(data) // 2 if self.keep is None else self.keep]


class Faults:
    """What is wrong with one wire."""

    def __init__(self) -> None:
        """Nothing is."""
        self.silence = False
        """Connections are accepted, nothing reaches the device, nothing is ever answered."""
        self.delay_s = 0.0
        """Every answer comes this much later; the device acted at once."""
        self.wrong_unit = False
        """Modbus answers carry another unit id than was asked; HTTP answers are another device's JSON."""
        self.other_json = STRANGER_JSON
        self.excepting: Excepting | None = None
        self.truncating: Truncating | None = None
        self._refuse = False
        self._noise: Random | None = None
        self._drop_every = 0
        self._answers = 0
        self._listeners: list[Callable[[], None]] = []

    @property
    def refuse(self) -> bool:
        """New connections are refused and those that are there end; a serial line is silent."""
        return self._refuse

    @refuse.setter
    def refuse(self, refuse: bool) -> None:
        self._refuse = refuse
        for listener in self._listeners:
            listener()

    def exception(
        self,
        code: int,
        *,
        registers: Collection[int] = (),
        functions: Collection[int] = (),
        paths: Collection[str] = (),
    ) -> None:
        """Answer with Modbus exception `code`, or with HTTP status `code`; the device never sees the request.

        Without further arguments every request; with `registers` those that touch one of them, with `functions` those
        with one of these function codes, with `paths` HTTP requests whose path begins with one of them.
        """
        self.excepting = Excepting(code=code, registers=registers, functions=functions, paths=paths)

    def truncate(self, keep: int | None = None, *, close: bool = True) -> None:
        """Send only the first `keep` bytes of every answer (None: half), then close, or go on with the next."""
        self.truncating = Truncating(keep=keep, close=close)

    def garbage(self, seed: int = 1) -> None:
        """Send random bytes instead of every answer, as many as it had."""
        self._noise = Random(seed)

    def drop_every(self, every: int) -> None:
        """Lose every `every`-th answer: the device acted, nothing comes back, the connection stays. 0 ends it."""
        if every < 0:
            raise ValueError(
                f"every: {every} is negative; give 0 for none, 1 for all, or how many it takes to lose one"
            )
        self._drop_every, self._answers = every, 0

    def clear(self) -> None:
        """All is well again."""
        self.silence, self.delay_s, self.wrong_unit, self.other_json = False, 0.0, False, STRANGER_JSON
        self.excepting, self.truncating, self._noise, self._drop_every = None, None, None, 0
        self.refuse = False

    def on_refusal(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever `refuse` may have changed."""
        self._listeners.append(listener)

    def loses_this_answer(self) -> bool:
        """Whether the answer on its way is lost; asked once for each."""
        if not self._drop_every:
            return False
        self._answers += 1
        return self._answers % self._drop_every == 0

    def noise(self, length: int) -> bytes | None:
        """Random bytes to send instead of `length` others; None while garbage is off."""
        return None if self._noise is None else self._noise.randbytes(length)
