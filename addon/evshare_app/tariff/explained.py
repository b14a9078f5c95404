"""How the price of a session of the books comes about, and what of it was billed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from ..books import schema
from ..books.building import the_building
from ..model import from_ms
from .cdr import waits_for_close
from .cdr_json import rated_slice
from .explain import Explanation, explain
from .gather import circumstances_of
from .rating import RatedInput
from .store import TariffVersion, tariff_version


@dataclass(frozen=True, kw_only=True)
class Billed:
    """A CDR of the session."""

    part: int
    kind: str
    ended_ms: int
    net_minor: int
    gross_minor: int


@dataclass(frozen=True, kw_only=True)
class ExplainedSession:
    """A session, its tariff, the steps to its price, and its CDRs."""

    session_id: str
    resident_id: str
    resident: str
    stall: str
    started_ms: int
    ended_ms: int | None
    energy_wh: int
    version: TariffVersion
    explanation: Explanation
    billed: tuple[Billed, ...]
    waits_for_close: bool
    """Nothing is billed yet, because where the energy came from is settled when the month is closed."""

    @property
    def billed_gross_minor(self) -> int:
        """What was billed in all."""
        return sum(one.gross_minor for one in self.billed)

    @property
    def differs(self) -> bool:
        """Whether what was billed is not what the steps come to: what is known may have changed since."""
        return bool(self.billed) and self.billed_gross_minor != self.explanation.gross_minor


def explained_session(conn: Connection, session_id: str) -> ExplainedSession | None:
    """Return the steps to a session's price; None for one that is unknown, never began, or has no trusted register.

    A session that goes on is explained as far as its slices reach, without what only its end decides.
    """
    row = _session(conn, session_id)
    if row is None:
        return None
    cuts = conn.execute(
        select(schema.slice_)
        .where(schema.slice_.c.session_id == session_id)
        .order_by(schema.slice_.c.start_ms, schema.slice_.c.epoch, schema.slice_.c.slice_id)
    ).all()
    building, version, started = the_building(conn), tariff_version(conn, row.tariff_version), from_ms(row.started_ms)
    rated = RatedInput(started=started, slices=[rated_slice(one) for one in cuts])
    until = rated.slices[-1].end if rated.slices else started
    known = circumstances_of(conn, version.tariff, started, until, building, cuts)
    billed = _billed(conn, session_id)
    return ExplainedSession(
        session_id=session_id,
        resident_id=row.resident_id,
        resident=row.resident,
        stall=row.stall,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        energy_wh=sum(one.energy_wh for one in rated.slices),
        version=version,
        explanation=explain(version.tariff, rated, building.zone, known, final=row.ended_ms is not None),
        billed=billed,
        waits_for_close=not billed and waits_for_close(version),
    )


def is_settled_later(conn: Connection, session_id: str) -> bool:
    """Whether a session is not billed before its month is closed, because its price asks where energy came from."""
    version_id = conn.scalar(select(schema.session.c.tariff_version).where(schema.session.c.session_id == session_id))
    if version_id is None or _billed(conn, session_id):
        return False
    return waits_for_close(tariff_version(conn, version_id))


def _session(conn: Connection, session_id: str) -> Row[Any] | None:
    return conn.execute(
        select(schema.session, schema.stall.c.name.label("stall"), schema.resident.c.name.label("resident"))
        .join(schema.stall, schema.stall.c.stall_id == schema.session.c.stall_id)
        .join(schema.resident, schema.resident.c.resident_id == schema.session.c.resident_id)
        .where(
            schema.session.c.session_id == session_id,
            schema.session.c.started_ms.is_not(None),
            schema.stall.c.billable == 1,
        )
    ).one_or_none()


def _billed(conn: Connection, session_id: str) -> tuple[Billed, ...]:
    rows: Sequence[Row[Any]] = conn.execute(
        select(schema.cdr).where(schema.cdr.c.session_id == session_id).order_by(schema.cdr.c.part)
    ).all()
    return tuple(
        Billed(
            part=one.part, kind=one.kind, ended_ms=one.ended_ms, net_minor=one.net_minor, gross_minor=one.gross_minor
        )
        for one in rows
    )
