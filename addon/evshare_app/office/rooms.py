"""The office's rooms: everything it can be asked for. Each room declares its own routes."""

from collections.abc import Sequence

from ..web.listener import Route
from .accounts import AccountPages
from .backup import BackupPages
from .bills import BillPages
from .cards import CardPages
from .corrections import CorrectionPages
from .costs import CostPages
from .data import DataPages
from .disputes import DisputePages
from .door import OfficeDoor
from .entry import Entry
from .figures import FigurePages
from .guests import GuestPages
from .house import HousePages
from .ledger import LedgerPages
from .month import MonthPages
from .people import PeoplePages
from .plans import PlanPages
from .price import PricePage
from .reach import ReachPages
from .refusals import RefusalPage
from .rules import RulePages
from .sheets import SheetPages
from .stalls import StallPages
from .tags import TagPages
from .tariff import TariffPage
from .team import TeamPages
from .today import TodayPage


def office_routes(door: OfficeDoor) -> Sequence[Route]:
    """Return everything the office answers."""
    rooms = (
        Entry(door),
        TodayPage(door),
        PeoplePages(door),
        CardPages(door),
        RulePages(door),
        StallPages(door),
        SheetPages(door),
        ReachPages(door),
        TagPages(door),
        TariffPage(door),
        PricePage(door),
        PlanPages(door),
        AccountPages(door),
        CostPages(door),
        BillPages(door),
        MonthPages(door),
        CorrectionPages(door),
        FigurePages(door),
        LedgerPages(door),
        HousePages(door),
        BackupPages(door),
        DataPages(door),
        TeamPages(door),
        RefusalPage(door),
        GuestPages(door),
        DisputePages(door),
    )
    routes = tuple(route for room in rooms for route in room.routes())
    door.declare(routes)
    return routes
