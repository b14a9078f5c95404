"""Checks on single keys of a profile file, for voluptuous: each refusal says what came and what is accepted."""

from collections.abc import Callable, Mapping
from decimal import Decimal
import re
from typing import Any

import voluptuous as vol

from .expression import bits
from .profile_model import Predicate, Product, Rule
from .profile_values import Scalar

_PATH_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")

type Check = Callable[[Any], Any]
type Keys = dict[vol.Marker, object]


def refusal(got: object, accepted: str) -> vol.Invalid:
    """The one form of a refusal."""
    return vol.Invalid(f"got {got!r}; accepted: {accepted}")


def mapping(schema: Keys) -> Check:
    """A mapping with exactly these keys."""
    compiled = vol.Schema(schema)
    accepted = ", ".join(str(key) for key in schema)

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise refusal(value, f"a mapping with {accepted}")
        for key in value:
            if key not in schema:
                raise vol.Invalid(f"unknown key; accepted: {accepted}", path=[key])
        for key in schema:
            if isinstance(key, vol.Required) and str(key) not in value:
                raise vol.Invalid("missing; it is required", path=[str(key)])
        return compiled(value)

    return check


def one_of(*accepted: str | int) -> Check:
    """One of these words or numbers."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or value not in accepted:
            raise refusal(value, ", ".join(map(str, accepted)))
        return value

    return check


def whole(low: int, high: int) -> Check:
    """A whole number from low to high."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise refusal(value, f"a whole number from {low} to {high}")
        return value

    return check


def number(low: float, high: float) -> Check:
    """A number from low to high, made an exact decimal."""

    def check(value: Any) -> Decimal:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise refusal(value, f"a number from {low} to {high}")
        return Decimal(str(value))

    return check


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise refusal(value, "a text that is not empty")
    return value


_SAID = mapping({vol.Required("en"): text, vol.Optional("de"): text})


def said(value: Any) -> Mapping[str, str]:
    """A sentence for people by language: `en`, and `de` where it was translated; a bare text is English."""
    return _SAID(value) if isinstance(value, dict) else {"en": text(value)}


def truth(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise refusal(value, "true or false")
    return value


def scalar(value: Any) -> Scalar:
    """True, false, a number or a text."""
    if isinstance(value, float):
        return Decimal(str(value))
    if not isinstance(value, bool | int | str):
        raise refusal(value, "true, false, a number or a text")
    return value


def listed(item: Check, *, single: bool = False) -> Check:
    """A list of `item`, as a tuple; with `single`, one item may stand without its list."""
    many = vol.Schema([item])

    def check(value: Any) -> tuple[Any, ...]:
        if isinstance(value, list):
            return tuple(many(value))
        if not single:
            raise refusal(value, "a list")
        return (item(value),)

    return check


def expression(value: Any) -> Callable[[int], int]:
    """Bits of ``raw``."""
    try:
        return bits(text(value))
    except ValueError as error:
        raise vol.Invalid(str(error)) from error


def json_path(value: Any) -> tuple[str | int, ...]:
    """``nrg[11]`` or ``evse.state`` as the keys and places to walk."""
    parts = [(match[1], match[2]) for match in _PATH_PART.finditer(text(value))]
    again = "".join(f"[{place}]" if place else f".{key}" for key, place in parts).removeprefix(".")
    if again != value:
        raise refusal(value, "keys joined by dots, places as [n], like nrg[11]")
    return tuple(int(place) if place else key for key, place in parts)


def url_path(value: Any) -> str:
    """A path on the connector itself."""
    if not text(value).startswith("/") or value.startswith("//"):
        raise refusal(value, "a path that starts with one /")
    return str(value)


def format_text(value: Any) -> str:
    """``byte3.byte2.byte1``: bytes of an integer as a version."""
    if not re.fullmatch(r"byte[0-7](\.byte[0-7])*", text(value)):
        raise refusal(value, "bytes joined by dots, like byte3.byte2.byte1")
    return str(value)


_OPERANDS: dict[str, Check] = {
    "eq": scalar,
    "ne": scalar,
    "in": listed(scalar),
    "lt": number(-1e12, 1e12),
    "le": number(-1e12, 1e12),
    "gt": number(-1e12, 1e12),
    "ge": number(-1e12, 1e12),
    "prefix": listed(text),
    "missing": truth,
}


def _one_test(value: dict[str, Any]) -> Predicate:
    tests = [key for key in _OPERANDS if key in value]
    if len(tests) != 1:
        raise refusal(tests, f"exactly one of {', '.join(_OPERANDS)}")
    if "bit" in value and (tests[0] != "eq" or value["eq"] not in (0, 1)):
        raise vol.Invalid("a bit is tested with eq: 0 or eq: 1", path=["bit"])
    return Predicate(point=value["point"], op=tests[0], operand=value[tests[0]], bit=value.get("bit"))


PREDICATE: Check = vol.All(
    mapping(
        {
            vol.Required("point"): text,
            vol.Optional("bit"): whole(0, 63),
            **{vol.Optional(key): check for key, check in _OPERANDS.items()},
        }
    ),
    _one_test,
)


def rules(then: Check) -> Check:
    """An ordered list of rules whose answers pass `then`."""
    return listed(
        vol.All(
            mapping({vol.Optional("if"): listed(PREDICATE, single=True), vol.Required("then"): then}),
            lambda value: Rule(conditions=value.get("if", ()), then=value["then"]),
        )
    )


def product(value: Any) -> Product:
    """Volts, of a point or nominal, and the point with the amperes."""
    if not isinstance(value, list) or len(value) != 2:
        raise refusal(value, "[volts, amperes]: a point or a number, and a point")
    nominal = isinstance(value[0], int)
    return Product(volts=number(90, 480)(value[0]) if nominal else text(value[0]), amperes=text(value[1]))
