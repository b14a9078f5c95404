"""What a guest pass is good for, counted from the sessions there were and the starts that are on their way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from evshare_app.books.access_tables import guest_intent, guest_pass, guest_phone
from evshare_app.books.schema import session
from evshare_app.model import ResidentId, StallId
from evshare_app.money import Money
from evshare_app.resident.guest_phones import Guest, find_guest, forget_old_guests, redeem_pass, redeem_pass_code
from evshare_app.resident.guest_starts import (
    GuestClaim,
    answer_guest_start,
    claim_guest_start,
    sessions_started_by,
)
from evshare_app.resident.intents import IntentInvalid, hold_intent
from evshare_app.resident.pass_making import TooManyPasses, Wanted, make_pass, renew_link, revoke_pass
from evshare_app.resident.passes import Left, PassLine, PassState, Payer, pass_line, pass_lines
from evshare_app.resident.people import NoSuchResident, set_blocked, set_moves
from evshare_app.resident.rules import Rule, set_rule
from evshare_app.resident.short_codes import INVITE, PASS, make_short_code
from evshare_app.tariff.store import add_version
from evshare_app.tokens import TokenKey
from tests.app.statement.lindenhof import Cut, add_session
from tests.app.tariff.examples import element, price, tariff

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
JANA, TIMO = ResidentId("jana"), ResidentId("timo")
STALL = StallId("stall-1")
KEY = TokenKey(b"k" * 32)
PASS_ID = "a" * 32


def wanted(**changes: Any) -> Wanted:
    chosen = {
        "label": "Tom",
        "stall_ids": None,
        "cap_wh": 20_000,
        "cap_minor": None,
        "days": 3,
        "uses": 1,
        "shows_host": False,
    } | changes
    return Wanted(**chosen)


def make(conn: Connection, pass_id: str = PASS_ID, host: ResidentId = JANA, now: datetime = NOW, **changes: Any) -> str:
    token = make_pass(conn, pass_id, host, wanted(**changes), f"resident:{host}", now)
    assert token is not None
    return token


def phone(conn: Connection, token: str, now: datetime = NOW) -> Guest:
    redeemed = redeem_pass(conn, token, "iPhone", KEY, now)
    assert redeemed is not None
    assert redeemed.cookie is not None
    guest = find_guest(conn, redeemed.cookie, KEY, now)
    assert guest is not None
    return guest


def line(conn: Connection, now: datetime = NOW, **running_wh: int) -> PassLine:
    found = pass_line(conn, PASS_ID, now, running_wh)
    assert found is not None
    return found


def charged(conn: Connection, session_id: str, energy_wh: int, *, open_: bool = False, at: datetime = NOW) -> None:
    add_session(conn, session_id, at - timedelta(hours=2), [Cut(60, energy_wh)], open_=open_, rated=False)
    values: dict[str, Any] = {"credential_kind": "pass", "credential_id": PASS_ID}
    conn.execute(update(session).where(session.c.session_id == session_id).values(**values, energy_wh=energy_wh))


def never_plugged(conn: Connection, session_id: str, reason: str = "no_plug") -> None:
    charged(conn, session_id, 0)
    values = {"started_ms": None, "stop_reason": reason}
    conn.execute(update(session).where(session.c.session_id == session_id).values(**values))


def hold(conn: Connection, guest: Guest, now: datetime = NOW, stall_id: StallId = STALL) -> str:
    return hold_intent(conn, guest, stall_id, plug_epoch=3, tariff_version="default", now=now)


def claim(
    conn: Connection,
    guest: Guest,
    nonce: str,
    request_id: str = "1" * 32,
    now: datetime = NOW,
    stall_id: StallId = STALL,
    busy: bool = False,
) -> GuestClaim:
    return claim_guest_start(conn, guest, stall_id, nonce=nonce, request_id=request_id, now=now, busy=busy)


# --- limits ------------------------------------------------------------------------------------------------------


def test_a_new_pass_is_good_for_what_it_says(conn: Connection) -> None:
    make(conn, uses=3)
    made = line(conn)
    assert made.state is PassState.VALID
    assert made.left == Left(uses=3, wh=20_000, cap_wh=20_000, minor=None)


def test_a_pass_without_any_cap_cannot_be_wanted() -> None:
    with pytest.raises(ValueError, match="at least one"):
        wanted(cap_wh=None)


def test_residents_make_only_passes_they_pay_themselves(conn: Connection) -> None:
    with pytest.raises(ValueError, match="payer: got building, accepted of a resident is host"):
        make(conn, payer=Payer.BUILDING)
    assert conn.execute(select(guest_pass)).first() is None


def test_passes_that_were_made_and_withdrawn_since_hide_none_that_is_good(conn: Connection) -> None:
    for number in range(5):
        make(conn, f"{number:032x}")
    for number in range(5, 205):
        later = NOW + timedelta(seconds=number)
        make_pass(conn, f"{number:032x}", TIMO, wanted(), "resident:timo", later)
        revoke_pass(conn, f"{number:032x}", later)
    good = [one for one in pass_lines(conn, NOW + timedelta(hours=1)) if one.state is PassState.VALID]
    assert len(good) == 5
    with pytest.raises(TooManyPasses):
        make(conn, "f" * 32, now=NOW + timedelta(hours=1))


def test_passes_of_the_building_are_counted_for_the_building(conn: Connection) -> None:
    common = wanted(payer=Payer.BUILDING)
    for number in range(20):
        assert make_pass(conn, f"{number:032x}", JANA if number % 2 else TIMO, common, "office:u1", NOW) is not None
    with pytest.raises(TooManyPasses) as most:
        make_pass(conn, "b" * 32, JANA, common, "office:u1", NOW)
    assert most.value.most == 20
    make(conn)  # the host may have their own five all the same


@pytest.mark.parametrize("change", [{"days": 0}, {"days": 8}, {"uses": 0}, {"uses": 21}])
def test_a_pass_beyond_its_bounds_cannot_be_wanted(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="accepted are 1 to"):
        wanted(**change)


def test_what_was_charged_is_taken_off_in_energy_and_in_money(conn: Connection) -> None:
    make(conn, uses=5, cap_minor=1_000)
    charged(conn, "s1", 8_000)
    # Not rated: no cost yet. 10.00 at 0.30 per kWh is 33.333 kWh, so energy is the tighter limit.
    assert line(conn).left == Left(uses=4, wh=12_000, cap_wh=12_000, minor=1_000)


def test_money_limits_at_the_highest_price_in_force_after_a_session_fee(conn: Connection) -> None:
    add_version(
        conn,
        tariff(
            element(price("ENERGY", 0.25), price("FLAT", 1), start_time="22:00", end_time="06:00"),
            element(price("ENERGY", 0.5), price("FLAT", 1)),
        ),
        NOW,
        NOW,
    )
    make(conn, cap_wh=None, cap_minor=600)
    # (6.00 - 1.00) / 0.50 = 10 kWh
    assert line(conn).left == Left(uses=1, wh=10_000, cap_wh=None, minor=600)


def test_what_runs_counts_as_far_as_it_is_known(conn: Connection) -> None:
    make(conn, uses=2)
    charged(conn, "s1", 3_000, open_=True)
    spent = line(conn, s1=4_500).spent
    assert (spent.uses, spent.energy_wh, spent.open) == (1, 4_500, True)


def test_a_pass_with_next_to_nothing_left_is_used_up(conn: Connection) -> None:
    make(conn, uses=5)
    charged(conn, "s1", 19_950)
    assert line(conn).state is PassState.USED_UP


def test_the_last_use_uses_it_up(conn: Connection) -> None:
    make(conn)
    charged(conn, "s1", 1_000)
    assert line(conn).state is PassState.USED_UP


@pytest.mark.parametrize("reason", ["no_plug", "person", "start_failed"])
def test_a_start_nobody_plugged_in_to_is_no_use(conn: Connection, reason: str) -> None:
    make(conn)
    never_plugged(conn, "s1", reason)
    assert line(conn).state is PassState.VALID
    assert line(conn).spent.uses == 0


def test_a_session_the_stall_could_not_begin_is_no_use(conn: Connection) -> None:
    make(conn)
    charged(conn, "s1", 0)
    conn.execute(update(session).values(stop_reason="start_failed"))
    assert line(conn).spent.uses == 0


def test_a_car_that_took_nothing_is_a_use(conn: Connection) -> None:
    make(conn)
    charged(conn, "s1", 0)
    assert line(conn).state is PassState.USED_UP


def test_sessions_of_other_passes_and_of_the_host_are_not_counted(conn: Connection) -> None:
    make(conn)
    charged(conn, "s1", 1_000)
    conn.execute(update(session).values(credential_id="b" * 32))
    add_session(conn, "s2", NOW - timedelta(hours=1), [Cut(30, 500)])
    assert line(conn).spent.uses == 0


@pytest.mark.parametrize(("days", "state"), [(2, PassState.VALID), (3, PassState.OVER)])
def test_a_pass_is_over_at_its_end(conn: Connection, days: int, state: PassState) -> None:
    make(conn, days=3)
    assert line(conn, NOW + timedelta(days=days)).state is state


# --- making ------------------------------------------------------------------------------------------------------


def test_a_resident_has_at_most_five_valid_passes(conn: Connection) -> None:
    for number in range(5):
        make(conn, f"{number}" * 32)
    with pytest.raises(TooManyPasses):
        make(conn)
    make(conn, "b" * 32, TIMO)
    revoke_pass(conn, "0" * 32, NOW)
    make(conn)


def test_the_same_form_sent_twice_makes_one_pass_and_another_link(conn: Connection) -> None:
    first, second = make(conn), make(conn)
    assert len(pass_lines(conn, NOW)) == 1
    assert redeem_pass(conn, first, "", KEY, NOW) is None
    assert redeem_pass(conn, second, "", KEY, NOW) is not None


def test_nobody_takes_over_anothers_pass_by_its_id(conn: Connection) -> None:
    token = make(conn)
    assert make_pass(conn, PASS_ID, TIMO, wanted(), "resident:timo", NOW) is None
    assert make_pass(conn, PASS_ID, JANA, wanted(), "resident:timo", NOW) is None
    assert redeem_pass(conn, token, "", KEY, NOW) is not None


def test_who_moved_out_makes_no_pass(conn: Connection) -> None:
    set_moves(conn, JANA, None, NOW)
    with pytest.raises(NoSuchResident):
        make(conn)


def test_the_books_hold_neither_link_nor_cookie(conn: Connection) -> None:
    token = make(conn)
    redeemed = redeem_pass(conn, token, "", KEY, NOW)
    assert redeemed is not None
    for table in (guest_pass, guest_phone):
        rows = str([tuple(row) for row in conn.execute(select(table))])
        assert token not in rows
        assert str(redeemed.cookie) not in rows


@pytest.mark.parametrize("end", ["revoked", "over"])
def test_a_pass_that_is_over_gets_no_new_link(conn: Connection, end: str) -> None:
    make(conn)
    if end == "revoked":
        revoke_pass(conn, PASS_ID, NOW)
    now = NOW if end == "revoked" else NOW + timedelta(days=3)
    assert renew_link(conn, PASS_ID, now) is None


# --- phones ------------------------------------------------------------------------------------------------------


def test_a_pass_connects_as_many_phones_as_it_has_uses_and_two(conn: Connection) -> None:
    token = make(conn, uses=2)
    for _ in range(4):
        phone(conn, token)
    assert redeem_pass(conn, token, "", KEY, NOW) is None


def test_the_same_phone_opening_its_link_again_is_no_other_phone(conn: Connection) -> None:
    token = make(conn)
    guest = phone(conn, token)
    again = redeem_pass(conn, token, "", KEY, NOW, guest)
    assert again is not None
    assert again.cookie is None
    assert line(conn).phones == 1


@pytest.mark.parametrize("why", ["revoked", "over", "used up", "moved out"])
def test_a_pass_that_is_good_for_nothing_connects_nobody(conn: Connection, why: str) -> None:
    token, now = make(conn), NOW
    match why:
        case "revoked":
            revoke_pass(conn, PASS_ID, NOW)
        case "over":
            now += timedelta(days=3)
        case "used up":
            charged(conn, "s1", 5_000)
        case "moved out":
            set_moves(conn, JANA, None, NOW)
    assert redeem_pass(conn, token, "", KEY, now) is None


def test_a_short_code_opens_a_pass_once(conn: Connection) -> None:
    make(conn)
    code = make_short_code(conn, PASS, PASS_ID, KEY, NOW)
    assert redeem_pass_code(conn, code, "", KEY, NOW) is not None
    assert redeem_pass_code(conn, code, "", KEY, NOW) is None


def test_the_code_of_an_invitation_opens_no_pass(conn: Connection) -> None:
    make(conn)
    code = make_short_code(conn, INVITE, PASS_ID, KEY, NOW)
    assert redeem_pass_code(conn, code, "", KEY, NOW) is None


def test_a_phone_is_known_until_a_day_after_the_pass(conn: Connection) -> None:
    redeemed = redeem_pass(conn, make(conn, days=3), "", KEY, NOW)
    assert redeemed is not None
    cookie = str(redeemed.cookie)
    assert redeemed.expires == NOW + timedelta(days=4)
    assert find_guest(conn, cookie, KEY, NOW + timedelta(days=4, seconds=-1)) is not None
    assert find_guest(conn, cookie, KEY, NOW + timedelta(days=4)) is None


def test_phones_of_passes_that_are_over_are_forgotten(conn: Connection) -> None:
    guest = phone(conn, make(conn, days=3))
    claim(conn, guest, hold(conn, guest))
    forget_old_guests(conn, NOW + timedelta(days=4))
    assert conn.execute(select(guest_phone)).first() is not None
    forget_old_guests(conn, NOW + timedelta(days=4, seconds=1))
    assert conn.execute(select(guest_phone)).first() is None
    assert conn.execute(select(guest_intent)).first() is None
    assert line(conn, NOW + timedelta(days=4)).phones == 0


# --- starting ----------------------------------------------------------------------------------------------------


def test_a_start_takes_along_what_the_pass_is_good_for(conn: Connection) -> None:
    guest = phone(conn, make(conn, uses=2))
    charged(conn, "s1", 5_500)
    claimed = claim(conn, guest, hold(conn, guest))
    assert (claimed.said, claimed.cap_wh, claimed.claim.plug_epoch) == (None, 14_500, 3)


def test_of_two_phones_at_once_one_uses_the_last_use(conn: Connection) -> None:
    token = make(conn)
    first, second = phone(conn, token), phone(conn, token)
    nonces = hold(conn, first), hold(conn, second)
    assert claim(conn, first, nonces[0]).said is None
    assert claim(conn, second, nonces[1], "2" * 32).said == "quota"
    answer_guest_start(conn, first, "1" * 32, "started", "s1")
    charged(conn, "s1", 1_000)
    assert claim(conn, second, hold(conn, second), "3" * 32).said == "pass_expired"


def test_a_start_that_was_refused_gives_its_use_back(conn: Connection) -> None:
    guest = phone(conn, make(conn))
    claim(conn, guest, hold(conn, guest))
    assert line(conn).left.uses == 0
    answer_guest_start(conn, guest, "1" * 32, "stall_in_use")
    assert line(conn).left.uses == 1
    assert claim(conn, guest, hold(conn, guest), "2" * 32).said is None


def test_a_start_without_an_answer_counts_for_three_minutes(conn: Connection) -> None:
    guest = phone(conn, make(conn))
    claim(conn, guest, hold(conn, guest))
    assert line(conn, NOW + timedelta(minutes=2, seconds=59)).left.uses == 0
    assert line(conn, NOW + timedelta(minutes=3)).left.uses == 1


def test_a_start_that_was_granted_counts_before_its_record_arrives_and_once_after(conn: Connection) -> None:
    guest = phone(conn, make(conn, uses=2))
    claim(conn, guest, hold(conn, guest))
    answer_guest_start(conn, guest, "1" * 32, "started", "s1")
    assert line(conn, NOW + timedelta(hours=1)).left.uses == 1
    charged(conn, "s1", 1_000)
    assert line(conn, NOW + timedelta(hours=1)).left.uses == 1


def test_while_a_session_is_open_nobody_starts_another_with_the_pass(conn: Connection) -> None:
    guest = phone(conn, make(conn, uses=5))
    assert claim(conn, guest, hold(conn, guest), busy=True).said == "quota"
    charged(conn, "s1", 1_000, open_=True)
    assert claim(conn, guest, hold(conn, guest), "2" * 32).said == "quota"


@pytest.mark.parametrize("why", ["revoked", "over", "blocked", "moved out", "not in yet"])
def test_what_happens_between_page_and_start_counts(conn: Connection, why: str) -> None:
    guest = phone(conn, make(conn, days=1))
    now = NOW + timedelta(days=1) - timedelta(minutes=1)
    nonce, said = hold(conn, guest, now), "blocked_resident"
    match why:
        case "revoked":
            revoke_pass(conn, PASS_ID, now)
            said = "pass_expired"
        case "over":
            now += timedelta(minutes=1)
            said = "pass_expired"
        case "blocked":
            set_blocked(conn, JANA, now)
        case "moved out":
            set_moves(conn, JANA, None, now)
        case "not in yet":
            set_moves(conn, JANA, now + timedelta(days=1), None)
    assert claim(conn, guest, nonce, now=now).said == said


@pytest.mark.parametrize("whose", ["pass", "host"])
def test_another_stall_than_the_pass_and_the_host_have_is_refused(conn: Connection, whose: str) -> None:
    guest = phone(conn, make(conn, stall_ids=("stall-2",) if whose == "pass" else None))
    if whose == "host":
        set_rule(conn, JANA, Rule(stall_ids=("stall-2",)), "office:u1", NOW)
    assert claim(conn, guest, hold(conn, guest)).said == "wrong_stall"
    second = StallId("stall-2")
    assert claim(conn, guest, hold(conn, guest, stall_id=second), "2" * 32, stall_id=second).said is None


def test_a_request_is_answered_alike_when_it_comes_again(conn: Connection) -> None:
    guest = phone(conn, make(conn))
    nonce = hold(conn, guest)
    claim(conn, guest, nonce)
    answer_guest_start(conn, guest, "1" * 32, "started", "s1")
    assert claim(conn, guest, nonce).said == "started"


def test_an_unanswered_request_is_asked_again_but_not_with_a_pass_that_was_withdrawn(conn: Connection) -> None:
    guest = phone(conn, make(conn))
    nonce = hold(conn, guest)
    claim(conn, guest, nonce)
    again = claim(conn, guest, nonce)
    assert (again.said, again.cap_wh) == (None, 20_000)
    revoke_pass(conn, PASS_ID, NOW)
    assert claim(conn, guest, nonce).said == "pass_expired"


def test_what_was_granted_with_a_pass_withdrawn_meanwhile_has_to_end(conn: Connection) -> None:
    guest = phone(conn, make(conn))
    nonce = hold(conn, guest)
    claim(conn, guest, nonce)
    revoke_pass(conn, PASS_ID, NOW)
    assert answer_guest_start(conn, guest, "1" * 32, "started", "s1") == "revoked"
    assert claim(conn, guest, nonce).said == "pass_expired"


def test_an_intent_works_for_its_own_phone_and_stall_once_and_for_three_minutes(conn: Connection) -> None:
    token = make(conn, uses=5)
    guest, other = phone(conn, token), phone(conn, token)
    nonce = hold(conn, guest)
    for whose, stall_id, now in (
        (other, STALL, NOW),
        (guest, StallId("stall-2"), NOW),
        (guest, STALL, NOW + timedelta(seconds=180)),
    ):
        with pytest.raises(IntentInvalid):
            claim(conn, whose, nonce, now=now, stall_id=stall_id)
    assert claim(conn, guest, nonce).said is None
    with pytest.raises(IntentInvalid):
        claim(conn, guest, nonce, "2" * 32)
    with pytest.raises(IntentInvalid):
        claim(conn, other, hold(conn, other), "1" * 32)


def test_a_phone_sees_the_sessions_it_began_and_not_those_of_others_with_the_pass(conn: Connection) -> None:
    token = make(conn, uses=5)
    guest, other = phone(conn, token), phone(conn, token)
    claim(conn, guest, hold(conn, guest))
    answer_guest_start(conn, guest, "1" * 32, "started", "s1")
    charged(conn, "s1", 1_000)
    assert [one.session_id for one in sessions_started_by(conn, guest)] == ["s1"]
    assert sessions_started_by(conn, other) == []


def test_what_a_pass_cost_is_what_its_sessions_were_rated_at(conn: Connection) -> None:
    make(conn, uses=2, cap_minor=500)
    add_session(conn, "s1", NOW - timedelta(hours=2), [Cut(60, 10_000)])
    conn.execute(update(session).values(credential_kind="pass", credential_id=PASS_ID))
    stands = line(conn)
    assert stands.spent.cost == Money(300, "EUR")  # 10 kWh at 0.30
    # 2.00 left at 0.30 is 6.666 kWh; of the energy 10 kWh are left.
    assert stands.left == Left(uses=1, wh=6_666, cap_wh=10_000, minor=200)
