"""A Peblar charger's electronics: current limit, authorisation, sessions (connectors.md 2.10; connectors.yaml
``peblar_rest``; peblar 2.1.0, models and docstrings). The local REST API is in ``peblar_rest.py``, the web interface's
own API in ``peblar_web.py``.

Whether a card is needed is a setting (`SessionManagerChargeWithoutAuth`). A known card, held before the reader or sent
over REST, *toggles*: it authorises, or stops what is authorised. The limit set over REST does not survive a restart and
begins at the rating again: the reference names no value, and this is the one that opens the stall.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from demo.boxes.electronics import CARD_WAITS_S, Electronics
from demo.boxes.model import Options
from demo.car import MIN_OFFER_MA
from demo.physics import Outlet

BOOT_S = 30
_MWH_PER_WH = 1000


@dataclass(kw_only=True)
class Session:
    """One line of the meter history."""

    number: int
    token: str | None
    start_mwh: int
    start_time: int
    end_mwh: int | None = None
    end_time: int | None = None


class Peblar(Electronics):
    """The charger's electronics."""

    def __init__(self, outlet: Outlet, options: Options, unix_s: Callable[[], int]) -> None:
        """As installed: REST API on, nothing limited. `unix_s` tells the time for the meter history."""
        super().__init__(rated_a=outlet.plan.rated_a, boot_s=BOOT_S)
        self.serial = outlet.plan.serial
        self.firmware = options.word("firmware")
        self.password = options.word("password")
        self.free = options.flag("charge_without_auth")
        self.rest_enabled = options.flag("rest_enabled")
        self.access_mode = options.word("access_mode")
        self.cards = {uid.upper(): f"Card {uid[-4:]}" for uid in options.word("cards").split(",") if uid}
        """Descriptions by UID: the standalone list."""
        self._new_token_at_reboot = options.flag("new_token_at_reboot")
        self._chance = Random(self.serial)
        self.api_token = options.word("api_token")
        self.sessions: list[Session] = []
        self.logins: set[str] = set()
        """Cookies of the web interface's users."""
        self._outlet = outlet
        self._unix_s = unix_s
        self._booted = False
        self.forget()
        self._booted = True

    def forget(self) -> None:
        """Limit, phases, authorisation and logins are gone; the API token only where the option says so."""
        self.limit_ma = self.rated_a * 1000
        self.force_single_phase = False
        self.token: str | None = None
        """The card that authorised."""
        self._waited_s = 0
        self._presented: str | None = None
        self.logins.clear()
        if self._booted and self._new_token_at_reboot:
            self.renew_api_token()

    @property
    def phases(self) -> int:
        """One when forced."""
        return 1 if self.force_single_phase else 3

    @property
    def authorised(self) -> bool:
        """Whether a car may charge."""
        return self.free or self.token is not None

    @property
    def actual_limit_ma(self) -> int:
        """What the limits leave; less than 6 A is nothing."""
        limit_ma = min(self.limit_ma, self.rated_a * 1000)
        return limit_ma if limit_ma >= MIN_OFFER_MA else 0

    def offer_ma(self) -> int:
        """The limit, once authorised."""
        return self.actual_limit_ma if self.authorised else 0

    def renew_api_token(self) -> None:
        """The old one no longer opens the REST API."""
        self.api_token = self._chance.randbytes(16).hex()

    def login(self) -> str:
        """A new cookie."""
        cookie = self._chance.randbytes(16).hex()
        self.logins.add(cookie)
        return cookie

    def live(self, outlet: Outlet) -> None:
        """Act on the card that was presented; give up on one that waits too long for a car."""
        if self._presented is not None:
            self._toggle(self._presented)
            self._presented = None
        self._waited_s += 1
        if self.token is not None and not self.plugged and self._waited_s > CARD_WAITS_S:
            self.token = None

    def present(self, uid: str) -> None:
        """A token from REST; accepted at once, acted upon a moment later (peblar 2.1.0)."""
        self._presented = uid.upper()

    def show_card(self, uid: str) -> None:
        """A card at the reader."""
        self._toggle(uid.upper())

    def _toggle(self, uid: str) -> None:
        if uid not in self.cards or self.free:
            return
        if self.token is None:
            self.token, self._waited_s = uid, 0
            if self.plugged:
                self._begin_session()
        else:
            self.token = None
            self._end_session()

    def car_came(self) -> None:
        """Without authentication, or with a card that waited, the session begins."""
        super().car_came()
        if self.authorised:
            self._begin_session()

    def car_left(self) -> None:
        """Session and authorisation end with the plug."""
        super().car_left()
        self._end_session()
        self.token = None

    def _begin_session(self) -> None:
        number = 101 + len(self.sessions)
        start_mwh = self._outlet.register_wh * _MWH_PER_WH
        self.sessions.append(Session(number=number, token=self.token, start_mwh=start_mwh, start_time=self._unix_s()))

    def _end_session(self) -> None:
        if self.sessions and self.sessions[-1].end_time is None:
            last = self.sessions[-1]
            last.end_mwh, last.end_time = self._outlet.register_wh * _MWH_PER_WH, self._unix_s()
