"""The portal's rooms: everything residents' and guests' phones can ask for. Each room declares its own routes."""

from collections.abc import Sequence

from ..web.listener import Route
from .cards import CardPages
from .disputes import DisputePages
from .door import PortalDoor, static_route
from .entry import Entry
from .guest_entry import GuestEntry
from .guest_stall import GuestStall
from .guests import GuestPages
from .history_pages import HistoryPages
from .me import MePages
from .my_data import MyData
from .nfc_cards import NfcCardPages
from .notices import NoticePages
from .own import OwnPages
from .passkeys import PasskeyPages
from .queue import QueuePages
from .reach import ReachPages
from .shell import Shell
from .stall import StallPages
from .tags import TagPages
from .typed_code import TypedCode


def portal_routes(door: PortalDoor) -> Sequence[Route]:
    """Return everything the portal answers."""
    rooms = (
        Entry(door),
        StallPages(door),
        TagPages(door),
        OwnPages(door),
        HistoryPages(door),
        Shell(door),
        MePages(door),
        MyData(door),
        NfcCardPages(door),
        PasskeyPages(door),
        ReachPages(door),
        TypedCode(door),
        CardPages(door),
        GuestPages(door),
        GuestEntry(door),
        GuestStall(door),
        QueuePages(door),
        NoticePages(door),
        DisputePages(door),
    )
    return (*static_route(), *(route for room in rooms for route in room.routes()))
