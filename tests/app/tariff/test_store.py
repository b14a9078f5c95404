from datetime import UTC, datetime, timedelta
from decimal import Decimal

from babel import Locale
import pytest
from sqlalchemy import func, select

from evshare_app.books.schema import tariff as tariff_table
from evshare_app.tariff.ocpi import TariffError
from evshare_app.tariff.store import (
    NoTariff,
    add_version,
    ensure_default,
    flat_tariff,
    kept_version,
    kept_versions,
    tariff_in_force,
    tariff_version,
    tariff_versions,
    withdraw_version,
)
from evshare_app.tariff.text import tariff_lines
from tests.app.tariff.examples import element, price, tariff

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)


def dearer(currency: str = "EUR") -> dict:
    return flat_tariff(currency, Decimal("0.35"), Decimal(19), NOW)


def test_the_first_tariff_is_there_from_the_beginning(conn):
    default = tariff_in_force(conn, datetime(2020, 1, 1, tzinfo=UTC))
    [component] = default.tariff.elements[0].price_components
    assert (component.type, component.price, component.vat) == ("ENERGY", Decimal("0.3"), Decimal(0))
    assert ensure_default(conn, "EUR", NOW) == default


def test_a_new_version_holds_from_its_day_on_and_the_old_one_stays(conn):
    added = add_version(conn, dearer(), JULY, NOW)
    assert tariff_in_force(conn, JULY - timedelta(milliseconds=1)).version_id == "default"
    assert tariff_in_force(conn, JULY) == added
    assert tariff_version(conn, added.version_id) == added
    assert [one.version_id for one in tariff_versions(conn)] == [added.version_id, "default"]


def test_adding_the_same_version_again_changes_nothing(conn):
    added = add_version(conn, dearer(), JULY, NOW)
    assert add_version(conn, dearer(), JULY, JULY + timedelta(days=1)) == added
    assert conn.scalar(select(func.count()).select_from(tariff_table)) == 2


@pytest.mark.parametrize(
    ("ocpi", "valid_from", "message"),
    [
        (tariff(element(price("ENERGY", 1), weather="rain")), JULY, "weather: is not accepted here"),
        (dearer("CHF"), JULY, "currency: got CHF, accepted is the building's, EUR"),
        (
            {**dearer(), "end_date_time": "2026-12-31T00:00:00Z"},
            JULY,
            "end_date_time: got 2026-12-31T00:00:00Z, accepted is none",
        ),
        (
            {**dearer(), "start_date_time": "2026-08-01T00:00:00Z"},
            JULY,
            "start_date_time: got 2026-08-01T00:00:00Z, accepted is none",
        ),
        (dearer(), NOW - timedelta(seconds=1), "valid_from: got 2026-06-01T11:59:59Z, accepted is a time not before"),
        (dearer(), datetime(1970, 1, 1, tzinfo=UTC), "valid_from: another version already starts"),
    ],
)
def test_an_unusable_version_is_refused_and_nothing_is_stored(conn, ocpi, valid_from, message):
    with pytest.raises(TariffError, match=message):
        add_version(conn, ocpi, valid_from, NOW)
    assert [one.version_id for one in tariff_versions(conn)] == ["default"]


def test_an_unknown_version_is_named(conn):
    with pytest.raises(NoTariff, match="nope"):
        tariff_version(conn, "nope")


NIGHT = tariff(
    element(price("ENERGY", 0.25, 20), start_time="22:00", end_time="06:00", day_of_week=["MONDAY", "SUNDAY"]),
    element(price("ENERGY", 0.30, 20), price("FLAT", 0.5), max_kwh=20),
    element(price("PARKING_TIME", 2), min_duration=5400),
    max_price={"excl_vat": 10},
    min_price={"excl_vat": 1, "incl_vat": 1.2},
    tariff_alt_text=[{"language": "de", "text": "Gilt bis auf Weiteres"}],
)


def test_a_tariff_is_said_in_words_with_its_vat(conn):
    version = add_version(conn, NIGHT, JULY, NOW)
    assert tariff_lines(version.tariff, Locale("en")) == [
        "€0.30 per kWh, incl. 20% VAT (Mon, Sun; 22:00–06:00)",
        "€0.36 per kWh, incl. 20% VAT (below 20 kWh)",
        "€0.50 per session (below 20 kWh)",
        "€2.00 per hour connected without charging (from 1:30 h)",
        "at least €1.20 per session",
        "at most €10.00 plus VAT per session",
    ]
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in tariff_lines(version.tariff, Locale("de"))] == [
        "0,30 € je kWh, inkl. 20 % MwSt. (Mo, So; 22:00–06:00)",
        "0,36 € je kWh, inkl. 20 % MwSt. (unter 20 kWh)",
        "0,50 € je Ladevorgang (unter 20 kWh)",
        "2,00 € je Stunde angesteckt ohne Laden (ab 1:30 h)",
        "mindestens 1,20 € je Ladevorgang",
        "höchstens 10,00 € zzgl. MwSt. je Ladevorgang",
        "Gilt bis auf Weiteres",
    ]


AUGUST = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("place", "named"), [({"country": "ZZ"}, "got ZZ"), ({"country": "DE", "subdivision": "QQ"}, "got DE-QQ")]
)
def test_holidays_of_a_place_nobody_knows_are_refused_at_once(conn, place, named):
    with pytest.raises(TariffError, match=rf"x_evshare.holidays: {named}, accepted is a country and subdivision"):
        add_version(conn, {**dearer(), "x_evshare": {"holidays": place}}, JULY, NOW)
    assert [one.version_id for one in tariff_versions(conn)] == ["default"]


def test_a_withdrawn_version_makes_room_and_is_kept(conn):
    taken_back = add_version(conn, dearer(), JULY, NOW)
    withdraw_version(conn, taken_back.version_id, "office:Kim", NOW + timedelta(minutes=1))
    assert tariff_in_force(conn, JULY).version_id == "default"
    cheaper = flat_tariff("EUR", Decimal("0.31"), Decimal(19), NOW)
    added = add_version(conn, cheaper, JULY, NOW + timedelta(minutes=2))
    assert tariff_in_force(conn, JULY) == added
    # And the very same may come back.
    withdraw_version(conn, added.version_id, "office:Kim", NOW + timedelta(minutes=3))
    again = add_version(conn, dearer(), JULY, NOW + timedelta(minutes=4))
    assert tariff_in_force(conn, JULY).tariff == taken_back.tariff
    kept = kept_versions(conn)
    assert [one.version.version_id for one in kept] == [
        again.version_id,
        added.version_id,
        taken_back.version_id,
        "default",
    ]
    assert [one.withdrawn is None for one in kept] == [True, False, False, True]
    assert kept[2].withdrawn_by == "office:Kim"


def test_withdrawing_twice_is_withdrawing_once_and_what_holds_stays(conn):
    coming = add_version(conn, dearer(), JULY, NOW)
    for minute in (1, 2):
        withdraw_version(conn, coming.version_id, "office:Kim", NOW + timedelta(minutes=minute))
    assert kept_version(conn, coming.version_id).withdrawn == NOW + timedelta(minutes=1)
    holds = add_version(conn, dearer(), AUGUST, NOW)
    with pytest.raises(TariffError, match="accepted is one that does not hold yet"):
        withdraw_version(conn, holds.version_id, "office:Kim", AUGUST)
    assert tariff_in_force(conn, AUGUST) == holds
