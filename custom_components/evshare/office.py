"""Where the app's office is, as an admin's browser reaches it."""

from collections.abc import Mapping
from typing import Any, Final

from yarl import URL

from .const import CONF_APP_URL, CONF_OFFICE_URL

OFFICE_PORT: Final = 8099
TICKET_LIFE_S: Final = 60


def office_url(data: Mapping[str, Any]) -> URL | None:
    """The office's address: as set up, or the app's host on the office's usual port; None without app."""
    if data.get(CONF_OFFICE_URL):
        return URL(data[CONF_OFFICE_URL])
    if not data.get(CONF_APP_URL):
        return None
    link = URL(data[CONF_APP_URL])
    return link.with_scheme("https" if link.scheme in ("https", "wss") else "http").with_port(OFFICE_PORT).origin()


def office_link(data: Mapping[str, Any], ticket: str) -> str:
    """The sign-in link for a ticket; the fragment is never sent to a server or written to its log."""
    url = office_url(data)
    assert url is not None, "a ticket exists only while the app is connected"
    return f"{str(url).rstrip('/')}/sign-in#{ticket}"
