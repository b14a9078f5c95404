"""Tariff versions in the books. A version is never changed; the newest one that is valid at an instant is in force.

Versions belong to a family: a plan names one, "house" is everybody's who is on no plan of their own. A version that
does not hold yet can be withdrawn; another one may then hold from the same time on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
import hashlib
import re
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select

from ..books.accounting_tables import tariff_withdrawn
from ..books.building import the_building
from ..books.payers import HOUSE, family_for
from ..books.schema import session
from ..books.schema import tariff as tariff_table
from ..i18n import mark
from ..model import from_ms, to_ms
from .holiday_dates import holiday_dates
from .ocpi import Tariff, TariffError, load, parse_tariff, rfc3339


class NoTariff(LookupError):
    """No tariff is in force."""


@dataclass(frozen=True, kw_only=True)
class TariffVersion:
    """A tariff and since when it holds."""

    version_id: str
    valid_from: datetime
    tariff: Tariff
    family: str = HOUSE


@dataclass(frozen=True, kw_only=True)
class KeptVersion:
    """A version as the books keep it for ever, also when it was taken back."""

    version: TariffVersion
    created: datetime
    withdrawn: datetime | None
    withdrawn_by: str
    sessions: int
    """Which are charged under it."""


def flat_tariff(currency: str, price_per_kwh: Decimal, vat_percent: Decimal | None, now: datetime) -> dict[str, Any]:
    """Return the OCPI Tariff of one net price per kWh."""
    component = {"type": "ENERGY", "price": price_per_kwh, "step_size": 1}
    if vat_percent is not None:
        component["vat"] = vat_percent
    return {
        # XX is ISO 3166's user-assigned "nowhere": residents' tariffs never leave the building.
        "country_code": "XX",
        "party_id": "EVS",
        "id": "flat",
        "currency": currency,
        "type": "REGULAR",
        "elements": [{"price_components": [component]}],
        "last_updated": rfc3339(now),
    }


def tariff_in_force(conn: Connection, at: datetime, family: str = HOUSE) -> TariffVersion:
    """Return a family's version in force at an instant; the house's where the family has none.

    Raises `NoTariff` when there is none yet.
    """
    row = conn.execute(
        _standing()
        .where(tariff_table.c.valid_from_ms <= to_ms(at), tariff_table.c.family == family)
        .order_by(tariff_table.c.valid_from_ms.desc())
        .limit(1)
    ).one_or_none()
    if row is None and family != HOUSE:
        return tariff_in_force(conn, at)
    if row is None:
        msg = f"tariff: none is in force at {rfc3339(at)}"
        raise NoTariff(msg)
    return _version(row)


def versions_from(conn: Connection, at: datetime, family: str = HOUSE) -> list[TariffVersion]:
    """Return a family's version in force at an instant and those that follow, in order. Raises `NoTariff`."""
    first = tariff_in_force(conn, at, family)
    later = conn.execute(
        _standing()
        .where(tariff_table.c.valid_from_ms > to_ms(at), tariff_table.c.family == first.family)
        .order_by(tariff_table.c.valid_from_ms)
    )
    return [first, *(_version(row) for row in later)]


def tariff_for(conn: Connection, resident_id: str, at: datetime) -> TariffVersion:
    """Return the version a session of a resident's would be charged under. Raises `NoTariff`."""
    return tariff_in_force(conn, at, family_for(conn, resident_id, at))


def versions_for(conn: Connection, resident_id: str, at: datetime) -> list[TariffVersion]:
    """Return that version and those that follow it, in order. Raises `NoTariff`."""
    return versions_from(conn, at, family_for(conn, resident_id, at))


def tariff_version(conn: Connection, version_id: str) -> TariffVersion:
    """Return one version. Raises `NoTariff` for an unknown id."""
    row = conn.execute(select(tariff_table).where(tariff_table.c.version_id == version_id)).one_or_none()
    if row is None:
        msg = f"tariff: got version {version_id!r}, accepted is the id of a stored one"
        raise NoTariff(msg)
    return _version(row)


