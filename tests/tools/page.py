"""Writes docs/connectors.md: what every profile says, in tables and words, around the hand-written text of page.md.

What a register's step is, and what a reader makes of a card, are the facts that the scenarios are played with; all
else is taken from the profiles as evshare loads them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from math import log2
from pathlib import Path
from string import Template

from custom_components.evshare.connectors.factory import available_profiles, load_profile, stall_ports
from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.connectors.profile_model import Point, Predicate, Profile, Rule
from custom_components.evshare.connectors.profile_values import NoRegister, Support, Tier
from custom_components.evshare.connectors.reading_plan import Cuts, ReadingPlan
from custom_components.evshare.model import LockQuality, OnLoss
from tests.scenarios.cases import CASES, UID, Case

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "connectors.md"
TEMPLATE = Path(__file__).with_name("page.md")

TRANSPORTS = {
    "modbus_tcp": "Modbus TCP",
    "modbus_rtu": "Modbus RTU (RS485)",
    "modbus_rtu_over_tcp": "Modbus RTU over TCP",
    "modbus_ascii": "Modbus ASCII (RS485)",
    "http_json": "HTTP",
}
SUPPORT = {Support.SUPPORTED: "supported", Support.EXPERIMENTAL: "experimental"}
LOSS = {OnLoss.CLOSED: "closes", OnLoss.HOLDS: "holds", OnLoss.OPENS: "opens"}
LOCK = {
    LockQuality.ENFORCED: "enforced",
    LockQuality.HELD: "held",
    LockQuality.DETECT_AND_BILL: "detect and bill",
    LockQuality.MONITOR: "monitor",
}
NO_REGISTER = {
    NoRegister.MISSING: "it has none",
    NoRegister.APPARENT: "it counts volt-ampere-hours",
    NoRegister.COARSE: "it counts in steps of 100 Wh",
    NoRegister.UNRELIABLE: "what it counts is not reliable",
}
COMPARED = {"eq": "is", "ne": "is not", "lt": "is below", "le": "is at most", "gt": "is above", "ge": "is at least"}
OLD_BOX_WH = 10_000_000
"""Where the step of a floating-point register is looked at: some 50,000 km of one car."""
EMPTY = frozenset({Tier.FAST})
WITH_CAR = frozenset({Tier.FAST, Tier.ACTIVE})


def page() -> str:
    """The whole page."""
    profiles = sorted(map(load_profile, available_profiles()), key=lambda one: (one.name.casefold(), one.id))
    supported = [one for one in profiles if one.support is Support.SUPPORTED]
    others = [one for one in profiles if one.support is not Support.SUPPORTED]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        supported=_table(supported),
        experimental=_table(others),
        losses=_losses(profiles),
        models="\n".join(_model(profile) for profile in profiles).strip(),
        count_supported=len(supported),
        count_experimental=len(others),
    )


def _table(profiles: Iterable[Profile]) -> str:
    heads = ("model", "reached by", "plug", "limit", "gate", "bills in steps of", "cards", "requests per poll")
    return _rows(
        heads,
        (
            (
                f"[{profile.name}](#{profile.id.replace('_', '-')})",
                ", ".join(TRANSPORTS[kind] for kind in profile.transport.kinds),
                _plug(profile),
                _limit(profile),
                _gate(profile),
                _register(profile),
                _cards(profile),
                _requests(profile),
            )
            for profile in profiles
        ),
    )


def _losses(profiles: Iterable[Profile]) -> str:
    heads = ("model", "when Home Assistant is silent", "when it restarts", "when the car leaves", "lock")
    rows = []
    for profile in profiles:
        losses = [_loss(profile, loss) for loss in ("silence", "reboot", "unplug")]
        rows.append((profile.name, *losses, _lock(profile)))
    return _rows(heads, rows)


def _rows(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- cells -----------------------------------------------------------------------------------------------------------


def _plug(profile: Profile) -> str:
    if profile.plug_by_power is None:
        return "itself"
    return f"by power above {profile.plug_by_power.above_w:g} W"


def _limit(profile: Profile) -> str:
    command = profile.set_current
    return "no" if command is None else f"{command.min_a} to {command.max_a} A"


def _gate(profile: Profile) -> str:
    if profile.contactor:
        return "itself, a contactor"
    if "disable" not in profile.commands:
        return "a contactor in front"
    return "itself" if "enable" in profile.commands else "itself, by 0 A"


def _register(profile: Profile) -> str:
    if profile.no_register is not None:
        return f"external meter: {NO_REGISTER[profile.no_register]}"
    points = [profile.points[name] for name in _register_points(profile)]
    steps = {_step(profile, point) for point in points}
    return " and ".join(sorted(steps))


def _register_points(profile: Profile) -> tuple[str, ...]:
    assert profile.register is not None, "asked only where there is one"
    derived = next((one for one in profile.derived if one.name == profile.register), None)
    return (profile.register,) if derived is None else derived.total


def _step(profile: Profile, point: Point) -> str:
    known = _case(profile)
    if not profile.transport.is_modbus:
        return "as it tells" if known is None else f"{known.resolution_wh} Wh"
    scale = point.scale or Decimal(1)
    if point.type.startswith("float"):
        mantissa = {"float32": 24, "float64": 53}[point.type]
        exponent = int(log2(OLD_BOX_WH / float(scale)))
        step_wh = 2.0 ** (exponent + 1 - mantissa) * float(scale)
        return "below 0.1 Wh" if step_wh < 0.1 else f"about {step_wh:.0f} Wh at 10 MWh"
    return f"{scale.normalize():f} Wh"


def _cards(profile: Profile) -> str:
    if not profile.ports.identity:
        return "a reader of Home Assistant"
    known = _case(profile)
    pace_s = max(profile.poll_plugged_s, profile.poll_idle_s)
    how = f"itself, looked for every {pace_s:g} s"
    if known is not None and known.card is not None and len(known.card) < len(UID):
        return f"{how}; first {len(known.card) // 2} bytes only"
    return how


def _requests(profile: Profile) -> str:
    return f"{_count(profile, EMPTY)} without a car, {_count(profile, WITH_CAR)} with one"


def _count(profile: Profile, tiers: frozenset[Tier]) -> str:
    if not profile.transport.is_modbus:
        return str(sum(request.tier in tiers for request in profile.requests))
    fewest = len(ReadingPlan(profile, 1, Cuts()).spans(tiers))
    most = len(ReadingPlan(replace(profile, blocks=()), 1, Cuts()).spans(tiers))
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _loss(profile: Profile, loss: str) -> str:
    answer = LOSS[_leads_to(profile.loss_rules[loss])]
    others = {LOSS[OnLoss(str(rule.then))] for rule in profile.loss_rules[loss]} - {answer}
    if loss == "silence" and profile.ports.session_share:
        answer += ", a session goes on with a safe share"
    return answer + (f" (or {' or '.join(sorted(others))})" if others else "")


def _leads_to(rules: Sequence[Rule]) -> OnLoss:
    return OnLoss(str(rules[-1].then))


def _lock(profile: Profile) -> str:
    quality = LOCK[lock_quality(stall_ports(profile, meter=True))]
    if profile.ports.gate:
        return quality
    held, enforced = (
        LOCK[lock_quality(stall_ports(profile, contactor=True, meter=True, refreshed=refreshed))]
        for refreshed in (False, True)
    )
    return f"{quality}; behind a contactor {held}, kept alive {enforced}"


def _case(profile: Profile) -> Case | None:
    return next((case for case in CASES if case.profile == profile.id), None)


# --- models ----------------------------------------------------------------------------------------------------------


def _model(profile: Profile) -> str:
    lines = [f'<a id="{profile.id.replace("_", "-")}"></a>', f"### {profile.name}", ""]
    facts = [f"`{profile.id}`, {SUPPORT[profile.support]}, {_checked(profile)}."]
    if profile.names:
        facts.append(f"Also sold as {_joined(profile.names, 'and')}.")
    if profile.transport.points_max > 1:
        facts.append(f"One box may have up to {profile.transport.points_max} connectors.")
    lines += [" ".join(facts), ""]
    lines += [f"- Set: {line}" for line in profile.required("en")]
    for loss, when in (
        ("silence", "Home Assistant is silent"),
        ("reboot", "it restarts"),
        ("unplug", "the car leaves"),
    ):
        rules = profile.loss_rules[loss]
        if len(rules) > 1:
            lines.append(f"- When {when}: {_told(rules)}.")
    lines.append(f"- Sources: {'; '.join(profile.sources)}.")
    return "\n".join([*lines, ""])


def _checked(profile: Profile) -> str:
    return "checked against its sources by a test" if profile.checked else "self-consistent only"


def _told(rules: Sequence[Rule]) -> str:
    last = f"as set-up leaves it, {LOSS[_leads_to(rules)]}"
    others = (f"{LOSS[OnLoss(str(rule.then))]} if {_conditions(rule.conditions)}" for rule in rules[:-1])
    return "; ".join([last, *dict.fromkeys(others)])


def _conditions(tests: Iterable[Predicate]) -> str:
    return " and ".join(_test(test) for test in tests)


def _test(test: Predicate) -> str:
    name = f"`{test.point}`" if test.bit is None else f"bit {test.bit} of `{test.point}`"
    if test.op == "missing":
        return f"{name} cannot be read" if test.operand else f"{name} can be read"
    if isinstance(test.operand, tuple):
        word = "begins with" if test.op == "prefix" else "is"
        return f"{name} {word} {_joined([str(one) for one in test.operand], 'or')}"
    operand = str(test.operand).lower() if isinstance(test.operand, bool) else str(test.operand)
    return f"{name} {COMPARED[test.op]} {operand}"


def _joined(words: Sequence[str], last: str) -> str:
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def stale(written: str) -> Iterator[str]:
    """Where the page as it is first differs from the page as it should be."""
    got, wanted = ([*text.splitlines(), "the end"] for text in (written, page()))
    for number, (line, accepted) in enumerate(zip(got, wanted, strict=False), start=1):
        if line != accepted:
            wish = f"{accepted!r}, as `scripts/connectors docs` writes it"
            yield f"docs/connectors.md: line {number}: got {line!r}; accepted: {wish}"
            return
