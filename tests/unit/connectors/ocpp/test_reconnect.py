"""A box that goes and comes back, a central system that does, and sessions that go on meanwhile."""

import pytest

from custom_components.evshare.connectors.ports import ConnectorUnreachable
from custom_components.evshare.model import Pilot
from demo.boxes.ocpp_box import Manners

from .conftest import ANNA, Site, Stall, answered, car, limits, told


async def charging(site: Site, stall: Stall, **changes: object):  # type: ignore[no-untyped-def]
    connector = site.connector(stall=stall)
    box = await site.connected(**changes)
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    await connector.enable(16)
    await site.passes(60)
    assert (await connector.poll()).power_w == 11_040.0
    return connector, box


async def test_a_box_that_lost_its_network_is_silent_at_once_and_charges_on(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall)
    changes = stall.changes
    await box.drop()
    await site.settles()
    assert stall.changes > changes
    with pytest.raises(ConnectorUnreachable, match="not connected"):
        await connector.poll()
    before_wh = box.delivered_wh()
    await site.passes(300)
    assert box.delivered_wh() - before_wh == 11_040 * 300 // 3600


async def test_a_transaction_goes_on_over_an_outage_and_every_wh_is_told(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall)
    await box.drop()
    await site.passes(300)
    await box.connect(boot=False)
    await site.passes(10)
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.C, True)
    assert reading.register_wh == box.true_register_wh()
    assert reading.session_wh == box.delivered_wh()
    assert len(answered(box, "StartTransaction")) == 1
    await connector.set_limit(8)
    await site.passes(15)
    assert (await connector.poll()).power_w == 5520.0
    assert told(box, "RemoteStopTransaction") == []


async def test_what_a_box_was_told_is_not_written_again_after_a_mere_reconnect(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall)
    written = limits(box)
    await box.drop()
    await site.passes(30)
    await box.connect(boot=False)
    await site.passes(10)
    await connector.enable(16)
    assert limits(box) == written


async def test_a_transaction_goes_on_over_a_restart_of_ours(site: Site, stall: Stall) -> None:
    _, box = await charging(site, stall)
    await box.drop()
    await site.shut()
    await site.passes(120)
    await site.open()
    connector = site.connector(stall=stall)
    await box.connect(boot=False)
    await site.passes(10)
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.C, True)
    assert (reading.register_wh, reading.session_wh) == (box.true_register_wh(), box.delivered_wh())
    assert told(box, "RemoteStopTransaction") == []
    # The stall takes it up, and can still throttle and end it.
    await connector.enable(8)
    await site.passes(15)
    assert (await connector.poll()).power_w == 5520.0
    await connector.disable()
    await site.passes(2)
    assert box.outlets[0].transaction is None


async def test_after_a_restart_of_ours_without_its_file_the_stall_decides_what_becomes_of_a_transaction(
    site: Site, stall: Stall
) -> None:
    _, box = await charging(site, stall)
    await box.drop()
    await site.shut()
    site.disk.text = None
    await site.open()
    connector = site.connector(stall=stall)
    await box.connect(boot=False)
    await site.passes(15)
    assert (await connector.poll()).enabled is True
    assert told(box, "RemoteStopTransaction") == []
    await connector.enable(8)
    await site.passes(15)
    assert (await connector.poll()).power_w == 5520.0
    await connector.disable()
    await site.passes(5)
    assert box.outlets[0].transaction is None


async def test_a_car_that_left_during_an_outage_left_with_what_it_took(site: Site, stall: Stall) -> None:
    """The end of its transaction comes after the reconnect; nothing is read before it has come."""
    connector, box = await charging(site, stall)
    before = await connector.poll()
    await box.drop()
    await site.passes(60)
    box.unplug()
    left_wh = box.delivered_wh()
    await site.passes(60)
    await box.connect(boot=False)
    await site.settles()
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.A, False)
    assert reading.session_wh == left_wh
    assert reading.register_wh - before.register_wh == reading.session_wh - before.session_wh > 150


