"""What values mean: the ordered rules of a profile, and values computed from others. Pure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
import operator

from ..model import OnLoss, Pilot
from .profile_model import Derived, Predicate, Product, Profile, Rule
from .profile_values import Scalar, Value

type Values = Mapping[str, Value]

_COMPARISONS: Mapping[str, Callable[[int | Decimal, int | Decimal], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def passes(test: Predicate, values: Values) -> bool:
    """Whether one test holds. An unreadable point passes only `missing`; a list counts as its length."""
    value = values.get(test.point)
    if test.op == "missing":
        return (value is None) == test.operand
    if isinstance(value, tuple):
        value = len(value)
    if value is None:
        return False
    if test.bit is not None:
        return isinstance(value, int) and (value >> test.bit & 1) == test.operand
    match test.op, test.operand:
        case "eq", operand:
            return value == operand
        case "ne", operand:
            return value != operand
        case "in", tuple(accepted):
            return value in accepted
        case "prefix", tuple(accepted):
            return isinstance(value, str) and value.startswith(tuple(map(str, accepted)))
    if isinstance(value, str) or not isinstance(test.operand, int | Decimal):
        return False
    return _COMPARISONS[test.op](value, test.operand)


def first_answer(rules: tuple[Rule, ...], values: Values) -> Scalar | None:
    """The answer of the first rule whose conditions all hold, None when none does."""
    for rule in rules:
        for test in rule.conditions:
            if not passes(test, values):
                break
        else:
            return rule.then
    return None


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


def loss(rules: tuple[Rule, ...], values: Values) -> OnLoss:
    """What happens on a loss; its last rule has no condition."""
    answer = first_answer(rules, values)
    return OnLoss(answer) if isinstance(answer, str) else OnLoss.OPENS


def derive(derived: tuple[Derived, ...], values: Values) -> dict[str, Value]:
    """Values computed from the points that were just read, in the order declared; None where one is unreadable.

    What needs a point that was not read this time is not computed.
    """
    known: dict[str, Value] = dict(values)
    found: dict[str, Value] = {}
    for one in derived:
        if known.keys() >= one.needs:
            found[one.name] = known[one.name] = _derived(one, known)
    return found


def _derived(one: Derived, values: Values) -> Value:
    if one.when is not None:
        holds = values.get(one.when)
        if holds is not True:
            return None if holds is None else Decimal(0)
    if one.first_of:
        return next((value for name in one.first_of if (value := values.get(name)) is not None), None)
    if one.total:
        return _total([number(values, name) for name in one.total])
    split = one.split_phase
    if split is not None:
        half, whole = number(values, split.half_point), number(values, split.half_of)
        if half is not None and whole is not None and abs(half - whole / 2) < split.half_within_v:
            return _product(split.product, values)
    return _total([_product(product, values) for product in one.products])


def _total(parts: list[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else None


def _product(product: Product, values: Values) -> Decimal | None:
    volts = product.volts if isinstance(product.volts, Decimal) else number(values, product.volts)
    amperes = number(values, product.amperes)
    return None if volts is None or amperes is None else volts * amperes


def number(values: Values, name: str) -> Decimal | None:
    """A point as a number, None where it is none."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)
