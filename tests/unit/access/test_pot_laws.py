"""Several sessions at once never use more than the money was told to be good for, in whatever order things happen.

The app is played by hand: it has a sum of energy that money is good for, gets the records late, and tells what is left
as of those it has. Sessions use what was announced to them and not a watt-hour more; what a real one has beyond, until
it is seen to have stopped, is in docs/limits.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custom_components.evshare.access import Ask, Grant, Guest, Payer, PhoneAsk, Pot, ResidentRules, decide
from custom_components.evshare.building.usage import Usage
from custom_components.evshare.journal import NewRecord, Position
from custom_components.evshare.model import ResidentId, Session, SessionId, StallId, StopReason
from tests.unit.access.house import ANNA, CARLA, NOON, NOW, PLUGGED, VIEW

POT_WH, ANNAS_MONEY_WH, ANNAS_MONTH_WH = 1_000, 800, 700
"""Anna and Carla share the pot; Anna has money of her own to mind too, and a quota."""

type Step = tuple[str, int, int]


@dataclass
class House:
    """The sessions of two residents of one account, and an app that hears of them late."""

    start_wh: int
    usage: Usage = field(default_factory=Usage)
    rules: dict[ResidentId, ResidentRules] = field(default_factory=dict)
    running: list[Session] = field(default_factory=list)
    ended: list[tuple[int, Session]] = field(default_factory=list)
    """With the number of the record."""
    head_seq: int = 0
    app_seq: int = 0
    begun: int = 0

    def start(self, ask: Ask) -> Grant | None:
        """Somebody asks at a stall of their own."""
        used = self.usage.used(self.running, NOON, UTC)
        view = replace(VIEW, open_sessions=tuple(self.running), rules=self.rules, used=used)
        answer = decide(ask, view, PLUGGED.named(StallId(f"stall-{self.begun}")), NOW)
        if not isinstance(answer, Grant):
            return None
        self.begun += 1
        session = Session(
            id=SessionId(f"s{self.begun}"),
            stall_id=StallId(f"stall-{self.begun}"),
            credential=answer.credential,
            mode=answer.mode,
            authorised_at=NOON,
            cap_wh=answer.cap_wh,
        )
        self.running.append(session)
        self._record("session_authorised", session)
        return answer

    def use(self, place: int, wh: int) -> None:
        """A session that runs, or is being stopped, uses something."""
        session = self.running[place]
        most_wh = session.energy_wh + wh if session.cap_wh is None else session.cap_wh
        self.running[place] = replace(session, energy_wh=min(session.energy_wh + wh, most_wh))

    def stop(self, place: int) -> None:
        """It is told to stop; it has not yet."""
        self.running[place] = replace(self.running[place], stop_reason=StopReason.PERSON)

    def end(self, place: int) -> None:
        """It is over, and written down."""
        session = self.running.pop(place)
        self._record("session_ended", session)
        self.ended.append((self.head_seq, session))

    def tell(self) -> None:
        """The app tells what is left by the records it has."""
        known = [session for seq, session in self.ended if seq <= self.app_seq]
        pot = Pot(id="household", left_wh=POT_WH - self.spent_wh(known) - self.start_wh)
        annas_wh = ANNAS_MONEY_WH - self.spent_wh(known, ANNA) - self.start_wh
        common = ResidentRules(sessions=9, pot=pot, start_wh=self.start_wh)
        self.rules = {ANNA: replace(common, month_wh=ANNAS_MONTH_WH, left_wh=annas_wh), CARLA: common}
        self.usage.told(NOON + timedelta(hours=1), Position(0, self.app_seq))

    def spent_wh(self, sessions: Sequence[Session], whose: ResidentId | None = None) -> int:
        """What sessions cost, as energy: theirs, and their starts where they had any."""
        own = [each for each in sessions if each.credential.counts and whose in (None, each.resident_id)]
        return sum(each.energy_wh + (self.start_wh if each.energy_wh else 0) for each in own)

    @property
    def sessions(self) -> list[Session]:
        """All there ever were."""
        return [*self.running, *(session for _, session in self.ended)]

    def _record(self, kind: str, session: Session) -> None:
        self.head_seq += 1
        body = {
            "session_id": session.id,
            "resident_id": session.resident_id,
            "credential_kind": session.credential.kind.value,
            "counts": session.credential.counts,
            "energy_wh": session.energy_wh,
        }
        self.usage.recorded([NewRecord(kind=kind, at=NOON, body=body)], Position(0, self.head_seq))


def asked(number: int, begun: int) -> Ask:
    """Anna, Carla, a guest at Anna's cost whose pass is good for 150 Wh, and one at the building's."""
    whose = CARLA if number == 1 else ANNA
    payer = Payer.GUEST if number == 3 else Payer.HOST
    over = NOON + timedelta(days=1)
    guest = Guest(pass_id=f"p{begun}", expires_at=over, cap_wh=150, payer=payer) if number > 1 else None
    return PhoneAsk(id=f"ask-{begun}", resident_id=whose, plug_epoch=4, expires_at=over, guest=guest)


steps = st.one_of(
    st.tuples(st.just("start"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("start"), st.integers(2, 2), st.just(0)),
    st.tuples(st.just("use"), st.integers(0, 5), st.integers(1, 900)),
    st.tuples(st.just("use"), st.integers(0, 5), st.just(900)),
    st.tuples(st.sampled_from(["stop", "end"]), st.integers(0, 5), st.just(0)),
    st.tuples(st.sampled_from(["deliver", "tell"]), st.just(0), st.just(0)),
)


def play(house: House, step: Step) -> None:
    """One step; what concerns a session does nothing while there is none."""
    what, which, wh = step
    match what:
        case "start":
            house.start(asked(which, house.begun))
        case "deliver":
            house.app_seq = min(house.app_seq + 1, house.head_seq)
        case "tell":
            house.tell()
        case _ if house.running:
            place = which % len(house.running)
            if what == "use":
                house.use(place, wh)
            elif what == "stop":
                house.stop(place)
            else:
                house.end(place)


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=4, max_size=30), st.sampled_from([0, 30]))
def test_all_sessions_of_a_pot_together_use_no_more_than_was_told(played: list[Step], start_wh: int) -> None:
    house = House(start_wh)
    house.tell()
    for step in played:
        announced = {each.id: each.cap_wh for each in house.running}
        play(house, step)
        assert house.spent_wh(house.sessions) <= POT_WH
        assert house.spent_wh(house.sessions, ANNA) <= ANNAS_MONEY_WH
        annas_wh = sum(each.energy_wh for each in house.sessions if each.resident_id == ANNA and each.credential.counts)
        assert annas_wh <= ANNAS_MONTH_WH
        assert all(announced.get(each.id, each.cap_wh) == each.cap_wh for each in house.running), "made smaller"
    while house.running:
        house.end(0)
    house.app_seq = house.head_seq
    house.tell()
    # Whatever was not used is there for the next, all of it.
    left_wh = POT_WH - house.spent_wh(house.sessions) - start_wh
    grant = house.start(asked(1, house.begun))
    assert (None if grant is None else grant.cap_wh) == (left_wh if left_wh > 0 else None)


def test_two_sessions_of_a_pot_do_run_at_once() -> None:
    """Else nothing could be used twice, and the law would say nothing."""
    house = House(start_wh=30)
    house.tell()
    guest, sharer = house.start(asked(2, 0)), house.start(asked(1, 1))
    assert guest is not None
    assert sharer is not None
    # 1000 less a start each and what the guest may have.
    assert (guest.cap_wh, sharer.cap_wh) == (150, 790)
    assert house.start(asked(0, 2)) is None