async def test_another_car_that_came_during_an_outage_is_not_taken_for_the_first(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall)
    await box.drop()
    await site.passes(30)
    box.unplug()
    box.plug(car())
    await site.passes(30)
    await box.connect(boot=False)
    await site.settles()
    assert (await connector.poll()).pilot is Pilot.A
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled, reading.session_wh) == (Pilot.B, False, 0)


async def test_a_box_that_rebooted_in_mid_session_is_started_again_by_the_stall(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall)
    await box.reboot()
    await site.passes(30)
    await box.connect()
    await site.passes(5)
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.B, False)
    assert stall.stops == 0
    counted_wh = reading.session_wh
    await connector.enable(16)
    await site.passes(30)
    reading = await connector.poll()
    assert reading.power_w == 11_040.0
    assert reading.session_wh > counted_wh
    assert reading.session_wh == reading.register_wh - 137_000


async def test_a_box_that_goes_on_after_a_reboot_goes_on(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall, manners=Manners(resumes_after_reboot=True))
    await box.reboot()
    await site.passes(30)
    await box.connect()
    await site.passes(10)
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.C, True)
    assert reading.register_wh == box.true_register_wh()


async def test_a_transaction_whose_end_was_never_told_ends_after_half_a_minute(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall, manners=Manners(forgets_on_reboot=True))
    await box.reboot()
    await site.passes(30)
    await box.connect()
    await site.passes(5)
    with pytest.raises(ConnectorUnreachable, match="what happened meanwhile"):
        await connector.poll()
    await site.passes(30)
    reading = await connector.poll()
    assert (reading.pilot, reading.enabled) == (Pilot.B, False)


async def test_after_a_reboot_its_limits_are_written_again(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    await box.reboot()
    await site.passes(30)
    await box.connect()
    await site.settles()
    await connector.prepare()
    assert limits(box) == [("TxDefaultProfile", 0.0), ("TxDefaultProfile", 0.0)]


async def test_a_stop_button_ends_the_session(site: Site, stall: Stall) -> None:
    _, box = await charging(site, stall)
    box.press_stop()
    await site.settles()
    assert (stall.stops, stall.cards) == (1, [ANNA])


async def test_the_card_that_began_ends_the_session(site: Site, stall: Stall) -> None:
    _, box = await charging(site, stall)
    box.show_card(ANNA)
    await site.settles()
    assert (stall.stops, stall.cards) == (1, [ANNA])


async def test_a_person_who_stopped_it_while_we_were_away_is_heard_when_we_are_back(site: Site, stall: Stall) -> None:
    _, box = await charging(site, stall)
    await box.drop()
    await site.shut()
    box.press_stop()
    await site.passes(60)
    await site.open()
    site.connector(stall=stall)
    await box.connect(boot=False)
    await site.settles()
    assert stall.stops == 1


async def test_what_we_end_is_nobodys_wish(site: Site, stall: Stall) -> None:
    connector, _ = await charging(site, stall)
    await connector.disable()
    await site.passes(2)
    assert stall.stops == 0


async def test_an_unplug_is_nobodys_wish_either(site: Site, stall: Stall) -> None:
    connector, box = await charging(site, stall)
    box.unplug()
    await site.settles()
    assert (await connector.poll()).pilot is Pilot.A
    assert stall.stops == 0


async def test_a_box_that_says_nothing_new_after_a_reconnect_is_as_it_was(site: Site, stall: Stall) -> None:
    """Without triggers it cannot be asked, and without news it says nothing."""
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(refuses_triggers=True))
    box.plug(car())
    await site.passes(1)
    await box.drop()
    await box.connect(boot=False)
    box.say_again("Heartbeat", {})
    await site.settles()
    with pytest.raises(ConnectorUnreachable, match="has not said how it is"):
        await connector.poll()
    await site.passes(5)
    assert (await connector.poll()).pilot is Pilot.B


async def test_a_stop_that_no_stall_could_hear_is_heard_by_the_next_one_that_listens(site: Site, stall: Stall) -> None:
    """Its stall was just being set up anew."""
    connector, box = await charging(site, stall)
    await connector.close()
    box.press_stop()
    await site.settles()
    assert stall.stops == 0
    again = site.connector(stall=stall)
    await again.poll()
    await again.poll()
    assert stall.stops == 1
