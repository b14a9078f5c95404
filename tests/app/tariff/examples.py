"""OCPI 2.2.1's own example tariffs (`mod_tariffs.asciidoc`), and sessions to rate with them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.rating import RatedInput, RatedSlice, Rating, rate

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_0930 = datetime(2026, 6, 1, 9, 30, tzinfo=BERLIN)
SATURDAY_1330 = datetime(2026, 6, 6, 13, 30, tzinfo=BERLIN)


def tariff(*elements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "ALL",
        "id": "1",
        "currency": "EUR",
        "elements": list(elements),
        "last_updated": "2018-12-05T12:01:09Z",
        **fields,
    }


def price(kind: str, amount: float, vat: float | None = None, step: int = 1) -> dict[str, Any]:
    component = {"type": kind, "price": amount, "step_size": step}
    return component if vat is None else component | {"vat": vat}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"price_components": list(components)}
    return made | {"restrictions": restrictions} if restrictions else made


START_AND_ENERGY = element(price("FLAT", 0.50, 20), price("ENERGY", 0.25, 10))
SUPERMARKET = tariff(
    element(price("ENERGY", 0.0, 20), max_duration=1800),
    element(price("ENERGY", 0.25, 20), max_duration=3600),
    element(price("ENERGY", 0.40, 20)),
)
STEPS = tariff(
    element(
        price("TIME", 1.20, step=1800), price("PARKING_TIME", 1.00, step=900), start_time="00:00", end_time="17:00"
    ),
    element(price("TIME", 2.40, step=900), price("PARKING_TIME", 1.00, step=900), start_time="17:00", end_time="20:00"),
    element(price("TIME", 2.40, step=900), start_time="20:00", end_time="00:00"),
)
COMPLEX_ELEMENTS = (
    element(price("FLAT", 2.50, 15)),
    element(price("TIME", 1.00, 20, step=900), max_current=32.00),
    element(price("TIME", 2.00, 20, step=600), min_current=32.00, day_of_week=["MONDAY", "TUESDAY", "WEDNESDAY"]),
    element(price("TIME", 1.25, 20, step=600), min_current=32.00, day_of_week=["SATURDAY", "SUNDAY"]),
    element(price("PARKING_TIME", 5.00, 10, step=300), start_time="09:00", end_time="18:00", day_of_week=["MONDAY"]),
    element(price("PARKING_TIME", 6.00, 10, step=300), start_time="10:00", end_time="17:00", day_of_week=["SATURDAY"]),
)


def charging(minutes: float, energy_wh: int = 0) -> tuple[float, int, bool]:
    return minutes, energy_wh, False


def parked(minutes: float) -> tuple[float, int, bool]:
    return minutes, 0, True


def rated(
    ocpi: dict[str, Any],
    *stretches: tuple[float, int, bool],
    started: datetime = MONDAY_0930,
    zone: ZoneInfo = BERLIN,
    final: bool = True,
) -> Rating:
    """Rate a session of these stretches, one slice each."""
    slices, at = [], started.astimezone(UTC)
    for minutes, energy_wh, is_parked in stretches:
        seconds = round(minutes * 60)
        slices.append(
            RatedSlice(
                start=at,
                end=at + timedelta(seconds=seconds),
                energy_wh=energy_wh,
                charging_s=0 if is_parked else seconds,
                parking_s=seconds if is_parked else 0,
            )
        )
        at += timedelta(seconds=seconds)
    return rate(parse_tariff(ocpi), RatedInput(started=started.astimezone(UTC), slices=slices), zone, final=final)


def bill(rating: Rating) -> Sequence[tuple[str, int]]:
    """Return what was billed of each dimension: Wh or seconds."""
    return [(line.component.type.value, line.volume) for line in rating.lines]
