"""The boxes we know, and who gets in: nobody else does, and nothing is made for a stranger.

A box is known as long as a stall claims one of its connectors, and a little longer, so that a stall that is set up or
changed finds its box still connected.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
import hmac
import re

from ..clock import Clock
from .box import Box, Socket, Spawn
from .transactions import Store, Transactions

LINGER_S = 120.0
IDENTITY = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
"""A user name of HTTP has no colon, and a path segment no slash."""
PASSWORD = re.compile(r"[\x21-\x7e]{16,40}")
"""The AuthorizationKey of a box (OCPP security profile 1)."""


class Entrance(Enum):
    """What comes of somebody at the door."""

    OPEN = auto()
    UNKNOWN = auto()
    WRONG_PASSWORD = auto()


@dataclass(eq=False)
class Claim:
    """A stall's hold on its box."""

    box: Box
    password: str
    bare: bool
    """The box may name no version of OCPP."""


class Central:
    """All boxes by identity."""

    def __init__(self, store: Store, clock: Clock, spawn: Spawn, empty: Callable[[], object]) -> None:
        """`store` keeps the transactions; `empty` is called when the last box is forgotten."""
        self.boxes: dict[str, Box] = {}
        self.problem: str | None = None
        """Why no box can call; None: they can."""
        self._transactions = Transactions(store)
        self._clock = clock
        self._spawn = spawn
        self._empty = empty
        self._claims: dict[str, list[Claim]] = {}
        self._kept: dict[str, Claim] = {}
        """Of boxes nobody claims any more: by what they still get in."""
        self._lingering: dict[str, asyncio.Task[None]] = {}
        self._over = False

    async def load(self) -> None:
        """Read which transactions run. Before anything else."""
        await self._transactions.load()

    def claim(self, identity: str, password: str, *, bare: bool = False) -> Claim:
        """Know a box from now on.

        Raises:
            ValueError: a name or password no box can have; the message names the field, never the password.
        """
        if IDENTITY.fullmatch(identity) is None:
            raise ValueError("identity: accepted are 1 to 48 letters, digits and * - _ = + | @ .")
        if PASSWORD.fullmatch(password) is None:
            raise ValueError("password: accepted are 16 to 40 characters without spaces")
        lingering = self._lingering.pop(identity, None)
        if lingering is not None:
            lingering.cancel()
        self._kept.pop(identity, None)
        if identity not in self.boxes:
            self.boxes[identity] = Box(identity, self._transactions, self._clock, self._spawn, self._absence)
        claim = Claim(self.boxes[identity], password, bare)
        self._claims.setdefault(identity, []).append(claim)
        return claim

    def release(self, claim: Claim) -> None:
        """Let go of a box. Again changes nothing."""
        identity = claim.box.identity
        claims = self._claims.get(identity, [])
        if claim not in claims:
            return
        claims.remove(claim)
        if not claims:
            del self._claims[identity]
            if self._over:
                self.boxes.pop(identity, None)
                return
            self._kept[identity] = claim
            self._lingering[identity] = self._spawn(self._forget_later(identity), f"evshare OCPP {identity} lingers")

    def entrance(self, identity: str, user: str | None, password: str | None) -> Entrance:
        """Whether somebody who says to be this box gets in."""
        claims = self._known(identity)
        if not claims:
            return Entrance.UNKNOWN
        given = (password or "").encode()
        right = [hmac.compare_digest(given, claim.password.encode()) for claim in claims]
        return Entrance.OPEN if any(right) and user == identity else Entrance.WRONG_PASSWORD

    def may_be_bare(self, identity: str) -> bool:
        """Whether this box may name no version of OCPP."""
        return any(claim.bare for claim in self._known(identity))

    async def serve(self, identity: str, socket: Socket) -> None:
        """Talk to a box that got in, until it goes."""
        await self.boxes[identity].serve(socket)

    async def close(self, *, for_good: bool = False) -> None:
        """Hang up everywhere, and forget what lingers."""
        self._over = for_good
        for task in self._lingering.values():
            task.cancel()
        for identity in self._lingering:
            self._kept.pop(identity, None)
        self._lingering = {}
        for box in list(self.boxes.values()):
            await box.close()
        self.boxes = {identity: box for identity, box in self.boxes.items() if identity in self._claims}

    def _absence(self) -> str:
        return self.problem or "it has not called"

    def _known(self, identity: str) -> list[Claim]:
        kept = self._kept.get(identity)
        return self._claims.get(identity, []) or ([] if kept is None else [kept])

    async def _forget_later(self, identity: str) -> None:
        await self._clock.sleep(LINGER_S)
        del self._lingering[identity]
        self._kept.pop(identity, None)
        box = self.boxes.pop(identity)
        await box.close()
        if not self.boxes:
            self._empty()
