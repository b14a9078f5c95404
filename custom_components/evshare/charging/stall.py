"""The stall: one parking place with its wall connector, as a state machine. Everything that can change it is here.

Two things have to come together before energy may flow: a *car* (the plug is in) and an *authorisation* (somebody
may charge, and the journal knows). Each comes first about half of the time, so a stall is the product of two small
machines and a few clocks.

The car. A stall is plugged or not; every plug-in edge begins a new *plug epoch*, and what was agreed in one epoch
is void in the next. Between two readings nobody looks. After a silence of more than a minute the plug is believed to
have stayed when a car is still there and the connector's own session count kept pace with the register; otherwise the
car left unseen, and what flowed meanwhile is the session's only if that count proves it, else nobody's.

The authorisation. Without one the stall is locked. `Authorised` opens a session; it is

    armed      authorised, no car yet; waits `presence_after_s` for the plug, then ends. Behind a contactor the wait
               begins when it is given current, since no car is seen before
    running    authorised and plugged: `session_started`; energy counts for it
    stopping   somebody asked to stop; the gate is being closed, the car has not let go yet
    (ended)    gone from the state; the car may still be there (status Finishing)

and moves like this:

    event                    none            armed                running              stopping
    Authorised               armed, or       illegal              illegal              illegal
                             running if plugged
    plug-in seen             new epoch       running              -                    -
    unplug seen              lock            -                    ended, lock          ended, lock
    StopAsked                -               ended, lock          stopping, lock       -
    window over              -               ended, lock          -                    -
    no draw after the stop   -               -                    -                    ended
    30 s after the stop      -               -                    -                    ended (90 s: contactor)
    cap reached (a reading)  -               -                    stopping, lock       -
    EnableFailed             -               ended, lock          ended, lock, if      -
                                                                  nothing flowed yet
    Removed                  lock            ended, lock          ended, lock          ended, lock

The gate follows from that. `Enable` is asked for when the allocation offers current to a session that may have it
and the gate is not open, or nobody knows (after a restart or a silence); `Disable` whenever a session ends or stops.
In between the gate is left alone: a pause, a cloud or a full circuit set the limit to 0. A native gate stays closed
while armed. A contactor must close while armed, since its connector is dead before; what flows from then on is the
session's if the car comes.

The odd cases. A gate that is found open, or a car that draws, while we hold the gate closed: lock again, at most
every 10 s, since commands take their time. A gate found closed behind a running session (the charger rebooted, its
watchdog tripped): open it again. A `Disable` that failed is repeated until a reading shows the gate closed. A stop
while the connector is silent waits for the connector, up to a day: the car may be drawing all the while, and its
energy is the session's. A silent connector never ends a session. Behind a contactor that is off nobody sees the plug,
so a stall without session forgets the car when its connector goes dark.
"""

from ..frozen import replace
from ..model import MIN_CURRENT_A, GateKind, LimitReason, Moment, Pilot, Reading, Session, StallConfig, StopReason
from .effects import Effect
from .events import (
    Authorised,
    ConnectorLost,
    Denied,
    DisableFailed,
    EnableFailed,
    Event,
    HoldTold,
    ModeAsked,
    OfferDecided,
    PauseAsked,
    ReadingTaken,
    Removed,
    StopAsked,
    Ticked,
)
from .state import StallState, draws
from .working import Working

GAP_S = 60.0
"""A longer silence between readings is a gap: the plug may have come and gone."""
RELOCK_S = 10.0
"""Commands are not repeated sooner: chargers take seconds to follow, and pilots up to 5 s."""
STOPPING_S = 30.0
"""A car that draws longer than this after a stop no longer does so on its session."""
STOPPING_IN_FRONT_S = 90.0
"""The same behind a contactor: it waits for the car up to a minute before it opens under load."""
STOPPING_UNSEEN_S = 86_400.0
"""The same while the connector is silent."""
COUNT_TOLERANCE_WH = 100
COUNT_TOLERANCE = 0.03
"""A connector's own count and a register may differ by the larger of these (connectors reference 1.4)."""
LIMIT_TOLERANCE_A = 0.5
"""A read-back may differ this much from the whole amperes that were written."""


class IllegalMove(ValueError):
    """An event that cannot happen in this state; nothing changed. The message names both."""


def initial(config: StallConfig, now: Moment) -> StallState:
    """A stall nobody has read yet: offline, unplugged, locked."""
    return StallState(config=config, clock=Moment(at=now.at.replace(microsecond=0), mono_s=now.mono_s))


def reconfigured(state: StallState, config: StallConfig) -> StallState:
    """The same stall with changed settings; a running session goes on. ValueError for another stall's settings."""
    if config.id != state.config.id:
        raise ValueError(f"config.id: {config.id} came, this stall is {state.config.id}")
    return replace(state, config=config)


