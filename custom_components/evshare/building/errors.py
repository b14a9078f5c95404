"""Why the building refuses."""

from ..model import DenyReason


class AccessDenied(Exception):
    """Nobody was let in. `reason` is written to the journal too."""

    def __init__(self, reason: DenyReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class NotInBuilding(LookupError):
    """No such stall, resident or open session; the message says which."""


class EnrolmentWaits(Exception):
    """Another resident's card is waited for there; a minute later it is not any more."""


class NotForHolder(Exception):
    """A resident asked for something about their card that only the manager may do; the message says what."""


class NoEvId(Exception):
    """No car is plugged in there that told an identifier since it came."""


class NotTheirs(Exception):
    """Somebody else charges with this car right now."""


class InSession(Exception):
    """Somebody has a session at the stall: its hardware is not to be disturbed."""


class LinkDown(Exception):
    """The app is not connected, and this needs it."""
