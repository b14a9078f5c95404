"""What the keys of a profile must agree on: every point that is spoken of exists, and what opens also closes."""

from collections.abc import Sequence

from .profile_model import Predicate, Profile, Variant
from .profile_values import Tier


class Refused(Exception):
    """A contradiction between keys; the message lacks only the file."""


def check_names(profile: Profile) -> None:
    """Refuse a profile that speaks of points it does not have, or whose ports are half."""
    known = {*profile.points, *(one.name for one in profile.derived)}
    for key, name in _spoken(profile):
        if name not in known:
            raise Refused(f"{key}: got point {name!r}; accepted: {', '.join(sorted(known))}")
    if (profile.set_current is not None or "enable" in profile.commands) and "disable" not in profile.commands:
        raise Refused("commands.disable: missing; what opens must also close")
    if bool(profile.state_rules) == (profile.plug_by_power is not None):
        raise Refused("state_rules: accepted: either these or plug_by_power")
    if (profile.register is None) != (profile.no_register is not None):
        raise Refused("no_register: accepted: the reason, where register is none, and only there")
    if ("recover" in profile.commands) != bool(profile.recover_when):
        raise Refused("recover_when: accepted: together with commands.recover, and only there")
    if "rfid_uid" in profile.points and profile.points["rfid_uid"].tier is not Tier.FAST:
        # A card that is not looked for looks gone, and the last session's would be a new one the next time.
        raise Refused(f"points.rfid_uid.tier: got {profile.points['rfid_uid'].tier}; accepted: fast")
    if "ev_id" in profile.points and profile.points["ev_id"].tier not in (Tier.FAST, Tier.ACTIVE):
        # One that is read seldom may be of the car before.
        raise Refused(f"points.ev_id.tier: got {profile.points['ev_id'].tier}; accepted: fast, active")
    for one in profile.derived:
        tiers = {profile.points[name].tier for name in one.needs if name in profile.points}
        if len(tiers) > 1:
            raise Refused(f"derived.{one.name}: got points of {', '.join(sorted(tiers))}; accepted: all of one tier")
    slowest_s = max(profile.poll_charging_s, profile.poll_plugged_s, profile.poll_idle_s)
    if profile.heartbeat is not None and profile.heartbeat.command is None and slowest_s > profile.heartbeat.every_s:
        raise Refused(f"polling: got {slowest_s} s; accepted: heartbeat.every_s at most, as requests are its heartbeat")
    if profile.heartbeat is not None and profile.heartbeat.of is not None and profile.heartbeat.of not in known:
        raise Refused(f"heartbeat.of: got point {profile.heartbeat.of!r}; accepted: {', '.join(sorted(known))}")


def check_variants(profile: Profile, variants: Sequence[Variant]) -> None:
    """Refuse variants that ask for points which are not read at first contact."""
    for index, variant in enumerate(variants):
        for test in variant.conditions:
            point = profile.points.get(test.point)
            if point is None or point.tier not in (Tier.ONCE, Tier.FAST):
                raise Refused(f"variants.{index}.if: got point {test.point!r}; accepted: points of tier once or fast")


def _spoken(profile: Profile) -> list[tuple[str, str]]:
    spoken: list[tuple[str, str]] = [*_tests("expect", profile.expect), *_tests("recover_when", profile.recover_when)]
    for key in ("state_rules", "enabled_rules", "fault_rules"):
        for rule in getattr(profile, key):
            spoken += _tests(key, rule.conditions)
    for loss, rules in profile.loss_rules.items():
        for rule in rules:
            spoken += _tests(f"on_{loss}", rule.conditions)
    for name, command in profile.commands.items():
        spoken += [(f"commands.{name}.unless", step.unless.point) for step in command.steps if step.unless]
    if profile.set_current is not None and profile.set_current.skip_if_reads is not None:
        spoken.append(("commands.set_current.skip_if_reads", profile.set_current.skip_if_reads))
    for one in profile.derived:
        spoken += [(f"derived.{one.name}", name) for name in sorted(one.needs)]
    return spoken


def _tests(key: str, tests: tuple[Predicate, ...]) -> list[tuple[str, str]]:
    return [(key, test.point) for test in tests]
