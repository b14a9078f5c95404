"""A register is believed as far as it can be, and no further."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from custom_components.evshare.metering import MeterState, Sample, Step, observe
from custom_components.evshare.model import EpochReason, StallId

NOON = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
MAX_W = 11_040.0


def sample(register_wh: int, after_s: float, serial: str | None = "17619300") -> Sample:
    return Sample(register_wh=register_wh, at=NOON + timedelta(seconds=after_s), mono_s=after_s, serial=serial)


def feed(*samples: Sample) -> list[Step | None]:
    state: MeterState | None = None
    steps: list[Step | None] = []
    for each in samples:
        step = observe(state, each, stall_id=StallId("s"), max_power_w=MAX_W)
        state = step.state if step is not None else state
        steps.append(step)
    return steps


def last(*samples: Sample) -> Step:
    step = feed(*samples)[-1]
    assert step is not None
    return step


def test_the_first_reading_begins_epoch_1_without_energy() -> None:
    step = last(sample(4_213_877, 0))
    assert step.epoch is not None
    assert (step.epoch.number, step.epoch.register_wh, step.epoch.reason) == (1, 4_213_877, EpochReason.FIRST)
    assert step.ends_wh is None


def test_a_register_that_counts_on_stays_in_its_epoch() -> None:
    step = last(sample(1000, 0), sample(1015, 5))
    assert step.believed
    assert step.epoch is None
    assert step.state.last.register_wh == 1015


def test_a_repeated_reading_is_no_reading() -> None:
    assert feed(sample(1000, 0), sample(1000, 0))[-1] is None


def test_an_older_reading_is_no_reading() -> None:
    assert feed(sample(1000, 0), sample(1010, 5), sample(1005, 3))[-1] is None


def test_a_single_zero_is_a_glitch_and_costs_nothing() -> None:
    steps = feed(sample(5000, 0), sample(0, 5), sample(5003, 10))
    assert steps[1] is not None
    assert not steps[1].believed
    assert steps[2] is not None
    assert steps[2].epoch is None
    assert steps[2].state.last.register_wh == 5003
    assert steps[2].state.suspect is None


def test_a_repeated_odd_reading_does_not_confirm_itself() -> None:
    assert feed(sample(5000, 0), sample(0, 5), sample(0, 5))[-1] is None


def test_a_lower_register_that_counts_on_is_a_reset_from_its_first_value() -> None:
    step = last(sample(5000, 0), sample(7, 5), sample(20, 10))
    assert step.epoch is not None
    assert (step.epoch.number, step.epoch.register_wh, step.epoch.reason) == (2, 7, EpochReason.RESET)
    assert step.epoch.started_at == NOON + timedelta(seconds=5)
    assert step.ends_wh == 5000
    assert step.state.last.register_wh == 20


def test_more_than_the_stall_can_deliver_is_a_jump() -> None:
    # 11.04 kW x 1.2 for 5 s is 18 Wh, and 100 Wh for a coarse register: 200 Wh cannot be.
    step = last(sample(1000, 0), sample(1010, 5), sample(1210, 10), sample(1220, 15))
    assert step.epoch is not None
    assert (step.epoch.register_wh, step.epoch.reason) == (1210, EpochReason.JUMP)
    assert step.ends_wh == 1010


def test_a_register_of_100_wh_steps_is_believed() -> None:
    step = last(sample(1000, 0), sample(1000, 5), sample(1100, 10))
    assert step.believed
    assert step.epoch is None


def test_a_meter_that_reports_every_five_minutes_is_believed() -> None:
    readings = [sample(1000, after_s) for after_s in range(0, 300, 5)]
    step = last(*readings, sample(1920, 300))  # 11.04 kW for 300 s
    assert step.believed
    assert step.epoch is None


def test_another_serial_number_is_another_meter_even_if_it_stands_higher() -> None:
    step = last(sample(1000, 0), sample(1005, 5, "B"), sample(1009, 10, "B"))
    assert step.epoch is not None
    assert (step.epoch.reason, step.epoch.serial) == (EpochReason.SWAPPED, "B")
    assert (step.ends_wh, step.epoch.register_wh) == (1000, 1005)


def test_a_serial_number_that_was_not_read_this_time_changes_nothing() -> None:
    step = last(sample(1000, 0), sample(1005, 5, None), sample(1009, 10))
    assert step.believed
    assert step.epoch is None


def test_a_16_bit_register_rolls_over_with_its_energy() -> None:
    step = last(sample(65_530, 0), sample(4, 5))
    assert step.epoch is not None
    assert (step.epoch.reason, step.epoch.register_wh) == (EpochReason.ROLLOVER, 0)
    assert step.ends_wh == 65_536
    assert step.state.last.register_wh == 4


def test_a_decimal_register_rolls_over_with_its_energy() -> None:
    step = last(sample(999_990, 0), sample(5, 5))
    assert step.epoch is not None
    assert step.ends_wh == 1_000_000


def test_a_fall_from_the_middle_of_the_range_is_a_reset_not_a_rollover() -> None:
    assert not last(sample(50_000, 0), sample(4, 5)).believed


def test_a_wall_clock_that_went_back_does_not_hide_energy() -> None:
    earlier = Sample(register_wh=1010, at=NOON - timedelta(hours=1), mono_s=5.0, serial=None)
    step = last(sample(1000, 0), earlier)
    assert step.believed
    assert step.state.last.register_wh == 1010
    assert step.state.last.at == NOON


registers = st.one_of(
    st.integers(0, 40).map(lambda gain: ("gain", gain)),
    st.integers(0, 100_000).map(lambda value: ("set", value)),
    st.integers(0, 300).map(lambda below: ("set", 65_536 - below)),
    st.just(("repeat", 0)),
)


@given(st.lists(st.tuples(registers, st.integers(-3, 4000), st.sampled_from(["A", "A", "A", "B", None])), max_size=60))
def test_energy_per_epoch_is_the_register_difference_and_never_negative(
    course: list[tuple[tuple[str, int], int, str | None]],
) -> None:
    state: MeterState | None = None
    register_wh, mono_s = 65_000, 0.0
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    gained: dict[int, int] = {}
    for (kind, value), step_s, serial in course:
        register_wh = register_wh + value if kind == "gain" else register_wh if kind == "repeat" else value
        mono_s += step_s
        taken = Sample(register_wh=register_wh, at=NOON + timedelta(seconds=mono_s), mono_s=mono_s, serial=serial)
        step = observe(state, taken, stall_id=StallId("s"), max_power_w=MAX_W)
        if step is None:
            continue
        before = state
        state = step.state
        if step.epoch is not None:
            number = step.epoch.number
            if before is not None:
                assert step.ends_wh is not None
                assert number == before.epoch.number + 1
                assert step.ends_wh >= before.last.register_wh
                gained[before.epoch.number] += step.ends_wh - before.last.register_wh
                ends[before.epoch.number] = step.ends_wh
            begins[number], gained[number] = step.epoch.register_wh, 0
            assert state.last.register_wh >= step.epoch.register_wh
            gained[number] += state.last.register_wh - step.epoch.register_wh
        elif step.believed:
            assert before is not None
            assert state.last.register_wh >= before.last.register_wh
            gained[state.epoch.number] += state.last.register_wh - before.last.register_wh
        else:
            assert before is not None
            assert state.last == before.last
        ends[state.epoch.number] = state.last.register_wh
    assert gained == {number: ends[number] - begins[number] for number in begins}