def advance(state: StallState, event: Event, now: Moment) -> tuple[StallState, tuple[Effect, ...]]:
    """What becomes of the stall, and what it wants done, in the order in which it must be done.

    Raises `IllegalMove` for an event the state does not allow, ValueError for a value out of its range.
    """
    work = Working(state, event.reading.at if isinstance(event, ReadingTaken) else now.at, now)
    match event:
        case ReadingTaken(reading):
            if state.read_mono_s is not None and reading.mono_s < state.read_mono_s:
                return state, ()
            _read(work, reading)
        case ConnectorLost():
            _lose(work)
        case Authorised(session):
            _authorise(work, session)
        case Denied():
            work.deny(event)
        case HoldTold(until):
            work.state = replace(work.state, held_until=until)
        case StopAsked(stop_reason):
            _stop(work, stop_reason)
        case ModeAsked(mode):
            if state.session is not None:
                work.state = replace(work.state, session=replace(state.session, mode=mode))
        case PauseAsked(paused):
            _pause(work, paused)
        case OfferDecided(limit_a, limit_reason):
            _offer(work, limit_a, limit_reason)
        case EnableFailed():
            _enable_failed(work)
        case DisableFailed():
            work.state = replace(work.state, lock_failed=True, commanded_mono_s=now.mono_s)
        case Ticked():
            _tick(work)
        case Removed():
            if state.session is not None:
                work.end(StopReason.REMOVED)
            work.flush()
            work.lock()
    return work.done()


def _authorise(work: Working, session: Session) -> None:
    state = work.state
    if state.session is not None:
        raise IllegalMove(f"Authorised: session {session.id} came while {state.session.id} is open ({state.status})")
    if session.stall_id != state.config.id:
        raise IllegalMove(f"Authorised: a session of stall {session.stall_id} came to stall {state.config.id}")
    if session.started_at is not None or session.ended_at is not None or session.stop_reason is not None:
        raise IllegalMove(f"Authorised: session {session.id} is not new")
    work.arm(session)
    if state.plugged:
        work.start()


def _read(work: Working, reading: Reading) -> None:
    state = work.state
    silence_s = None if state.read_mono_s is None else reading.mono_s - state.read_mono_s
    gap = silence_s is None or silence_s > GAP_S
    plugged = _plugged(state, reading)
    swapped = gap and plugged and state.plugged and _another_plug_in(state, reading)
    left = state.plugged and (not plugged or swapped)
    came = plugged and (not state.plugged or swapped)

    if gap and left and _running(state) and not _count_proves(state, reading):
        last = state.open_slice
        work.end(StopReason.GAP, at=None if last is None else last.end)
        work.lock()
    _expire(work, reading.mono_s)

    if came:
        seen_before_s = state.read_mono_s if gap else reading.mono_s
        work.state = replace(
            work.state,
            plugged=True,
            plug_epoch=state.plug_epoch + 1,
            plugged_at=None if state.read_mono_s is None else work.at,
            plugged_mono_s=seen_before_s,
            finished_on_epoch=None,
            finished_resident_id=None,
        )
        if work.state.armed and state.config.gate is GateKind.CONTACTOR:
            work.start()
    work.meter(reading)
    work.state = replace(
        work.state,
        online=True,
        pilot=reading.pilot,
        fault=reading.fault,
        reading=reading,
        read_mono_s=reading.mono_s,
    )
    if left and not came:
        _unplug(work, reading, gap=gap)
    elif came and work.state.armed:
        work.start()
    _hold_cap(work)
    _settle_stop(work, reading)
    work.label()
    _hold_gate(work, reading)


def _plugged(state: StallState, reading: Reading) -> bool:
    """Whether a car is there; where the pilot does not tell, as before, unless it shows by drawing."""
    told = reading.pilot.plugged
    if told is not None:
        return told
    if draws(reading):
        return True
    forgotten = state.dark and not state.energised and reading.pilot is Pilot.X
    return state.plugged and not forgotten


def _running(state: StallState) -> bool:
    return state.session is not None and not state.armed


def _another_plug_in(state: StallState, reading: Reading) -> bool:
    """Whether the connector's count since the plug-in betrays that it is not the same plug-in any more.

    It went back, or it gained clearly less than the register: then part of what flowed was before this plug-in.
    """
    if state.session_wh is None or reading.session_wh is None:
        return False
    counted_wh = reading.session_wh - state.session_wh
    if counted_wh < 0:
        return True
    if state.meter is None or reading.register_wh is None:
        return False
    gained_wh = reading.register_wh - state.meter.last.register_wh
    return gained_wh - counted_wh > max(COUNT_TOLERANCE_WH, gained_wh * COUNT_TOLERANCE)


def _count_proves(state: StallState, reading: Reading) -> bool:
    """Whether all that the register gained over the gap is in the connector's count for the car that was there."""
    if state.meter is None or state.session_wh is None or reading.session_wh is None or reading.register_wh is None:
        return False
    counted_wh = reading.session_wh - state.session_wh
    gained_wh = reading.register_wh - state.meter.last.register_wh
    return counted_wh >= 0 and abs(counted_wh - gained_wh) <= 1


def _unplug(work: Working, reading: Reading, *, gap: bool) -> None:
    had_session = work.state.session is not None
    work.state = replace(work.state, plugged=False, plugged_at=None, plugged_mono_s=None)
    if had_session:
        work.end(StopReason.GAP if gap else StopReason.UNPLUGGED)
    if had_session or work.state.energised or reading.enabled:
        work.lock()
    work.state = replace(work.state, finished_on_epoch=None, finished_resident_id=None)


