"""What a month, a card and a car may, over restarts and the end of a month."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from custom_components.evshare.access import (
    CarAsk,
    CarEvidence,
    CarOptIn,
    Guest,
    Hours,
    Payer,
    PhoneAsk,
    Pot,
    ResidentRules,
)
from custom_components.evshare.building.errors import AccessDenied, EnrolmentWaits, NotInBuilding
from custom_components.evshare.building.usage import Usage
from custom_components.evshare.journal import Journal, NewRecord, Position
from custom_components.evshare.model import CardId, ResidentId

from .conftest import ANNA, ANNAS_CARD, BEN, BENS_CARD, STALL_1, STALL_2, STRANGERS_CARD, Site

ANNAS_OTHER_CARD = "04AAAAAAAAAAAA"
START_WH = 1_000_000
"""What the registers of the fake connectors begin with."""


async def charge(site: Site, seconds: float, uid: str = ANNAS_CARD) -> None:
    """A whole session by card."""
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    await site.tap(uid)
    await site.clock.passes(seconds)
    site.connectors[STALL_1].unplug()
    await site.clock.passes(10)


def session(
    name: str,
    resident_id: ResidentId,
    *,
    kind: str = "card",
    credential_id: str = "c0",
    energy_wh: int,
    ended_at: datetime,
) -> list[NewRecord]:
    """Its records, as far as they count."""
    who = {"resident_id": resident_id, "credential_kind": kind, "credential_id": credential_id}
    begun_at = ended_at - timedelta(hours=1)
    return [
        NewRecord(kind="session_authorised", at=begun_at, body={"session_id": name, **who}),
        NewRecord(kind="session_ended", at=ended_at, body={"session_id": name, "energy_wh": energy_wh}),
    ]


def caps(site: Site) -> list[int | None]:
    return [record["cap_wh"] for record in site.records("session_authorised")]


async def test_the_month_goes_on_after_a_restart(site: Site) -> None:
    await site.building.rules.take({ANNA: ResidentRules(month_wh=2_000)})
    await charge(site, 300)
    await site.stop()
    await site.start()
    await charge(site, 300)
    await charge(site, 300)
    await charge(site, 300)
    used_wh = [record["energy_wh"] for record in site.records("session_ended")]
    assert caps(site) == [2_000, 2_000 - used_wh[0], 2_000 - used_wh[0] - used_wh[1]]
    assert site.records("session_ended")[-1]["stop_reason"] == "cap"
    assert [record["reason"] for record in site.records("denied")] == ["month_used_up"]


async def test_a_guest_somebody_else_pays_for_takes_nothing_of_the_hosts_month(site: Site) -> None:
    await site.building.rules.take({ANNA: ResidentRules(month_wh=2_000)})
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    over, epoch = site.clock.now + timedelta(hours=1), site.building.stalls[STALL_1].state.plug_epoch
    craftsman = Guest(pass_id="p1", expires_at=over, payer=Payer.GUEST)
    ask = PhoneAsk(id="a1", resident_id=ANNA, plug_epoch=epoch, expires_at=over, guest=craftsman)
    await site.building.async_authorise(STALL_1, ask)
    await site.clock.passes(300)
    await site.stop()
    await site.start()
    await site.clock.passes(300)
    site.connectors[STALL_1].unplug()
    await site.clock.passes(10)
    await site.stop()
    await site.start()
    await charge(site, 60)
    (guests_wh, _) = (record["energy_wh"] for record in site.records("session_ended"))
    assert guests_wh > 1_000
    assert caps(site) == [None, 2_000]


async def test_what_a_session_may_still_use_is_not_the_next_ones_until_it_has_ended(site: Site) -> None:
    await site.building.rules.take({ANNA: ResidentRules(month_wh=2_000, sessions=2)})
    await site.knows_card(ANNA, ANNAS_OTHER_CARD)
    for stall_id in (STALL_1, STALL_2):
        site.connectors[stall_id].plug()
    await site.clock.passes(5)
    await site.tap(ANNAS_CARD, STALL_1)
    await site.clock.passes(300)
    await site.tap(ANNAS_OTHER_CARD, STALL_2)
    assert [record["reason"] for record in site.records("denied")] == ["left_in_use"]
    await site.tap(ANNAS_CARD, STALL_1)
    await site.clock.passes(10)
    await site.tap(ANNAS_OTHER_CARD, STALL_2)
    (first_wh,) = (record["energy_wh"] for record in site.records("session_ended"))
    assert first_wh > 0
    assert caps(site) == [2_000, 2_000 - first_wh]
    await site.clock.passes(900)
    assert [record["stop_reason"] for record in site.records("session_ended")] == ["person", "cap"]
    # 3 x 230 V x 16 A for the 2 s between two readings are 6 Wh, and until a car has stopped about as much.
    drawn_wh = sum(connector.register_wh - START_WH for connector in site.connectors.values())
    assert 2_000 <= drawn_wh <= 2_000 + 2 * 20


async def test_a_household_uses_its_money_once_at_two_stalls_at_the_same_time(site: Site) -> None:
    """Anna's card is good for 1 kWh, so what Ben gets of their 2.5 kWh is the rest."""
    pot = ResidentRules(pot=Pot(id="household", left_wh=2_500))
    await site.building.rules.take({ANNA: pot, BEN: pot})
    card = site.building.cards.enrolled[0]
    await site.building.cards.change(card.id, label="", blocked=False, month_wh=1_000, quiet=None)
    for stall_id, uid in ((STALL_1, ANNAS_CARD), (STALL_2, BENS_CARD)):
        site.connectors[stall_id].plug()
        await site.clock.passes(5)
        await site.tap(uid, stall_id)
    assert caps(site) == [1_000, 1_500]
    await site.clock.passes(1_200)
    assert [record["stop_reason"] for record in site.records("session_ended")] == ["cap", "cap"]
    drawn_wh = [connector.register_wh - START_WH for connector in site.connectors.values()]
    assert drawn_wh == [pytest.approx(1_010, abs=10), pytest.approx(1_510, abs=10)]


