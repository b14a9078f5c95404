"""Who comes when on the story's evening, night and morning: written by hand, so that the checker knows what to expect.

Times are minutes after noon of the first day in the building's time zone, read as ``"20:15"`` or ``"+07:30"`` (next
day). The residents are invented.
"""

from dataclasses import dataclass
from enum import StrEnum


class By(StrEnum):
    """How someone starts."""

    CARD = "card"
    PHONE = "phone"
    STRANGER = "stranger"


@dataclass(frozen=True, kw_only=True)
class Person:
    """A resident, how they pay and how they start."""

    name: str
    card_uid: str | None = None
    phone: bool = False
    card_number: str | None = None
    """Payment card typed into the hosted checkout; None pays by bank transfer."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A car at a stall: comes, starts, leaves."""

    stall: str
    person: str
    comes: str
    leaves: str
    by: By = By.CARD
    need_kwh: int = 15
    amps: int = 16
    phases: int = 3
    solar: bool = False


RESIDENTS = (
    Person(name="Ada Larsen", card_uid="04A1B2C3D4E580", card_number="4242424242424242"),
    Person(name="Bruno Keller", card_uid="04B2C3D4E5F681", phone=True),
    Person(name="Chen Wei", phone=True, card_number="4242424242424242"),
    Person(name="Dilek Arslan", card_uid="0452FA11907780"),
    Person(name="Emil Novák", card_uid="04E7123AB46E80", phone=True, card_number="5555555555554444"),
    Person(name="Farah Haddad", card_uid="9A3F71C2", card_number="4000000000000341"),
    Person(name="Goran Petrović", card_uid="0466AB120C5D80", phone=True),
    Person(name="Hana Šimková", phone=True, card_number="4242424242424242"),
    Person(name="Ivo Martins", card_uid="04C90D77E12B80", phone=True),
    Person(name="Jana Østby", card_uid="1BC4907E"),
)

STRANGER_UID = "04DEADBEEF0080"

VISITS = (
    # a busy evening
    Visit(stall="stall-1", person="Ada Larsen", comes="17:05", leaves="19:40", need_kwh=14),
    Visit(stall="stall-2", person="Bruno Keller", comes="17:20", leaves="20:10", need_kwh=22),
    Visit(stall="stall-3", person="Chen Wei", comes="17:40", leaves="19:55", by=By.PHONE, need_kwh=11),
    Visit(stall="stall-4", person="Dilek Arslan", comes="18:00", leaves="20:30", need_kwh=18),
    Visit(
        stall="stall-5",
        person="Hana Šimková",
        comes="18:10",
        leaves="21:30",
        by=By.PHONE,
        need_kwh=24,
        amps=32,
        phases=1,
    ),
    Visit(stall="stall-1", person="stranger", comes="19:45", leaves="19:56", by=By.STRANGER),
    Visit(stall="stall-3", person="stranger", comes="19:58", leaves="20:09", by=By.STRANGER),
    Visit(stall="stall-1", person="Farah Haddad", comes="20:00", leaves="23:30", need_kwh=16),
    Visit(stall="stall-3", person="Jana Østby", comes="20:15", leaves="22:20", need_kwh=12, amps=16, phases=1),
    Visit(stall="stall-2", person="Goran Petrović", comes="20:30", leaves="22:50", by=By.PHONE, need_kwh=13),
    Visit(stall="stall-4", person="Emil Novák", comes="20:45", leaves="22:40", by=By.PHONE, need_kwh=9),
    Visit(stall="stall-5", person="Ada Larsen", comes="21:45", leaves="23:10", need_kwh=7),
    # the night
    Visit(stall="stall-2", person="Dilek Arslan", comes="23:05", leaves="+06:50", need_kwh=38),
    Visit(stall="stall-3", person="Goran Petrović", comes="23:20", leaves="+07:10", need_kwh=30, phases=1, amps=32),
    Visit(stall="stall-1", person="Ivo Martins", comes="23:45", leaves="+06:30", need_kwh=41),
    Visit(stall="stall-5", person="Emil Novák", comes="23:50", leaves="+07:00", need_kwh=27),
    Visit(stall="stall-4", person="Farah Haddad", comes="+00:05", leaves="+06:20", need_kwh=33),
    # a sunny morning
    Visit(stall="stall-1", person="Farah Haddad", comes="+06:40", leaves="+07:20", need_kwh=5),
    Visit(stall="stall-2", person="Dilek Arslan", comes="+07:00", leaves="+07:50", need_kwh=6),
    Visit(stall="stall-5", person="Bruno Keller", comes="+07:05", leaves="+07:40", need_kwh=4),
    Visit(stall="stall-3", person="Emil Novák", comes="+07:15", leaves="+08:20", need_kwh=7),
    Visit(stall="stall-4", person="Jana Østby", comes="+07:20", leaves="+09:50", need_kwh=15),
    Visit(stall="stall-1", person="Chen Wei", comes="+07:30", leaves="+11:30", by=By.PHONE, need_kwh=20, solar=True),
    Visit(stall="stall-5", person="Ivo Martins", comes="+07:45", leaves="+11:40", by=By.PHONE, need_kwh=18, solar=True),
    Visit(
        stall="stall-2", person="Bruno Keller", comes="+08:00", leaves="+11:45", by=By.PHONE, need_kwh=16, solar=True
    ),
    Visit(
        stall="stall-3",
        person="Hana Šimková",
        comes="+08:30",
        leaves="+11:50",
        by=By.PHONE,
        need_kwh=12,
        phases=1,
        solar=True,
    ),
    Visit(stall="stall-4", person="Ada Larsen", comes="+10:05", leaves="+11:35", need_kwh=9),
)

HOME_ASSISTANT_STOPS, HOME_ASSISTANT_STARTS = "21:05", "21:13"
"""Home Assistant restarts while five cars are plugged in."""

APP_STOPS, APP_STARTS = "23:00", "23:40"
"""The app is away while cards are tapped and sessions end."""


def minutes(text: str) -> int:
    """Return minutes after midnight of the first day; ``+`` is the day after."""
    day = 1 if text.startswith("+") else 0
    hour, minute = text.lstrip("+").split(":")
    return day * 24 * 60 + int(hour) * 60 + int(minute)
