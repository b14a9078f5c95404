"""KEBA and Alfen: the real driver on fake registers. Numbers are worked out by hand from the connector reference."""

from dataclasses import replace

from modbus_connection import (
    GatewayTargetError,
    IllegalDataAddressError,
    IllegalDataValueError,
    IllegalFunctionError,
    ModbusConnectionError,
    ModbusError,
    ModbusProtocolError,
    ModbusTimeoutError,
    ServerDeviceBusyError,
)
from modbus_connection.mock import MockModbusConnection, MockModbusUnit
import pytest

from custom_components.evshare.connectors.factory import build_connector, modbus_unit_ids
from custom_components.evshare.connectors.ports import (
    Connector,
    ConnectorError,
    ConnectorRefused,
    ConnectorUnreachable,
    WrongDevice,
)
from custom_components.evshare.connectors.profile import load_profile
from custom_components.evshare.connectors.settings import ConnectorSettings
from custom_components.evshare.model import Pilot

from .conftest import START, VirtualClock, record_writes

FC6, FC16 = 6, 16
KEBA_SETTINGS = ConnectorSettings(host="192.0.2.5", max_current_a=16)
NO_CAR, CAR = 0, 7
CARD = [0x04A2, 0xB3C4]


def load_keba(unit: MockModbusUnit, *, status: int = 1, cable: int = NO_CAR) -> None:
    unit.holding |= {
        1000: [0, status],
        1004: [0, cable],
        1006: [0, 0],
        1008: [0, 16000],
        1010: [0, 15900],
        1012: [0, 15800],
        1014: [268, 55652],
        1016: [4, 38867],  # 4 * 65536 + 38867 = 301 011
        1018: [0x030A, 0x1000],
        1020: [168, 29952],
        1036: [18, 54919],
        1500: [0, 0],
        1502: [0, 56789],
    }


@pytest.fixture
def keba(unit: MockModbusUnit, clock: VirtualClock) -> Connector:
    load_keba(unit)
    return build_connector(load_profile("keba_p30"), KEBA_SETTINGS, clock=clock, unit=unit)


def load_alfen(unit: MockModbusUnit) -> None:
    volts = [0x4366, 0x0000]  # 230.0
    amperes = [0x4180, 0x0000]  # 16.0
    unit.holding |= dict.fromkeys((306, 308, 310), volts) | dict.fromkeys((320, 322, 324), amperes)
    unit.holding |= {
        344: [0x462C, 0x8000],  # 11040.0
        374: [0x4112, 0x7B58, 0, 0],
        1200: 1,
        1201: [0x4332, 0, 0, 0, 0],  # C2
        1206: amperes,
        1210: amperes,
        1212: [0, 0],
    }


@pytest.fixture
def alfen(unit: MockModbusUnit, clock: VirtualClock) -> Connector:
    load_alfen(unit)
    settings = ConnectorSettings(host="192.0.2.6", max_current_a=32)
    return build_connector(load_profile("alfen_eve"), settings, clock=clock, unit=unit)


async def test_a_keba_says_who_it_is(keba: Connector) -> None:
    identity = await keba.identify()
    assert (identity.serial, identity.firmware, identity.model) == ("17619300", "3.10.16", "KEBA KeContact P30")


async def test_a_keba_reading(keba: Connector, unit: MockModbusUnit, clock: VirtualClock) -> None:
    load_keba(unit, status=3, cable=CAR)
    unit.holding[1500] = CARD
    reading = await keba.poll()
    assert reading.at == START
    assert reading.mono_s == clock.mono_s
    assert reading.pilot is Pilot.C
    assert reading.power_w == 11040.0
    assert reading.currents_a == (16.0, 15.9, 15.8)
    assert reading.register_wh == 123456
    assert reading.session_wh == 5678
    assert reading.enabled is True
    assert reading.card_uid == "04A2B3C4"
    assert reading.serial == "17619300"
    assert reading.fault is None


async def test_a_keba_is_asked_for_one_value_at_a_time_and_only_for_what_is_due(
    keba: Connector, unit: MockModbusUnit, clock: VirtualClock
) -> None:
    await keba.poll()
    unit.read_events.clear()
    await keba.poll()
    assert [read.address for read in unit.read_events] == [1000, 1004, 1500]
    load_keba(unit, status=3, cable=CAR)
    await keba.poll()
    unit.read_events.clear()
    await keba.poll()
    assert [(read.register_type, read.address, read.count) for read in unit.read_events] == [
        ("holding", 1000, 2),
        ("holding", 1004, 2),
        ("holding", 1008, 2),
        ("holding", 1010, 2),
        ("holding", 1012, 2),
        ("holding", 1020, 2),
        ("holding", 1500, 2),
    ]
    clock.mono_s += 30
    unit.read_events.clear()
    await keba.poll()
    assert {read.address for read in unit.read_events} >= {1006, 1036, 1502}
    assert all(read.count == 2 for read in unit.read_events)