def _lose(work: Working) -> None:
    state = work.state
    work.state = replace(state, online=False, asserted=False, pilot=Pilot.X, fault=None)
    if state.session is None and state.dark:
        work.state = replace(
            work.state,
            plugged=False,
            plugged_at=None,
            plugged_mono_s=None,
            finished_on_epoch=None,
            finished_resident_id=None,
        )


def _stop(work: Working, reason: StopReason) -> None:
    session = work.state.session
    if session is None or work.state.stopping:
        return
    if work.state.armed:
        work.end(reason)
    else:
        work.state = replace(
            work.state,
            session=replace(session, stop_reason=reason),
            stopping_since_mono_s=work.mono_s,
            limit_reason=LimitReason.NO_SESSION,
            paused=False,
        )
    work.lock()


def _hold_cap(work: Working) -> None:
    """A session that has what was announced as its end is stopped; what the last reading brought beyond is its own."""
    session = work.state.session
    if session is not None and session.cap_wh is not None and session.energy_wh >= session.cap_wh:
        _stop(work, StopReason.CAP)


def _settle_stop(work: Working, reading: Reading) -> None:
    session, since_s = work.state.session, work.state.stopping_since_mono_s
    if session is None or session.stop_reason is None or since_s is None or reading.mono_s <= since_s:
        return
    if not draws(reading) or reading.mono_s - since_s >= _patience_s(work.state):
        work.end(session.stop_reason)


def _patience_s(state: StallState) -> float:
    """How long a car may go on after a stop until its session ends all the same."""
    if state.config.gate is GateKind.CONTACTOR:
        return STOPPING_IN_FRONT_S if state.online else STOPPING_S  # silent: it opened, as it should
    return STOPPING_S if state.online else STOPPING_UNSEEN_S


def _tick(work: Working) -> None:
    _expire(work, work.mono_s)
    session, since_s = work.state.session, work.state.stopping_since_mono_s
    reason = None if session is None else session.stop_reason
    if reason is not None and since_s is not None and work.mono_s - since_s >= _patience_s(work.state):
        work.end(reason)
    if work.state.lock_failed and not work.state.energised and not work.commanded_within(RELOCK_S):
        work.lock()


def _expire(work: Working, mono_s: float) -> None:
    until_s = work.state.armed_until_mono_s
    if until_s is not None and mono_s >= until_s and _can_show(work.state):
        work.end(StopReason.NO_PLUG)
        work.lock()


def _can_show(state: StallState) -> bool:
    """Whether a car would be seen: behind a contactor only while it is given current."""
    return state.config.gate is not GateKind.CONTACTOR or (state.energised and state.offered_a > 0)


def _pause(work: Working, paused: bool) -> None:
    session = work.state.session
    if session is None or work.state.stopping or work.state.paused == paused:
        return
    work.state = replace(work.state, paused=paused)
    work.announce("session", "paused" if paused else "resumed", {"mode": session.mode})
    if paused:
        _offer(work, 0, LimitReason.PAUSED)


def _offer(work: Working, limit_a: int, reason: LimitReason) -> None:
    highest_a = work.state.config.max_current_a
    if limit_a and not MIN_CURRENT_A <= limit_a <= highest_a:
        raise ValueError(f"limit_a: {limit_a} came; accepted are 0 and {MIN_CURRENT_A} to {highest_a}")
    if not work.state.wants_current:
        limit_a, reason = 0, LimitReason.PAUSED if work.state.paused else LimitReason.NO_SESSION
    work.state = replace(work.state, limit_reason=reason)
    if limit_a and work.state.armed and not _can_show(work.state):
        until_s = work.mono_s + work.state.config.presence_after_s
        work.state = replace(work.state, armed_until_mono_s=until_s)
    unsure = not work.state.asserted
    if limit_a and (unsure or not work.state.energised):
        work.enable(limit_a)
    elif work.state.energised and (unsure or limit_a != work.state.offered_a):
        work.set_limit(limit_a)


def _enable_failed(work: Working) -> None:
    work.state = replace(work.state, asserted=False)
    session = work.state.session
    if session is not None and not work.state.stopping and session.energy_wh == 0:
        work.end(StopReason.START_FAILED)
        work.lock()


def _hold_gate(work: Working, reading: Reading) -> None:
    """What the connector shows against what was ordered; the difference is ordered again."""
    state = work.state
    flows = reading.enabled is True or draws(reading)
    if not state.energised:
        if state.lock_failed and not flows:
            work.state = replace(state, lock_failed=False)
        elif (flows or state.lock_failed) and not work.commanded_within(RELOCK_S):
            work.lock()
    elif not work.commanded_within(RELOCK_S) and state.offered_a:
        if reading.enabled is False:
            work.enable(state.offered_a)
        elif reading.limit_a is not None and reading.limit_a > state.offered_a + LIMIT_TOLERANCE_A:
            work.set_limit(state.offered_a)
