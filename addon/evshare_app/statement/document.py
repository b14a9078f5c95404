"""A statement as plain values: everything that is printed, frozen as JSON in the books. HTML and PDF come from it.

Documents issued by earlier versions are read too: what they do not say yet is empty. One that was read keeps the text
it was read from, so its seal stays what it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import date, datetime
from decimal import Decimal
import hashlib
import json
from typing import Any, Self
from zoneinfo import ZoneInfo

from babel import Locale

from ..formats import locale_for
from ..model import Month
from ..money import Money


@dataclass(frozen=True, kw_only=True)
class Meter:
    """What a meter showed before and after a session."""

    serial: str | None
    start_wh: int
    end_wh: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """A price line of a session. `kind` is an OCPI dimension, or MIN_PRICE or MAX_PRICE for what a limit changes."""

    kind: str
    net_minor: int
    price: Decimal | None = None
    volume: int = 1
    vat_percent: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class SessionPart:
    """A session on the statement."""

    session_id: str
    resident: str
    guest: str
    """The name of the pass a guest of theirs charged with; empty for their own."""
    stall: str
    start: datetime
    end: datetime
    energy_wh: int
    net_minor: int
    lines: tuple[Line, ...]
    meters: tuple[Meter, ...]
    sources: Mapping[str, int] = field(default_factory=dict)
    """Its Wh by where they came from, where its price asks for that."""


@dataclass(frozen=True, kw_only=True)
class ChargePart:
    """What is billed besides sessions: a base fee, a share of a cost, the sun. `details` say how it came about."""

    charge_id: str
    kind: str
    net_minor: int
    vat_percent: Decimal | None
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Vat:
    """VAT of one rate: on what, and how much."""

    percent: Decimal
    net_minor: int
    vat_minor: int


@dataclass(frozen=True, kw_only=True)
class TariffText:
    """A tariff version that sessions on this statement were charged under, in words."""

    version_id: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TopUp:
    """Money that was paid in advance, and when."""

    day: date
    minor: int


@dataclass(frozen=True, kw_only=True)
class Advance:
    """How a statement is paid by what its account had paid in advance."""

    before_minor: int
    """Left over when the statement before was issued."""
    top_ups: tuple[TopUp, ...]
    """Since then."""
    used_minor: int
    left_minor: int
    """For later statements."""


@dataclass(frozen=True, kw_only=True)
class StatementDocument:
    """Everything a statement says."""

    statement_id: str
    number: str
    month: Month
    issued: datetime
    due: date
    language: str
    time_zone: str
    currency: str
    building: str
    payee: str
    address: str
    account: str
    sessions: tuple[SessionPart, ...]
    tariffs: tuple[TariffText, ...]
    energy_wh: int
    net_minor: int
    vat: tuple[Vat, ...]
    vat_minor: int
    gross_minor: int
    reference: str
    iban: str | None
    card: str | None
    """The saved card it is collected from ("Visa 4242"); None: by bank transfer."""
    ledger_head: str
    """First 12 hex digits of the ledger's hash once this statement is booked."""
    charges: tuple[ChargePart, ...] = ()
    ledger_key: str = ""
    """What is printed of the key the ledger's heads are signed with."""
    legal: tuple[str, ...] = ()
    """What the country's law profile has statements say."""
    kind: str = "statement"
    """Or credit_note, correction, move_out."""
    corrects: str = ""
    """Number of the statement this one takes back or stands in for."""
    reason: str = ""
    """Why it was corrected, in the manager's words."""
    account_address: str = ""
    advance: Advance | None = None
    """None where nothing was paid in advance."""
    in_favour_minor: int = 0
    """What of it is paid already by what had been paid too much, or given back, before."""
    to_pay_minor: int | None = None
    """What is left to pay; None in documents of earlier versions, which ask for all of it."""
    source: str = field(default="", repr=False, compare=False)
    """The JSON it was read from; empty for one that was made just now."""

    def to_json(self) -> str:
        """Return canonical JSON; its SHA-256 is the statement's seal."""
        if self.source:
            return self.source
        plain = {name: value for name, value in vars(self).items() if name != "source"}
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a document back. Raises KeyError, TypeError or ValueError for what is none."""
        said = json.loads(text)
        return cls(
            **said
            | {
                "month": Month(**said["month"]),
                "issued": datetime.fromisoformat(said["issued"]),
                "due": date.fromisoformat(said["due"]),
                "sessions": tuple(_session(one) for one in said["sessions"]),
                "charges": tuple(
                    ChargePart(**one | {"vat_percent": _decimal(one["vat_percent"])}) for one in said.get("charges", ())
                ),
                "tariffs": tuple(
                    TariffText(version_id=one["version_id"], lines=tuple(one["lines"])) for one in said["tariffs"]
                ),
                "vat": tuple(Vat(**one | {"percent": Decimal(one["percent"])}) for one in said["vat"]),
                "legal": tuple(said.get("legal", ())),
                "advance": _advance(said.get("advance")),
                "source": text,
            }
        )

    @property
    def seal(self) -> str:
        """SHA-256 of the document, hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def gross(self) -> Money:
        """What it comes to."""
        return Money(self.gross_minor, self.currency)

    @property
    def to_pay(self) -> Money:
        """What is left to pay; below zero where the statement is in the account's favour."""
        return Money(self.gross_minor if self.to_pay_minor is None else self.to_pay_minor, self.currency)

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of the times people read."""
        return ZoneInfo(self.time_zone)

    @property
    def locale(self) -> Locale:
        """How numbers and times are written."""
        return locale_for(self.language, self.zone)


def _session(said: Mapping[str, Any]) -> SessionPart:
    lines = tuple(
        Line(**one | {"price": _decimal(one["price"]), "vat_percent": _decimal(one["vat_percent"])})
        for one in said["lines"]
    )
    return SessionPart(
        **{"guest": "", **said}
        | {
            "start": datetime.fromisoformat(said["start"]),
            "end": datetime.fromisoformat(said["end"]),
            "lines": lines,
            "meters": tuple(Meter(**one) for one in said["meters"]),
        }
    )


def _advance(said: Mapping[str, Any] | None) -> Advance | None:
    if said is None:
        return None
    top_ups = tuple(TopUp(day=date.fromisoformat(one["day"]), minor=one["minor"]) for one in said["top_ups"])
    return Advance(**{**said, "top_ups": top_ups})


def _plain(value: object) -> object:
    # Not `asdict`, which copies every value: a month of a large building has a hundred thousand price lines.
    return vars(value) if is_dataclass(value) else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@dataclass(frozen=True, kw_only=True)
class ReceiptDocument:
    """Everything the receipt of one session says. It is no invoice: the month's statement is."""

    made: datetime
    language: str
    zone: ZoneInfo
    currency: str
    building: str
    payee: str
    address: str
    resident: str
    sessions: tuple[SessionPart, ...]
    """Exactly one."""
    tariff: TariffText
    net_minor: int
    vat: tuple[Vat, ...]
    gross_minor: int
    explained_at: str = ""
    """Address of the page that explains its price; empty where the app does not know its public address."""

    @property
    def session(self) -> SessionPart:
        """The session it is about."""
        return self.sessions[0]

    @property
    def locale(self) -> Locale:
        """How numbers and times are written."""
        return locale_for(self.language, self.zone)
