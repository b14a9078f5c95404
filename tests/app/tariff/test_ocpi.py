import json

import pytest

from evshare_app.tariff.ocpi import TariffError, load, parse_tariff
from tests.app.tariff.examples import STEPS, SUPERMARKET, element, price, tariff

ENERGY = element(price("ENERGY", 0.25, 10))
FEE = element(price("FLAT", 0.50, 10))
SPOT = {"series": "sensor.spot", "fallback": 0.3}
FULL = tariff(
    element(
        price("ENERGY", 0.2513, 10.5),
        price("FLAT", 1),
        start_time="22:00",
        end_time="06:00",
        start_date="2026-01-01",
        end_date="2027-01-01",
        min_kwh=1.5,
        max_kwh=20,
        min_power=3.7,
        max_power=11,
        min_current=5.5,
        max_current=48,
        reservation="RESERVATION_EXPIRES",
        min_duration=60,
        max_duration=3600,
        day_of_week=["MONDAY", "SUNDAY"],
    ),
    type="REGULAR",
    tariff_alt_text=[{"language": "de", "text": "Nachtstrom"}],
    tariff_alt_url="https://example.org/tariff",
    min_price={"excl_vat": 0.5, "incl_vat": 0.55},
    max_price={"excl_vat": 10},
    start_date_time="2026-01-01T00:00:00Z",
    end_date_time="2027-01-01T00:00:00",
)


FULL_23 = tariff(
    ENERGY,
    element(price("ENERGY", 0.15), x_evshare={"energy_source": "solar"}),
    tax_included="YES",
    min_price={"before_taxes": 0.5, "after_taxes": 0.55},
    max_price={"before_taxes": 10},
    energy_mix={
        "is_green_energy": True,
        "energy_sources": [{"source": "SOLAR", "percentage": 60}, {"source": "WIND", "percentage": 40}],
        "environ_impact": [{"category": "CARBON_DIOXIDE", "amount": 12.5}],
        "supplier_name": "House",
    },
    x_evshare={
        "idle_grace_s": 1800,
        "idle_only_if_queue": True,
        "holidays": {"country": "DE", "subdivision": "BE", "as_day": "SATURDAY"},
    },
)
WITH_SPOT = tariff(
    FEE, x_evshare={"spot": SPOT | {"factor": 1.08, "adder": -0.02, "max": 0.6, "vat": 19, "slot_minutes": 15}}
)


@pytest.mark.parametrize("ocpi", [FULL, STEPS, SUPERMARKET, tariff(ENERGY), FULL_23, WITH_SPOT])
def test_a_tariff_is_written_back_as_it_came(ocpi):
    written = json.loads(parse_tariff(ocpi).to_json())
    expected = ocpi | ({"end_date_time": "2027-01-01T00:00:00Z"} if "end_date_time" in ocpi else {})
    assert written == json.loads(json.dumps(expected))
    assert parse_tariff(load(parse_tariff(ocpi).to_json())) == parse_tariff(ocpi)


def without(name: str) -> dict:
    return {key: value for key, value in tariff(ENERGY).items() if key != name}


