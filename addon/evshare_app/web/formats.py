"""How numbers, money and times are written for a person: in their language, in the building's time zone."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, format_timedelta
from babel.numbers import format_decimal

from .. import formats
from ..model import Month, from_ms
from ..money import Money


@dataclass(frozen=True)
class Formats:
    """Writes values in one language and time zone."""

    language: str
    zone: ZoneInfo

    @cached_property
    def locale(self) -> Locale:
        """The language as spoken in the country of the time zone."""
        return formats.locale_for(self.language, self.zone)

    def money(self, minor: int, currency: str) -> str:
        """Return an amount of minor units."""
        return formats.money(Money(minor, currency), self.locale)

    def kwh(self, energy_wh: int, digits: int = 2) -> str:
        """Return energy in kWh, rounded for reading."""
        return f"{self.kwh_number(energy_wh, digits)} kWh"

    def kwh_number(self, energy_wh: int, digits: int = 2) -> str:
        """Return the number of kWh without its unit."""
        rounded = (Decimal(energy_wh) / 1000).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        return format_decimal(rounded, f"#,##0.{'0' * digits}", locale=self.locale)

    def kilowatts(self, power_w: float) -> str:
        """Return power in kW."""
        return f"{format_decimal(round(power_w / 1000, 1), '#,##0.0', locale=self.locale)} kW"

    def whole(self, number: int) -> str:
        """Return a whole number."""
        return format_decimal(number, locale=self.locale)

    def when(self, at: datetime | int | None) -> str:
        """Return date and time of an instant (a datetime or UTC milliseconds)."""
        return "–" if at is None else f"{self.day(at)}, {self.clock(at)}"

    def day(self, at: datetime | int) -> str:
        """Return the date of an instant."""
        return format_date(self._local(at).date(), "medium", locale=self.locale)

    def weekday(self, at: datetime | int) -> str:
        """Return a date as a heading, with its weekday."""
        return format_date(self._local(at).date(), "full", locale=self.locale)

    def weekday_short(self, at: datetime | int) -> str:
        """Return day and month with the weekday, without the year."""
        return format_skeleton("MMMEd", self._local(at), locale=self.locale)

    def clock(self, at: datetime | int) -> str:
        """Return the time of day of an instant."""
        return format_time(self._local(at), "short", locale=self.locale)

    def month(self, month: Month | str) -> str:
        """Return a month's name and year."""
        return formats.month_name(month if isinstance(month, Month) else Month.parse(month), self.locale)

    def ago(self, at: datetime, now: datetime) -> str:
        """Return how long ago an instant was."""
        return format_timedelta(at - now, add_direction=True, locale=self.locale, threshold=1.2)

    def _local(self, at: datetime | int) -> datetime:
        return (from_ms(at) if isinstance(at, int) else at).astimezone(self.zone)
