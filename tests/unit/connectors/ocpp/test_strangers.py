"""Nobody unknown gets energy: what a box may try, and what flowed (asked of the simulator, to the last mWs)."""

import pytest

from custom_components.evshare.connectors.ports import ConnectorRefused
from custom_components.evshare.model import CardAnswer, OnLoss, Pilot
from demo.boxes.ocpp_box import Manners, OcppBox

from .conftest import ANNA, STRANGER, Site, Stall, answered, car, told


def flowed_mws(box: OcppBox, point: int = 1) -> int:
    return box.outlets[point - 1].outlet.delivered_mws


async def test_an_unknown_card_is_invalid_and_begins_nothing(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.show_card(STRANGER)
    await site.passes(60)
    assert answered(box, "Authorize") == [{"idTagInfo": {"status": "Invalid"}}]
    assert answered(box, "StartTransaction") == []
    assert (stall.cards, flowed_mws(box)) == ([STRANGER], 0)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (CardAnswer.REFUSED, "Invalid"),
        (CardAnswer.ENROLLED, "Invalid"),
        (CardAnswer.STOPPED, "ConcurrentTx"),
        (CardAnswer.ACCEPTED, "Accepted"),
    ],
)
async def test_only_what_the_stall_accepts_is_accepted(site: Site, answer: CardAnswer, status: str) -> None:
    site.connector(stall=Stall({ANNA: answer}))
    box = await site.connected()
    box.show_card(ANNA)
    await site.settles()
    assert answered(box, "Authorize") == [{"idTagInfo": {"status": status}}]


async def test_without_a_stall_that_listens_nobody_is_let_in(site: Site) -> None:
    """A look during set-up, or a connector of the box that is no stall."""
    connector = site.connector()
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(60)
    assert answered(box, "Authorize") == [{"idTagInfo": {"status": "Invalid"}}]
    assert flowed_mws(box) == 0


@pytest.mark.parametrize("keeps_going", [False, True])
async def test_a_box_that_authorises_by_itself_gives_a_stranger_nothing(
    site: Site, stall: Stall, *, keeps_going: bool
) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(authorises_locally=True, keeps_going=keeps_going))
    await connector.prepare()
    box.plug(car())
    box.show_card(STRANGER)
    await site.passes(120)
    (start,) = answered(box, "StartTransaction")
    assert start["idTagInfo"] == {"status": "Invalid"}
    assert told(box, "RemoteStopTransaction") == [{"transactionId": start["transactionId"]}]
    assert box.outlets[0].transaction is None
    assert flowed_mws(box) == 0


async def test_a_resident_at_a_box_that_authorises_by_itself_is_asked_for_and_charges(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(authorises_locally=True))
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    assert stall.cards == [ANNA]
    assert answered(box, "StartTransaction")[0]["idTagInfo"] == {"status": "Accepted"}
    await connector.enable(16)
    await site.passes(60)
    assert (await connector.poll()).power_w == 11_040.0