@pytest.mark.parametrize(
    ("ocpi", "message"),
    [
        (
            tariff(element(price("ENERGY", 0.25), energy_source="solar")),
            r"elements\[0\]\.restrictions\.energy_source: is not accepted here, accepted are start_time, end_time",
        ),
        (
            tariff(element(price("TIME", 1), reservation="LATER")),
            r"restrictions\.reservation: got 'LATER', accepted is one of RESERVATION, RESERVATION_EXPIRES",
        ),
        (tariff(ENERGY, tax_included="MAYBE"), "tax_included: got 'MAYBE', accepted is one of YES, NO, N/A"),
        (tariff(ENERGY, tax_included="N/A"), r"vat: got '10', accepted is none: tax_included is N/A"),
        (tariff(ENERGY, tax_included="NO", min_price={"excl_vat": 1}), "min_price.excl_vat: is not accepted here"),
        (tariff(ENERGY, min_price={"before_taxes": 1}), "min_price.before_taxes: is not accepted here"),
        (
            tariff(ENERGY, tax_included="NO", max_price={"before_taxes": 2, "after_taxes": 1}),
            "max_price.after_taxes: got .*, accepted is a price not below before_taxes",
        ),
        (tariff(ENERGY, energy_mix={"supplier_name": "x"}), "energy_mix.is_green_energy: is missing"),
        (
            tariff(ENERGY, x_evshare={"surge": 2}),
            "x_evshare.surge: is not accepted here, accepted are spot, idle_grace_s",
        ),
        (
            tariff(element(price("ENERGY", 1), x_evshare={"energy_source": "wind"})),
            r"restrictions\.x_evshare\.energy_source: got 'wind', accepted is one of solar, battery, grid",
        ),
        (
            tariff(element(price("FLAT", 1), x_evshare={"energy_source": "solar"})),
            r"elements\[0\]\.price_components: got \['FLAT'\], accepted is ENERGY alone",
        ),
        (
            tariff(ENERGY, x_evshare={"spot": SPOT}),
            r"elements\[0\].*no ENERGY without restrictions beside x_evshare.spot",
        ),
        (tariff(FEE, x_evshare={"spot": SPOT | {"slot_minutes": 30}}), "slot_minutes: got 30, accepted is 15 or 60"),
        (
            tariff(FEE, x_evshare={"spot": SPOT | {"min": 1, "max": 0.5}}),
            "spot.max: got .*, accepted is a price not below",
        ),
        (tariff(FEE, x_evshare={"spot": {"series": "s"}}), "x_evshare.spot.fallback: is missing"),
        (tariff(FEE, x_evshare={"idle_only_if_queue": 1}), "idle_only_if_queue: got 1, accepted is true or false"),
        (tariff(FEE, x_evshare={"holidays": {"country": "DE", "as_day": "HOLIDAY"}}), "as_day: got 'HOLIDAY'"),
        (tariff(ENERGY | {"note": 1}), r"elements\[0\]\.note: is not accepted here, accepted are price_components"),
        (without("currency"), "currency: is missing"),
        (tariff(ENERGY, currency="EURO"), "currency: got 'EURO', accepted is an ISO 4217 code"),
        (tariff(), "elements: got .*, accepted is a list with 1 to 1000 entries"),
        (
            tariff(element(price("ENERGY", -0.1))),
            r"price_components\[0\]\.price: got -0.1, accepted is a number from 0",
        ),
        (tariff(element(price("ENERGY", 0.12345))), "at most 4 decimals"),
        (tariff(element(price("ENERGY", float("nan")))), "price: got nan"),
        (tariff(element(price("ENERGY", "0.25"))), "price: got '0.25', accepted is a number"),
        (tariff(element(price("ENERGY", True))), "price: got True, accepted is a number"),
        (tariff(element(price("ENERGY", 1, 101))), "vat: got 101, accepted is a percentage from 0 to 100"),
        (tariff(element(price("ENERGY", 1, step=0))), "step_size: got 0, accepted is a whole number from 1"),
        (tariff(element(price("POWER", 1))), "type: got 'POWER', accepted is one of ENERGY, FLAT, TIME, PARKING_TIME"),
        (tariff(element(price("ENERGY", 1), price("ENERGY", 2))), "each type at most once"),
        (tariff(element(price("ENERGY", 1), start_time="7:00")), "start_time: got '7:00', accepted is a local time"),
        (tariff(element(price("ENERGY", 1), start_time="24:00")), "start_time: got '24:00'"),
        (tariff(element(price("ENERGY", 1), start_date="2026-02-30")), "start_date: got '2026-02-30'"),
        (tariff(element(price("ENERGY", 1), day_of_week=["MON"])), r"day_of_week\[0\]: got 'MON', accepted is one of"),
        (tariff(element(price("ENERGY", 1), min_duration=1.5)), "min_duration: got 1.5, accepted is a whole number"),
        (tariff(ENERGY, min_price={"excl_vat": 2, "incl_vat": 1}), "min_price.incl_vat: got"),
        (tariff(ENERGY, last_updated="yesterday"), "last_updated: got 'yesterday', accepted is a UTC time"),
        (tariff(ENERGY, last_updated="2026-01-01T00:00:00+02:00"), "last_updated: got"),
        (tariff(ENERGY, type="CHEAP"), "type: got 'CHEAP', accepted is one of AD_HOC_PAYMENT"),
        ("tariff", "tariff: got 'tariff', accepted is an object"),
        (tariff("element"), r"elements\[0\]: got 'element', accepted is an object"),
    ],
)
def test_what_cannot_be_rated_is_refused_by_name(ocpi, message):
    with pytest.raises(TariffError, match=message):
        parse_tariff(ocpi)