def test_with_the_buildings_month_the_count_begins_anew() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # July begins in Berlin at 22:00 UTC on 30 June.
    july = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    usage = Usage()
    for name, ended_at, energy_wh in (("s1", july - timedelta(seconds=1), 700), ("s2", july, 300)):
        usage.recorded(session(name, ANNA, energy_wh=energy_wh, ended_at=ended_at), Position(0, 2))
    assert usage.used((), july - timedelta(seconds=1), berlin).month_wh == {ANNA: 1_000}
    assert usage.used((), july, berlin).month_wh == {ANNA: 300}


async def test_a_cards_own_month_counts_that_card_only(site: Site) -> None:
    card = site.building.cards.enrolled[0]
    assert card.resident_id == ANNA
    await site.knows_card(ANNA, "04AAAAAAAAAAAA")
    await site.building.cards.change(card.id, label="", blocked=False, month_wh=1_000, quiet=None)
    await charge(site, 60, "04AAAAAAAAAAAA")
    await charge(site, 600)
    await charge(site, 60)
    assert caps(site) == [None, 1_000]
    assert site.records("session_ended")[-1]["stop_reason"] == "cap"
    assert [(record["reason"], record["credential_id"]) for record in site.records("denied")] == [
        ("card_used_up", card.id)
    ]


async def test_a_card_is_quiet_by_the_buildings_clock(site: Site) -> None:
    await site.hass.config.async_set_time_zone("Europe/Berlin")
    card = site.building.cards.enrolled[0]
    # 18:00 UTC is 20:00 in Berlin.
    evening = Hours(start=time(20), end=time(21))
    await site.building.cards.change(card.id, label="", blocked=False, month_wh=None, quiet=evening)
    await charge(site, 60)
    assert [record["reason"] for record in site.records("denied")] == ["card_quiet"]
    await site.clock.passes(3_600)
    await charge(site, 60)
    assert len(site.records("session_authorised")) == 1


async def test_what_the_app_had_not_heard_of_when_it_told_is_taken_off_however_long_ago_it_was(site: Site) -> None:
    """It came back after weeks, or out of a backup, and tells before it has the records."""
    journal = site.building.journal
    await charge(site, 300)
    await charge(site, 300)
    first_wh, second_wh = (record["energy_wh"] for record in site.records("session_ended"))
    seqs = [number for number, record in enumerate(site.records(), start=1) if record["kind"] == "session_ended"]
    await site.clock.passes(3_600)

    async def told(seq: int, left_wh: int) -> int | None:
        rules = {ANNA: ResidentRules(left_wh=left_wh)}
        await site.building.rules.take(rules, journal.position(journal.incarnation, seq))
        site.connectors[STALL_1].plug()
        await site.clock.passes(5)
        await site.tap(ANNAS_CARD)
        site.connectors[STALL_1].unplug()
        await site.clock.passes(10)
        return caps(site)[-1]

    assert await told(seqs[0] - 1, 5_000) == 5_000 - first_wh - second_wh
    assert await told(seqs[0], 5_000) == 5_000 - second_wh
    assert await told(0, 5_000) == 5_000 - first_wh - second_wh, "the app lost what it had"
    assert await told(seqs[1], 5_000) == 5_000
    await site.stop()
    await site.start()
    assert await told(seqs[0], 4_000) == 4_000 - second_wh, "it lost it while the building was down"
    await site.stop()
    await site.start()
    assert await told(seqs[0], 4_000) == 4_000 - second_wh


async def test_what_flowed_before_the_app_told_is_not_taken_off_again(site: Site) -> None:
    await charge(site, 300)
    await site.building.rules.take({ANNA: ResidentRules(left_wh=5_000)})
    await charge(site, 300)
    await charge(site, 60)
    first_wh, second_wh, _ = (record["energy_wh"] for record in site.records("session_ended"))
    assert first_wh > 0
    assert caps(site) == [None, 5_000, 5_000 - second_wh]


