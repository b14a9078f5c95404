"""Who is told when something changes: HA's entities and the link.

What a person sees at once (a status, a plug, a session, an offer) is told at once; what only flickers (power,
registers) at most once a second.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from ..charging import Announce, StallState
from ..frozen import replace
from ..model import StallId

FLICKER_S = 1.0
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)

type Unsubscribe = Callable[[], None]


def notable(state: StallState) -> object:
    """Return what makes two states of a stall differ for a person."""
    session = state.session
    return (
        state.status,
        state.plugged,
        state.plug_epoch,
        state.online,
        state.fault,
        state.wants_current,
        state.paused,
        state.lock_failed,
        state.offered_a,
        state.limit_reason,
        None if session is None else (session.id, session.mode),
    )


def shares(state: StallState) -> object:
    """Return what makes two states of a stall differ for the sharing of current."""
    mode = None if state.session is None else state.session.mode
    return state.wants_current, state.plugged, state.online, mode


def flickering(state: StallState) -> object:
    """Return what else of a stall is shown; the time of a reading alone is nothing new."""
    reading = state.reading
    return state.session, None if reading is None else replace(reading, at=_ANY_TIME, mono_s=0.0)


class Listeners:
    """Everyone who wants to look again when the building changes, and to hear what stalls announce."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []
        self._announcements: dict[StallId, list[Callable[[Announce], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._missed = False
        self._closed = False

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Have `listener` called after changes; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_announcements(self, stall_id: StallId, listener: Callable[[Announce], None]) -> Unsubscribe:
        """Have `listener` called for each announcement of a stall; returns what ends it."""
        listeners = self._announcements.setdefault(stall_id, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def announced(self, stall_id: StallId, announce: Announce) -> None:
        """Pass on what a stall announces."""
        for listener in list(self._announcements.get(stall_id, ())):
            listener(announce)

    def changed(self, *, at_once: bool) -> None:
        """Something changed."""
        if self._closed:
            return
        if self._timer is not None and not at_once:
            self._missed = True
            return
        self._call()

    def close(self) -> None:
        """Tell nobody any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call(self) -> None:
        self._missed = False
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(FLICKER_S, self._time_over)
        for listener in list(self._listeners):
            listener()

    def _time_over(self) -> None:
        self._timer = None
        if self._missed:
            self._call()
