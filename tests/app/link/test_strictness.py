"""What is not exactly a message is refused by name, whatever it is."""

from contextlib import suppress
import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
import pytest

from evshare_app.link.fields import BadMessage
from evshare_app.link.parsing import UnsupportedVersion, parse

GOLDEN = Path(__file__).parents[2] / "golden" / "link"
SENT = ("building", "records", "live", "answer_ok", "answer_denied", "tell_office_ticket")
SENT_2 = ("building_2", "records_2", "live_2", "tell_cards", "records_3")


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def refusal(message: Any) -> str:
    with pytest.raises(BadMessage) as caught:
        parse(json.dumps(message), speaking=message.get("v", 1))
    return str(caught.value)


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5])
def test_another_version_is_unsupported(version: object) -> None:
    with pytest.raises(UnsupportedVersion):
        parse(json.dumps(golden("live") | {"v": version}), speaking=1)


def test_an_unknown_type_is_named() -> None:
    assert refusal({"v": 1, "type": "shutdown"}).startswith("type: got 'shutdown', accepted is hello, building")


@pytest.mark.parametrize("name", SENT)
def test_every_missing_field_is_named(name: str) -> None:
    for field in golden(name):
        message = golden(name)
        del message[field]
        assert refusal(message).startswith(f"{field}: ")


@pytest.mark.parametrize("name", SENT + SENT_2)
def test_an_unknown_field_is_named(name: str) -> None:
    assert refusal(golden(name) | {"colour": "red"}) == "colour: got 'red', accepted is no such field"


def test_every_missing_field_of_a_record_is_named_with_its_place() -> None:
    for place, record in enumerate(golden("records")["records"]):
        for field in record["body"]:
            message = golden("records")
            del message["records"][place]["body"][field]
            assert refusal(message).startswith(f"{record['kind']}.body.{field}: ")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("records", 3, "body", "register_end_wh"), 1, "slice.body.register_end_wh: got 1, accepted is at least"),
        (("records", 3, "body", "register_end_wh"), 1.5, "slice.body.register_end_wh: got 1.5"),
        (("records", 3, "body", "charging_s"), -1, "slice.body.charging_s: got -1"),
        (("records", 3, "body", "estimated"), 1, "slice.body.estimated: got 1, accepted is true or false"),
        (("records", 3, "body", "end"), "2026-06-29T20:15:00+02:00", "slice.body.end: got"),
        (("records", 3, "body", "end"), "2026-06-29T18:00:00Z", "slice.body.end: got"),
        (("records", 2, "seq"), 9, "records[2].seq: got 9, accepted is 3"),
        (("records", 1, "body", "session_id"), "x" * 65, "session_authorised.body.session_id: got"),
        (("records", 1, "body", "mode"), "\ud800", "session_authorised.body.mode: got"),
        (("records", 1, "kind"), "invented", "records[1].kind: got 'invented', accepted is session_authorised"),
    ],
)
def test_a_field_that_cannot_be_is_named(path: tuple[str | int, ...], value: object, said: str) -> None:
    message = golden("records")
    inner = message
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert refusal(message).startswith(said)


PRICE = {"name": "Market", "price": "0.28", "estimated": False}


@pytest.mark.parametrize(
    ("place", "field", "value", "said"),
    [
        (6, "prices", ["0.28"], "building_slice.body.prices[0]: got '0.28', accepted is an object"),
        (6, "prices", [PRICE] * 2, "building_slice.body.prices: got ['Market', 'Market'], accepted is each name once"),
        (
            6,
            "prices",
            [PRICE | {"price": 0.2814}],
            "building_slice.body.prices[0].price: got 0.2814, accepted is a text",
        ),
        (
            6,
            "prices",
            [PRICE | {"price": "0,28"}],
            "building_slice.body.prices[0].price: got '0,28', accepted is a deci",
        ),
        (
            6,
            "prices",
            [PRICE | {"price": "1e3"}],
            "building_slice.body.prices[0].price: got '1e3', accepted is a decimal",
        ),
        (
            6,
            "prices",
            [PRICE | {"price": "NaN"}],
            "building_slice.body.prices[0].price: got 'NaN', accepted is a decimal",
        ),
        (
            6,
            "prices",
            [PRICE | {"name": ""}],
            "building_slice.body.prices[0].name: got '', accepted is a text of 1 to 64",
        ),
        (6, "prices", [PRICE | {"unit": "EUR"}], "building_slice.body.prices[0].unit: got 'EUR', accepted is no such"),
        (6, "price", "0.28", "building_slice.body.price: got '0.28', accepted is no such field"),
        (6, "battery_in_wh", -1, "building_slice.body.battery_in_wh: got -1, accepted is an integer >= 0"),
        (6, "estimated", ["sun"], "building_slice.body.estimated: got ['sun'], accepted is true, false, or a list of"),
        (6, "estimated", 1, "building_slice.body.estimated: got 1, accepted is true"),
        (6, "estimated", [[]], "building_slice.body.estimated: got [[]], accepted is true"),
        (7, "text", "", "signed_value.body.text: got '', accepted is a text of 1 to 8000 characters"),
        (7, "text", "x" * 8001, "signed_value.body.text: got 'xxx"),
        (7, "text", "OCMF\0", "signed_value.body.text: got 'OCMF\\x00', accepted is a text without null"),
        (7, "text", "\ud800", "signed_value.body.text: got '\\ud800', accepted is a text without"),
        (7, "public_key", "", "signed_value.body.public_key: got ''"),
        (7, "format", "a\nb", "signed_value.body.format: got 'a\\nb'"),
    ],
)
def test_a_field_of_version_3_that_cannot_be_is_named(place: int, field: str, value: object, said: str) -> None:
    message = golden("records_3")
    message["records"][place]["body"][field] = value
    assert refusal(message).startswith(said)