async def test_a_backup_that_comes_back_counts_what_is_in_it(journal_with_sessions: Journal) -> None:
    usage = Usage()
    now = datetime(2026, 6, 29, 18, 0, tzinfo=UTC)
    await usage.load(journal_with_sessions, (), now, UTC)
    used = usage.used((), now, UTC)
    assert used.month_wh == {ANNA: 700, BEN: 1_000}
    assert used.card_month_wh == {"c0": 700}
    next_month = datetime(2026, 7, 1, tzinfo=UTC)
    assert usage.used((), next_month, UTC).month_wh == {}


@pytest.fixture
async def journal_with_sessions(site: Site) -> Journal:
    """Sessions of two months; one of them stands in two incarnations."""
    journal = site.building.journal
    june, may = datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    records = [
        *session("s1", ANNA, energy_wh=300, ended_at=june),
        *session("s2", ANNA, energy_wh=400, ended_at=june),
        *session("s3", BEN, kind="pass", credential_id="p0", energy_wh=1_000, ended_at=june),
        *session("s4", ANNA, energy_wh=9_999, ended_at=may),
    ]
    await journal.commit(records, {}, now=june)
    await journal.renew()
    return journal


# --- cars ------------------------------------------------------------------------------------------------------------


def car(site: Site, resident_id: ResidentId = ANNA) -> CarAsk:
    epoch = site.building.stalls[STALL_1].state.plug_epoch
    return CarAsk(resident_id=resident_id, evidence=CarEvidence.RESERVED_STALL, plug_epoch=epoch)


async def test_a_car_at_its_own_stall_charges_without_a_tap(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    site.building.rules.cars = frozenset(
        {CarOptIn(resident_id=ANNA, evidence=CarEvidence.RESERVED_STALL, stall_id=STALL_1)}
    )
    await site.building.async_authorise(STALL_1, car(site))
    (authorised,) = site.records("session_authorised")
    assert (authorised["credential_kind"], authorised["credential_id"]) == ("car", None)
    await site.clock.passes(10)
    assert site.connectors[STALL_1].enabled


async def test_a_car_nobody_opted_in_for_gets_nothing(site: Site) -> None:
    site.connectors[STALL_1].plug()
    await site.clock.passes(5)
    with pytest.raises(AccessDenied, match="not_allowed"):
        await site.building.async_authorise(STALL_1, car(site))
    await site.clock.passes(60)
    assert not site.connectors[STALL_1].enabled
    assert [record["credential_kind"] for record in site.records("denied")] == ["car"]


# --- cards -----------------------------------------------------------------------------------------------------------


async def test_only_one_person_at_a_time_waits_for_a_card_at_a_stall(site: Site) -> None:
    await site.building.async_enrol_card(ANNA, STALL_1, 60)
    with pytest.raises(EnrolmentWaits):
        await site.building.async_enrol_card(BEN, STALL_1, 60)
    await site.building.async_enrol_card(BEN, STALL_2, 60)
    await site.building.async_enrol_card(ANNA, STALL_1, 60, "again, with a label")
    await site.tap(STRANGERS_CARD)
    assert [card.label for card in site.building.cards.enrolled if card.label] == ["again, with a label"]
    await site.building.async_enrol_card(BEN, STALL_1, 60)
    await site.clock.passes(61)
    await site.building.async_enrol_card(ANNA, STALL_1, 60)


async def test_a_four_byte_number_is_told_as_weak(site: Site) -> None:
    await site.building.async_enrol_card(BEN, STALL_1, 60, "Old")
    await site.tap("A1B2C3D4")
    (card,) = [card for card in site.building.cards.told()["cards"] if card["label"] == "Old"]
    assert card["weak"]


async def test_an_unknown_card_is_told_for_seven_days(site: Site) -> None:
    await site.tap(STRANGERS_CARD)
    await site.clock.passes(3_600)
    assert len(site.building.cards.told()["unknown"]) == 1
    (unknown,) = site.building.cards.unknown
    site.building.cards.unknown = [replace(unknown, at=site.clock.now - timedelta(days=7, seconds=1))]
    assert site.building.cards.told()["unknown"] == []


async def test_a_box_that_makes_up_numbers_does_not_fill_the_inbox(site: Site) -> None:
    for number in range(100):
        await site.tap(f"04{number:012X}")
    assert len(site.building.cards.unknown) == 1


async def test_a_card_that_is_gone_is_named(site: Site) -> None:
    with pytest.raises(NotInBuilding, match="card nobodys"):
        await site.building.cards.remove(CardId("nobodys"))
    with pytest.raises(NotInBuilding, match="unknown card nobodys"):
        await site.building.cards.assign("nobodys", ANNA, "")
    with pytest.raises(NotInBuilding, match="resident nobody"):
        await site.building.cards.assign("nobodys", ResidentId("nobody"), "")
