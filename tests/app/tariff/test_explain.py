"""An explanation says what the rating did, step by step; the numbers are the specification's examples."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from babel import Locale

from evshare_app.split.sources import Guess, Guessed
from evshare_app.tariff.circumstances import Circumstances
from evshare_app.tariff.explain import Condition, Explanation, Kind, explain
from evshare_app.tariff.explain_text import paragraphs
from evshare_app.tariff.objects import Dimension, EnergySource
from evshare_app.tariff.ocpi import parse_tariff
from evshare_app.tariff.rating import RatedInput, RatedSlice
from tests.app.tariff.examples import BERLIN, START_AND_ENERGY, element, price, tariff

HALF_PAST_FOUR = datetime(2026, 6, 1, 14, 30, tzinfo=UTC)  # 16:30 in Berlin, a Monday
ENGLISH, GERMAN, FRENCH = (Locale.parse(one) for one in ("en_GB", "de_DE", "fr_FR"))


def session(*parts: tuple[int, int, int]) -> RatedInput:
    """Half hours of (Wh, seconds charging, seconds parked)."""
    slices, at = [], HALF_PAST_FOUR
    for energy_wh, charging_s, parking_s in parts:
        slices.append(RatedSlice(at, at + timedelta(minutes=30), energy_wh, charging_s, parking_s))
        at += timedelta(minutes=30)
    return RatedInput(started=HALF_PAST_FOUR, slices=slices)


# mod_cdrs: 4.3 kWh at 0.20 before 17:00, 1.1 kWh at 0.27 after, both in steps of 500 Wh.
STEPPED = tariff(
    element(price("ENERGY", 0.20, 19, step=500), end_time="17:00"), element(price("ENERGY", 0.27, 19, step=500))
)


def stepped() -> Explanation:
    return explain(parse_tariff(STEPPED), session((4_300, 1800, 0), (1_100, 1800, 0)), BERLIN)


def test_each_period_says_which_price_held_and_why_an_earlier_one_did_not() -> None:
    before, after = stepped().periods
    assert (before.start.hour, before.start.minute, after.start.hour) == (16, 30, 17)
    (first,) = before.choices
    assert (first.element, first.component.price, first.volume, first.amount) == (
        0,
        Decimal("0.2"),
        4_300,
        Decimal("0.86"),
    )
    assert first.conditions == (
        Condition(kind=Kind.TIME_OF_DAY, least=time(0), below=time(17), value=time(16, 30), holds=True),
    )
    assert first.passed_over == ()
    (second,) = after.choices
    assert (second.element, second.conditions) == (1, ())
    (passed_over,) = second.passed_over
    assert passed_over.failed[0].value == time(17)
    assert not passed_over.failed[0].holds


def test_steps_vat_and_rounding_are_told() -> None:
    told = stepped()
    # 5.4 kWh become 5.5: 0.1 kWh at 0.27. 0.86 + 0.324 = 1.184; with 19 % 1.40896.
    assert [(line.volume, line.added) for line in told.stepped] == [(1_200, 100)]
    assert [(one.percent, one.net, one.vat) for one in told.vat] == [(19, Decimal("1.184"), Decimal("0.22496"))]
    assert (told.net, told.gross, told.net_minor, told.gross_minor) == (Decimal("1.184"), Decimal("1.40896"), 118, 141)
    assert told.limits == ()


def test_a_limit_that_was_reached_is_told_with_what_it_changed() -> None:
    of = parse_tariff(tariff(START_AND_ENERGY, max_price={"excl_vat": 10, "incl_vat": 11}))
    (limited,) = explain(of, session((50_000, 1800, 0)), BERLIN).limits
    # 0.50 and 50 x 0.25 are 13.00; with 20 % and 10 % 0.60 + 13.75.
    assert (limited.is_least, limited.before, limited.after) == (False, (13, Decimal("14.35")), (10, 11))


def test_a_session_fee_is_told_once() -> None:
    of = parse_tariff(tariff(element(price("FLAT", 1)), element(price("ENERGY", 0.2), max_kwh=1)))
    told = explain(of, session((1_000, 1800, 0), (500, 1800, 0)), BERLIN)
    fees = [one for period in told.periods for one in period.choices if one.dimension is Dimension.FLAT]
    assert [one.volume for one in fees] == [1]
    unpriced = told.periods[1].choices[0]
    assert (unpriced.component, unpriced.element, unpriced.amount) == (None, None, 0)
    assert [one.kind for one in unpriced.passed_over[0].failed] == [Kind.ENERGY]


def test_in_words() -> None:
    told = [(one.title, one.lines) for one in paragraphs(stepped(), ENGLISH)]
    assert told == [
        (
            "1 Jun, 16:30 – 1 Jun, 17:00: 4.300 kWh, 0:30 h charging",
            ("4.300 kWh × €0.20 per kWh = €0.86 (00:00–17:00)",),
        ),
        (
            "1 Jun, 17:00 – 1 Jun, 17:30: 1.100 kWh, 0:30 h charging",
            (
                "1.100 kWh × €0.27 per kWh = €0.297",
                "not €0.20 per kWh: that holds only 00:00–17:00, it was 17:00",
            ),
        ),
        ("Rounded up to whole steps", ("billed in steps of 0.500 kWh: 0.100 kWh more, at €0.27 per kWh",)),
        (
            "Sum of each price",
            ("4.300 kWh × €0.20 per kWh = €0.86", "1.200 kWh × €0.27 per kWh = €0.324"),
        ),
        ("VAT", ("19% on €1.184: €0.22496",)),
        ("Total", ("€1.184 without VAT, €1.40896 with VAT; rounded €1.18 and €1.41",)),
    ]


def test_in_words_every_kind_of_condition_and_gap_can_be_said() -> None:
    kinds = {
        "day_of_week": ["SUNDAY"],
        "start_date": "2026-07-01",
        "min_kwh": 5,
        "max_power": 1,
        "min_duration": 86_400,
    }
    of = parse_tariff(
        tariff(
            *(element(price("ENERGY", 9), **{name: value}) for name, value in kinds.items()),
            element(price("ENERGY", 0.1), x_evshare={"energy_source": "solar"}),
            element(price("PARKING_TIME", 6)),
            min_price={"excl_vat": 50},
            x_evshare={
                "spot": {"series": "spot", "fallback": 0.3},
                "idle_grace_s": 600,
                "idle_only_if_queue": True,
            },
        )
    )
    told = explain(of, session((2_000, 1800, 0), (0, 0, 1800)), BERLIN, Circumstances())
    for locale in (ENGLISH, GERMAN, FRENCH):
        words = [line for one in paragraphs(told, locale) for line in (one.title, *one.lines)]
        assert all(words)
        if locale is ENGLISH:
            assert "not €9.00 per kWh: that holds only below 1 kW, it was 4 kW" in words
            assert "not €9.00 per kWh: that holds only from 5 kWh, it was 0 kWh" in words
            assert "not €0.10 per kWh: that holds only from the sun" in words
            assert "raised to the least price: €0.60 become €50.00" in words
            assert any("fallback is taken" in one for one in words)
            assert "0:30 h without charging cost nothing" in words


def test_the_source_of_the_energy_is_told() -> None:
    of = parse_tariff(
        tariff(element(price("ENERGY", 0.1), x_evshare={"energy_source": "solar"}), element(price("ENERGY", 0.3)))
    )
    known = Circumstances(sources=[{EnergySource.SOLAR: 500, EnergySource.GRID: 500}])
    told = explain(of, session((1_000, 1800, 0)), BERLIN, known)
    assert [(one.source, one.energy_wh) for one in told.periods] == [
        (EnergySource.SOLAR, 500),
        (EnergySource.GRID, 500),
    ]
    assert (
        paragraphs(told, GERMAN)[0].title
        == "1. Juni, 16:30 – 1. Juni, 16:45: 0,500 kWh aus Sonnenstrom, 0:15 h geladen"
    )


def test_what_of_the_source_was_estimated_is_told() -> None:
    of = parse_tariff(
        tariff(element(price("ENERGY", 0.1), x_evshare={"energy_source": "solar"}), element(price("ENERGY", 0.3)))
    )
    guessed = Guessed(frozenset({Guess.SOLAR, Guess.BATTERY}), frozenset())
    known = Circumstances(sources=[{EnergySource.SOLAR: 500, EnergySource.GRID: 500}], guessed=[guessed])
    told = [
        line for one in paragraphs(explain(of, session((1_000, 1800, 0)), BERLIN, known), GERMAN) for line in one.lines
    ]
    said = "1. Juni, 16:30 – 1. Juni, 17:00: woher die Energie kam, ist zum Teil geschätzt: die Batterie, die Sonne"
    assert said in [line.replace("\N{NO-BREAK SPACE}", " ") for line in told]


def test_a_current_is_told_and_what_prices_reservations_is_not() -> None:
    ocpi = tariff(
        element(price("ENERGY", 0.50), reservation="RESERVATION"),
        element(price("ENERGY", 0.40), min_current=32),
        element(price("ENERGY", 0.25)),
    )
    told = explain(parse_tariff(ocpi), session((2_300, 1800, 0)), BERLIN)
    words = [line for one in paragraphs(told, ENGLISH) for line in one.lines]
    assert [line for line in words if "0.50" in line] == []
    assert "not €0.40 per kWh: that holds only from 32 A, it was 20 A" in words
