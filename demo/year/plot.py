"""Who lives in the building, and what happens in it besides everyday charging: the parts of the story that are fixed.

Days are local days of the building. Stalls and residents have numbers from 1.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
BUILDING_ID = "b0000000000000000000000000002027"
STALLS = 8
FLATS = (80, 65, 72, 58, 90, 45, 61, 77, 83, 52, 66, 70, 95, 86)
"""Ownership shares, in thousandths."""
VAT = Decimal(19)
STANDBY_W = 38
"""Of all eight wall connectors and the gateway, while nobody charges: it is always there."""
SUBSCRIBERS, NIGHT, PREPAID = (2, 11), (8,), (10,)
"""Residents on a plan of their own; everybody else is on the house's."""


@dataclass(frozen=True, kw_only=True)
class Resident:
    """Somebody with a car."""

    number: int
    flat: int
    """From 1; two residents of a flat are one household."""
    car_w: int
    """What the car draws while it charges."""
    eagerness: int
    """Sessions in 1000 days."""

    @property
    def id(self) -> str:
        """How the link calls them."""
        return f"res-{self.number:02d}"

    @property
    def name(self) -> str:
        """What people call them."""
        return f"Resident {self.number}"


def _resident(number: int) -> Resident:
    flat = number if number <= len(FLATS) else number - len(FLATS)
    return Resident(
        number=number, flat=flat, car_w=(3_680, 7_360, 11_040)[number % 3], eagerness=70 + 23 * (number * 7 % 9)
    )


RESIDENTS = tuple(_resident(number) for number in range(1, 21))


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What happens when."""

    first: date
    """First day, the first of a month."""
    months: int
    move_outs: tuple[tuple[int, date], ...]
    """Resident and the first day on which they are gone."""
    prices: tuple[tuple[date, Decimal], ...]
    """Net per kWh, from a day on; the first from the beginning."""
    meter_swap: tuple[int, date]
    """Stall and day."""
    disputed: tuple[date, date]
    """Two days of sessions that somebody says were not theirs: that is true of the first, not of the second."""
    over_month_end: date
    """Last day of a month on which a car begins that is still there when the month is closed."""
    late: date
    """Last day of a month on which a stall is cut off from the network in mid-session, until the tenth."""
    employer: tuple[int, date]
    """A resident whose employer pays from a day on."""
    craftsmen: tuple[date, ...]
    """Days on which somebody who works for the house charges at its cost."""
    bills: tuple[date, ...]
    """Days on which the supplier's bills end (exclusive); the first begins with the year."""
    seldom: int = 1
    """Residents come this many times as seldom as they else would."""

    @property
    def month_starts(self) -> tuple[date, ...]:
        """First day of each month, and the day after the last one."""
        at = [self.first]
        while len(at) <= self.months:
            at.append((at[-1].replace(day=28) + timedelta(days=4)).replace(day=1))
        return tuple(at)

    @property
    def last(self) -> date:
        """The day after the last."""
        return self.month_starts[-1]

    def price_at(self, at_s: int) -> Decimal:
        """Return what a kWh costs a session that is authorised at an instant."""
        return [price for day, price in self.prices if instant(day) <= at_s][-1]


YEAR = Plot(
    first=date(2027, 1, 1),
    months=12,
    move_outs=((13, date(2027, 4, 17)), (18, date(2027, 9, 9))),
    prices=((date(2027, 1, 1), Decimal("0.29")), (date(2027, 7, 1), Decimal("0.34"))),
    meter_swap=(5, date(2027, 5, 19)),
    disputed=(date(2027, 6, 11), date(2027, 8, 24)),
    over_month_end=date(2027, 2, 28),
    late=date(2027, 3, 31),
    employer=(6, date(2027, 5, 1)),
    craftsmen=(date(2027, 2, 9), date(2027, 6, 22), date(2027, 11, 3)),
    bills=(date(2027, 4, 1), date(2027, 7, 1), date(2027, 10, 1), date(2028, 1, 1)),
)
"""A whole year."""
AUTUMN = Plot(
    first=date(2027, 10, 1),
    months=3,
    move_outs=((13, date(2027, 10, 17)), (18, date(2027, 11, 9))),
    prices=((date(2027, 10, 1), Decimal("0.29")), (date(2027, 11, 16), Decimal("0.34"))),
    meter_swap=(5, date(2027, 11, 19)),
    disputed=(date(2027, 10, 11), date(2027, 12, 8)),
    over_month_end=date(2027, 11, 30),
    late=date(2027, 10, 31),
    employer=(6, date(2027, 11, 5)),
    craftsmen=(date(2027, 11, 3),),
    bills=(date(2027, 11, 12), date(2028, 1, 1)),
    seldom=2,
)
"""The same in three months."""


def instant(day: date, hour: int = 0, minute: int = 0) -> int:
    """Return the UTC second of a local time."""
    return int(datetime.combine(day, time(hour, minute), tzinfo=ZONE).timestamp())
