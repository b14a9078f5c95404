"""The one building these books are about."""

from dataclasses import dataclass
import json
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from ..model import BuildingId
from .schema import building


class NoBuilding(LookupError):
    """The integration has not yet told which building this is."""


@dataclass(frozen=True, kw_only=True)
class BuildingRow:
    """The building as the link last described it, and what the owners set in the office."""

    building_id: BuildingId
    name: str
    currency: str
    zone: ZoneInfo
    language: str
    iban: str | None
    payee: str | None
    address: str | None
    contact: str | None
    """Whom residents ask: a name, a telephone number."""
    price_series: tuple[str, ...] = ()
    """Names of the prices that Home Assistant tells."""


def the_building(conn: Connection) -> BuildingRow:
    """Return the building. Raises `NoBuilding` before the first `hello` of the link."""
    row = conn.execute(select(building)).one_or_none()
    if row is None:
        msg = "building: not known yet, the integration has to connect first"
        raise NoBuilding(msg)
    return BuildingRow(
        building_id=BuildingId(row.building_id),
        name=row.name,
        currency=row.currency,
        zone=ZoneInfo(row.time_zone),
        language=row.language,
        iban=row.iban,
        payee=row.payee,
        address=row.address,
        contact=row.contact,
        price_series=tuple(json.loads(row.price_series or "[]")),
    )
