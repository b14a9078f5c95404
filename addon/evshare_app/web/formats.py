"""How numbers, money and times are written for a person: in their language, in the building's time zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_day_names
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

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

    def clock_to_the_second(self, at: datetime | int) -> str:
        """Return the time of day of an instant with its seconds."""
        return format_time(self._local(at), "medium", locale=self.locale)

    def soon(self, at: datetime | int) -> str:
        """Return an instant of the coming days: weekday and time of day; further away its date."""
        return f"{self.weekday_short(at)}, {self.clock(at)}"

    def calendar_day(self, day: date) -> str:
        """Return a day of the building's calendar."""
        return format_date(day, "medium", locale=self.locale)

    def date_short(self, day: date) -> str:
        """Return a day of the building's calendar, without the year."""
        return format_skeleton("MMMEd", day, locale=self.locale)

    def month_short(self, month: Month) -> str:
        """Return a month with its name in short."""
        return format_skeleton("yMMM", date(month.year, month.month, 1), locale=self.locale)

    def hours(self, seconds: int) -> str:
        """Return an exact length of time."""
        return formats.duration(seconds)

    def month(self, month: Month | str) -> str:
        """Return a month's name and year."""
        return formats.month_name(month if isinstance(month, Month) else Month.parse(month), self.locale)

    def weekdays(self, days: Iterable[int]) -> str:
        """Return weekdays (1 is Monday) in short, runs of three and more as a range."""
        names = get_day_names("abbreviated", "stand-alone", locale=self.locale)
        runs: list[list[int]] = []
        for day in sorted(days):
            if runs and runs[-1][-1] == day - 1:
                runs[-1].append(day)
            else:
                runs.append([day])
        parts = []
        for run in runs:
            shown = [names[run[0] - 1], names[run[-1] - 1]] if len(run) > 2 else []
            parts.append("\N{EN DASH}".join(shown) if shown else ", ".join(names[day - 1] for day in run))
        return ", ".join(parts)

    def ago(self, at: datetime, now: datetime) -> str:
        """Return how long ago an instant was."""
        return format_timedelta(at - now, add_direction=True, locale=self.locale, threshold=1.2)

    def span(self, length: timedelta) -> str:
        """Return about how long something takes: to five minutes, and to a quarter of an hour from two hours on."""
        minutes = length / timedelta(minutes=1)
        step = 5 if minutes < 120 else 15
        hours, rest = divmod(max(step, round(minutes / step) * step), 60)
        parts = ((hours, "duration-hour"), (rest, "duration-minute"))
        return " ".join(format_unit(number, unit, "short", locale=self.locale) for number, unit in parts if number)

    def price(self, amount: Decimal, currency: str) -> str:
        """Return a unit price with as many decimals as it needs."""
        return formats.price(amount, currency, self.locale)

    def number(self, number: Decimal | int) -> str:
        """Return a number with the decimals it has."""
        return formats.number(number, self.locale)

    def fixed(self, number: Decimal, digits: int) -> str:
        """Return a number rounded to some decimals, which it then has."""
        rounded = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        return format_decimal(rounded, f"#,##0.{'0' * digits}", locale=self.locale)

    def percent(self, part: Decimal | Fraction | int, whole: Decimal | Fraction | int) -> str:
        """Return a part of a whole in percent, to one decimal; a dash where there is no whole."""
        if not whole:
            return "–"
        exact = Fraction(part) * 1000 / Fraction(whole)
        tenths = Decimal(round(exact))
        return format_percent(tenths / 1000, "#,##0.0\N{NO-BREAK SPACE}%", locale=self.locale)

    def _local(self, at: datetime | int) -> datetime:
        return (from_ms(at) if isinstance(at, int) else at).astimezone(self.zone)
