"""What the building expects of a link to the app. The link itself is a floor above."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class LinkState(StrEnum):
    """Whether the app hears us."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NOT_CONFIGURED = "not_configured"


class Link(Protocol):
    """The wire to the app."""

    @property
    def state(self) -> LinkState:
        """Whether the app hears us now."""

    @property
    def problem(self) -> str | None:
        """`unreachable`, `pairing_refused`, `unsupported_version` or `records_gone`; None when all is well."""

    def start(self) -> None:
        """Begin to connect, and stay connected."""

    async def stop(self) -> None:
        """Disconnect."""

    def look_again(self, *, building: bool = False, cards: bool = False) -> None:
        """Records were written or a stall changed; with `building`, a setting or a resident; with `cards`, a card."""

    async def tell_office_ticket(self, ticket_hash: str, user_id: str, name: str, expires_at: datetime) -> None:
        """Announce an admin to the office. Raises `LinkDown`."""
