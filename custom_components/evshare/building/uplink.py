"""The building's end of the wire to the app, whether there is an app or not."""

from datetime import timedelta
import hashlib
import secrets

from homeassistant.config_entries import ConfigEntry
from homeassistant.util import dt as dt_util

from ..const import CONF_APP_NEEDED
from .errors import LinkDown
from .wire import Link, LinkState

TICKET_LIFE = timedelta(seconds=60)


class Uplink:
    """Says nothing where nobody listens."""

    def __init__(self) -> None:
        """Without an app."""
        self.link: Link | None = None

    @property
    def state(self) -> LinkState:
        """Whether the app hears us."""
        return LinkState.NOT_CONFIGURED if self.link is None else self.link.state

    @property
    def problem(self) -> str | None:
        """`unreachable`, `pairing_refused`, `unsupported_version` or `records_gone`; None when all is well."""
        return None if self.link is None else self.link.problem

    def is_missed(self, entry: ConfigEntry) -> bool:
        """Whether the app cannot be heard where the owner lets nobody in without it."""
        return bool(entry.options.get(CONF_APP_NEEDED)) and self.state is LinkState.DISCONNECTED

    def start(self) -> None:
        """Begin to connect, and stay connected."""
        if self.link is not None:
            self.link.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self.link is not None:
            await self.link.stop()

    def look_again(self, *, building: bool = False, cards: bool = False) -> None:
        """Records were written or a stall changed; with `building`, a setting or a resident; with `cards`, a card."""
        if self.link is not None:
            self.link.look_again(building=building, cards=cards)

    async def office_ticket(self, user_id: str, name: str) -> str:
        """Make a one-time ticket for the app's office; only its hash goes over the link. Raises `LinkDown`."""
        if self.link is None or self.link.state is not LinkState.CONNECTED:
            msg = "the app is not connected"
            raise LinkDown(msg)
        ticket = secrets.token_urlsafe(32)
        ticket_hash = hashlib.sha256(ticket.encode()).hexdigest()
        await self.link.tell_office_ticket(ticket_hash, user_id, name, dt_util.utcnow() + TICKET_LIFE)
        return ticket