def tariff_versions(conn: Connection, family: str = HOUSE) -> list[TariffVersion]:
    """Return a family's versions that were not withdrawn, newest first."""
    rows = _standing().where(tariff_table.c.family == family).order_by(tariff_table.c.valid_from_ms.desc())
    return [_version(row) for row in conn.execute(rows)]


def families(conn: Connection) -> list[str]:
    """Return the families there are versions of, the house's first."""
    known = set(conn.scalars(select(tariff_table.c.family).distinct()))
    return sorted(known, key=lambda one: (one != HOUSE, one))


def withdraw_version(conn: Connection, version_id: str, by: str, now: datetime) -> None:
    """Take a version back before it holds, so before anything is charged under it. Raises `TariffError` after that."""
    kept = kept_version(conn, version_id)
    if kept.version.valid_from <= now or kept.sessions:
        raise _refused("version", version_id, mark("one that does not hold yet"))
    if kept.withdrawn is not None:
        return
    conn.execute(
        insert(tariff_withdrawn).values(
            building_id=the_building(conn).building_id,
            version_id=version_id,
            withdrawn_ms=to_ms(now),
            withdrawn_by=by[:80],
        )
    )


def kept_versions(conn: Connection, family: str = HOUSE) -> list[KeptVersion]:
    """Return all versions of a family, also those that were withdrawn, newest first."""
    rows = _kept().where(tariff_table.c.family == family)
    ordered = rows.order_by(tariff_table.c.valid_from_ms.desc(), tariff_table.c.created_ms.desc())
    return [_kept_version(row) for row in conn.execute(ordered)]


def kept_version(conn: Connection, version_id: str) -> KeptVersion:
    """Return one version, also a withdrawn one. Raises `NoTariff` for an unknown id."""
    row = conn.execute(_kept().where(tariff_table.c.version_id == version_id)).one_or_none()
    if row is None:
        msg = f"tariff: got version {version_id!r}, accepted is the id of a stored one"
        raise NoTariff(msg)
    return _kept_version(row)


def _kept() -> Select[Any]:
    used = select(func.count()).where(session.c.tariff_version == tariff_table.c.version_id).scalar_subquery()
    return select(
        tariff_table, tariff_withdrawn.c.withdrawn_ms, tariff_withdrawn.c.withdrawn_by, used.label("sessions")
    ).outerjoin(tariff_withdrawn, tariff_withdrawn.c.version_id == tariff_table.c.version_id)


def _kept_version(row: Row[Any]) -> KeptVersion:
    return KeptVersion(
        version=_version(row),
        created=from_ms(row.created_ms),
        withdrawn=None if row.withdrawn_ms is None else from_ms(row.withdrawn_ms),
        withdrawn_by=row.withdrawn_by or "",
        sessions=row.sessions,
    )


def _standing() -> Select[Any]:
    return select(tariff_table).where(tariff_table.c.version_id.not_in(select(tariff_withdrawn.c.version_id)))


