"""An entity connector as a stall sees it."""

from typing import Any

import pytest

from custom_components.evshare.connectors.entities.source import Device
from custom_components.evshare.connectors.ports import ConnectorRefused, ConnectorUnreachable, WrongDevice
from custom_components.evshare.model import CardAnswer, Pilot

from ..conftest import START, VirtualClock
from .conftest import connect
from .fake_entities import FakeEntities, FakeMeter

NUMBER = {"min": 6, "max": 32, "step": 1, "unit_of_measurement": "A"}
BOX = {
    "status": "sensor.status",
    "enable": "switch.charge",
    "max_current": "number.limit",
    "power": "sensor.power",
    "energy_total": "sensor.energy",
    "energy_session": "sensor.session",
}


@pytest.fixture
def box(entities: FakeEntities) -> FakeEntities:
    """A charger with nobody there."""
    entities.say("sensor.status", "idle")
    entities.say("switch.charge", "off")
    entities.say("number.limit", "16", **NUMBER)
    entities.say("sensor.power", "0", unit_of_measurement="kW")
    return entities


# --- reading --------------------------------------------------------------------------------------------------------


async def test_a_reading_is_what_its_entities_say(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("sensor.status", "charging")
    box.say("switch.charge", "on")
    box.say("sensor.power", "11.04")
    connector = connect(box, clock, BOX, register=FakeMeter(1_234_567), session=FakeMeter(890))
    reading = await connector.poll()
    assert (reading.at, reading.mono_s) == (START, 1000)
    assert (reading.pilot, reading.power_w, reading.limit_a, reading.enabled) == (Pilot.C, 11040, 16, True)
    assert (reading.register_wh, reading.session_wh, reading.serial) == (1_234_567, 890, "meter-1")
    assert (reading.card_uid, reading.fault) == (None, None)
    assert box.told == []


async def test_a_state_that_is_not_in_the_map_is_unknown(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("sensor.status", "daydreaming")
    assert (await connect(box, clock, BOX).poll()).pilot is Pilot.X


@pytest.mark.parametrize(("raw", "letter"), [("error", Pilot.E), ("fault", Pilot.F)])
async def test_trouble_is_told_in_the_chargers_own_word(
    box: FakeEntities, clock: VirtualClock, raw: str, letter: Pilot
) -> None:
    box.say("sensor.status", raw)
    reading = await connect(box, clock, BOX).poll()
    assert (reading.pilot, reading.fault) == (letter, raw)


async def test_what_cannot_be_read_is_none(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("sensor.power", "unavailable")
    box.say("number.limit", "unknown")
    box.say("switch.charge", "unavailable")
    reading = await connect(box, clock, BOX, register=FakeMeter(None)).poll()
    assert (reading.power_w, reading.limit_a, reading.enabled, reading.register_wh) == (None, None, None, None)
    assert reading.pilot is Pilot.A


@pytest.mark.parametrize("state", ["unavailable", "unknown", None])
async def test_without_the_entities_that_tell_of_the_car_it_is_unreachable(
    box: FakeEntities, clock: VirtualClock, state: str | None
) -> None:
    connector = connect(box, clock, {**BOX, "plugged": "binary_sensor.plug"})
    box.say("binary_sensor.plug", "on")
    box.say("sensor.status", state)
    assert (await connector.poll()).pilot is Pilot.B  # one of them is enough
    box.say("binary_sensor.plug", state)
    with pytest.raises(ConnectorUnreachable, match=r"no answer from sensor.status, binary_sensor.plug"):
        await connector.poll()
    with pytest.raises(ConnectorUnreachable):
        await connector.prepare()


async def test_a_state_of_before_a_restart_is_no_answer(box: FakeEntities, clock: VirtualClock) -> None:
    box.restored.add("sensor.status")
    with pytest.raises(ConnectorUnreachable):
        await connect(box, clock, BOX).poll()


@pytest.mark.parametrize("slots", [{"status": "sensor.status"}, {"plugged": "binary_sensor.plug"}])
async def test_an_empty_place_that_was_only_brought_back_is_not_said_of_a_gate_that_is_not_locked(
    box: FakeEntities, clock: VirtualClock, slots: dict[str, str]
) -> None:
    """A session may be open, and the state from before it."""
    (entity_id,) = slots.values()
    box.say("binary_sensor.plug", "off")
    box.unsaid.add(entity_id)
    connector = connect(box, clock, {"enable": "switch.charge", **slots})
    assert (await connector.poll()).pilot is Pilot.X
    await connector.enable(16)
    assert (await connector.poll()).pilot is Pilot.X
    box.say(entity_id, box.states[entity_id].state)  # the same again, but now
    assert (await connector.poll()).pilot is Pilot.A


async def test_of_two_that_say_nobody_is_there_one_that_was_heard_is_enough(
    box: FakeEntities, clock: VirtualClock
) -> None:
    box.say("binary_sensor.plug", "off")
    box.unsaid.add("sensor.status")
    assert (await connect(box, clock, {**BOX, "plugged": "binary_sensor.plug"}).poll()).pilot is Pilot.A


async def test_a_locked_place_may_say_for_days_what_was_brought_back(box: FakeEntities, clock: VirtualClock) -> None:
    box.unsaid.add("sensor.status")
    connector = connect(box, clock, BOX)
    await connector.prepare()
    assert (await connector.poll()).pilot is Pilot.A


async def test_a_car_that_was_brought_back_is_believed(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("sensor.status", "charging")
    box.unsaid.add("sensor.status")
    assert (await connect(box, clock, BOX).poll()).pilot is Pilot.C


async def test_inverted_entities_mean_the_opposite(entities: FakeEntities, clock: VirtualClock) -> None:
    slots = {"plugged": "binary_sensor.free", "charging": "binary_sensor.resting"}
    connector = connect(entities, clock, slots, inverted=["plugged", "charging"])
    for free, resting, letter in (("on", "on", Pilot.A), ("off", "on", Pilot.B), ("off", "off", Pilot.C)):
        entities.say("binary_sensor.free", free)
        entities.say("binary_sensor.resting", resting)
        assert (await connector.poll()).pilot is letter


@pytest.mark.parametrize(
    ("slots", "said", "expected"),
    [
        (("l1", "l2", "l3"), ("16", "15.5", "0"), (16, 15.5, 0)),
        (("l1", "l2"), ("16", "15.5"), (16, 15.5, 0)),
        (("l1",), ("16",), (16, 16, 16)),  # one sensor stands for all three phases
        (("l1", "l2", "l3"), ("16", "unavailable", "0"), None),
    ],
)
async def test_currents_are_those_of_the_phases(
    box: FakeEntities,
    clock: VirtualClock,
    slots: tuple[str, ...],
    said: tuple[str, ...],
    expected: tuple[float, float, float] | None,
) -> None:
    for phase, state in zip(slots, said, strict=True):
        box.say(f"sensor.{phase}", state, unit_of_measurement="A")
    currents = {f"current_{phase}": f"sensor.{phase}" for phase in slots}
    assert (await connect(box, clock, BOX | currents).poll()).currents_a == expected


@pytest.mark.parametrize(
    ("entity_id", "state", "expected"),
    [
        ("number.phases", "1", (16, 0, 0)),
        ("number.phases", "3", (16, 16, 16)),
        ("number.phases", "2.0", (16, 16, 0)),
        ("switch.one", "on", (16, 0, 0)),
        ("switch.one", "off", (16, 16, 16)),
        ("select.phases", "single", (16, 0, 0)),
        ("select.phases", "3 phases", (16, 16, 16)),
        ("select.phases", "three", (16, 16, 16)),
        ("number.phases", "unavailable", None),
    ],
)
async def test_one_current_stands_for_the_phases_in_use(
    box: FakeEntities, clock: VirtualClock, entity_id: str, state: str, expected: tuple[float, float, float] | None
) -> None:
    box.say("sensor.l1", "16", unit_of_measurement="A")
    box.say(entity_id, state)
    slots = {**BOX, "current_l1": "sensor.l1", "phases": entity_id}
    assert (await connect(box, clock, slots).poll()).currents_a == expected


async def test_power_is_made_of_currents_and_voltages_where_it_is_not_told(
    box: FakeEntities, clock: VirtualClock
) -> None:
    slots = {key: entity_id for key, entity_id in BOX.items() if key != "power"}
    for phase, (ampere, volt) in enumerate(((10, 230), (8, 231), (2, 229)), 1):
        box.say(f"sensor.a{phase}", str(ampere), unit_of_measurement="A")
        box.say(f"sensor.v{phase}", str(volt), unit_of_measurement="V")
        slots |= {f"current_l{phase}": f"sensor.a{phase}", f"voltage_l{phase}": f"sensor.v{phase}"}
    assert (await connect(box, clock, slots).poll()).power_w == 4606  # 2300 + 1848 + 458
    slots = {key: entity_id for key, entity_id in slots.items() if key not in ("voltage_l2", "voltage_l3")}
    assert (await connect(box, clock, slots).poll()).power_w == 4600  # 230 V on all three
    del slots["voltage_l1"]
    assert (await connect(box, clock, slots).poll()).power_w is None


# --- a car that shows itself by power only --------------------------------------------------------------------------

SOCKET = {"power": "sensor.power", "enable": "switch.socket"}


async def pilot_after(connector: Any, clock: VirtualClock, seconds: float) -> Pilot:
    clock.mono_s += seconds
    return (await connector.poll()).pilot


async def test_a_socket_with_a_meter_knows_a_car_by_what_it_draws(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("sensor.power", "3", unit_of_measurement="W")
    entities.say("switch.socket", "on")
    connector = connect(entities, clock, SOCKET)
    assert await pilot_after(connector, clock, 600) is Pilot.X
    entities.say("sensor.power", "3400")
    assert await pilot_after(connector, clock, 5) is Pilot.X
    assert await pilot_after(connector, clock, 10) is Pilot.C
    entities.say("sensor.power", "20")
    assert await pilot_after(connector, clock, 5) is Pilot.C
    assert await pilot_after(connector, clock, 60) is Pilot.B
    assert await pilot_after(connector, clock, 7200) is Pilot.B  # never A: a full car draws as little as none
    entities.say("switch.socket", "off")
    assert await pilot_after(connector, clock, 5) is Pilot.X  # behind a closed gate another may come


async def test_a_socket_that_draws_behind_its_closed_gate_is_no_secret(
    entities: FakeEntities, clock: VirtualClock
) -> None:
    entities.say("sensor.power", "3400", unit_of_measurement="W")
    entities.say("switch.socket", "off")
    connector = connect(entities, clock, SOCKET)
    await connector.poll()
    assert await pilot_after(connector, clock, 10) is Pilot.C


async def test_a_socket_that_is_paused_keeps_its_car(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("sensor.power", "3400", unit_of_measurement="W")
    entities.say("switch.socket", "on")
    connector = connect(entities, clock, SOCKET)
    await connector.enable(16)
    await connector.poll()
    assert await pilot_after(connector, clock, 10) is Pilot.C
    await connector.set_limit(0)
    entities.say("sensor.power", "0")
    await connector.poll()
    assert await pilot_after(connector, clock, 60) is Pilot.B


# --- telling --------------------------------------------------------------------------------------------------------


async def test_the_limit_is_told_before_the_gate_opens(box: FakeEntities, clock: VirtualClock) -> None:
    """Peblar takes a limit while it is off, and starts with it (peblar/number.py)."""
    await connect(box, clock, BOX).enable(10)
    assert box.commands() == ["number.limit set_value 10.0", "switch.charge turn_on"]


@pytest.mark.parametrize("limit_a", [5, 17])
async def test_a_limit_out_of_range_is_refused_and_changes_nothing(
    box: FakeEntities, clock: VirtualClock, limit_a: int
) -> None:
    connector = connect(box, clock, BOX)
    with pytest.raises(ConnectorRefused, match=rf"limit_a: got {limit_a}; accepted: 6 to 16"):
        await connector.enable(limit_a)
    assert box.told == []


async def test_a_closed_gate_takes_no_limit(box: FakeEntities, clock: VirtualClock) -> None:
    connector = connect(box, clock, BOX)
    await connector.prepare()
    with pytest.raises(ConnectorRefused, match="for a closed gate"):
        await connector.set_limit(10)
    assert box.told == []


async def test_preparing_locks(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("switch.charge", "on")
    await connect(box, clock, BOX).prepare()
    assert box.commands() == ["switch.charge turn_off"]


async def test_a_pause_is_a_limit_of_0_where_that_is_taken(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("number.limit", "16", min=0)
    connector = connect(box, clock, BOX, zero_pauses=True)
    await connector.enable(16)
    box.told.clear()
    await connector.set_limit(0)
    assert (await connector.poll()).limit_a == 0
    await connector.set_limit(8)
    assert box.commands() == ["number.limit set_value 0.0", "number.limit set_value 8.0"]
    assert box.read("switch.charge").state == "on"  # type: ignore[union-attr]


async def test_elsewhere_a_pause_closes_the_gate_until_there_is_current_again(
    box: FakeEntities, clock: VirtualClock
) -> None:
    connector = connect(box, clock, BOX)
    await connector.enable(16)
    box.told.clear()
    await connector.set_limit(0)
    assert (await connector.poll()).enabled is False
    await connector.set_limit(10)
    assert box.commands() == ["switch.charge turn_off", "number.limit set_value 10.0", "switch.charge turn_on"]


async def test_what_nothing_can_stop_is_held_low(box: FakeEntities, clock: VirtualClock) -> None:
    connector = connect(box, clock, {"status": "sensor.status", "max_current": "number.limit"})
    await connector.enable(16)
    await connector.set_limit(0)
    await connector.disable()
    assert box.commands() == ["number.limit set_value 6.0"]


async def test_a_current_of_0_can_be_the_gate(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("number.limit", "16", min=0)
    connector = connect(box, clock, {"status": "sensor.status", "max_current": "number.limit"}, zero_pauses=True)
    assert connector.ports.gate
    assert (await connector.poll()).enabled is True
    await connector.prepare()
    assert (await connector.poll()).enabled is False
    await connector.enable(13)
    assert (await connector.poll()).enabled is True
    await connector.disable()
    assert box.commands() == ["number.limit set_value 0.0", "number.limit set_value 13.0", "number.limit set_value 0.0"]


BUTTONS = {"status": "sensor.status", "enable": "button.start", "disable": "button.stop"}


async def test_a_gate_that_shows_nothing_is_as_it_was_told_and_open_when_nobody_knows(
    box: FakeEntities, clock: VirtualClock
) -> None:
    for button in ("button.start", "button.stop"):
        box.say(button, "unknown")
    box.say("sensor.status", "plugged")
    connector = connect(box, clock, BUTTONS)
    assert (await connector.poll()).enabled is True
    await connector.prepare()
    assert (await connector.poll()).enabled is False
    await connector.enable(16)
    assert (await connector.poll()).enabled is True
    await connector.disable()
    assert (await connector.poll()).enabled is False
    box.say("sensor.status", "unavailable")
    with pytest.raises(ConnectorUnreachable):
        await connector.poll()
    box.say("sensor.status", "plugged")
    assert (await connector.poll()).enabled is True  # it may have restarted


async def test_a_lock_that_failed_leaves_the_gate_open_in_doubt(box: FakeEntities, clock: VirtualClock) -> None:
    for button in ("button.start", "button.stop"):
        box.say(button, "unknown")
    box.say("sensor.status", "plugged")
    box.refuses.add("button.stop")
    connector = connect(box, clock, BUTTONS)
    await connector.enable(16)
    with pytest.raises(ConnectorRefused, match=r"button.stop: press failed"):
        await connector.disable()
    assert (await connector.poll()).enabled is True


# --- a vendor's cloud -----------------------------------------------------------------------------------------------


async def test_more_current_waits_30_s_over_a_cloud_less_does_not(box: FakeEntities, clock: VirtualClock) -> None:
    connector = connect(box, clock, BOX, cloud=True)
    await connector.enable(10)
    box.told.clear()
    clock.mono_s += 5
    await connector.set_limit(12)
    assert box.told == []
    clock.mono_s += 5
    await connector.set_limit(8)
    assert box.commands(clear=True) == ["number.limit set_value 8.0"]
    clock.mono_s += 5
    await connector.set_limit(14)
    await connector.heartbeat()
    assert box.told == []
    clock.mono_s += 24.9
    await connector.heartbeat()
    assert box.told == []
    clock.mono_s += 0.2  # 30 s after the last change
    await connector.heartbeat()
    assert box.commands(clear=True) == ["number.limit set_value 14.0"]
    await connector.heartbeat()
    assert box.told == []


async def test_a_rise_that_waits_is_given_up_when_the_stall_is_locked_or_lowered(
    box: FakeEntities, clock: VirtualClock
) -> None:
    connector = connect(box, clock, BOX, cloud=True)
    await connector.enable(10)
    await connector.set_limit(12)
    await connector.set_limit(9)
    clock.mono_s += 60
    await connector.heartbeat()
    await connector.set_limit(12)
    await connector.set_limit(13)
    await connector.disable()
    box.told.clear()
    clock.mono_s += 60
    await connector.heartbeat()
    assert box.told == []


async def test_a_rise_that_fails_is_told_again(box: FakeEntities, clock: VirtualClock) -> None:
    connector = connect(box, clock, BOX, cloud=True)
    await connector.enable(10)
    await connector.set_limit(12)
    box.refuses.add("number.limit")
    clock.mono_s += 30
    await connector.heartbeat()
    box.refuses.clear()
    await connector.heartbeat()
    assert (await connector.poll()).limit_a == 12


async def test_nothing_waits_without_a_cloud(box: FakeEntities, clock: VirtualClock) -> None:
    connector = connect(box, clock, BOX)
    assert connector.heartbeat_s is None
    await connector.enable(10)
    await connector.set_limit(12)
    assert (await connector.poll()).limit_a == 12


# --- hearing --------------------------------------------------------------------------------------------------------


class Listener:
    """Who wants to hear of it."""

    def __init__(self) -> None:
        self.changes = 0
        self.cards: list[str] = []

    def changed(self) -> None:
        self.changes += 1

    async def card(self, uid: str) -> CardAnswer:
        self.cards.append(uid)
        return CardAnswer.ACCEPTED


async def test_changes_of_car_gate_and_limit_are_told_and_measurements_are_not(
    box: FakeEntities, clock: VirtualClock
) -> None:
    connector, listener = connect(box, clock, BOX), Listener()
    connector.watch(listener)
    box.say("sensor.power", "5")
    box.say("sensor.status", "idle", polled=2)
    assert listener.changes == 0
    box.say("sensor.status", "plugged")
    box.say("switch.charge", "on")
    box.say("number.limit", "10")
    box.say("sensor.status", "unavailable")
    assert listener.changes == 4
    connector.watch(None)
    box.say("sensor.status", "charging")
    assert listener.changes == 4


async def test_power_is_told_where_nothing_else_shows_the_car(entities: FakeEntities, clock: VirtualClock) -> None:
    entities.say("sensor.power", "0", unit_of_measurement="W")
    connector, listener = connect(entities, clock, SOCKET), Listener()
    connector.watch(listener)
    entities.say("sensor.power", "3400")
    assert listener.changes == 1


async def test_a_card_is_told_once_and_never_read(box: FakeEntities, clock: VirtualClock) -> None:
    box.say("sensor.tag", "none")
    connector, listener = connect(box, clock, {**BOX, "rfid": "sensor.tag"}), Listener()
    connector.watch(listener)
    box.say("sensor.tag", "04:A2:B3:C4:D5:E6:80")
    box.say("sensor.tag", "04:A2:B3:C4:D5:E6:80", polled=2)
    for work in box.spawned:
        await work
    assert listener.cards == ["04A2B3C4D5E680"]
    assert (await connector.poll()).card_uid is None


# --- who it is ------------------------------------------------------------------------------------------------------


async def test_it_is_the_device_of_its_entities(box: FakeEntities, clock: VirtualClock) -> None:
    box.devices["switch.charge"] = Device(name="Garage", model="Home", serial="EH123456", firmware="319")
    identity = await connect(box, clock, BOX).identify()
    assert (identity.serial, identity.model, identity.firmware) == ("EH123456", "Home", "319")
    assert (await connect(box, clock, {"status": "sensor.status"}).identify()).serial is None


async def test_another_device_than_at_set_up_is_refused(box: FakeEntities, clock: VirtualClock) -> None:
    box.devices["switch.charge"] = Device(name="Garage", serial="EH999999")
    with pytest.raises(WrongDevice, match="has serial number EH999999; accepted: EH123456"):
        await connect(box, clock, BOX, serial="EH123456").identify()
