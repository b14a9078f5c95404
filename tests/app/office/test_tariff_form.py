"""The editor's fields and the tariffs they stand for: what was typed can be typed again, and nothing gets lost."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from evshare_app.books.building import BuildingRow
from evshare_app.model import BuildingId
from evshare_app.office.tariff_form import fields_of, read_draft
from evshare_app.tariff.objects import Holidays, Tariff, dump, load
from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.presets import DayNight, Extras, Flat, SolarFriendly, SpotPriced, to_ocpi
from evshare_app.web.forms import Form

BUILDING = BuildingRow(
    building_id=BuildingId("b1"),
    name="Lindenhof",
    currency="EUR",
    zone=ZoneInfo("Europe/Berlin"),
    language="en",
    iban=None,
    payee=None,
    address=None,
    contact=None,
    price_series=("EPEX",),
)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


NOTHING = Extras()


def of(preset: Any, extras: Extras = NOTHING, **more: Any) -> Tariff:
    return parse_tariff(load(dump(to_ocpi(preset, "EUR", NOW, extras) | more)))


BY_DAY = DayNight(
    day=Decimal("0.32"),
    night=Decimal("0.24"),
    night_from=time(21, 30),
    weekend_is_night=True,
    holidays=Holidays(country="DE", subdivision="BY"),
)
SPOT = SpotPriced(
    series="EPEX", fallback=Decimal("0.4"), factor=Decimal("1.05"), adder=Decimal("-0.01"), slot_minutes=15
)
PARKING = Extras(vat=Decimal(19), idle_fee=Decimal("1.5"), idle_grace_s=1800, idle_only_if_queue=True)


@pytest.mark.parametrize(
    ("tariff", "preset"),
    [
        (of(Flat(price=Decimal("0.3"))), "flat"),
        (of(Flat(price=Decimal("0.3")), PARKING, min_price={"excl_vat": 1, "incl_vat": 1.19}), "flat"),
        (of(BY_DAY, Extras(session_fee=Decimal(1))), "day_night"),
        (of(SolarFriendly(solar=Decimal("0.1"), grid=Decimal("0.3"), battery=Decimal("0.2"))), "solar"),
        (of(SPOT, Extras(vat=Decimal(20), tax_included=True)), "spot"),
    ],
)
def test_a_presets_fields_make_the_same_tariff_again(tariff: Tariff, preset: str) -> None:
    fields = fields_of(tariff)
    assert fields["preset"] == preset
    assert read_draft(Form(fields), BUILDING, NOW).tariff == tariff


@pytest.mark.parametrize(
    "tariff",
    [
        # A limit whose amount with VAT is another one than the rate says.
        of(Flat(price=Decimal("0.3")), PARKING, max_price={"excl_vat": 10, "incl_vat": 12}),
        of(Flat(price=Decimal("0.3")), PARKING, max_price={"excl_vat": 10}),
        # A grace of one and a half minutes, which the form's whole minutes cannot say.
        of(Flat(price=Decimal("0.3")), Extras(idle_fee=Decimal(1), idle_grace_s=90)),
        of(Flat(price=Decimal("0.3")), tariff_alt_text=[{"language": "de", "text": "Gilt bis auf Weiteres"}]),
        of(DayNight(day=Decimal(1), night=Decimal(2), holidays=Holidays(country="DE", as_day="SATURDAY"))),
    ],
)
def test_what_the_fields_cannot_say_stays_as_it_is_written(tariff: Tariff) -> None:
    fields = fields_of(tariff)
    assert fields["preset"] == "ocpi"
    assert read_draft(Form(fields), BUILDING, NOW).tariff == tariff
