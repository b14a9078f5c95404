"""Roles in the office, and which of them may open what.

A manager may everything. The board reads everything and changes nothing. A technician sees to stalls and cards and
sees no money. What a route does not name it does not let in; that the board cannot change anything is checked when
the app starts.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from ..i18n import mark
from ..web.listener import Access, Route


class Role(StrEnum):
    """What someone is in the office."""

    MANAGER = "manager"
    BOARD = "board"
    TECHNICIAN = "technician"


MAY: Mapping[Access, frozenset[Role]] = {
    Access.MANAGER: frozenset({Role.MANAGER}),
    Access.BOARD: frozenset({Role.MANAGER, Role.BOARD}),
    Access.TECHNICIAN: frozenset({Role.MANAGER, Role.TECHNICIAN}),
    Access.OFFICE: frozenset(Role),
}
"""The roles each access of the office's routes lets in."""

INVITED = (Role.BOARD, Role.TECHNICIAN)
"""Roles that can be had by a link. A manager has to be a user of Home Assistant."""

NAMES = {
    Role.MANAGER: mark("Manager"),
    Role.BOARD: mark("Board member"),
    Role.TECHNICIAN: mark("Technician"),
}
MEANINGS = {
    Role.MANAGER: mark("May do everything here."),
    Role.BOARD: mark("Sees everything, changes nothing."),
    Role.TECHNICIAN: mark("Sees to stalls and cards; sees no prices, statements or bank accounts."),
}

_OWN = "/office/sign-out"


class WrongAccess(Exception):
    """A route is declared in a way that cannot be meant."""


def may(route: Route, role: Role) -> bool:
    """Whether a role may open a route."""
    return route.access is Access.ANYONE or role in MAY.get(route.access, frozenset())


def check_routes(routes: Sequence[Route]) -> None:
    """Check what the office declares. Raises `WrongAccess` for an access it does not know or that lets too many in."""
    for route in routes:
        name, changes = f"{route.method} {route.path}", route.method != "GET"
        if route.access is Access.ANYONE:
            if changes and route.path.startswith("/office"):
                msg = f"{name}: got {Access.ANYONE}, accepted is a role: it changes something"
                raise WrongAccess(msg)
        elif route.access not in MAY:
            msg = f"{name}: got {route.access}, accepted are {', '.join(MAY)} and {Access.ANYONE}"
            raise WrongAccess(msg)
        elif changes and may(route, Role.BOARD) and route.path != _OWN:
            msg = f"{name}: got {route.access}, which lets in the board, and the board changes nothing"
            raise WrongAccess(msg)