@pytest.mark.parametrize("place", [0, 1])
def test_every_missing_field_of_a_card_is_named(place: int) -> None:
    for field in golden("tell_cards")["body"]["cards"][place]:
        message = golden("tell_cards")
        del message["body"]["cards"][place][field]
        assert refusal(message).startswith(f"body.cards[{place}].{field}: ")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("cards", 0, "quiet"), {"from": "23:00", "to": "24:00"}, "body.cards[0].quiet.to: got '24:00'"),
        (("cards", 0, "quiet"), {"from": "23:00"}, "body.cards[0].quiet.to: got None"),
        (("cards", 1, "card_id"), "ca2d000000000001", "body.cards: got ["),
        (("cards", 1, "number"), "04A1B2C3", "body.cards[1].number: got '04A1B2C3', accepted is no such field"),
        (("unknown", 0, "tail"), "04A1B2C3", "body.unknown[0].tail: got"),
        (("unknown", 0, "tail"), "zz", "body.unknown[0].tail: got 'zz', accepted is two hex digits"),
        (("unknown", 0, "times"), 0, "body.unknown[0].times: got 0"),
    ],
)
def test_cards_that_cannot_be_are_named(path: tuple[str | int, ...], value: object, said: str) -> None:
    message = golden("tell_cards")
    inner = message["body"]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert refusal(message).startswith(said)


def test_credential_kinds_and_reasons_of_a_later_integration_are_taken() -> None:
    message = golden("records_2")
    message["records"][1]["body"]["credential_kind"] = "iris_scan"
    message["records"][4]["body"]["stop_reason"] = "full_moon"
    message["records"][5]["body"]["reason"] = "wrong_shoes"
    parse(json.dumps(message), speaking=2)


def test_a_stall_named_twice_is_refused() -> None:
    message = golden("building")
    message["building"]["stalls"] *= 2
    assert "accepted is each id once" in refusal(message)


@pytest.mark.parametrize("time_zone", ["Berlin", "../../etc/passwd", ""])
def test_a_time_zone_that_is_none_is_refused(time_zone: str) -> None:
    message = golden("building")
    message["building"]["time_zone"] = time_zone
    assert refusal(message).startswith("building.time_zone: ")


@pytest.mark.parametrize("frame", ["", "nonsense", "[]", "1", "null", '{"v": NaN}', "[" * 100_000])
def test_what_is_no_object_is_refused(frame: str) -> None:
    with pytest.raises(BadMessage):
        parse(frame, speaking=1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


@given(data=st.data())
def test_a_message_spoilt_anywhere_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SENT + SENT_2))
    message = {"message": golden(name)}
    path = data.draw(st.sampled_from(places(message)[1:]))
    spoilt: Any = copy.deepcopy(message)
    inner = spoilt
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = data.draw(JSON)
    with suppress(BadMessage):
        parse(json.dumps(spoilt["message"]), speaking=2 if name in SENT_2 else 1)


@pytest.mark.parametrize("said", [None, "Market", [""], [1], ["x" * 65], ["a\nb"], ["Market"] * 2, list("abcdefghi")])
def test_names_of_prices_that_cannot_be_are_refused(said: object) -> None:
    message = golden("building_3")
    message["building"]["price_series"] = said
    if said is None:  # is as if nothing was said
        assert parse(json.dumps(message), speaking=3)
    else:
        assert refusal(message).startswith("building.price_series: got ")
