"""What a poll's values say in the words of a stall: a `Reading`, and the card on the connector's own reader."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from ..model import Pilot, Reading
from . import rules
from .decode import floor_wh
from .profile_model import Profile
from .profile_values import Value

CURRENTS = ("current_l1_a", "current_l2_a", "current_l3_a")
CARD_SHOWN_POLLS = 1.5
"""A card that was shown this many polls ago is seen by one of them, however they lie."""


class CardLevel:
    """The card on the reader, as a level; where the box says when it was shown, only while that is new."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._stamp: Value = None

    def seen(self, profile: Profile, values: Mapping[str, Value]) -> str | None:
        """The card's number in upper case, None without one or for one that was shown before."""
        card = values.get("rfid_uid")
        if "rfid_age_ms" in profile.points:
            age_ms = rules.number(values, "rfid_age_ms")
            pace_s = max(profile.poll_plugged_s, profile.poll_idle_s)
            if age_ms is None or age_ms > 1000 * CARD_SHOWN_POLLS * pace_s:
                return None
        if "rfid_stamp" in profile.points:
            stamp = values.get("rfid_stamp")
            known, self._stamp = self._stamp, stamp
            if stamp is None or known in (None, stamp):
                return None
        return card.upper() if isinstance(card, str) else None


def text(values: Mapping[str, Value], name: str) -> str | None:
    """A point as a text, None where it is none."""
    value = values.get(name)
    return None if value is None or isinstance(value, tuple) else str(value)


def reading(
    profile: Profile,
    values: Mapping[str, Value],
    known: Mapping[str, Value],
    *,
    pilot: Pilot,
    at: datetime,
    mono_s: float,
    enabled: bool | None,
    gate_read: bool,
    card: str | None,
) -> Reading:
    """What this poll saw (`values`). Faults, limit and serial number are kept from the poll that last read them."""
    # Without a car power may not be read every time, and does not change.
    power = rules.number(known if pilot.plugged is False else values, "power_w")
    limit = rules.number(values if "limit_a" in values else known, "limit_a")
    return Reading(
        at=at,
        mono_s=mono_s,
        pilot=pilot,
        power_w=None if power is None else float(power),
        currents_a=_currents(profile, values),
        register_wh=None if profile.register is None else floor_wh(values.get(profile.register)),
        session_wh=floor_wh(values.get("energy_session_wh")),
        limit_a=None if limit is None else float(limit),
        enabled=enabled,
        gate_read=gate_read,
        card_uid=card,
        serial=text(known, "serial"),
        fault=rules.fault(profile, known),
    )


def _currents(profile: Profile, values: Mapping[str, Value]) -> tuple[float, float, float] | None:
    """The three currents; a model that has one current transformer has nothing on the others."""
    if CURRENTS[0] not in profile.points:
        return None
    l1, l2, l3 = (rules.number(values, name) if name in profile.points else Decimal(0) for name in CURRENTS)
    return None if l1 is None or l2 is None or l3 is None else (float(l1), float(l2), float(l3))