def add_version(
    conn: Connection, ocpi: Mapping[str, Any], valid_from: datetime, now: datetime, family: str = HOUSE
) -> TariffVersion:
    """Store a tariff that holds from `valid_from` on; adding the same one again returns what is there.

    Sessions keep the version they were authorised under. Raises `TariffError` when the tariff is not usable, its
    currency is not the building's, it follows a price that the building does not tell, nobody knows the country of its
    holidays, it has a validity of its own, or it would start in the past.
    """
    tariff, building = parse_tariff(ocpi), the_building(conn)
    if tariff.currency != building.currency:
        accepted = mark("the building's, %(currency)s")
        raise _refused("currency", tariff.currency, accepted, currency=building.currency)
    check_series(tariff, building.price_series)
    _check_validity(tariff)
    if tariff.x_evshare is not None and tariff.x_evshare.holidays is not None:
        # A place nobody knows is found out now, not when the first session is rated.
        holiday_dates(tariff.x_evshare.holidays, [valid_from.year])
    text = tariff.to_json()
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,35}", family):
        raise _refused("family", repr(family), mark("1 to 36 of a-z, 0-9 and -"))
    there = conn.execute(
        _standing().where(tariff_table.c.valid_from_ms == to_ms(valid_from), tariff_table.c.family == family)
    ).one_or_none()
    if there is not None and there.ocpi_json == text:
        return _version(there)
    if there is not None:
        message = mark("%(path)s: another version already starts at %(time)s, accepted is another time")
        raise TariffError(message, path="valid_from", time=rfc3339(valid_from))
    if valid_from < now:
        accepted = mark("a time not before %(now)s")
        raise _refused("valid_from", rfc3339(valid_from), accepted, now=rfc3339(now))
    version_id = _version_id(text, valid_from, family)
    if conn.scalar(select(func.count()).where(tariff_table.c.version_id == version_id)):
        # The same was withdrawn before: it is another version all the same.
        version_id = _version_id(f"{text} {rfc3339(now)}", valid_from, family)
    version = TariffVersion(version_id=version_id, valid_from=valid_from, tariff=tariff, family=family)
    return _store(conn, version, now)


def check_series(tariff: Tariff, told: Collection[str]) -> None:
    """Raise `TariffError` for a tariff that follows a price nobody tells: all its prices would be the fallback."""
    spot = tariff.x_evshare.spot if tariff.x_evshare is not None else None
    if spot is None or spot.series in told:
        return
    accepted = mark("nothing yet: Home Assistant tells no price of this building")
    if told:
        accepted = mark("the name of a price that Home Assistant tells: %(names)s")
    raise _refused("x_evshare.spot.series", repr(spot.series), accepted, names=", ".join(map(repr, told)))


def _refused(path: str, got: str, accepted: str, **values: object) -> TariffError:
    message = mark("%(path)s: got %(got)s, accepted is %(accepted)s")
    return TariffError(message, accepted=accepted, path=path, got=got, **values)


def _version_id(text: str, valid_from: datetime, family: str) -> str:
    seal = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{valid_from.astimezone(UTC):%Y%m%dT%H%M%SZ}-{seal}" + ("" if family == HOUSE else f"-{family}")


def _check_validity(tariff: Tariff) -> None:
    """Refuse a validity of the tariff's own: versions follow each other, so a second truth would go unheard."""
    for name in ("start_date_time", "end_date_time"):
        at: datetime | None = getattr(tariff, name)
        if at is not None:
            accepted = mark("none: a version holds from its date until the next one's")
            raise _refused(name, rfc3339(at), accepted)


def ensure_default(conn: Connection, currency: str, now: datetime) -> TariffVersion:
    """Return the oldest version; the first time, store 0.30 per kWh with 0 % VAT.

    It is valid since ever, because sessions may have been authorised before the app first heard of them.
    """
    row = conn.execute(select(tariff_table).order_by(tariff_table.c.valid_from_ms).limit(1)).one_or_none()
    if row is not None:
        return _version(row)
    tariff = parse_tariff(flat_tariff(currency, Decimal("0.30"), Decimal(0), now))
    return _store(conn, TariffVersion(version_id="default", valid_from=from_ms(0), tariff=tariff), now)


def _store(conn: Connection, version: TariffVersion, now: datetime) -> TariffVersion:
    conn.execute(
        insert(tariff_table).values(
            building_id=the_building(conn).building_id,
            version_id=version.version_id,
            valid_from_ms=to_ms(version.valid_from),
            created_ms=to_ms(now),
            ocpi_json=version.tariff.to_json(),
            family=version.family,
        )
    )
    return version


def _version(row: Row[Any]) -> TariffVersion:
    return TariffVersion(
        version_id=row.version_id,
        valid_from=from_ms(row.valid_from_ms),
        tariff=_parsed(row.ocpi_json),
        family=row.family,
    )


@lru_cache(maxsize=64)
def _parsed(ocpi_json: str) -> Tariff:
    """Read a version as the books keep it, once: it never changes, and every session that is rated asks for it."""
    return parse_tariff(load(ocpi_json))