async def test_a_keba_s_register_is_fresh_whenever_something_changes(keba: Connector, unit: MockModbusUnit) -> None:
    load_keba(unit, status=3, cable=CAR)
    await keba.enable(10)
    assert (await keba.poll()).register_wh is not None
    assert (await keba.poll()).register_wh is None  # nothing happened meanwhile
    await keba.set_limit(16)
    after_a_command = await keba.poll()
    assert (after_a_command.register_wh is None, after_a_command.session_wh is None) == (False, False)
    load_keba(unit, status=5, cable=CAR)
    assert (await keba.poll()).register_wh is not None  # it stopped charging
    assert (await keba.poll()).register_wh is None
    load_keba(unit, status=5, cable=0)
    assert (await keba.poll()).register_wh is not None  # the car is gone


async def test_what_a_car_still_takes_after_the_gate_was_closed_is_counted_to_its_end(
    keba: Connector, unit: MockModbusUnit
) -> None:
    load_keba(unit, status=3, cable=CAR)
    await keba.enable(10)
    await keba.disable()
    for _ in range(3):
        assert (await keba.poll()).register_wh is not None
    load_keba(unit, status=5, cable=CAR)
    assert (await keba.poll()).register_wh is not None
    assert (await keba.poll()).register_wh is None


async def test_what_only_matters_with_a_car_is_not_read_without_one(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.poll()
    assert (await keba.poll()).currents_a is None
    load_keba(unit, status=2, cable=CAR)
    assert (await keba.poll()).currents_a == (16.0, 15.9, 15.8)


async def test_preparing_a_keba_sets_failsafe_and_watchdog_and_locks_it(keba: Connector, unit: MockModbusUnit) -> None:
    writes = record_writes(unit)
    await keba.prepare()
    assert writes == [(FC6, 5016, [0]), (FC6, 5018, [60]), (FC6, 5014, [0])]


async def test_enabling_a_keba_sets_the_safe_share_then_the_limit_then_the_gate(
    keba: Connector, unit: MockModbusUnit
) -> None:
    keba.set_failsafe_share(8)
    writes = record_writes(unit)
    await keba.enable(16)
    assert writes == [(FC6, 5016, [8000]), (FC6, 5004, [16000]), (FC6, 5014, [1])]


async def test_disabling_a_keba_takes_the_failsafe_away_before_the_gate(keba: Connector, unit: MockModbusUnit) -> None:
    keba.set_failsafe_share(8)
    await keba.enable(16)
    writes = record_writes(unit)
    await keba.disable()
    assert writes == [(FC6, 5016, [0]), (FC6, 5014, [0])]


async def test_a_refused_failsafe_does_not_keep_the_gate_open(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.enable(16)
    writes = record_writes(unit)
    unit.fail_write(5016, IllegalDataValueError())
    with pytest.raises(ConnectorRefused, match="5016"):
        await keba.disable()
    assert writes == [(FC6, 5014, [0])]


async def test_a_share_no_pilot_can_offer_closes_on_silence(keba: Connector, unit: MockModbusUnit) -> None:
    keba.set_failsafe_share(5)
    writes = record_writes(unit)
    await keba.enable(10)
    assert writes[0] == (FC6, 5016, [0])


async def test_a_limit_is_written_alone_and_the_failsafe_only_when_it_changed(
    keba: Connector, unit: MockModbusUnit
) -> None:
    keba.set_failsafe_share(8)
    await keba.enable(16)
    writes = record_writes(unit)
    await keba.set_limit(10)
    keba.set_failsafe_share(6)
    await keba.set_limit(12)
    assert writes == [(FC6, 5004, [10000]), (FC6, 5016, [6000]), (FC6, 5004, [12000])]


async def test_a_keba_cannot_be_offered_zero_so_a_pause_closes_its_gate_and_a_limit_opens_it(
    keba: Connector, unit: MockModbusUnit
) -> None:
    await keba.enable(16)
    writes = record_writes(unit)
    await keba.set_limit(0)
    await keba.set_limit(6)
    assert writes == [(FC6, 5014, [0]), (FC6, 5004, [6000]), (FC6, 5014, [1])]


async def test_a_pause_that_could_not_be_ended_is_ended_by_the_next_try(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.enable(16)
    await keba.set_limit(0)
    unit.fail_write(5014, IllegalDataValueError())
    with pytest.raises(ConnectorRefused):
        await keba.set_limit(6)
    unit.fail_write(5014, None)
    writes = record_writes(unit)
    await keba.set_limit(6)
    assert writes == [(FC6, 5004, [6000]), (FC6, 5014, [1])]


async def test_a_limit_never_opens_a_closed_gate(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.disable()
    writes = record_writes(unit)
    with pytest.raises(ConnectorRefused, match=r"limit_a: got 16 for a closed gate; accepted: none, enable it instead"):
        await keba.set_limit(16)
    assert writes == []


@pytest.mark.parametrize("limit_a", [0, 5, 17, -6])
async def test_a_current_outside_its_range_is_refused_and_nothing_is_written(
    keba: Connector, unit: MockModbusUnit, limit_a: int
) -> None:
    writes = record_writes(unit)
    with pytest.raises(ConnectorRefused, match=rf"limit_a: got {limit_a}; accepted: 6 to 16"):
        await keba.enable(limit_a)
    assert writes == []


async def test_the_heartbeat_of_a_keba_repeats_the_timeout(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.prepare()
    writes = record_writes(unit)
    assert keba.heartbeat_s == 20
    await keba.heartbeat()
    assert writes == [(FC6, 5018, [60])]


async def test_a_new_safe_share_goes_along_with_the_heartbeat_of_a_session_only(
    keba: Connector, unit: MockModbusUnit
) -> None:
    await keba.prepare()
    writes = record_writes(unit)
    keba.set_failsafe_share(8)
    await keba.heartbeat()
    assert writes == [(FC6, 5018, [60])]
    await keba.enable(16)
    keba.set_failsafe_share(6)
    writes.clear()
    await keba.heartbeat()
    assert writes == [(FC6, 5016, [6000]), (FC6, 5018, [60])]


async def test_without_a_car_the_gate_is_what_the_keba_was_told(keba: Connector) -> None:
    assert (await keba.poll()).enabled is True  # nobody locked it yet
    await keba.disable()
    assert (await keba.poll()).enabled is False
    await keba.enable(16)
    assert (await keba.poll()).enabled is True


async def test_after_a_silence_the_gate_counts_as_open_until_it_is_told_again(
    keba: Connector, unit: MockModbusUnit
) -> None:
    await keba.disable()
    unit.fail_requests(ModbusTimeoutError())
    with pytest.raises(ConnectorUnreachable):
        await keba.poll()
    unit.fail_requests(None)
    assert (await keba.poll()).enabled is True
    await keba.disable()
    assert (await keba.poll()).enabled is False


async def test_after_a_silence_in_mid_session_limit_and_failsafe_are_written_again_but_not_the_gate(
    keba: Connector, unit: MockModbusUnit
) -> None:
    keba.set_failsafe_share(8)
    await keba.enable(10)
    unit.fail_requests(ModbusConnectionError())
    with pytest.raises(ConnectorUnreachable):
        await keba.poll()
    unit.fail_requests(None)
    writes = record_writes(unit)
    await keba.poll()
    await keba.poll()
    assert writes == [(FC6, 5016, [8000]), (FC6, 5004, [10000])]


async def test_after_a_silence_in_a_pause_it_is_paused_again(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.enable(10)
    await keba.set_limit(0)
    unit.fail_requests(ModbusConnectionError())
    with pytest.raises(ConnectorUnreachable):
        await keba.poll()
    unit.fail_requests(None)
    writes = record_writes(unit)
    await keba.poll()
    assert writes == [(FC6, 5016, [0]), (FC6, 5014, [0])]


async def test_a_limit_that_did_not_arrive_is_written_with_the_next_poll(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.enable(16)
    unit.fail_write(5004, ModbusTimeoutError())
    with pytest.raises(ConnectorUnreachable):
        await keba.set_limit(6)
    unit.fail_write(5004, None)
    writes = record_writes(unit)
    await keba.poll()
    assert (FC6, 5004, [6000]) in writes


async def test_a_failed_enable_leaves_the_gate_counted_as_open(keba: Connector, unit: MockModbusUnit) -> None:
    await keba.disable()
    unit.fail_write(5014, IllegalDataValueError())
    with pytest.raises(ConnectorRefused):
        await keba.enable(16)
    assert (await keba.poll()).enabled is True


async def test_another_serial_number_at_the_address_is_not_touched(unit: MockModbusUnit, clock: VirtualClock) -> None:
    load_keba(unit)
    settings = replace(KEBA_SETTINGS, serial="17619301")
    keba = build_connector(load_profile("keba_p30"), settings, clock=clock, unit=unit)
    writes = record_writes(unit)
    for attempt in (keba.identify, keba.poll, keba.prepare, keba.disable, lambda: keba.enable(16)):
        with pytest.raises(WrongDevice, match="has serial number 17619300; accepted: 17619301"):
            await attempt()
    assert writes == []


async def test_another_product_is_the_wrong_device(keba: Connector, unit: MockModbusUnit) -> None:
    unit.holding[1016] = [6, 0]  # 393 216 would still be a P30, 400 000 is not
    unit.holding[1016] = [6, 6784]
    with pytest.raises(WrongDevice, match="does not answer like a KEBA KeContact P30: product reads '400000'"):
        await keba.identify()


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (ModbusConnectionError("refused"), ConnectorUnreachable, "no usable answer"),
        (ModbusTimeoutError("3 s"), ConnectorUnreachable, "is the unit id right"),
        (ModbusProtocolError("garbage"), ConnectorUnreachable, "no usable answer"),
        (GatewayTargetError(), ConnectorRefused, "nobody answers to this unit id"),
        (IllegalFunctionError(), ConnectorRefused, "192.0.2.5 unit 255: reading holding"),
        (IllegalDataAddressError(), ConnectorRefused, "192.0.2.5 unit 255: reading holding"),
        (ServerDeviceBusyError(), ConnectorRefused, "busy"),
    ],
)
async def test_each_failure_says_what_can_be_done_about_it(
    keba: Connector, unit: MockModbusUnit, error: ModbusError, expected: type[ConnectorError], message: str
) -> None:
    unit.fail_requests(error)
    with pytest.raises(expected, match=message):
        await keba.identify()


async def test_one_lost_frame_is_asked_for_again(
    keba: Connector, unit: MockModbusUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = unit.read_holding_registers
    lost = [ModbusTimeoutError("lost")]

    async def lossy(address: int, count: int) -> list[int]:
        if lost:
            raise lost.pop()
        return await read(address, count)

    monkeypatch.setattr(unit, "read_holding_registers", lossy)
    connector = build_connector(load_profile("keba_p30"), KEBA_SETTINGS, clock=VirtualClock(), unit=unit)
    assert (await connector.poll()).pilot is Pilot.A


async def test_one_unreadable_value_does_not_spoil_the_reading(keba: Connector, unit: MockModbusUnit) -> None:
    unit.fail_read(1020, IllegalDataAddressError())
    reading = await keba.poll()
    assert reading.power_w is None
    assert reading.register_wh == 123456


def test_the_link_is_asked_for_the_pauses_a_keba_wants(keba: Connector, unit: MockModbusUnit) -> None:
    assert unit.message_spacing == 0.05
    assert unit.required_timeout == 3.0


async def test_an_alfen_reading(alfen: Connector) -> None:
    reading = await alfen.poll()
    assert reading.pilot is Pilot.C
    assert reading.power_w == 11040.0
    assert reading.currents_a == (16.0, 16.0, 16.0)
    assert reading.register_wh == 302806
    assert reading.limit_a == 16.0
    assert reading.enabled is True


async def test_an_alfen_is_read_in_two_blocks(alfen: Connector, unit: MockModbusUnit) -> None:
    await alfen.poll()
    unit.read_events.clear()
    await alfen.poll()
    assert [(read.address, read.count) for read in unit.read_events] == [(306, 72), (1201, 13)]


async def test_a_refused_block_is_split_at_its_largest_holes_and_the_split_is_kept(
    alfen: Connector, unit: MockModbusUnit
) -> None:
    unit.fail_read(330, IllegalDataAddressError())
    reading = await alfen.poll()
    assert (reading.register_wh, reading.power_w) == (302806, 11040.0)
    unit.read_events.clear()
    await alfen.poll()
    assert [(read.address, read.count) for read in unit.read_events] == [(306, 20), (344, 2), (374, 4), (1201, 13)]


async def test_a_phase_triple_is_never_split(alfen: Connector, unit: MockModbusUnit) -> None:
    unit.fail_read(322, IllegalDataAddressError())
    reading = await alfen.poll()
    assert reading.currents_a is None
    assert reading.register_wh == 302806
    assert (320, 6) in {(read.address, read.count) for read in unit.read_events}
    assert not {320, 322, 324} & {read.address for read in unit.read_events if read.count == 2}


async def test_an_alfens_limit_is_its_gate(alfen: Connector, unit: MockModbusUnit) -> None:
    writes = record_writes(unit)
    await alfen.enable(16)
    await alfen.set_limit(0)
    await alfen.set_limit(6)
    await alfen.disable()
    assert writes == [
        (FC16, 1210, [0x4180, 0]),
        (FC16, 1210, [0, 0]),
        (FC16, 1210, [0x40C0, 0]),
        (FC16, 1210, [0, 0]),
    ]


async def test_the_heartbeat_of_an_alfen_refreshes_what_it_was_last_told(
    alfen: Connector, unit: MockModbusUnit
) -> None:
    assert alfen.heartbeat_s == 25
    writes = record_writes(unit)
    await alfen.heartbeat()
    assert writes == []  # nobody told it anything yet
    await alfen.prepare()
    await alfen.heartbeat()
    assert writes == [(FC16, 1210, [0, 0])] * 2
    writes.clear()
    await alfen.enable(16)
    await alfen.heartbeat()
    assert writes == [(FC16, 1210, [0x4180, 0])] * 2


async def test_a_failed_enable_is_not_repeated_by_the_heartbeat_of_an_alfen(
    alfen: Connector, unit: MockModbusUnit
) -> None:
    await alfen.disable()
    unit.fail_write(1210, ModbusTimeoutError())
    with pytest.raises(ConnectorUnreachable):
        await alfen.enable(16)
    unit.fail_write(1210, None)
    writes = record_writes(unit)
    await alfen.poll()
    await alfen.heartbeat()
    assert writes == [(FC16, 1210, [0, 0])]


async def test_an_alfen_that_fell_back_to_its_safe_current_shows_an_open_gate(
    alfen: Connector, unit: MockModbusUnit
) -> None:
    await alfen.disable()
    unit.holding[1206] = [0x40C0, 0]
    assert (await alfen.poll()).enabled is True


async def test_an_alfen_without_mains_voltage_in_either_word_order_is_refused_instead_of_billed(
    alfen: Connector, unit: MockModbusUnit
) -> None:
    unit.holding[306] = [0x0000, 0x0000]
    with pytest.raises(WrongDevice, match="voltage_l1_v"):
        await alfen.poll()


async def test_the_serial_number_of_an_alfen_comes_from_the_station_unit(clock: VirtualClock) -> None:
    link = MockModbusConnection()
    load_alfen(link.for_unit(1))
    link.for_unit(200).holding |= {157: [0x4143, 0x4531, 0x3233, 0, 0, 0, 0, 0, 0, 0, 0]}
    profile, settings = load_profile("alfen_eve"), ConnectorSettings(host="192.0.2.6", max_current_a=32)
    assert modbus_unit_ids(profile, settings) == (1, 200)
    units = {unit_id: link.for_unit(unit_id) for unit_id in (1, 200)}
    alfen = build_connector(profile, settings, clock=clock, unit=units[1], other_units=units)
    assert (await alfen.identify()).serial == "ACE123"
    units[200].fail_requests(ModbusTimeoutError())
    assert (await alfen.identify()).serial is None


async def test_an_alfen_without_its_station_unit_works_without_serial_number(alfen: Connector) -> None:
    assert (await alfen.identify()).serial is None


def test_missing_transports_and_odd_settings_are_named(unit: MockModbusUnit, clock: VirtualClock) -> None:
    with pytest.raises(ValueError, match="unit: profile keba_p30 speaks Modbus"):
        build_connector(load_profile("keba_p30"), KEBA_SETTINGS, clock=clock)
    with pytest.raises(ValueError, match="session: profile goe_http_v2 speaks HTTP"):
        build_connector(load_profile("goe_http_v2"), KEBA_SETTINGS, clock=clock)
    with pytest.raises(ValueError, match="max_current_a: got 5; accepted: 6 or more"):
        build_connector(
            load_profile("keba_p30"), ConnectorSettings(host="192.0.2.5", max_current_a=5), clock=clock, unit=unit
        )
