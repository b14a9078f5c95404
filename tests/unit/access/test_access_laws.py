"""What holds for every ask, house and stall."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st
import pytest

from custom_components.evshare.access import (
    AccessView,
    Ask,
    CarAsk,
    CardAsk,
    CardRecord,
    CarEvidence,
    CarOptIn,
    Denial,
    Grant,
    Guest,
    Hold,
    Hours,
    Payer,
    PhoneAsk,
    Pot,
    Proof,
    ResidentRules,
    Used,
    UserAsk,
    decide,
)
from custom_components.evshare.model import (
    CardId,
    CredentialKind,
    DenyReason,
    Moment,
    Resident,
    ResidentId,
    Session,
    StallId,
    StallStatus,
)
from tests.unit.access.house import NOON, NOW, Stall, session_of

PEOPLE = [ResidentId(name) for name in ("anna", "ben", "carla", "moved-out")]
STALLS = [StallId("stall-1"), StallId("stall-2")]
EVERY_CAR = [
    CarOptIn(resident_id=name, evidence=evidence, stall_id=place)
    for name in PEOPLE
    for evidence in CarEvidence
    for place in (None, *STALLS)
]
ZONES = [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")]

# Most of what is drawn would be let in, so that the laws have something to hold against.
people = st.sampled_from([PEOPLE[0], *PEOPLE])
stalls = st.sampled_from([STALLS[0], *STALLS])
energies = st.one_of(st.none(), st.integers(-10, 200))
around_noon = st.sampled_from([-1, 0, 1, 2, 3, 4, 5]).map(lambda minutes: NOON + timedelta(minutes=minutes))
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
hours = st.builds(Hours, days=st.frozensets(st.integers(1, 7), min_size=1), start=clocks, end=clocks)
some_stalls = st.one_of(st.none(), st.none(), st.frozensets(stalls))
rules = st.builds(
    ResidentRules,
    stall_ids=some_stalls,
    hours=st.one_of(st.just(()), st.lists(hours, max_size=2).map(tuple)),
    sessions=st.integers(1, 3),
    month_wh=st.one_of(st.none(), st.integers(0, 200)),
    left_wh=energies,
    pot=st.one_of(st.none(), st.builds(Pot, id=st.sampled_from(["one", "other"]), left_wh=st.integers(-10, 200))),
    start_wh=st.sampled_from([0, 0, 10]),
)
guests = st.builds(
    Guest,
    pass_id=st.sampled_from(["p0", "p1"]),
    expires_at=around_noon,
    stall_ids=some_stalls,
    cap_wh=energies,
    payer=st.sampled_from(Payer),
)
asks = st.one_of(
    st.builds(CardAsk, fingerprint=st.sampled_from(["f0", "f1", "f2", "f3", "stranger"])),
    st.builds(
        PhoneAsk,
        id=st.just("ask"),
        resident_id=people,
        plug_epoch=st.sampled_from([3, 4, 4, 4, None]),
        expires_at=around_noon,
        proof=st.one_of(st.none(), st.sampled_from(Proof)),
        guest=st.one_of(st.none(), guests),
    ),
    st.builds(
        UserAsk,
        user_id=st.sampled_from(["user-anna", "user-anna", "user-x", None]),
        is_admin=st.booleans(),
        resident_id=people,
    ),
    st.builds(CarAsk, resident_id=people, evidence=st.sampled_from(CarEvidence), plug_epoch=st.sampled_from([4, 4, 3])),
)
sessions = st.builds(
    lambda session, cap_wh, counts: replace(
        session, cap_wh=cap_wh, credential=replace(session.credential, counts=counts)
    ),
    st.builds(
        session_of,
        people,
        kind=st.sampled_from(CredentialKind),
        by=st.sampled_from(["c0", "c1", "p0", "ask-0"]),
        at=stalls,
        energy_wh=st.integers(0, 20),
    ),
    st.one_of(st.none(), st.integers(0, 60)),
    st.sampled_from([True, True, False]),
)
cards = st.builds(
    lambda number, owner, blocked, month_wh, money_wh, quiet: CardRecord(
        id=CardId(f"c{number}"),
        resident_id=owner,
        fingerprints=(f"f{number}",),
        blocked=blocked,
        month_wh=month_wh,
        money_month_wh=money_wh,
        quiet=quiet,
    ),
    st.integers(0, 3),
    people,
    st.sampled_from([False, False, True]),
    st.one_of(st.none(), st.integers(0, 200)),
    st.one_of(st.none(), st.integers(0, 200)),
    st.one_of(st.none(), hours),
)
used = st.dictionaries(people, st.integers(0, 60), max_size=3)
views = st.builds(
    AccessView,
    residents=st.just(
        {name: Resident(id=name, name=name, ha_user_id=f"user-{name}", blocked=name == "carla") for name in PEOPLE[:3]}
    ),
    cards=st.lists(cards, min_size=2, max_size=4, unique_by=lambda card: card.id),
    blocked=st.one_of(st.just(frozenset()), st.frozensets(people, max_size=1)),
    open_sessions=st.one_of(st.just([]), st.lists(sessions, max_size=2)),
    rules=st.dictionaries(people, rules, max_size=3),
    holds=st.one_of(
        st.just([]), st.lists(st.builds(Hold, stall_id=stalls, resident_id=people, until=around_noon), max_size=2)
    ),
    cars=st.one_of(st.just(frozenset(EVERY_CAR)), st.frozensets(st.sampled_from(EVERY_CAR), max_size=3)),
    used=st.builds(
        Used,
        month_wh=used,
        card_month_wh=st.dictionaries(st.sampled_from(["c0", "c1"]), st.integers(0, 120)),
        since_told_wh=used,
        since_told_starts=st.dictionaries(people, st.integers(0, 2), max_size=3),
    ),
    zone=st.sampled_from(ZONES),
)
places = st.builds(
    lambda name, status, plugged, age_s, session, finished: Stall(
        status=status,
        plugged=plugged,
        plugged_mono_s=None if age_s is None else NOW.mono_s - age_s,
        session=session,
        finished_on_epoch=4 if finished else None,
        finished_resident_id=finished,
    ).named(name),
    stalls,
    st.sampled_from([*[StallStatus.PREPARING] * 9, *StallStatus]),
    st.sampled_from([True, True, False]),
    st.sampled_from([5.0, 5.0, 61.0, 299.0, 301.0, None]),
    st.one_of(st.none(), st.none(), st.none(), sessions),
    st.one_of(st.none(), people),
)


def granted(ask: Ask, view: AccessView, stall: Stall) -> Grant | None:
    answer = decide(ask, view, stall, NOW)
    return answer if isinstance(answer, Grant) else None


def is_listed(ask: Ask, view: AccessView, stall: Stall) -> bool:
    """Whether whoever asks stands on a list at all, found another way than the policy does."""
    match ask:
        case CardAsk(fingerprint=shown):
            owners = [card.resident_id for card in view.cards if card.fingerprints[0] == shown and not card.blocked]
            return bool(owners) and owners[0] in view.residents
        case PhoneAsk(resident_id=name):
            return name in view.residents
        case UserAsk(resident_id=name, user_id=user_id, is_admin=is_admin):
            known = view.residents.get(name)
            return known is not None and user_id is not None and (is_admin or known.ha_user_id == user_id)
        case CarAsk(resident_id=name, evidence=evidence):
            everywhere = CarOptIn(resident_id=name, evidence=evidence)
            here = replace(everywhere, stall_id=stall.config.id)
            return name in view.residents and bool({everywhere, here} & view.cars)


SOMEWHERE = settings(max_examples=20_000, deadline=None, database=None, phases=[Phase.generate])


@pytest.mark.parametrize("kind", CredentialKind)
def test_the_laws_are_about_something(kind: CredentialKind) -> None:
    """Every kind of credential is let in somewhere among what is drawn, with a cap where it has one."""

    def is_capped(drawn: tuple[Ask, AccessView, Stall]) -> bool:
        grant = granted(*drawn)
        return grant is not None and grant.credential.kind is kind and grant.cap_wh is not None

    assert find(st.tuples(asks, views, places), is_capped, settings=SOMEWHERE)


@settings(deadline=None, max_examples=600)
@given(asks, views, places)
def test_nothing_unlisted_is_granted_and_no_stall_twice(ask: Ask, view: AccessView, stall: Stall) -> None:
    if granted(ask, view, stall) is not None:
        assert is_listed(ask, view, stall)
        assert stall.session is None
        assert stall.status not in (StallStatus.UNAVAILABLE, StallStatus.FAULTED)


@settings(deadline=None, max_examples=600)
@given(asks, views, places)
def test_what_is_blocked_over_or_held_is_never_granted(ask: Ask, view: AccessView, stall: Stall) -> None:
    grant = granted(ask, view, stall)
    if grant is None:
        return
    resident_id = grant.credential.resident_id
    assert resident_id not in view.blocked
    assert not view.residents[resident_id].blocked
    if isinstance(ask, PhoneAsk):
        assert ask.expires_at > NOON
        assert ask.guest is None or ask.guest.expires_at > NOON
    holders = {hold.resident_id for hold in view.holds if hold.stall_id == stall.config.id and hold.until > NOON}
    assert not holders or resident_id in holders
    allowed = view.rules.get(resident_id, ResidentRules()).stall_ids
    assert allowed is None or stall.config.id in allowed


def limits(ask: Ask, grant: Grant, view: AccessView) -> list[int]:
    """What each limit leaves, after what open sessions that draw on it may still use."""
    credential = grant.credential
    found = []

    def kept(whose: Collection[ResidentId]) -> int:
        rest = [(one.cap_wh or 0) - one.energy_wh for one in view.open_sessions if is_of(one, whose)]
        return sum(wh for wh in rest if wh > 0)

    def spent(whose: Collection[ResidentId]) -> int:
        told = view.used
        return sum(
            told.since_told_wh.get(name, 0)
            + told.since_told_starts.get(name, 0) * view.rules.get(name, ResidentRules()).start_wh
            for name in whose
        )

    me = {credential.resident_id}
    own = view.rules.get(credential.resident_id)
    guest = ask.guest if isinstance(ask, PhoneAsk) else None
    counts = guest is None or guest.payer is Payer.HOST
    assert credential.counts is counts
    if own is not None and own.month_wh is not None and counts:
        found.append(own.month_wh - view.used.month_wh.get(credential.resident_id, 0) - kept(me))
    if own is not None and own.left_wh is not None and counts:
        found.append(own.left_wh - spent(me) - kept(me))
    if own is not None and own.pot is not None and counts:
        sharers = {name for name, its in view.rules.items() if its.pot is not None and its.pot.id == own.pot.id}
        found.append(own.pot.left_wh - spent(sharers) - kept(sharers))
    if guest is not None and guest.cap_wh is not None:
        found.append(guest.cap_wh)
    return found + [
        month_wh - view.used.card_month_wh.get(card.id, 0)
        for card in view.cards
        for month_wh in (card.month_wh, card.money_month_wh)
        if (credential.kind, credential.id) == (CredentialKind.CARD, card.id) and month_wh is not None
    ]


def is_of(session: Session, whose: Collection[ResidentId]) -> bool:
    return session.resident_id in whose and session.credential.counts


@settings(deadline=None, max_examples=600)
@given(asks, views, places)
def test_the_cap_is_something_and_no_more_than_any_limit_leaves(ask: Ask, view: AccessView, stall: Stall) -> None:
    grant = granted(ask, view, stall)
    if grant is None:
        return
    left = limits(ask, grant, view)
    assert (grant.cap_wh is None) == (not left)
    assert grant.cap_wh is None or 0 < grant.cap_wh <= min(left)


stricter = st.one_of(
    st.builds(lambda names: ("stall_ids", names), st.frozensets(stalls)),
    st.builds(lambda window: ("hours", (window,)), hours),
    st.just(("sessions", 1)),
    st.builds(lambda wh: ("month_wh", wh), st.integers(0, 50)),
    st.builds(lambda wh: ("left_wh", wh), st.integers(-5, 50)),
)


def narrowed(own: ResidentRules, change: tuple[str, object]) -> ResidentRules:
    """The same rules and one more."""
    match change:
        case ("stall_ids", frozenset() as names):
            return replace(own, stall_ids=names if own.stall_ids is None else own.stall_ids & names)
        case ("hours", tuple() as windows):
            return own if own.hours else replace(own, hours=windows)
        case ("sessions", int()):
            return replace(own, sessions=1)
        case ("month_wh", int(wh)):
            return replace(own, month_wh=wh if own.month_wh is None else min(own.month_wh, wh))
        case ("left_wh", int(wh)):
            return replace(own, left_wh=wh if own.left_wh is None else min(own.left_wh, wh))
    raise AssertionError(change)


@settings(deadline=None, max_examples=600)
@given(asks, views, places, people, stricter)
def test_one_more_rule_lets_nobody_in_and_gives_nobody_more(
    ask: Ask, view: AccessView, stall: Stall, whose: ResidentId, change: tuple[str, object]
) -> None:
    own = view.rules.get(whose, ResidentRules())
    narrower = replace(view, rules={**view.rules, whose: narrowed(own, change)})
    before, after = granted(ask, view, stall), granted(ask, narrower, stall)
    if after is not None:
        assert before is not None
        assert before.cap_wh is None or (after.cap_wh is not None and after.cap_wh <= before.cap_wh)


@settings(deadline=None, max_examples=300)
@given(asks, views, places, st.sampled_from(["block", "hold", "card"]))
def test_a_block_or_a_hold_more_lets_nobody_in(ask: Ask, view: AccessView, stall: Stall, what: str) -> None:
    if what == "block":
        narrower = replace(view, blocked={*view.blocked, PEOPLE[0]})
    elif what == "card":
        narrower = replace(view, cards=[replace(card, blocked=True) for card in view.cards])
    else:
        assume(not any(hold.stall_id == stall.config.id for hold in view.holds))
        hold = Hold(stall_id=stall.config.id, resident_id=PEOPLE[1], until=NOON + timedelta(minutes=1))
        narrower = replace(view, holds=[*view.holds, hold])
    if granted(ask, narrower, stall) is not None:
        assert granted(ask, view, stall) == granted(ask, narrower, stall)


@settings(deadline=None, max_examples=300)
@given(st.datetimes(), hours, st.sampled_from(ZONES))
def test_a_window_and_the_rest_of_its_days_make_the_whole_time(at: datetime, window: Hours, zone: ZoneInfo) -> None:
    """A window of every day and the one from its end to its start cover each moment exactly once."""
    assume(window.start != window.end)
    daily = Hours(start=window.start, end=window.end)
    rest = Hours(start=window.end, end=window.start)
    local = at.replace(year=2026, day=min(at.day, 28), tzinfo=UTC).astimezone(zone)
    assert daily.covers(local) != rest.covers(local)


@settings(deadline=None, max_examples=200)
@given(asks, views, places)
def test_every_denial_says_why_and_names_no_more_than_it_knows(ask: Ask, view: AccessView, stall: Stall) -> None:
    answer = decide(ask, view, stall, Moment(at=NOON, mono_s=NOW.mono_s))
    if isinstance(answer, Denial):
        assert isinstance(answer.reason, DenyReason)
        if answer.reason is DenyReason.UNKNOWN_CARD:
            assert (answer.resident_id, answer.credential_id) == (None, None)
