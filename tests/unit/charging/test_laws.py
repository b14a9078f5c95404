"""What holds for every stall in every life, with crashes at any moment."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from custom_components.evshare.charging import (
    Authorised,
    ConnectorLost,
    Disable,
    DisableFailed,
    Enable,
    EnableFailed,
    Event,
    ModeAsked,
    OfferDecided,
    PauseAsked,
    Persist,
    ReadingTaken,
    Record,
    Removed,
    SetLimit,
    StallState,
    StopAsked,
    Ticked,
    advance,
    initial,
    restore,
    snapshot,
)
from custom_components.evshare.model import (
    ChargeMode,
    EpochReason,
    GateKind,
    LimitReason,
    Moment,
    Pilot,
    Reading,
    StopReason,
)
from tests.unit.charging.story import CONFIG, CONTACTOR, NOON, a_session

SECONDS = st.sampled_from([0.0, 0.4, 1.0, 5.0, 5.0, 5.0, 12.0, 31.0, 61.0, 200.0, 1000.0, 5000.0])


class StallLife(RuleBasedStateMachine):
    """Random events, random crashes; the journal is what was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = Moment(at=NOON + timedelta(seconds=17), mono_s=50.0)
        self.state: StallState = initial(CONFIG, self.now)
        self.stored: dict[str, Any] = snapshot(self.state)
        self.journal: list[Record] = []
        self.register_wh = 64_900
        self.sessions = 0
        self.epoch_ends: dict[int, int] = {}

    @initialize(gate=st.sampled_from([GateKind.NATIVE, GateKind.CONTACTOR]))
    def begin(self, gate: GateKind) -> None:
        self.state = initial(CONFIG if gate is GateKind.NATIVE else CONTACTOR, self.now)

    def tell(self, event: Event) -> None:
        before = self.state
        self.state, effects = advance(before, event, self.now)
        committed = [effect for effect in effects if isinstance(effect, Record)]
        assert list(effects[: len(committed)]) == committed, "records come first"
        if committed:
            assert effects[len(committed)] == Persist()
        self.journal.extend(committed)
        if before.meter is not None and self.state.meter is not None and before.meter.epoch != self.state.meter.epoch:
            rolled_over = self.state.meter.epoch.reason is EpochReason.ROLLOVER
            self.epoch_ends[before.meter.epoch.number] = 65_536 if rolled_over else before.meter.last.register_wh
        if Persist() in effects:
            self.stored = json.loads(json.dumps(snapshot(self.state)))
        for effect in effects:
            if isinstance(effect, Enable | SetLimit) and effect != SetLimit(0):
                assert self.state.session is not None
                assert self.state.session.id in self.ids("session_authorised")
                assert 6 <= effect.limit_a <= 16
        if isinstance(event, ReadingTaken) and event.reading.pilot is Pilot.A and self.state is not before:
            assert not self.state.plugged
            if before.plugged and before.session is not None:
                assert self.state.session is None
                assert Disable() in effects
        if before.session is not None and self.state.session is None and not before.stopping:
            assert Disable() in effects

    def ids(self, kind: str) -> list[object]:
        return [record.body["session_id"] for record in self.journal if record.kind == kind]

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now = Moment(at=self.now.at + timedelta(seconds=seconds), mono_s=self.now.mono_s + seconds)

    @rule(
        seconds=SECONDS,
        pilot=st.sampled_from("AABBBCCCCXEF"),
        gain_wh=st.integers(0, 40),
        fate=st.sampled_from(["ok"] * 8 + ["unread", "reset", "zero", "jump", "top"]),
        power_w=st.sampled_from([0.0, 0.0, 50.0, 11_000.0, None]),
        enabled=st.sampled_from([True, False, None]),
        session_wh=st.one_of(st.none(), st.integers(0, 60)),
        limit_a=st.sampled_from([None, 0.0, 6.0, 16.0]),
    )
    def reading(
        self,
        seconds: float,
        pilot: str,
        gain_wh: int,
        fate: str,
        power_w: float | None,
        enabled: bool | None,
        session_wh: int | None,
        limit_a: float | None,
    ) -> None:
        self.time_passes(seconds)
        self.register_wh += gain_wh
        if fate == "reset":
            self.register_wh = gain_wh
        elif fate == "jump":
            self.register_wh += 50_000
        elif fate == "top":
            self.register_wh = 65_530 + gain_wh % 6
        shown = {"unread": None, "zero": 0}.get(fate, self.register_wh)
        reading = Reading(
            at=self.now.at,
            mono_s=self.now.mono_s,
            pilot=Pilot(pilot),
            power_w=power_w,
            register_wh=shown,
            session_wh=session_wh,
            enabled=enabled,
            limit_a=limit_a,
        )
        self.tell(ReadingTaken(reading))

    @precondition(lambda self: self.state.session is None)
    @rule(cap_wh=st.sampled_from([None, None, 1, 30, 90]))
    def authorised(self, cap_wh: int | None) -> None:
        self.sessions += 1
        self.tell(Authorised(replace(a_session(self.now.at, self.sessions), cap_wh=cap_wh)))

    @rule(limit_a=st.sampled_from([0, 6, 10, 16, 16]))
    def offered(self, limit_a: int) -> None:
        self.tell(OfferDecided(limit_a, LimitReason.CIRCUIT))

    @rule(
        event=st.sampled_from(
            [
                ConnectorLost("timeout"),
                StopAsked(StopReason.PERSON),
                ModeAsked(ChargeMode.SOLAR_ONLY),
                PauseAsked(paused=True),
                PauseAsked(paused=False),
                EnableFailed("timeout"),
                DisableFailed("timeout"),
                Ticked(),
            ]
        )
    )
    def happens(self, event: Event) -> None:
        self.tell(event)

    @rule(away_s=st.sampled_from([-5000.0, 0.0, 20.0, 400.0, 90_000.0]), mono_s=st.sampled_from([0.0, 3.0, 90_000.0]))
    def crash(self, away_s: float, mono_s: float) -> None:
        """Whatever was not committed is forgotten; the monotonic clock begins anywhere."""
        self.now = Moment(at=self.now.at + timedelta(seconds=away_s), mono_s=mono_s)
        self.state = restore(self.state.config, self.stored, self.now)

    @invariant()
    def one_session_at_most(self) -> None:
        opened, ended = self.ids("session_authorised"), self.ids("session_ended")
        assert len(set(opened)) == len(opened)
        still_open = opened[len(ended) :]
        assert opened[: len(ended)] == ended
        assert still_open == ([] if self.state.session is None else [self.state.session.id])

    @invariant()
    def closed_gate_without_session(self) -> None:
        if self.state.session is None:
            assert not self.state.energised
            assert self.state.offered_a == 0

    @invariant()
    def a_session_that_has_its_cap_is_over_or_stopping(self) -> None:
        session = self.state.session
        if session is not None and session.cap_wh is not None and session.energy_wh >= session.cap_wh:
            assert self.state.stopping
            assert not self.state.energised

    @invariant()
    def sessions_are_the_sum_of_their_slices(self) -> None:
        of_session: dict[object, int] = defaultdict(int)
        last: dict[object, Any] = {}
        ended: set[object] = set()
        for record in self.journal:
            body: Any = record.body
            session_id = body.get("session_id")
            if record.kind == "slice" and session_id is not None:
                assert session_id not in ended
                before = last.get(session_id)
                if before is not None:
                    assert before["end"] == body["start"]
                    if before["epoch"] == body["epoch"]:
                        assert before["register_end_wh"] == body["register_start_wh"]
                last[session_id] = body
                of_session[session_id] += body["register_end_wh"] - body["register_start_wh"]
            elif record.kind == "session_ended":
                ended.add(session_id)
                assert body["energy_wh"] == of_session[session_id]
        session, running = self.state.session, self.state.open_slice
        if session is not None and running is not None and running.session_id == session.id:
            assert session.energy_wh == of_session[session.id] + running.register_end_wh - running.register_start_wh

    @invariant()
    def every_epoch_is_the_sum_of_its_slices(self) -> None:
        in_slices: dict[object, int] = defaultdict(int)
        begins: dict[object, int] = {}
        stands: dict[object, int] = {}
        for record in self.journal:
            body: Any = record.body
            if record.kind == "epoch":
                begins[body["number"]] = stands[body["number"]] = body["register_wh"]
            elif record.kind == "slice":
                energy_wh = body["register_end_wh"] - body["register_start_wh"]
                assert energy_wh >= 0
                assert body["start"] <= body["end"]
                in_slices[body["epoch"]] += energy_wh
                assert body["register_start_wh"] == stands[body["epoch"]], "registers join, whoever's they are"
                stands[body["epoch"]] = body["register_end_wh"]
        assert list(begins) == list(range(1, len(begins) + 1))
        meter, running = self.state.meter, self.state.open_slice
        if meter is not None:
            assert running is not None, "the register always counts for someone"
            assert running.register_end_wh == meter.last.register_wh
            in_slices[meter.epoch.number] += running.register_end_wh - running.register_start_wh
            stands[meter.epoch.number] = running.register_end_wh
            assert {**self.epoch_ends, meter.epoch.number: meter.last.register_wh} == stands
        for number, begin in begins.items():
            assert in_slices[number] == stands[number] - begin

    def teardown(self) -> None:
        self.tell(Removed())
        assert self.state.session is None
        assert len(self.ids("session_authorised")) == len(self.ids("session_ended"))


TestStallLife = StallLife.TestCase
TestStallLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
