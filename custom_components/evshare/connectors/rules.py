"""What values mean: the ordered rules of a profile, and power from volts and amperes. Pure."""

from collections.abc import Mapping
from decimal import Decimal

from ..model import Pilot
from .profile_model import DerivedPower, Predicate, Product, Profile, Rule, Scalar, Value

type Values = Mapping[str, Value]


def passes(test: Predicate, values: Values) -> bool:
    """Whether one test holds. An unreadable point never passes; a list counts as its length."""
    value = values.get(test.point)
    if isinstance(value, tuple):
        value = len(value)
    if value is None:
        return False
    if test.bit is not None:
        return isinstance(value, int) and (value >> test.bit & 1) == test.operand
    match test.op, test.operand:
        case "eq", operand:
            return value == operand
        case "in", tuple(accepted):
            return value in accepted
        case "prefix", tuple(accepted):
            return isinstance(value, str) and value.startswith(tuple(map(str, accepted)))
    if not isinstance(value, int | Decimal) or not isinstance(test.operand, int | Decimal):
        return False
    if test.op == "lt":
        return value < test.operand
    return value > test.operand or (test.op == "ge" and value == test.operand)


def first_answer(rules: tuple[Rule, ...], values: Values) -> Scalar | None:
    """The answer of the first rule whose conditions all hold, None when none does."""
    return next((rule.then for rule in rules if all(passes(test, values) for test in rule.conditions)), None)


def pilot(profile: Profile, values: Values) -> Pilot:
    """The pilot state; X when no rule fits."""
    answer = first_answer(profile.state_rules, values)
    return Pilot(answer) if isinstance(answer, str) else Pilot.X


def enabled(profile: Profile, values: Values) -> bool | None:
    """Whether energy may flow, None when the connector does not tell."""
    answer = first_answer(profile.enabled_rules, values)
    return answer if isinstance(answer, bool) else None


def fault(profile: Profile, values: Values) -> str | None:
    """A short word and the connector's own codes, None without fault."""
    answer = first_answer(profile.fault_rules, values)
    if answer is None:
        return None
    code = values.get("error_code")
    codes = ", ".join(map(str, code)) if isinstance(code, tuple) else str(code or "")
    return f"{answer} {codes[:80]}".strip()


def derived_power(power: DerivedPower, values: Values) -> Decimal | None:
    """Apparent power in VA, taken as W; 0 while the connector's own contactor is open, None if unreadable."""
    closed = values.get(power.when)
    if closed is not True:
        return None if closed is None else Decimal(0)
    half, whole = number(values, power.half_point), number(values, power.half_of)
    if half is not None and whole is not None and abs(half - whole / 2) < power.half_within_v:
        return _product(power.split_phase, values)
    parts = [_product(product, values) for product in power.products]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else None


def _product(product: Product, values: Values) -> Decimal | None:
    volts, amperes = number(values, product.volts), number(values, product.amperes)
    return None if volts is None or amperes is None else volts * amperes


def number(values: Values, name: str) -> Decimal | None:
    """A point as a number, None where it is none."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)
