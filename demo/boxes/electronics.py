"""What the electronics of most wall connectors share: they boot, cars come and go, silence is noticed, cards are shown.

Pure: a second passes when `second` is called, nothing here knows a socket or a clock.
"""

from demo.car import MIN_OFFER_MA
from demo.connectors.boot import Boot
from demo.physics import CommandListener, Outlet, nobody_listens

EV_ID_AFTER_S = 6
"""A car and its wall connector find each other over the pilot before it tells its identifier [u]."""
CARD_WAITS_S = 60
"""How long a card shown before the plug-in waits for a car [u]."""


class Watchdog:
    """Notices that nobody spoke for `timeout_s` seconds; 0 never does."""

    def __init__(self, timeout_s: int, *, fed: bool = True) -> None:
        """Begin to wait, or (`fed` False) as one that has run out already."""
        self.timeout_s = timeout_s
        self._silent_s = 0
        self.ran_out = not fed

    def feed(self) -> None:
        """Somebody spoke."""
        self._silent_s = 0
        self.ran_out = False

    def second(self) -> bool:
        """Live one second; returns whether it ran out in this one."""
        self._silent_s += 1
        if self.ran_out or not self.timeout_s or self._silent_s < self.timeout_s:
            return False
        self.ran_out = True
        return True


class SessionCard:
    """A card that is readable as long as its session: from card and car together until the car leaves.

    Shown without a car it waits `CARD_WAITS_S`, unreadable. A later card takes the place of the first [u]; the same
    card again changes nothing that could be read.
    """

    def __init__(self) -> None:
        self.uid = ""
        self._waiting = ""
        self._waited_s = 0

    def show(self, uid: str, *, plugged: bool) -> None:
        """Hold a card before the reader."""
        if plugged:
            self.uid = uid
        else:
            self._waiting, self._waited_s = uid, 0

    def car_came(self) -> None:
        """A session begins, with the card that waited for it."""
        self.uid, self._waiting = self._waiting, ""

    def end(self) -> None:
        """The session is over."""
        self.uid = ""

    def second(self) -> None:
        """Live one second."""
        self._waited_s += 1
        if self._waited_s > CARD_WAITS_S:
            self._waiting = ""


class Electronics:
    """A wall connector that offers what `offer_ma` says while it is up and a car is there."""

    def __init__(self, *, rated_a: int, boot_s: int) -> None:
        """A box that is up, on a cable for `rated_a`."""
        self.commanded: CommandListener = nobody_listens
        self.rated_a = rated_a
        self.faulty = False
        """Set by a test: the box reports a fault, and nothing flows until it is over or the box restarts."""
        self.plugged = False
        self.session_s = 0
        """Seconds since the last plug-in; kept after unplugging until the next car."""
        self.uptime_s = boot_s
        self._boot = Boot(boot_s)

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up."""
        return self._boot.left_s

    @property
    def phases(self) -> int:
        """On how many phases it offers current."""
        return 3

    @property
    def supplied(self) -> bool:
        """While it restarts its contactor is open."""
        return self._boot.left_s == 0

    def car_came(self) -> None:
        """A car was plugged in."""
        self.plugged, self.session_s = True, 0

    def car_left(self) -> None:
        """The car was unplugged."""
        self.plugged = False

    def reboot(self) -> None:
        """Restart, losing what `forget` loses."""
        self._boot.restart()
        self.uptime_s = 0
        self.faulty = False
        self.forget()

    def second(self, outlet: Outlet) -> int:
        """Live one second; returns the mA offered. Less than 6 A is a pause."""
        self.uptime_s += 1
        if not self._boot.second():
            return 0
        self.session_s += self.plugged
        self.live(outlet)
        if not self.plugged or self.faulty:
            return 0
        offered_ma = min(self.offer_ma(), self.rated_a * 1000)
        return offered_ma if offered_ma >= MIN_OFFER_MA else 0

    def ev_id(self, outlet: Outlet) -> str:
        """What the car has told of itself since it was plugged in; empty without one, or before it did."""
        car = outlet.car
        return "" if car is None or self.session_s < EV_ID_AFTER_S else car.ev_id

    def heard(self) -> None:
        """A request has come in. What feeds a watchdog that any request feeds."""

    def forget(self) -> None:
        """Lose what a restart loses; called at the first start too."""
        raise NotImplementedError

    def live(self, outlet: Outlet) -> None:
        """What else happens in a second while it is up."""

    def offer_ma(self) -> int:
        """What it would offer to a car now, per phase, before its own rating."""
        raise NotImplementedError
