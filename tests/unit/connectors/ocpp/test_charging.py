"""A session at an OCPP box, from the card to the last Wh, on a real socket with a simulated box."""

import re

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused, ConnectorUnreachable
from custom_components.evshare.model import CardAnswer, Pilot
from demo.boxes.ocpp_box import Manners

from .conftest import ANNA, STRANGER, Site, Stall, answered, car, limits, told


async def test_a_box_is_silent_until_it_has_called(site: Site) -> None:
    connector = site.connector()
    with pytest.raises(ConnectorUnreachable, match="box-1 is not connected"):
        await connector.poll()


async def test_a_free_connector_shows_no_car_and_its_register(site: Site) -> None:
    connector = site.connector()
    await site.connected()
    await connector.prepare()
    reading = await connector.poll()
    assert (reading.pilot, reading.register_wh, reading.power_w) == (Pilot.A, 137_000, 0.0)
    assert (reading.enabled, reading.gate_read, reading.serial, reading.fault) == (False, True, "OB-1001", None)


async def test_a_box_says_who_it_is(site: Site) -> None:
    connector = site.connector()
    await site.connected(serial="ABC-7")
    identity = await connector.identify()
    assert (identity.serial, identity.firmware, identity.model) == ("ABC-7", "5.2", "Simulated Box 22")


async def test_a_card_that_is_let_in_charges_what_is_offered(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    assert (await connector.poll()).pilot is Pilot.B
    box.show_card(ANNA)
    await site.passes(1)
    assert stall.cards == [ANNA]
    await connector.enable(10)
    await site.passes(60)
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.C, True)
    assert reading.power_w == 6900.0  # 10 A on three phases of 230 V
    assert reading.currents_a == (10.0, 10.0, 10.0)
    assert told(box, "RemoteStartTransaction") == []
    await connector.disable()
    await site.passes(2)
    reading = await connector.poll()
    assert (reading.enabled, reading.power_w) == (False, 0.0)
    assert reading.register_wh == box.true_register_wh()
    assert reading.session_wh == box.delivered_wh() > 100
    after_wh = box.delivered_wh()
    await site.passes(60)
    assert box.delivered_wh() == after_wh


async def test_nothing_flows_to_a_card_that_was_let_in_before_the_stall_offers_current(
    site: Site, stall: Stall
) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(60)
    assert answered(box, "StartTransaction")[0]["idTagInfo"] == {"status": "Accepted"}
    assert box.delivered_wh() == 0
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.B, False)
    await connector.enable(6)
    await site.passes(60)
    assert box.delivered_wh() > 0


async def test_a_card_before_the_car_is_no_car(site: Site, stall: Stall) -> None:
    """Preparing is also what a box shows who held up a card and has not plugged in."""
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.show_card(ANNA)
    await site.passes(5)
    assert box.outlets[0].status == "Preparing"
    assert (await connector.poll()).pilot is Pilot.A
    box.plug(car())
    await site.passes(1)
    assert (await connector.poll()).pilot is Pilot.B
    await connector.enable(16)
    await site.passes(60)
    assert (await connector.poll()).pilot is Pilot.C


