"""The building and its stalls as the app sees them: the `building` and `live` parts of docs/link.md."""

from collections.abc import Mapping, Set

from ..building.stall import RunningStall
from ..journal import rfc3339
from ..model import Building, LockQuality, StallId
from .frames import Frame


def described(
    building: Building, lock_qualities: Mapping[StallId, LockQuality], card_readers: Set[StallId] = frozenset()
) -> Frame:
    """Return the building with its stalls and residents. A stall that is not looked at yet locks as planned.

    `card_readers`: the stalls where a card can be shown.
    """
    return {
        "id": building.id,
        "name": building.name,
        "currency": building.currency,
        "time_zone": building.time_zone,
        "fuse_a": building.fuse_a,
        "stalls": [
            {
                "id": stall.id,
                "name": stall.name,
                "connector": stall.connector,
                "max_current_a": stall.max_current_a,
                "phases": len(stall.phase_map),
                "lock_quality": lock_qualities.get(stall.id, stall.lock_quality).value,
                "billable": stall.billable,
                "card_reader": stall.id in card_readers,
            }
            for stall in building.stalls
        ],
        "residents": [
            {
                "id": resident.id,
                "name": resident.name,
                "ha_user_id": resident.ha_user_id,
                "blocked": resident.blocked,
            }
            for resident in building.residents
        ],
        "price_series": list(building.price_series),
    }


def live_stall(stall: RunningStall) -> Frame:
    """Return a stall as it is now."""
    state = stall.state
    session, reading = state.session, state.reading
    power_w = reading.power_w if state.online and reading is not None else None
    return {
        "stall_id": state.config.id,
        "status": state.status.value,
        "plugged": state.plugged,
        "plug_epoch": state.plug_epoch,
        "plugged_at": None if state.plugged_at is None else rfc3339(state.plugged_at),
        "power_w": round(power_w or 0),
        "offered_a": state.offered_a,
        "limit_reason": state.limit_reason.value,
        "session": None
        if session is None
        else {
            "session_id": session.id,
            "resident_id": session.resident_id,
            "mode": session.mode.value,
            "authorised_at": rfc3339(session.authorised_at),
            "started_at": None if session.started_at is None else rfc3339(session.started_at),
            "energy_wh": session.energy_wh,
            "credential_kind": session.credential.kind.value,
            "credential_id": session.credential.recorded_id,
            "cap_wh": session.cap_wh,
        },
    }