async def test_a_box_that_will_not_stop_is_held_at_zero_and_reads_closed(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    manners = Manners(authorises_locally=True, keeps_going=True, refuses_remote_stop=True)
    box = await site.connected(manners=manners)
    await connector.prepare()
    box.plug(car())
    box.show_card(STRANGER)
    await site.passes(120)
    assert box.outlets[0].transaction is not None
    assert flowed_mws(box) == 0
    assert (await connector.poll()).enabled is False


async def test_a_box_that_will_neither_stop_nor_be_held_is_taken_out_of_service(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    manners = Manners(authorises_locally=True, keeps_going=True, refuses_remote_stop=True, refuses_all_limits=True)
    box = await site.connected(manners=manners, changed={"SupportedFeatureProfiles": "Core,RemoteTrigger"})
    await connector.prepare()
    box.plug(car())
    box.show_card(STRANGER)
    await site.passes(10)
    assert (await connector.poll()).enabled is True
    await connector.disable()
    assert told(box, "ChangeAvailability")[-1] == {"connectorId": 1, "type": "Inoperative"}
    # It is in service again for the next who may charge; until then nobody can begin.
    box.press_stop()
    await site.passes(2)
    assert box.outlets[0].status == "Unavailable"
    assert (await connector.poll()).pilot is Pilot.X


async def test_a_stranger_cannot_begin_in_the_session_of_somebody_else(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(authorises_locally=True, keeps_going=True))
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    box.press_stop()
    await site.passes(5)
    before_mws = flowed_mws(box)
    box.show_card(STRANGER)
    await site.passes(60)
    assert answered(box, "StartTransaction")[-1]["idTagInfo"] == {"status": "Invalid"}
    assert box.outlets[0].transaction is None
    assert flowed_mws(box) == before_mws


async def test_nobody_is_enabled_over_a_strangers_transaction_that_does_not_end(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    manners = Manners(authorises_locally=True, keeps_going=True, refuses_remote_stop=True)
    box = await site.connected(manners=manners)
    await connector.prepare()
    box.plug(car())
    box.show_card(STRANGER)
    await site.settles()
    with pytest.raises(ConnectorRefused, match="a transaction nobody was let in for is being ended"):
        await connector.enable(16)
    await site.passes(60)
    assert flowed_mws(box) == 0


async def test_a_card_that_was_refused_a_while_ago_opens_nothing_later(site: Site, stall: Stall) -> None:
    """What begins with it now is no new wish: whoever it is has to show it again."""
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.show_card(STRANGER)
    await site.passes(30)
    stall.answers[STRANGER] = CardAnswer.ACCEPTED
    box.plug(car())
    box.start_again(STRANGER)
    await site.passes(30)
    assert stall.cards == [STRANGER]
    assert flowed_mws(box) == 0


async def test_a_locked_stall_forgets_the_card_it_let_in(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(starts_with_car=False))
    await connector.prepare()
    box.show_card(ANNA)
    await site.passes(30)
    await connector.disable()
    box.plug(car())
    box.start_again(ANNA)
    await site.passes(60)
    assert answered(box, "StartTransaction")[0]["idTagInfo"] == {"status": "Invalid"}
    assert flowed_mws(box) == 0


async def test_a_tag_of_ours_that_was_not_used_in_time_is_void(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(starts_with_car=False))
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    tag = told(box, "RemoteStartTransaction")[0]["idTag"]
    await connector.disable()
    box.start_again(tag)
    await site.passes(30)
    assert answered(box, "StartTransaction")[0]["idTagInfo"] == {"status": "Invalid"}
    assert flowed_mws(box) == 0


async def test_a_connector_that_is_no_stall_gives_nobody_anything(site: Site, stall: Stall) -> None:
    connector = site.connector(1, stall=stall)
    box = await site.connected(points=2, manners=Manners(authorises_locally=True))
    await connector.prepare()
    box.plug(car(), 2)
    box.show_card(ANNA, 2)
    await site.passes(2)
    assert answered(box, "StartTransaction")[0]["idTagInfo"] == {"status": "Invalid"}
    assert box.outlets[1].transaction is None


async def test_a_card_let_in_at_one_connector_and_plugged_in_at_the_other_moves_there(site: Site) -> None:
    """Authorize does not say where the person stands."""
    left, right = Stall({ANNA: CardAnswer.ACCEPTED}), Stall({ANNA: CardAnswer.ACCEPTED})
    first, second = site.connector(1, stall=left), site.connector(2, stall=right)
    box = await site.connected(points=2)
    await first.prepare()
    await second.prepare()
    box.show_card(ANNA, 2)
    await site.passes(5)
    assert (left.cards, right.cards) == ([ANNA], [])
    box.plug(car(), 2)
    await site.passes(1)
    assert (left.stops, right.cards) == (1, [ANNA])
    await second.enable(16)
    await site.passes(60)
    assert (await second.poll()).power_w == 11_040.0
    assert (await first.poll()).pilot is Pilot.A


async def test_a_card_that_charges_cannot_begin_at_the_other_connector_too(site: Site) -> None:
    left, right = Stall({ANNA: CardAnswer.ACCEPTED}), Stall({ANNA: CardAnswer.ACCEPTED})
    first, second = site.connector(1, stall=left), site.connector(2, stall=right)
    box = await site.connected(points=2)
    await first.prepare()
    await second.prepare()
    box.plug(car(), 1)
    box.show_card(ANNA, 1)
    await site.passes(2)
    await first.enable(16)
    box.plug(car(), 2)
    box.start_again(ANNA, 2)
    await site.passes(60)
    assert answered(box, "StartTransaction")[-1]["idTagInfo"] == {"status": "ConcurrentTx"}
    assert (right.cards, flowed_mws(box, 2)) == ([], 0)
    assert (await first.poll()).power_w == 11_040.0


async def test_offline_a_box_set_up_by_us_lets_nobody_in(site: Site, stall: Stall) -> None:
    """As delivered it would: AllowOfflineTxForUnknownId, a cache, a local list."""
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.show_card(ANNA)
    await site.passes(70)
    await box.drop()
    box.plug(car())
    for uid in (ANNA, STRANGER):
        box.show_card(uid)
        await site.passes(60)
    assert flowed_mws(box) == 0
    ports = connector.ports
    assert (ports.on_silence, ports.on_reboot, ports.on_unplug) == (OnLoss.HOLDS, OnLoss.CLOSED, OnLoss.CLOSED)


async def test_a_box_that_cannot_be_closed_offline_says_so_and_still_gives_nothing(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(readonly=("AllowOfflineTxForUnknownId",)))
    await connector.prepare()
    assert connector.ports.on_silence is OnLoss.OPENS
    await box.drop()
    box.plug(car())
    box.show_card(STRANGER)
    await site.passes(120)
    assert box.outlets[0].transaction is not None
    assert flowed_mws(box) == 0  # the limit of the connector is 0 A at rest
    await box.connect(boot=False)
    await site.passes(5)
    assert answered(box, "StartTransaction")[0]["idTagInfo"] == {"status": "Invalid"}
    assert (stall.cards, box.outlets[0].transaction) == ([], None)
    assert flowed_mws(box) == 0


async def test_a_legitimate_transaction_survives_a_box_that_tells_of_another_one_meanwhile(
    site: Site, stall: Stall
) -> None:
    """Nobody believes the box over its own meter: what it goes on metering goes on."""
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    await connector.enable(16)
    await site.passes(20)
    at = site.clock.utcnow().isoformat()
    box.say_again("StartTransaction", {"connectorId": 1, "idTag": STRANGER, "meterStart": 137_050, "timestamp": at})
    await site.passes(20)
    reading = await connector.poll()
    assert (reading.enabled, reading.power_w) == (True, 11_040.0)
    await connector.disable()
    await site.passes(5)
    assert box.outlets[0].transaction is None
