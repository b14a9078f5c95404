"""Tariff versions in the books. A version is never changed; the newest one that is valid at an instant is in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
import hashlib
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from ..books.building import the_building
from ..books.schema import tariff as tariff_table
from ..model import from_ms, to_ms
from .ocpi import Tariff, TariffError, load, parse_tariff, rfc3339


class NoTariff(LookupError):
    """No tariff is in force."""


@dataclass(frozen=True, kw_only=True)
class TariffVersion:
    """A tariff and since when it holds."""

    version_id: str
    valid_from: datetime
    tariff: Tariff


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


def tariff_in_force(conn: Connection, at: datetime) -> TariffVersion:
    """Return the version in force at an instant. Raises `NoTariff` when there is none yet."""
    row = conn.execute(
        select(tariff_table)
        .where(tariff_table.c.valid_from_ms <= to_ms(at))
        .order_by(tariff_table.c.valid_from_ms.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        msg = f"tariff: none is in force at {rfc3339(at)}"
        raise NoTariff(msg)
    return _version(row)


def versions_from(conn: Connection, at: datetime) -> list[TariffVersion]:
    """Return the version in force at an instant and those that follow, in order. Raises `NoTariff`."""
    first = tariff_in_force(conn, at)
    later = conn.execute(
        select(tariff_table).where(tariff_table.c.valid_from_ms > to_ms(at)).order_by(tariff_table.c.valid_from_ms)
    )
    return [first, *(_version(row) for row in later)]


def tariff_version(conn: Connection, version_id: str) -> TariffVersion:
    """Return one version. Raises `NoTariff` for an unknown id."""
    row = conn.execute(select(tariff_table).where(tariff_table.c.version_id == version_id)).one_or_none()
    if row is None:
        msg = f"tariff: got version {version_id!r}, accepted is the id of a stored one"
        raise NoTariff(msg)
    return _version(row)


def tariff_versions(conn: Connection) -> list[TariffVersion]:
    """Return all versions, newest first."""
    return [_version(row) for row in conn.execute(select(tariff_table).order_by(tariff_table.c.valid_from_ms.desc()))]


def add_version(conn: Connection, ocpi: Mapping[str, Any], valid_from: datetime, now: datetime) -> TariffVersion:
    """Store a tariff that holds from `valid_from` on; adding the same one again returns what is there.

    Sessions keep the version they were authorised under. Raises `TariffError` when the tariff is not usable, its
    currency is not the building's, it has a validity of its own, or it would start in the past.
    """
    tariff = parse_tariff(ocpi)
    currency = the_building(conn).currency
    if tariff.currency != currency:
        msg = f"currency: got {tariff.currency}, accepted is the building's, {currency}"
        raise TariffError(msg)
    _check_validity(tariff)
    text = tariff.to_json()
    version_id = f"{valid_from.astimezone(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    there = conn.execute(select(tariff_table).where(tariff_table.c.valid_from_ms == to_ms(valid_from))).one_or_none()
    if there is not None and there.version_id == version_id:
        return _version(there)
    if there is not None:
        msg = f"valid_from: another version already starts at {rfc3339(valid_from)}, accepted is another time"
        raise TariffError(msg)
    if valid_from < now:
        msg = f"valid_from: got {rfc3339(valid_from)}, accepted is a time not before {rfc3339(now)}"
        raise TariffError(msg)
    return _store(conn, TariffVersion(version_id=version_id, valid_from=valid_from, tariff=tariff), now)


def _check_validity(tariff: Tariff) -> None:
    """Refuse a validity of the tariff's own: versions follow each other, so a second truth would go unheard."""
    for name in ("start_date_time", "end_date_time"):
        at: datetime | None = getattr(tariff, name)
        if at is not None:
            msg = f"{name}: got {rfc3339(at)}, accepted is none: a version holds from its date until the next one's"
            raise TariffError(msg)


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
        )
    )
    return version


def _version(row: Row[Any]) -> TariffVersion:
    return TariffVersion(
        version_id=row.version_id, valid_from=from_ms(row.valid_from_ms), tariff=parse_tariff(load(row.ocpi_json))
    )
