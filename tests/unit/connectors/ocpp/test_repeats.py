"""What a box tells late, twice or of nobody's transaction: distinct ids, one session, nothing opened."""

import asyncio
from datetime import timedelta
import json

import pytest

from custom_components.evshare.connectors.ocpp.transactions import Transactions
from custom_components.evshare.connectors.ocpp.words import Start
from custom_components.evshare.model import Pilot
from demo.boxes.ocpp_box import Manners, OcppBox
from demo.boxes.ocpp_outlet import Transaction

from .conftest import ANNA, BEN, START, STRANGER, Disk, Site, Stall, answered, car, told


async def test_a_start_told_twice_is_one_transaction_with_one_id(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected(manners=Manners(says_twice=True))
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    first, second = answered(box, "StartTransaction")
    assert first == second
    assert first["idTagInfo"] == {"status": "Accepted"}
    assert stall.cards == [ANNA]
    await connector.enable(16)
    await site.passes(60)
    await connector.disable()
    await site.passes(2)
    assert answered(box, "StopTransaction") == [{}, {}]
    reading = await connector.poll()
    assert reading.enabled is False
    assert reading.session_wh == reading.register_wh - 137_000 > 100


def say_start_again(box: OcppBox, started: Transaction) -> None:
    at = started.started_at.isoformat().replace("+00:00", "Z")
    payload = {"connectorId": 1, "idTag": started.tag, "meterStart": started.start_wh, "timestamp": at}
    box.say_again("StartTransaction", payload)


async def test_a_start_told_again_after_a_restart_of_ours_keeps_its_id(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    started = box.outlets[0].transaction
    assert started is not None
    await box.drop()
    await site.shut()
    await site.open()
    site.connector(stall=stall)
    await box.connect(boot=False)
    say_start_again(box, started)
    await site.settles()
    again = answered(box, "StartTransaction")[-1]
    assert (again["transactionId"], again["idTagInfo"]["status"]) == (started.id, "Accepted")


async def test_a_start_told_again_after_its_stop_opens_nothing(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    (first,) = answered(box, "StartTransaction")
    started = box.outlets[0].transaction
    assert started is not None
    await connector.disable()
    await site.passes(2)
    say_start_again(box, started)
    await site.settles()
    again = answered(box, "StartTransaction")[-1]
    assert again == {"transactionId": first["transactionId"], "idTagInfo": {"status": "Invalid"}}
    assert (await connector.poll()).enabled is False


async def test_two_starts_in_one_second_have_different_ids(site: Site, stall: Stall) -> None:
    """The reference saw ids made from the clock collide."""
    site.connector(1, stall=stall)
    site.connector(2, stall=stall)
    box = await site.connected(points=2)
    for point, uid in ((1, ANNA), (2, BEN)):
        box.plug(car(), point)
        box.start_again(uid, point)
    await site.settles()
    first, second = answered(box, "StartTransaction")
    assert first["transactionId"] != second["transactionId"]


async def test_another_card_with_the_same_time_and_register_is_another_transaction(site: Site, stall: Stall) -> None:
    """A box whose clock stands still."""
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    for uid in (ANNA, BEN):
        box.plug(car())
        box.start_again(uid)
        await site.settles()
        await connector.disable()
        await site.settles()
        box.unplug()
        await site.settles()
    first, second = answered(box, "StartTransaction")
    assert first["transactionId"] != second["transactionId"]
    assert stall.cards == [ANNA, BEN]
    assert second["idTagInfo"] == {"status": "Accepted"}


@pytest.mark.parametrize("minutes", [-120, -2, 2])
async def test_a_start_told_late_or_by_a_wrong_clock_asks_nobody_and_is_ended(
    site: Site, stall: Stall, minutes: int
) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    at = (START + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    box.say_again("StartTransaction", {"connectorId": 1, "idTag": ANNA, "meterStart": 137_000, "timestamp": at})
    await site.settles()
    (start,) = answered(box, "StartTransaction")
    assert start["idTagInfo"] == {"status": "Invalid"}
    assert stall.cards == []
    assert told(box, "RemoteStopTransaction") == [{"transactionId": start["transactionId"]}]


async def test_a_stop_of_nobodys_transaction_is_accepted_and_counted(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    before = await connector.poll()
    box.say_again("StopTransaction", {"transactionId": 4711, "meterStop": 999_999, "timestamp": "2026-11-20T17:00:00Z"})
    box.say_again("StopTransaction", {})
    await site.settles()
    assert answered(box, "StopTransaction") == [{}, {}]
    assert site.central.boxes["box-1"].orphans == 2
    after = await connector.poll()
    assert (after.register_wh, after.pilot, after.enabled) == (before.register_wh, Pilot.A, False)


async def test_a_late_stop_of_another_box_ends_nothing_here(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    other = site.claim("box-2", "another-password-1")
    box = await site.connected()
    stranger = await site.connected(identity="box-2", password="another-password-1", serial="OB-2")
    await connector.prepare()
    box.plug(car())
    await site.passes(1)
    await connector.enable(16)
    await site.passes(30)
    running = box.outlets[0].transaction
    assert running is not None
    stranger.say_again(
        "StopTransaction", {"transactionId": running.id, "meterStop": 0, "timestamp": "2026-11-20T18:00:00Z"}
    )
    await site.passes(10)
    reading = await connector.poll()
    assert (reading.enabled, reading.power_w) == (True, 11_040.0)
    assert other.box.orphans == 1


async def test_meter_values_told_late_never_turn_the_register_back(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    for minutes, register_wh in ((0, 138_000), (-30, 137_500), (-20, 138_200)):
        at = (START + timedelta(minutes=minutes)).isoformat()
        value = {"timestamp": at, "sampledValue": [{"value": str(register_wh)}]}
        box.say_again("MeterValues", {"connectorId": 1, "meterValue": [value]})
        await site.settles()
    # 137 500 is old news; 138 200 was counted, whatever the clock of the box says.
    assert (await connector.poll()).register_wh == 138_200


async def test_a_register_that_begins_again_is_told_as_it_is(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    value = {"timestamp": "2026-11-20T18:05:00Z", "sampledValue": [{"value": "12"}]}
    box.say_again("MeterValues", {"connectorId": 1, "meterValue": [value]})
    await site.settles()
    assert (await connector.poll()).register_wh == 12


# --- the book itself ---------------------------------------------------------------------------------------------


def start(register_wh: int = 1000, id_tag: str = ANNA, point: int = 1) -> Start:
    return Start(point=point, id_tag=id_tag, register_wh=register_wh, at=START)


async def test_ids_go_on_after_a_restart_and_never_repeat() -> None:
    disk = Disk()
    given: list[str] = []
    for _ in range(3):
        book = Transactions(disk)
        await book.load()
        for number in range(5):
            given.append((await book.begin("box-1", start(len(given) + number), accepted=True, plug_wh=None)).id)
    assert len(set(given)) == 15
    assert given == sorted(given, key=int)


async def test_a_restored_backup_does_not_count_over_again() -> None:
    """The backup is from before five transactions; their ids are not given again."""
    disk = Disk()
    book = Transactions(disk)
    await book.load()
    await book.begin("box-1", start(1), accepted=True, plug_wh=None)
    backup = disk.text
    later = {(await book.begin("box-1", start(number), accepted=True, plug_wh=None)).id for number in range(2, 7)}
    disk.text = backup
    restored = Transactions(disk)
    await restored.load()
    assert (await restored.begin("box-1", start(9), accepted=True, plug_wh=None)).id not in later


@pytest.mark.parametrize("kept", [None, '{"reserved": "x"}', '{"reserved": 5, "transactions": [{"id": 1}]}'])
async def test_a_lost_or_broken_file_begins_far_from_the_ids_that_were_given(kept: str | None) -> None:
    firsts = set()
    for _ in range(3):
        disk = Disk()
        disk.text = kept
        book = Transactions(disk)
        await book.load()
        firsts.add(int((await book.begin("box-1", start(), accepted=True, plug_wh=None)).id))
    assert len(firsts) == 3
    assert all(0 < first < 2**31 for first in firsts)


async def test_no_card_is_kept_on_the_disk(site: Site, stall: Stall) -> None:
    site.connector(stall=stall)
    box = await site.connected()
    box.plug(car())
    box.show_card(ANNA)
    await site.passes(1)
    assert site.disk.text is not None
    assert len(json.loads(site.disk.text)["transactions"]) == 1
    assert ANNA not in site.disk.text


async def test_while_the_disk_is_full_nobody_is_let_in(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.plug(car())
    box.start_again(ANNA)
    await site.settles()
    box.press_stop()
    box.unplug()
    await site.passes(1)
    site.disk.full = True
    box.plug(car())
    box.start_again(BEN)
    await site.passes(60)
    ids = [answer["transactionId"] for answer in answered(box, "StartTransaction")]
    assert answered(box, "StartTransaction")[-1]["idTagInfo"] == {"status": "Invalid"}
    assert len(set(ids)) == 2
    assert box.delivered_wh() == 0


async def test_the_memory_of_ended_transactions_is_bounded() -> None:
    disk = Disk()
    book = Transactions(disk)
    await book.load()
    for number in range(100):
        await book.end(await book.begin("box-1", start(number), accepted=True, plug_wh=None))
    running = await book.begin("box-1", start(500), accepted=True, plug_wh=None)
    assert disk.text is not None
    assert len(json.loads(disk.text)["transactions"]) == 33
    assert book.running("box-1", 1) == running


async def test_what_is_refused_does_not_wear_out_the_disk(site: Site, stall: Stall) -> None:
    site.connector(stall=stall)
    box = await site.connected()
    box.plug(car())
    box.start_again(STRANGER)
    await site.settles()
    saves = site.disk.saves
    for number in range(20):
        site.clock.passes(5)
        box.start_again(f"04DEADBEEF{number + 50}80")
        await site.settles()
    assert site.disk.saves == saves
    ids = [answer["transactionId"] for answer in answered(box, "StartTransaction")]
    assert len(set(ids)) == 21


async def test_an_id_a_box_made_up_is_not_given_to_another_transaction(site: Site, stall: Stall) -> None:
    connector = site.connector(stall=stall)
    box = await site.connected()
    await connector.prepare()
    box.start_again(STRANGER)
    await site.settles()
    (first,) = answered(box, "StartTransaction")
    value = {"timestamp": "2026-11-20T18:00:00Z", "sampledValue": [{"value": "137000"}]}
    claimed = first["transactionId"] + 1
    box.say_again("MeterValues", {"connectorId": 1, "transactionId": claimed, "meterValue": [value]})
    await site.settles()
    box.plug(car())
    box.start_again(ANNA)
    await site.settles()
    assert answered(box, "StartTransaction")[-1]["transactionId"] == claimed + 1


async def test_many_starts_at_once_lose_none_and_share_no_id() -> None:
    disk = Disk()
    book = Transactions(disk)
    await book.load()
    begun = await asyncio.gather(
        *(book.begin(f"box-{number}", start(), accepted=True, plug_wh=None) for number in range(50))
    )
    assert len({transaction.id for transaction in begun}) == 50
    assert disk.text is not None
    assert len(json.loads(disk.text)["transactions"]) == 50
