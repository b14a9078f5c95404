"""A stall as JSON, and back.

The monotonic clock starts anywhere after a restart, so its times are stored as ages: seconds before the snapshot.
On the way back the wall clock says how long the stall was away. If the wall clock went back meanwhile (a box without
battery-backed clock), nobody knows; then it counts as a day, so that open windows are shut rather than stretched.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..metering import MeterState, OpenSlice, Sample
from ..model import (
    ChargeMode,
    Credential,
    CredentialKind,
    EpochReason,
    LimitReason,
    MeterEpoch,
    Moment,
    ResidentId,
    Session,
    SessionId,
    StallConfig,
    StopReason,
)
from .stall import initial
from .state import StallState

FORMAT = 1
UNKNOWN_AWAY_S = 86_400.0


def snapshot(state: StallState) -> dict[str, object]:
    """Everything but settings and the last reading, as values `json.dumps` takes."""
    now_s = state.clock.mono_s

    def age(mono_s: float | None) -> float | None:
        return None if mono_s is None else now_s - mono_s

    return {
        "format": FORMAT,
        "at": state.clock.at.isoformat(),
        "read_age_s": age(state.read_mono_s),
        "plugged": state.plugged,
        "plug_epoch": state.plug_epoch,
        "plugged_at": None if state.plugged_at is None else state.plugged_at.isoformat(),
        "plugged_age_s": age(state.plugged_mono_s),
        "session": None if state.session is None else _session_out(state.session),
        "armed_age_s": age(state.armed_until_mono_s),
        "stopping_age_s": age(state.stopping_since_mono_s),
        "finished_on_epoch": state.finished_on_epoch,
        "finished_resident_id": state.finished_resident_id,
        "offered_a": state.offered_a,
        "limit_reason": state.limit_reason.value,
        "paused": state.paused,
        "energised": state.energised,
        "lock_failed": state.lock_failed,
        "meter": None if state.meter is None else _meter_out(state.meter, now_s),
        "open_slice": None if state.open_slice is None else _slice_out(state.open_slice),
        "session_wh": state.session_wh,
    }


def restore(config: StallConfig, snapshot: Mapping[str, Any], now: Moment) -> StallState:
    """The stall as it was, offline until read, with its commands to be given again.

    ValueError if the snapshot is of another format or lacks something; the message names it.
    """
    if snapshot.get("format") != FORMAT:
        raise ValueError(f"format: {snapshot.get('format')!r} came; accepted is {FORMAT}")
    try:
        return _restored(config, snapshot, now)
    except KeyError as missing:
        raise ValueError(f"snapshot: {missing.args[0]} is missing") from missing


def _restored(config: StallConfig, stored: Mapping[str, Any], now: Moment) -> StallState:
    state = initial(config, now)
    stored_at = datetime.fromisoformat(stored["at"])
    away_s = (now.at - stored_at).total_seconds()
    # Whole seconds are stored, so a restart within one may look a little early.
    then_s = now.mono_s - (max(away_s, 0.0) if away_s > -1 else UNKNOWN_AWAY_S)

    def mono(age_s: float | None) -> float | None:
        return None if age_s is None else then_s - age_s

    session, meter, open_slice = stored["session"], stored["meter"], stored["open_slice"]
    return replace(
        state,
        clock=Moment(at=max(state.clock.at, stored_at), mono_s=now.mono_s),
        read_mono_s=mono(stored["read_age_s"]),
        plugged=stored["plugged"],
        plug_epoch=stored["plug_epoch"],
        plugged_at=_time_in(stored["plugged_at"]),
        plugged_mono_s=mono(stored["plugged_age_s"]),
        session=None if session is None else _session_in(config, session),
        armed_until_mono_s=mono(stored["armed_age_s"]),
        stopping_since_mono_s=mono(stored["stopping_age_s"]),
        finished_on_epoch=stored["finished_on_epoch"],
        finished_resident_id=stored["finished_resident_id"],
        offered_a=stored["offered_a"],
        limit_reason=LimitReason(stored["limit_reason"]),
        paused=stored["paused"],
        energised=stored["energised"],
        lock_failed=stored["lock_failed"],
        meter=None if meter is None else _meter_in(config, meter, then_s),
        open_slice=None if open_slice is None else _slice_in(config, open_slice),
        session_wh=stored["session_wh"],
    )


def _time_in(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _time_out(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _session_out(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "credential_kind": session.credential.kind.value,
        "credential_id": session.credential.id,
        "resident_id": session.resident_id,
        "counts": session.credential.counts,
        "mode": session.mode.value,
        "authorised_at": session.authorised_at.isoformat(),
        "cap_wh": session.cap_wh,
        "plug_epoch": session.plug_epoch,
        "started_at": _time_out(session.started_at),
        "register_start_wh": session.register_start_wh,
        "energy_wh": session.energy_wh,
        "stop_reason": None if session.stop_reason is None else session.stop_reason.value,
    }


def _session_in(config: StallConfig, stored: Mapping[str, Any]) -> Session:
    return Session(
        id=SessionId(stored["id"]),
        stall_id=config.id,
        credential=Credential(
            kind=CredentialKind(stored["credential_kind"]),
            id=stored["credential_id"],
            resident_id=ResidentId(stored["resident_id"]),
            counts=stored.get("counts", True),  # before guests could be somebody else's, all were their host's
        ),
        mode=ChargeMode(stored["mode"]),
        authorised_at=datetime.fromisoformat(stored["authorised_at"]),
        cap_wh=stored.get("cap_wh"),  # sessions of before there were caps have none
        plug_epoch=stored["plug_epoch"],
        started_at=_time_in(stored["started_at"]),
        register_start_wh=stored["register_start_wh"],
        energy_wh=stored["energy_wh"],
        stop_reason=None if stored["stop_reason"] is None else StopReason(stored["stop_reason"]),
    )


def _sample_out(sample: Sample, now_s: float) -> dict[str, object]:
    return {
        "register_wh": sample.register_wh,
        "at": sample.at.isoformat(),
        "age_s": now_s - sample.mono_s,
        "serial": sample.serial,
    }


def _sample_in(stored: Mapping[str, Any], then_s: float) -> Sample:
    return Sample(
        register_wh=stored["register_wh"],
        at=datetime.fromisoformat(stored["at"]),
        mono_s=then_s - stored["age_s"],
        serial=stored["serial"],
    )


def _meter_out(meter: MeterState, now_s: float) -> dict[str, object]:
    return {
        "epoch": meter.epoch.number,
        "epoch_started_at": meter.epoch.started_at.isoformat(),
        "epoch_register_wh": meter.epoch.register_wh,
        "epoch_reason": meter.epoch.reason.value,
        "epoch_serial": meter.epoch.serial,
        "last": _sample_out(meter.last, now_s),
        "counted_age_s": now_s - meter.counted_mono_s,
        "suspect": None if meter.suspect is None else _sample_out(meter.suspect, now_s),
    }


def _meter_in(config: StallConfig, stored: Mapping[str, Any], then_s: float) -> MeterState:
    return MeterState(
        epoch=MeterEpoch(
            stall_id=config.id,
            number=stored["epoch"],
            started_at=datetime.fromisoformat(stored["epoch_started_at"]),
            register_wh=stored["epoch_register_wh"],
            reason=EpochReason(stored["epoch_reason"]),
            serial=stored["epoch_serial"],
        ),
        last=_sample_in(stored["last"], then_s),
        counted_mono_s=then_s - stored["counted_age_s"],
        suspect=None if stored["suspect"] is None else _sample_in(stored["suspect"], then_s),
    )


def _slice_out(open_slice: OpenSlice) -> dict[str, object]:
    return {
        "session_id": open_slice.session_id,
        "epoch": open_slice.epoch,
        "start": open_slice.start.isoformat(),
        "register_start_wh": open_slice.register_start_wh,
        "end": open_slice.end.isoformat(),
        "register_end_wh": open_slice.register_end_wh,
        "charging": open_slice.charging,
        "limit_a": open_slice.limit_a,
        "estimated": open_slice.estimated,
    }


def _slice_in(config: StallConfig, stored: Mapping[str, Any]) -> OpenSlice:
    return OpenSlice(
        stall_id=config.id,
        session_id=stored["session_id"],
        epoch=stored["epoch"],
        start=datetime.fromisoformat(stored["start"]),
        register_start_wh=stored["register_start_wh"],
        end=datetime.fromisoformat(stored["end"]),
        register_end_wh=stored["register_end_wh"],
        charging=stored["charging"],
        limit_a=stored["limit_a"],
        estimated=stored["estimated"],
    )