async def test_a_start_from_afar_uses_a_tag_no_card_has_and_never_the_same_twice(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    for _ in range(2):
        await connector.enable(16)
        await site.passes(30)
        assert (await connector.poll()).power_w == 11_040.0
        await connector.disable()
        await site.passes(2)
    first, second = (start["idTag"] for start in told(box, "RemoteStartTransaction"))
    assert first != second
    assert all(re.fullmatch(r"EVS[0-9A-F]{16}", tag) for tag in (first, second))
    assert stall.cards == []


async def test_a_box_that_asks_for_our_own_tag_is_told_that_it_is_good(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(asks_for_remote_starts=True))
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    assert (await connector.poll()).power_w == 11_040.0
    assert stall.cards == []
    # Afterwards the tag is worth nothing.
    tag = told(box, "RemoteStartTransaction")[0]["idTag"]
    await connector.disable()
    await site.passes(2)
    box.show_card(tag)
    await site.passes(2)
    assert answered(box, "Authorize")[-1]["idTagInfo"]["status"] == "Invalid"


async def test_a_box_that_refuses_to_start_is_an_error_that_says_so(site: Site) -> None:
    connector = site.connector()
    box = await site.connected(manners=Manners(refuses_remote_start=True))
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    with pytest.raises(ConnectorRefused, match="box-1 connector 1: the box refuses to start"):
        await connector.enable(16)
    assert (await connector.poll()).enabled is False


async def test_a_box_that_does_not_begin_with_the_card_is_started(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(starts_with_car=False))
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    await connector.enable(16)
    assert told(box, "RemoteStartTransaction") == []
    assert (await connector.poll()).enabled is None
    await site.passes(10)
    assert (await connector.poll()).enabled is False
    await connector.enable(16)
    assert len(told(box, "RemoteStartTransaction")) == 1


async def test_the_limit_follows_and_zero_pauses(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(20)
    await connector.set_limit(8)
    await site.passes(20)
    assert (await connector.poll()).power_w == 5520.0
    await connector.set_limit(0)
    await site.passes(20)
    reading = await connector.poll()
    assert (reading.pilot, reading.power_w) == (Pilot.B, 0.0)
    paused_wh = box.delivered_wh()
    await site.passes(60)
    assert box.delivered_wh() == paused_wh
    await connector.set_limit(16)
    await site.passes(20)
    assert (await connector.poll()).power_w == 11_040.0
    assert len(answered(box, "StartTransaction")) == 1


async def test_limits_are_written_only_when_they_change(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    await connector.prepare()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(10)
    await site.passes(20)
    for _ in range(3):
        await connector.set_limit(10)
    assert limits(box) == [("TxDefaultProfile", 0.0), ("TxProfile", 10.0)]


async def test_an_increase_waits_ten_seconds_after_the_last_write_and_a_decrease_does_not(site: Site) -> None:
    """Profiles may live in flash (reference 10.4)."""
    connector = site.connector()
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(12)
    await connector.set_limit(8)
    await connector.set_limit(6)
    assert limits(box)[-2:] == [("TxProfile", 8.0), ("TxProfile", 6.0)]
    await connector.set_limit(12)
    await connector.heartbeat()
    assert limits(box)[-1] == ("TxProfile", 6.0)
    await site.passes(10)
    await connector.heartbeat()
    assert limits(box)[-1] == ("TxProfile", 12.0)


@pytest.mark.parametrize(
    ("manners", "purposes"),
    [
        (Manners(refuses_transaction_limits=True), {"TxProfile", "TxDefaultProfile"}),
        (Manners(refuses_connector_limits=True), {"TxProfile", "TxDefaultProfile"}),
        (
            Manners(refuses_transaction_limits=True, refuses_connector_limits=True),
            {"TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"},
        ),
    ],
)
async def test_a_box_that_refuses_one_kind_of_limit_is_told_by_another(
    site: Site, manners: Manners, purposes: set[str]
) -> None:
    connector = site.connector()
    box = await site.connected(manners=manners)
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    for limit_a, power_w in ((16, 11_040.0), (8, 5520.0), (0, 0.0), (10, 6900.0)):
        await connector.enable(limit_a) if limit_a == 16 else await connector.set_limit(limit_a)
        await site.passes(30)
        assert (await connector.poll()).power_w == power_w
    assert {purpose for purpose, _ in limits(box)} == purposes
    assert connector.ports.limit is True
    await connector.disable()
    await site.passes(2)
    stopped_wh = box.delivered_wh()
    box.start_again(STRANGER)
    await site.settles()  # a box that is not held at rest is told at once, not after five seconds
    await site.passes(60)
    assert box.delivered_wh() == stopped_wh


async def test_the_limit_of_a_whole_box_is_not_used_where_it_has_two_connectors(site: Site) -> None:
    connector = site.connector()
    manners = Manners(refuses_transaction_limits=True, refuses_connector_limits=True)
    box = await site.connected(manners=manners, points=2)
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    await connector.set_limit(8)
    await site.passes(30)
    assert {purpose for purpose, _ in limits(box)} == {"TxProfile", "TxDefaultProfile"}
    assert connector.ports.limit is False


async def test_a_box_without_smart_charging_is_paused_by_ending_its_transaction(site: Site) -> None:
    connector = site.connector()
    box = await site.connected(
        manners=Manners(refuses_all_limits=True),
        changed={"SupportedFeatureProfiles": "Core,RemoteTrigger"},
    )
    assert connector.ports.limit is False
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    await connector.set_limit(0)
    await site.passes(5)
    assert (await connector.poll()).power_w == 0.0
    paused_wh = box.delivered_wh()
    await site.passes(30)
    assert box.delivered_wh() == paused_wh
    await connector.set_limit(16)
    await site.passes(30)
    reading = await connector.poll()
    assert reading.power_w == 22_080.0 / 2  # the car takes 16 A, the box offers 32
    assert reading.session_wh == reading.register_wh - 137_000
    assert limits(box) == []


async def test_a_box_that_takes_watts_only_takes_no_limit(site: Site) -> None:
    """Watts say nothing of a phase: a car on one phase would take three times the amperes."""
    connector = site.connector()
    await site.connected(changed={"ChargingScheduleAllowedChargingRateUnit": "Power"})
    assert connector.ports.limit is False


async def test_a_box_that_goes_on_below_six_amperes_is_paused_by_ending_its_transaction(site: Site) -> None:
    connector = site.connector()
    box = await site.connected(manners=Manners(ignores_low_limits=True))
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(10)
    await site.passes(30)
    await connector.set_limit(0)
    for _ in range(4):
        await site.passes(10)
        await connector.heartbeat()
    await site.passes(5)
    paused_wh = box.delivered_wh()
    await site.passes(60)
    assert box.delivered_wh() == paused_wh
    await connector.set_limit(10)
    await site.passes(30)
    assert (await connector.poll()).power_w == 6900.0
    # Known by now: the next pause ends the transaction at once.
    await connector.set_limit(0)
    await site.passes(5)
    assert (await connector.poll()).power_w == 0.0


@pytest.mark.parametrize("limit_a", [5, 17])
async def test_a_limit_out_of_range_is_refused_before_anything_is_sent(site: Site, limit_a: int) -> None:
    connector = site.connector()
    box = await site.connected()
    await connector.prepare()
    sent = len(box.commands)
    with pytest.raises(ConnectorRefused, match=f"limit_a: got {limit_a}; accepted: 6 to 16"):
        await connector.enable(limit_a)
    assert len(box.commands) == sent


async def test_a_closed_gate_takes_no_limit(site: Site) -> None:
    connector = site.connector()
    await site.connected()
    await connector.prepare()
    with pytest.raises(ConnectorRefused, match="limit_a: got 16 for a closed gate"):
        await connector.set_limit(16)


@pytest.mark.parametrize(
    "manners",
    [
        Manners(),
        Manners(unit="kWh"),
        Manners(per_phase=True),
        Manners(unit="kWh", per_phase=True),
        Manners(signed=True),
        Manners(offers_measured=True),
        Manners(frees_before_stop=True),
    ],
    ids=["wh", "kwh", "phases", "kwh-phases", "signed", "offered", "free-first"],
)
async def test_every_way_to_say_the_meter_gives_the_same_wh_to_the_last(site: Site, manners: Manners) -> None:
    connector = site.connector()
    box = await site.connected(manners=manners)
    await connector.prepare()
    start_wh = (await connector.poll()).register_wh
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(127)
    reading = await connector.poll()
    assert (reading.power_w, reading.currents_a) == (11_040.0, (16.0, 16.0, 16.0))
    assert reading.limit_a == (16.0 if manners.offers_measured else None)
    box.unplug()
    await site.settles()
    reading = await connector.poll()
    assert reading.pilot is Pilot.A
    assert reading.register_wh - start_wh == box.delivered_wh() > 300
    assert reading.session_wh == box.delivered_wh()


async def test_a_car_that_takes_nothing_is_there_and_draws_nothing(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    await connector.prepare()
    box.plug(car(need_wh=0))
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    assert box.outlets[0].status == "SuspendedEV"
    reading = await connector.poll()
    assert (reading.pilot, reading.power_w, reading.enabled) == (Pilot.B, 0.0, True)


async def test_the_next_car_is_never_taken_for_the_one_before(site: Site, stall: Stall) -> None:
    """The car left and another one came between two looks: both are seen."""
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    await connector.poll()
    box.unplug()
    box.plug(car())
    await site.settles()
    gone = await connector.poll()
    assert (gone.pilot, gone.enabled, gone.register_wh) == (Pilot.A, False, box.true_register_wh())
    assert gone.session_wh == box.delivered_wh()
    there = await connector.poll()
    assert (there.pilot, there.session_wh) == (Pilot.B, 0)


async def test_a_fault_is_told_by_its_name(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    box.say_again("StatusNotification", {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted"})
    await site.settles()
    reading = await connector.poll()
    assert (reading.pilot, reading.fault) == (Pilot.E, "GroundFailure")


async def test_a_box_out_of_service_is_out_of_service(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    box.say_again("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Unavailable"})
    await site.settles()
    assert (await connector.poll()).pilot is Pilot.F


async def test_two_stalls_share_the_socket_of_a_box_and_nothing_else(site: Site) -> None:
    left, right = Stall(), Stall()
    first, second = site.connector(1, stall=left), site.connector(2, stall=right)
    box = await site.connected(points=2)
    await first.prepare()
    await second.prepare()
    box.plug(car(), 2)
    await site.passes(1)
    await second.enable(16)
    await site.passes(60)
    assert (await first.poll()).pilot is Pilot.A
    assert (await second.poll()).power_w == 11_040.0
    assert (box.delivered_wh(1), (await first.poll()).register_wh) == (0, 137_000)
    assert (await second.poll()).register_wh == 274_000 + (await second.poll()).session_wh


async def test_a_connector_the_box_does_not_have_is_named(site: Site) -> None:
    connector = site.connector(2)
    await site.connected(points=1)
    with pytest.raises(ConnectorRefused, match="point: got 2; accepted: 1 to 1"):
        await connector.identify()


async def test_a_box_without_a_meter_is_found_out_and_is_no_register(site: Site) -> None:
    """StartTransaction has to say a register; one that stays 0 while the car charges counts nothing."""
    connector = site.connector()
    box = await site.connected(manners=Manners(unmetered=True))
    await connector.prepare()
    assert connector.ports.register is True
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(400)
    reading = await connector.poll()
    assert (reading.pilot, reading.power_w, reading.currents_a) == (Pilot.C, None, None)
    await connector.disable()
    await site.passes(5)
    assert connector.ports.register is False


async def test_a_new_box_whose_register_begins_at_zero_has_one(site: Site) -> None:
    connector = site.connector()
    box = await site.connected(register_start_wh=0)
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(400)
    await connector.disable()
    await site.passes(5)
    assert connector.ports.register is True
    assert (await connector.poll()).register_wh > 1000


async def test_a_card_shown_again_right_after_it_stopped_begins_nothing(site: Site, stall: Stall) -> None:
    """The box shows the end like a refusal, so people try again."""
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    stall.answers[ANNA] = CardAnswer.STOPPED
    box.show_card(ANNA)
    await site.settles()
    await connector.disable()
    await site.passes(5)
    stall.answers[ANNA] = CardAnswer.ACCEPTED
    box.show_card(ANNA)
    await site.passes(5)
    assert stall.cards == [ANNA]
    assert answered(box, "Authorize")[-1]["idTagInfo"]["status"] == "ConcurrentTx"
    assert box.outlets[0].transaction is None
    await site.passes(15)
    box.show_card(ANNA)
    await site.passes(5)
    assert stall.cards == [ANNA, ANNA]


async def test_a_box_that_says_it_offers_more_than_it_was_told_is_told_again_after_a_minute(site: Site) -> None:
    connector = site.connector()
    box = await site.connected(manners=Manners(offers_measured=True))
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(8)
    await site.passes(20)
    box.outlets[0].transaction_a = 32.0  # it forgot
    for _ in range(8):
        await site.passes(10)
        await connector.heartbeat()
    assert limits(box)[-2:] == [("TxProfile", 8.0), ("TxProfile", 8.0)]
    await site.passes(20)
    assert (await connector.poll()).power_w == 5520.0


async def test_an_increase_the_box_refuses_later_is_no_silence(site: Site) -> None:
    connector = site.connector()
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(8)
    await connector.set_limit(16)
    box.manners = box.outlets[0].manners = Manners(refuses_all_limits=True)
    await site.passes(15)
    await connector.heartbeat()
    assert (await connector.poll()).enabled is True
