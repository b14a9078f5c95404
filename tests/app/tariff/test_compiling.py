"""Extensions compiled to plain OCPI: spot prices, energy sources, idle time, holidays. Numbers worked out by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from evshare_app.split.sources import Guess, Guessed
from evshare_app.tariff.circumstances import Circumstances, Gap, GapKind, Need, PriceSlot, needs
from evshare_app.tariff.compiling import compile_tariff, compiled, plain_tariffs, spot_price
from evshare_app.tariff.export import exported
from evshare_app.tariff.objects import EnergySource
from evshare_app.tariff.ocpi import load, parse_tariff
from evshare_app.tariff.rating import NotCompiled, RatedInput, RatedSlice, rate
from tests.app.tariff.examples import BERLIN, element, price, tariff
from tests.app.tariff.straightforward import bill

SOLAR, BATTERY, GRID = EnergySource
FREE = element(price("FLAT", 0))
MONDAY_NOON = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)  # 12:00 in Berlin


def quarters(start: datetime, *energies_wh: int, parked: bool = False) -> RatedInput:
    """A session of whole quarter hours."""
    slices = [
        RatedSlice(
            start=start + timedelta(minutes=15 * n),
            end=start + timedelta(minutes=15 * (n + 1)),
            energy_wh=energy_wh,
            charging_s=0 if parked else 900,
            parking_s=900 if parked else 0,
        )
        for n, energy_wh in enumerate(energies_wh)
    ]
    return RatedInput(started=start, slices=slices)


def series(start: datetime, *prices: str, minutes: int = 60) -> dict[str, list[PriceSlot]]:
    length = timedelta(minutes=minutes)
    return {
        "spot": [
            PriceSlot(start=start + length * n, end=start + length * (n + 1), price=Decimal(one))
            for n, one in enumerate(prices)
            if one != "-"
        ]
    }


def spot_tariff(**fields):
    spot = {"series": "spot", "fallback": 0.40, "factor": 1.1, "adder": 0.18} | fields
    return parse_tariff(tariff(FREE, x_evshare={"spot": spot}))


def cost(of, session, circumstances=None, zone=BERLIN):
    ready = compiled(of, session, circumstances or Circumstances(), zone)
    return rate(ready.tariff, ready.session, zone).net


class TestSpot:
    def test_each_hour_costs_the_market_price_times_factor_plus_adder(self):
        # 0.10 x 1.1 + 0.18 = 0.29; 0.20 x 1.1 + 0.18 = 0.40. 4 kWh and 2 kWh: 1.16 + 0.80.
        known = Circumstances(prices=series(MONDAY_NOON, "0.10", "0.20"))
        session = quarters(MONDAY_NOON, 1000, 1000, 1000, 1000, 2000)
        ready = compiled(spot_tariff(), session, known, BERLIN)
        assert rate(ready.tariff, ready.session, BERLIN).net == Decimal("1.96")
        assert ready.gaps == ()

    def test_the_compiled_tariff_is_plain_ocpi_with_local_times(self):
        known = Circumstances(prices=series(MONDAY_NOON, "0.10", "0.20"))
        ready = compiled(spot_tariff(vat=19), quarters(MONDAY_NOON, *[1000] * 5), known, BERLIN)
        (written,) = [load(one.to_json()) for one in exported(spot_tariff(vat=19), ready)]
        assert "x_evshare" not in written
        assert parse_tariff(written).elements == ready.tariff.elements
        assert written["elements"][1:] == [
            {
                "price_components": [{"type": "ENERGY", "price": Decimal(one), "vat": 19, "step_size": 1}],
                "restrictions": {
                    "start_date": "2026-06-01",
                    "end_date": "2026-06-02",
                    "start_time": start,
                    "end_time": end,
                },
            }
            for one, start, end in (("0.29", "12:00", "13:00"), ("0.4", "13:00", "14:00"))
        ]
        texts = {one["language"]: one["text"] for one in written["tariff_alt_text"]}
        assert texts["en"].startswith("energy: spot × 1.1 + €0.18 per kWh, changing every 60 minutes, at least €0.00")
        assert set(texts) == {"en", "de", "fr"}

    def test_hours_of_one_price_are_one_element_until_midnight(self):
        late = datetime(2026, 6, 1, 20, 0, tzinfo=UTC)  # 22:00 in Berlin
        known = Circumstances(prices=series(late, "0.1", "0.1", "0.1"))
        plain, _ = compile_tariff(spot_tariff(), late, late + timedelta(hours=3), known, BERLIN)
        spans = [(one.restrictions.start_date, one.restrictions.end_time) for one in plain.elements[1:]]
        assert [(str(day), f"{end:%H:%M}") for day, end in spans] == [("2026-06-01", "00:00"), ("2026-06-02", "01:00")]

    @pytest.mark.parametrize(
        ("recorded", "net"), [("-0.50", "0.05"), ("2", "0.9"), ("0.12345", "0.3158"), ("0.1", "0.29")]
    )
    def test_the_price_is_clamped_and_has_four_decimals(self, recorded, net):
        # 0.12345 x 1.1 + 0.18 = 0.315795.
        spot = spot_tariff(min=0.05, max=0.9).x_evshare.spot
        assert spot_price(spot, Decimal(recorded)) == Decimal(net)

    def test_a_missing_hour_costs_the_last_known_price_and_is_told(self):
        known = Circumstances(prices=series(MONDAY_NOON, "0.10", "-", "0.20"))
        session = quarters(MONDAY_NOON, *[1000] * 12)
        ready = compiled(spot_tariff(), session, known, BERLIN)
        one_pm = MONDAY_NOON + timedelta(hours=1)
        assert ready.gaps == (
            Gap(kind=GapKind.LAST_KNOWN, start=one_pm, end=one_pm + timedelta(hours=1), price=Decimal("0.29")),
        )
        assert rate(ready.tariff, ready.session, BERLIN).net == 8 * Decimal("0.29") + 4 * Decimal("0.40")

    def test_where_nothing_is_known_the_fallback_is_taken_and_told(self):
        ready = compiled(spot_tariff(fallback=0.35), quarters(MONDAY_NOON, 1000, 1000), Circumstances(), BERLIN)
        assert [one.kind for one in ready.gaps] == [GapKind.FALLBACK]
        assert rate(ready.tariff, ready.session, BERLIN).net == Decimal("0.70")

    def test_quarter_hours_of_an_hourly_tariff_are_averaged(self):
        known = Circumstances(prices=series(MONDAY_NOON, "0.1", "0.2", "0.3", "0.4", minutes=15))
        assert cost(spot_tariff(factor=1, adder=0), quarters(MONDAY_NOON, 1000), known) == Decimal("0.25")
        quarterly = spot_tariff(factor=1, adder=0, slot_minutes=15)
        assert cost(quarterly, quarters(MONDAY_NOON, 1000, 1000), known) == Decimal("0.3")

    def test_a_partly_known_hour_costs_the_mean_of_what_is_known_and_is_told(self):
        known = Circumstances(prices=series(MONDAY_NOON, "0.1", "0.2", minutes=15))
        ready = compiled(spot_tariff(factor=1, adder=0), quarters(MONDAY_NOON, 1000), known, BERLIN)
        assert [one.kind for one in ready.gaps] == [GapKind.PARTLY]
        assert rate(ready.tariff, ready.session, BERLIN).net == Decimal("0.15")

    def test_an_element_of_its_own_comes_before_the_market(self):
        night = element(price("ENERGY", 0.1), start_time="12:15", end_time="13:00")
        of = parse_tariff(tariff(night, x_evshare={"spot": {"series": "spot", "fallback": 1}}))
        assert cost(of, quarters(MONDAY_NOON, 1000, 1000)) == Decimal("1.1")

    def test_the_hour_that_comes_twice_has_two_prices(self):
        # 25 October 2026: from 00:00 UTC it is 02:00 in Berlin, and from 01:00 UTC again.
        twice = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
        known = Circumstances(prices=series(twice, "0.10", "0.30", "0.50"))
        odd = twice - timedelta(minutes=7, milliseconds=300)
        session = quarters(twice, *[250] * 12)
        session = replace(session, started=odd)
        assert cost(spot_tariff(factor=1, adder=0), session, known) == Decimal("0.9")

    def test_a_tariff_with_extensions_is_not_rated_as_if_it_had_none(self):
        with pytest.raises(NotCompiled, match="x_evshare"):
            rate(spot_tariff(), quarters(MONDAY_NOON, 1000), BERLIN)


ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns")]
cents = st.integers(0, 60).map(lambda one: Decimal(one) / 100)
around_a_change = st.sampled_from([datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 4, 4, 12, tzinfo=UTC)])


@settings(max_examples=60, deadline=None)
@given(
    around_a_change,
    st.integers(0, 3_600_000),
    st.lists(cents, min_size=4, max_size=4),
    st.sampled_from([15, 60]),
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 3000), min_size=1, max_size=16),
)
def test_every_slot_is_rated_at_its_own_price_whatever_the_clocks_do(base, early_ms, prices, minutes, zone, energies):
    of = spot_tariff(factor=1, adder=0, slot_minutes=minutes)
    known = Circumstances(prices=series(base, *map(str, prices)))
    session = replace(quarters(base, *energies), started=base - timedelta(milliseconds=early_ms))
    ready = compiled(of, session, known, zone)
    expected = sum(prices[n // 4] * energy_wh for n, energy_wh in enumerate(energies)) / 1000
    assert rate(ready.tariff, ready.session, zone).net == expected
    assert bill(ready.tariff, ready.session, zone).net == expected


SUNNY = parse_tariff(
    tariff(
        element(price("ENERGY", 0.15), x_evshare={"energy_source": "solar"}),
        element(price("ENERGY", 0.20), x_evshare={"energy_source": "battery"}),
        element(price("ENERGY", 0.35)),
    )
)


class TestSources:
    def test_energy_costs_what_its_source_costs(self):
        # 600 Wh at 0.15, 400 Wh at 0.35: 0.09 + 0.14.
        known = Circumstances(sources=[{SOLAR: 600, GRID: 400}])
        assert cost(SUNNY, quarters(MONDAY_NOON, 1000), known) == Decimal("0.23")

    def test_wh_are_divided_without_a_rest(self):
        # A third each of 1000 Wh: 334, 333, 333; the first of equals gets the odd one.
        known = Circumstances(sources=[{SOLAR: 1, BATTERY: 1, GRID: 1}])
        ready = compiled(SUNNY, quarters(MONDAY_NOON, 1000), known, BERLIN)
        assert ready.session.slices[0].sources == ((SOLAR, 334), (BATTERY, 333), (GRID, 333))

    def test_unknown_sources_count_as_the_grid_and_are_told(self):
        ready = compiled(SUNNY, quarters(MONDAY_NOON, 1000, 0), Circumstances(sources=[{}, {}]), BERLIN)
        assert rate(ready.tariff, ready.session, BERLIN).net == Decimal("0.35")
        assert [one.kind for one in ready.gaps] == [GapKind.SOURCE]

    def test_what_was_estimated_is_told_by_name_where_the_price_asks_for_it(self):
        # Only which Wh were the battery's is a guess: who pays the same for those as for the grid's is not concerned.
        by_battery = Guessed(frozenset(), frozenset({Guess.BATTERY}))
        by_sun = Guessed(frozenset({Guess.SOLAR}), frozenset({Guess.SOLAR}))
        measured = Guessed(frozenset(), frozenset())
        sources = [{SOLAR: 600, BATTERY: 400}] * 4
        session = quarters(MONDAY_NOON, 1000, 1000, 1000, 1000)

        def told(of, *guessed: Guessed) -> list[tuple[int, int, tuple[str, ...]]]:
            gaps = compiled(of, session, Circumstances(sources=sources, guessed=guessed), BERLIN).gaps
            assert {one.kind for one in gaps} <= {GapKind.ESTIMATED}
            return [
                ((one.start - MONDAY_NOON).seconds // 60, (one.end - MONDAY_NOON).seconds // 60, one.of) for one in gaps
            ]

        assert told(SUNNY) == []
        assert told(SUNNY, by_battery, by_battery, by_sun, measured) == [(0, 30, ("battery",)), (30, 45, ("solar",))]
        two_prices = replace(SUNNY, elements=(SUNNY.elements[0], SUNNY.elements[2]))
        assert told(two_prices, by_battery, by_battery, by_sun, measured) == [(30, 45, ("solar",))]
        # A price that is only the grid's rests on what was neither sun nor battery.
        grid_only = parse_tariff(tariff(element(price("ENERGY", 0.35), x_evshare={"energy_source": "grid"})))
        assert told(grid_only, by_battery, measured, measured, measured) == [(0, 15, ("battery",))]

    def test_a_quarter_hour_that_nobody_recorded_is_told_as_the_grids(self):
        missing = Guessed(frozenset({Guess.MISSING}), frozenset({Guess.MISSING}))
        known = Circumstances(sources=[{GRID: 1000}], guessed=[missing])
        ready = compiled(SUNNY, quarters(MONDAY_NOON, 1000), known, BERLIN)
        assert [one.kind for one in ready.gaps] == [GapKind.SOURCE]

    def test_sources_of_other_slices_are_refused(self):
        with pytest.raises(ValueError, match="sources: got 2, accepted is one for each of the 1 slices"):
            compiled(SUNNY, quarters(MONDAY_NOON, 1000), Circumstances(sources=[{}, {}]), BERLIN)

    def test_periods_say_where_their_energy_came_from(self):
        known = Circumstances(sources=[{SOLAR: 600, GRID: 400}, {GRID: 1}])
        ready = compiled(SUNNY, quarters(MONDAY_NOON, 1000, 500), known, BERLIN)
        periods = rate(ready.tariff, ready.session, BERLIN).periods
        assert [(one.source, one.energy_wh) for one in periods] == [(SOLAR, 600), (GRID, 900)]
        # 600 of 1000 Wh: nine of fifteen minutes.
        assert [one.start - MONDAY_NOON for one in periods] == [timedelta(0), timedelta(minutes=9)]

    def test_each_source_has_a_plain_tariff(self):
        plain = plain_tariffs(SUNNY)
        assert {source: one.id for source, one in plain.items()} == {
            SOLAR: "1-solar",
            BATTERY: "1-battery",
            GRID: "1-grid",
        }
        for source, net in ((SOLAR, "0.15"), (BATTERY, "0.2"), (GRID, "0.35")):
            assert parse_tariff(load(plain[source].to_json())) == plain[source]
            assert rate(plain[source], quarters(MONDAY_NOON, 1000), BERLIN).net == Decimal(net)

    def test_power_tiers_see_the_whole_slice(self):
        # 1000 Wh in a quarter hour are 4 kW, however they are divided.
        of = parse_tariff(
            tariff(
                element(price("ENERGY", 0.15), x_evshare={"energy_source": "solar"}, min_power=4),
                element(price("ENERGY", 0.35)),
            )
        )
        known = Circumstances(sources=[{SOLAR: 333, GRID: 667}])
        assert cost(of, quarters(MONDAY_NOON, 1000), known) == Decimal("0.2834")  # 0.04995 + 0.23345


class TestIdleTime:
    IDLE = tariff(element(price("ENERGY", 0.3), price("PARKING_TIME", 3)))

    def test_grace_frees_the_first_parking_of_a_session(self):
        # An hour parked, half of it free: half an hour at 3.00.
        of = parse_tariff(self.IDLE | {"x_evshare": {"idle_grace_s": 1800}})
        ready = compiled(of, quarters(MONDAY_NOON, 0, 0, 0, 0, parked=True), Circumstances(), BERLIN)
        assert rate(ready.tariff, ready.session, BERLIN).net == Decimal("1.5")
        assert ready.forgiven_s == 1800
        assert ready.gaps == ()

    def test_charging_is_not_parking(self):
        of = parse_tariff(self.IDLE | {"x_evshare": {"idle_grace_s": 60}})
        assert cost(of, quarters(MONDAY_NOON, 1000, 1000)) == Decimal("0.6")

    def test_parking_costs_only_while_others_wait(self):
        # Others wait from 12:10 to 12:40 of 12:00 to 13:00: 5 + 15 + 10 minutes.
        of = parse_tariff(self.IDLE | {"x_evshare": {"idle_only_if_queue": True}})
        waiting = [(MONDAY_NOON + timedelta(minutes=10), MONDAY_NOON + timedelta(minutes=40))]
        session = quarters(MONDAY_NOON, 0, 0, 0, 0, parked=True)
        ready = compiled(of, session, Circumstances(waiting=waiting), BERLIN)
        assert [one.parking_s for one in ready.session.slices] == [300, 900, 600, 0]
        assert rate(ready.tariff, ready.session, BERLIN).net == Decimal("1.5")

    def test_grace_runs_also_while_nobody_waits(self):
        # Half an hour of grace; of the waiting from 12:10 to 12:40 only the last ten minutes are after it.
        of = parse_tariff(self.IDLE | {"x_evshare": {"idle_only_if_queue": True, "idle_grace_s": 1800}})
        waiting = [(MONDAY_NOON + timedelta(minutes=10), MONDAY_NOON + timedelta(minutes=40))]
        assert cost(of, quarters(MONDAY_NOON, 0, 0, 0, 0, parked=True), Circumstances(waiting=waiting)) == Decimal(
            "0.5"
        )

    def test_when_nobody_knows_whether_others_waited_it_is_free_and_told(self):
        of = parse_tariff(self.IDLE | {"x_evshare": {"idle_only_if_queue": True}})
        ready = compiled(of, quarters(MONDAY_NOON, 0, 0, parked=True), Circumstances(), BERLIN)
        assert rate(ready.tariff, ready.session, BERLIN).net == 0
        assert [one.kind for one in ready.gaps] == [GapKind.WAITING]


class TestHolidays:
    WEEKEND = tariff(
        element(price("ENERGY", 0.1), day_of_week=["SATURDAY", "SUNDAY"]),
        element(price("ENERGY", 0.3), day_of_week=["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]),
        x_evshare={"holidays": {"country": "DE"}},
    )

    def test_a_holiday_is_charged_as_a_sunday(self):
        # Whit Monday, 25 May 2026, until midnight in Berlin (22:00 UTC), then a Tuesday.
        late = datetime(2026, 5, 25, 21, 30, tzinfo=UTC)
        session = quarters(late, 1000, 1000, 1000, 1000)
        of = parse_tariff(self.WEEKEND)
        assert cost(of, session, Circumstances(holidays=frozenset({date(2026, 5, 25)}))) == Decimal("0.8")
        assert cost(of, session) == Decimal("1.2")

    def test_other_days_are_charged_as_they_are(self):
        known = Circumstances(holidays=frozenset({date(2026, 5, 25)}))
        assert cost(parse_tariff(self.WEEKEND), quarters(MONDAY_NOON, 1000), known) == Decimal("0.3")

    def test_a_holiday_on_a_day_like_it_changes_nothing(self):
        of = parse_tariff(self.WEEKEND)
        sunday = datetime(2026, 5, 24, 10, tzinfo=UTC)
        plain, _ = compile_tariff(
            of, sunday, sunday + timedelta(hours=1), Circumstances(holidays=frozenset({sunday.date()})), BERLIN
        )
        assert plain == replace(of, x_evshare=None)

    def test_dates_that_restrict_already_stay(self):
        summer = element(price("ENERGY", 0.1), day_of_week=["SUNDAY"], start_date="2026-06-01", end_date="2026-09-01")
        of = parse_tariff(tariff(summer, element(price("ENERGY", 0.3)), x_evshare={"holidays": {"country": "DE"}}))
        known = Circumstances(holidays=frozenset({date(2026, 5, 25)}))
        assert cost(of, quarters(datetime(2026, 5, 25, 10, tzinfo=UTC), 1000), known) == Decimal("0.3")


def test_a_tariff_says_what_it_needs_to_know():
    assert needs(SUNNY) == {Need.SOURCES}
    assert needs(spot_tariff()) == {Need.PRICES}
    assert needs(parse_tariff(TestHolidays.WEEKEND)) == {Need.HOLIDAYS}
    idle = parse_tariff(TestIdleTime.IDLE | {"x_evshare": {"idle_only_if_queue": True}})
    assert needs(idle) == {Need.WAITING}
    assert needs(parse_tariff(TestIdleTime.IDLE)) == set()
