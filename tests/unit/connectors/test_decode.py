"""Registers and JSON become values; expected values are worked out by hand from the connector reference."""

import contextlib
from decimal import Decimal
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import pytest

from custom_components.evshare.connectors.decode import (
    CutOff,
    Unreadable,
    decode_json,
    decode_registers,
    encode_registers,
    floor_wh,
    parse_body,
)
from custom_components.evshare.connectors.profile import load_profile
from custom_components.evshare.connectors.profile_model import Point
from custom_components.evshare.connectors.profile_values import Tier, WordOrder

KEBA = load_profile("keba_p30").points
ALFEN = load_profile("alfen_eve").points
GOE = load_profile("goe_http_v2").points


def point(**facts: Any) -> Point:
    return Point(name="value", tier=Tier.FAST, **facts)


@pytest.mark.parametrize(
    ("name", "registers", "value"),
    [
        ("status_raw", [0, 3], 3),
        ("cable", [0, 7], 7),
        ("power_w", [168, 29952], Decimal("11040.000")),  # 168 * 65536 + 29952 = 11 040 000 mW
        ("current_l1_a", [0, 16000], Decimal(16)),  # 16 000 mA
        ("energy_total_wh", [18, 54919], Decimal("123456.7")),  # 18 * 65536 + 54919 = 1 234 567 tenths of a Wh
        ("energy_total_wh", [0xFFFF, 0xFFFF], Decimal("429496729.5")),
        ("serial", [268, 55652], 17619300),
        ("firmware", [0x030A, 0x1000], "3.10.16"),
        ("rfid_uid", [0x04A2, 0xB3C4], "04A2B3C4"),
        ("rfid_uid", [0, 0], None),
    ],
)
def test_keba_registers(name: str, registers: list[int], value: object) -> None:
    assert decode_registers(KEBA[name], registers) == value


@pytest.mark.parametrize(
    ("name", "registers", "value"),
    [
        ("energy_total_wh", [0x4112, 0x7B58, 0, 0], 302806),  # the bus trace 41 12 7B 58 00 00 00 00
        ("voltage_l1_v", [0x4366, 0x0000], 230),
        ("power_w", [0x462C, 0x8000], 11040),
        ("power_w", [0x7FC0, 0x0000], None),  # NaN
        ("power_w", [0x7F80, 0x0000], None),  # infinity
        ("status_raw", [0x4332, 0, 0, 0, 0], "C2"),
        ("status_raw", [0x4200, 0x2020, 0, 0, 0], "B"),
        ("status_raw", [0, 0, 0, 0, 0], None),
    ],
)
def test_alfen_registers(name: str, registers: list[int], value: object) -> None:
    assert decode_registers(ALFEN[name], registers) == value


@pytest.mark.parametrize(
    ("facts", "registers", "value"),
    [
        ({"type": "uint32", "words": 2, "word_order": WordOrder.LITTLE}, [0x0002, 0x0001], 0x00010002),
        ({"type": "float32", "words": 2, "word_order": WordOrder.LITTLE}, [0x0000, 0x4366], 230),
        ({"type": "int16"}, [0xFFFF], -1),
        ({"type": "int32", "words": 2}, [0xFFFF, 0xFFFE], -2),
        ({"type": "uint64", "words": 4}, [0, 1, 0, 0], 2**32),
        ({"type": "uint32", "words": 2, "null_value": 0xFFFFFFFF}, [0xFFFF, 0xFFFF], None),
        ({"type": "uint16", "value_map": {0: 1, 1: 3}}, [1], 3),
        ({"type": "uint16", "value_map": {0: 1, 1: 3}}, [7], None),
        ({"type": "uint16", "extract": lambda raw: raw >> 8}, [0x1234], 0x12),
    ],
)
def test_what_a_point_may_ask_for(facts: dict[str, Any], registers: list[int], value: object) -> None:
    assert decode_registers(point(**facts), registers) == value


def test_a_wrong_number_of_registers_is_an_error() -> None:
    with pytest.raises(ValueError, match="status_raw: got 1 registers; accepted: 2"):
        decode_registers(KEBA["status_raw"], [3])


@given(tenths=st.integers(0, 2**32 - 1))
def test_a_keba_register_is_floored_to_the_watt_hour_without_any_rounding_error(tenths: int) -> None:
    value = decode_registers(KEBA["energy_total_wh"], [tenths >> 16, tenths & 0xFFFF])
    assert floor_wh(value) == tenths // 10


