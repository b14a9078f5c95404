"""What a poll's values say in the words of a stall: a `Reading`, the card on the connector's own reader, the car."""

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
GONE_READINGS = 2
"""One empty reading may be a value that could not be read; two in a row are one that went."""


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


class CarLevel:
    """What the car that is plugged in told of itself, never what a car before it left in the box.

    No source says when a box forgets. So an identifier that is still there without a car is a leftover, which counts
    for nobody until the box has another or none; one seen before any look without a car may be one.
    """

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.forget()

    def forget(self) -> None:
        """The box was away, and cars may have come and gone."""
        self._told: str | None = None
        self._leftover: str | None = None
        self._empty = 0
        self._looked = False
        """It was seen without a car, so what it says of the next one is new."""

    def seen(self, pilot: Pilot, values: Mapping[str, Value]) -> str | None:
        """The identifier of the car that is plugged in now; None while there is none."""
        if "ev_id" not in values or pilot.plugged is None:
            return None
        value = values["ev_id"]
        ev_id = value.upper() if isinstance(value, str) else None
        if not pilot.plugged:
            self._without_a_car(ev_id)
            return None
        self._empty = 0
        if not self._looked or ev_id is None or ev_id == self._leftover:
            return None
        self._told = ev_id
        return ev_id

    def _without_a_car(self, ev_id: str | None) -> None:
        if self._told is not None:
            self._leftover, self._told = self._told, None
        self._empty = 0 if ev_id is not None else self._empty + 1
        if ev_id is not None:
            self._leftover, self._looked = ev_id, True
        elif self._empty >= GONE_READINGS:
            self._leftover, self._looked = None, True


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
    ev_id: str | None = None,
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
        ev_id=ev_id,
        serial=text(known, "serial"),
        fault=rules.fault(profile, known),
    )


def _currents(profile: Profile, values: Mapping[str, Value]) -> tuple[float, float, float] | None:
    """The three currents; a model that has one current transformer has nothing on the others."""
    if CURRENTS[0] not in profile.points:
        return None
    l1, l2, l3 = (rules.number(values, name) if name in profile.points else Decimal(0) for name in CURRENTS)
    return None if l1 is None or l2 is None or l3 is None else (float(l1), float(l2), float(l3))