@given(energy_wh=st.integers(0, 10**12))
def test_a_whole_float64_register_is_itself(energy_wh: int) -> None:
    registers = list(struct.unpack(">4H", struct.pack(">d", energy_wh)))
    assert floor_wh(decode_registers(ALFEN["energy_total_wh"], registers)) == energy_wh


@pytest.mark.parametrize(
    ("value", "energy_wh"),
    [
        (Decimal("8123.999"), 8123),
        (0, 0),
        (Decimal(-1), None),
        (True, None),
        ("12", None),
        (None, None),
        (Decimal("1e300"), None),
    ],
)
def test_only_a_sane_number_is_an_energy(value: Any, energy_wh: int | None) -> None:
    assert floor_wh(value) == energy_wh


@pytest.mark.parametrize(
    ("kind", "value", "registers"),
    [
        ("uint16", 16000, [16000]),
        ("float32", 16, [0x4180, 0x0000]),
        ("float32", Decimal(0), [0, 0]),
        ("float32", 6, [0x40C0, 0x0000]),
        ("uint32", 65537, [1, 1]),
    ],
)
def test_numbers_become_registers(kind: str, value: Any, registers: list[int]) -> None:
    assert encode_registers(kind, value) == registers


def test_a_number_too_large_for_its_registers_is_refused() -> None:
    with pytest.raises(ValueError, match="got 70000; accepted: what fits uint16"):
        encode_registers("uint16", 70000)


FIXUPS = ("nan_to_null", "append_missing_brace")


def test_the_broken_tesla_body_is_repaired() -> None:
    body = '{"contactor_cycles":1204,"avg_startup_temp":nan,"energy_wh":5321457,"uptime_s":9913'
    assert parse_body(body, FIXUPS) == {
        "contactor_cycles": 1204,
        "avg_startup_temp": None,
        "energy_wh": 5321457,
        "uptime_s": 9913,
    }


@pytest.mark.parametrize("nan", ["nan", "NaN", "-nan", "  NAN"])
def test_a_bare_nan_is_null(nan: str) -> None:
    assert parse_body(f'{{"a":{nan},"b":[{nan},1]}}', FIXUPS) == {"a": None, "b": [None, 1]}


def test_repairs_are_made_only_where_the_profile_asks_for_them() -> None:
    with pytest.raises(CutOff):
        parse_body('{"a":1')
    with pytest.raises(Unreadable):
        parse_body('{"a":nan}')


@pytest.mark.parametrize("body", ['{"a":1,"b', '{"a":"half', '{"a":1,', '{"a":{"b":1'])
def test_a_body_that_stops_too_early_is_cut_off(body: str) -> None:
    with pytest.raises(CutOff):
        parse_body(body, FIXUPS)


@pytest.mark.parametrize("body", ["", "<html>router</html>", "[1 2]", '{"a" 1}', "nan", '{"a":' * 100_000])
def test_garbage_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        parse_body(body, FIXUPS)


@given(body=st.text())
def test_no_text_breaks_the_parser(body: str) -> None:
    with contextlib.suppress(Unreadable):
        parse_body("{" + body, FIXUPS)


def test_numbers_of_insane_size_are_nothing() -> None:
    body = parse_body('{"a":1e999999999,"b":' + "9" * 5000 + ',"c":1e-999999999,"d":Infinity}')
    assert body == {"a": None, "b": None, "c": None, "d": None}


def test_go_e_values_are_taken_out_of_the_nrg_array() -> None:
    body = parse_body('{"nrg":[231,230,232,2,15.9,16.0,15.8,3673,3680,3666,0,11019.4,99,99,99,0],"eto":123456.789}')
    assert decode_json(GOE["current_l1_a"], body) == Decimal("15.9")
    assert decode_json(GOE["current_l3_a"], body) == Decimal("15.8")
    assert decode_json(GOE["power_w"], body) == Decimal("11019.4")
    assert floor_wh(decode_json(GOE["energy_total_wh"], body)) == 123456


@pytest.mark.parametrize("body", ["{}", '{"nrg":null}', '{"nrg":[1,2]}', '{"nrg":{"11":5}}', '{"nrg":"text"}'])
def test_a_path_that_leads_nowhere_is_none(body: str) -> None:
    assert decode_json(GOE["power_w"], parse_body(body)) is None


def test_json_texts_are_stripped_of_what_the_point_names() -> None:
    card = point(request="tags", path=(0, "tag_id"), strip=":")
    assert decode_json(card, {}) is None
    named = point(request="st", path=("tag",), strip=":")
    assert decode_json(named, {"tag": "04:A2:B3 "}) == "04A2B3"
