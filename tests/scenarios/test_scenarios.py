"""Every supported model through every scenario, on real sockets: who charges, what it counts, and what goes wrong.

What is asserted is what the simulated box truly did: what it offered, what it delivered, what its register holds.
`scripts/models` prints the table.
"""

from decimal import Decimal

import pytest

from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.model import LockQuality, Pilot
from demo.boxes import MODELS
from demo.car import Car

from .cases import CASES, UID, Alone, Case
from .stage import MAX_A, SHARE_A, Stage, on_stage

TRICKLE_WH = 5
"""What flows between a plug and the moment a box is seen and locked, where it cannot be helped."""
RELOCK_WH = 200
"""What a stranger can take at a box that came back open, until two polls later: 32 A for about 30 s."""

pytestmark = pytest.mark.usefixtures("socket_enabled")

every_model = pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])


def with_a(feature: str) -> pytest.MarkDecorator:
    """Only the models that have something; the others are no failures but no cases."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES if getattr(case, feature)])


def hungry(name: str = "Zoe") -> Car:
    return Car(name=name, need_wh=40_000)


async def locked(stage: Stage) -> None:
    """Bring the stall up: met, prepared, locked."""
    assert await stage.look(), stage.why
    await stage.passes(20)


async def charging(stage: Stage, car: Car | None = None) -> Car:
    """A resident charges."""
    await locked(stage)
    car = car or hungry()
    if stage.case.dark_gate:
        await stage.authorise()
        await stage.passes(120)
        stage.stand.plug(car)
    else:
        stage.stand.plug(car)
        await stage.passes(20)
        await stage.authorise()
    await stage.passes(90)
    assert stage.stand.pilot == "C", f"it should charge: {stage.state.status}, {stage.why}"
    return car


# --- connect ---------------------------------------------------------------------------------------------------------


@every_model
async def test_connect(case: Case) -> None:
    async with on_stage(case) as stage:
        if case.dark_gate:
            await locked(stage)
            await stage.authorise()
            await stage.passes(120)
        identity = await stage.connector.identify()
        assert identity.serial == (stage.stand.serial if case.serial else None)
        await locked(stage)
        assert lock_quality(stage.connector.ports) is case.lock


@every_model
async def test_requests(case: Case) -> None:
    """A poll is as few requests as the box allows; one that refuses holes is asked around them, and still read."""
    holes = {"holes": "zero"} if "holes" in MODELS[case.model].options else {}
    async with on_stage(case, **holes) as stage:
        if case.dark_gate:
            await stage.authorise()
        await stage.passes(120)
        fewest = 99
        for _ in range(3):  # one of them may have fed the watchdog or read what is read seldom
            before = stage.stand.requests
            assert await stage.look(), stage.why
            fewest = min(fewest, stage.stand.requests - before)
        assert fewest <= case.requests


# --- status walk -----------------------------------------------------------------------------------------------------


@every_model
async def test_walk(case: Case) -> None:
    async with on_stage(case) as stage:
        await locked(stage)
        seen = [] if stage.reading is None else [stage.reading.pilot]
        if case.dark_gate:
            await stage.authorise()
            await stage.passes(120)
        stage.stand.plug(Car(name="Zoe", need_wh=600))
        await stage.passes(20)
        seen.append(stage.state.pilot)
        if not case.dark_gate:
            assert stage.stand.offered_a == 0, "plugged is not authorised"
            await stage.authorise()
        await stage.passes(90)
        seen.append(stage.state.pilot)
        assert stage.stand.pilot == "C"
        await stage.passes(1200)  # it is full by then
        seen.append(stage.state.pilot)
        assert stage.stand.pilot == "B"
        stage.stand.unplug()
        await stage.passes(1200 if case.relay else 20)
        seen.append(stage.state.pilot)
        if case.relay:
            assert stage.ended, "a relay that nothing flows through ends the session by itself"
        elif case.contactor_in_front:
            assert seen == [Pilot.X, Pilot.B, Pilot.C, Pilot.B, Pilot.A] or seen[1:4] == [Pilot.C, Pilot.C, Pilot.B]
        else:
            assert seen == [Pilot.A, Pilot.B, Pilot.C, Pilot.B, Pilot.A]
        assert len(stage.ended) == 1
        await stage.passes(60)
        mark = stage.stand.mark()
        stage.stand.plug(hungry("stranger"))
        await stage.passes(300)
        assert stage.stand.delivered_wh_since(mark) == 0


# --- limit -----------------------------------------------------------------------------------------------------------


@with_a("limit")
async def test_limit(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        for limit_a in (16, 10, 6, 0, 8, 0, 16):
            await stage.offers(limit_a)
            await stage.passes(60)
            assert round(stage.stand.offered_a) == limit_a
            assert stage.state.session is not None


# --- lock ------------------------------------------------------------------------------------------------------------


@every_model
async def test_lock(case: Case) -> None:
    async with on_stage(case) as stage:
        await locked(stage)
        mark = stage.stand.mark()
        stage.stand.plug(hungry("stranger"))
        await stage.passes(900)
        assert stage.stand.delivered_wh_since(mark) == 0
        assert stage.stand.offered_a == 0
        stage.stand.unplug()
        await stage.passes(30)
        await charging(stage)
        await stage.passes(300)
        await stage.stop()
        await stage.passes(90)
        mark = stage.stand.mark()
        await stage.passes(900)
        assert stage.stand.delivered_wh_since(mark) == 0
        assert stage.state.session is None


# --- energy ----------------------------------------------------------------------------------------------------------


@every_model
async def test_energy(case: Case) -> None:
    async with on_stage(case) as stage:
        await locked(stage)
        mark = stage.stand.mark()
        car = await charging(stage)
        for limit_a in (16, 6, 11) if case.limit else (16,):
            await stage.offers(limit_a)
            await stage.passes(400)
        stage.stand.unplug()
        await stage.passes(1500 if case.relay else 120)
        delivered_wh = stage.stand.delivered_wh_since(mark)
        assert car.drawn_mws // 3_600_000 == delivered_wh
        step_wh = case.resolution_wh or Decimal(1)
        assert len(stage.ended) == 1
        assert abs(stage.session_wh() - delivered_wh) <= max(step_wh, Decimal(1))
        assert stage.sliced_wh() == stage.session_wh(), "nothing beside the session flowed"
        register_wh = stage.stand.true_register_wh()
        assert stage.state.meter is not None
        assert stage.state.meter.last.register_wh == int(register_wh // step_wh * step_wh)


# --- tag -------------------------------------------------------------------------------------------------------------


@with_a("card")
async def test_tag(case: Case) -> None:
    async with on_stage(case) as stage:
        await locked(stage)
        assert stage.taps == []
        stage.stand.plug(hungry())
        await stage.passes(10)
        stage.stand.show_card(UID)
        await stage.passes(10)
        assert [tap.hex().upper() for tap in stage.taps] == [case.card]
        await stage.passes(60)
        assert len(stage.taps) == 1, "a card is a tap once"


# --- failsafe, silence, reboot ---------------------------------------------------------------------------------------


@every_model
async def test_failsafe(case: Case) -> None:
    """A session while Home Assistant is dead."""
    async with on_stage(case) as stage:
        mark = stage.stand.mark()
        await charging(stage)
        await stage.passes_alone(900)
        offered_a = stage.stand.offered_a
        match case.alone:
            case Alone.GOES_ON:
                assert round(offered_a) == (MAX_A if case.limit else round(offered_a)) != 0
            case Alone.SHARE:
                assert round(offered_a) == SHARE_A
            case Alone.CUT:
                assert offered_a == 0
            case Alone.FULL:
                assert offered_a >= 6
        assert await stage.polls_until_it_answers(3) <= 2 or case.lockout_s, stage.why
        await stage.passes(300)
        assert stage.state.session is not None, "our own outage ends no session"
        assert stage.stand.pilot == "C"
        stage.stand.unplug()
        await stage.passes(1500 if case.relay else 60)
        delivered_wh = stage.stand.delivered_wh_since(mark)
        assert abs(stage.session_wh() - delivered_wh) <= max(case.resolution_wh or 1, 1)


@every_model
async def test_silence(case: Case) -> None:
    """A stranger while Home Assistant is dead."""
    async with on_stage(case) as stage:
        await locked(stage)
        mark = stage.stand.mark()
        stage.stand.plug(hungry("stranger"))
        await stage.passes_alone(1800)
        taken_wh = stage.stand.delivered_wh_since(mark)
        assert (taken_wh > 0) is case.stranger_alone
        await stage.polls_until_it_answers(3)
        await stage.passes(60)
        assert stage.stand.offered_a == 0
        assert stage.session_wh() == 0


@every_model
async def test_reboot(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        await stage.stand.reboot()
        await stage.passes(300)
        assert stage.state.session is not None, "a restart of the box ends no session"
        assert stage.stand.pilot == "C"
        await stage.stop()
        await stage.passes(60)
        stage.stand.unplug()
        await stage.passes(30)
        stage.stand.plug(hungry("stranger"))
        await stage.passes(30)
        mark = stage.stand.mark()
        await stage.stand.reboot()
        await stage.passes(300)
        most_wh = 0 if case.reboot_closed else RELOCK_WH
        assert stage.stand.delivered_wh_since(mark) <= most_wh
        assert stage.stand.offered_a == 0


# --- a restart of Home Assistant -------------------------------------------------------------------------------------


@every_model
async def test_restart(case: Case) -> None:
    """Home Assistant stops and starts in mid-session: it is the same session, and all that flowed is in it."""
    async with on_stage(case) as stage:
        mark = stage.stand.mark()
        await charging(stage)
        session = stage.state.session
        await stage.dies()
        await stage.passes_alone(400)
        await stage.comes_back()
        await stage.time.sleep(case.lockout_s)
        await stage.passes(300)
        assert stage.state.session is not None
        assert session is not None
        assert stage.state.session.id == session.id
        assert stage.stand.pilot == "C"
        stage.stand.unplug()
        await stage.passes(1500 if case.relay else 60)
        delivered_wh = stage.stand.delivered_wh_since(mark)
        assert abs(stage.session_wh() - delivered_wh) <= max(case.resolution_wh or 1, 1)


@every_model
async def test_unseen(case: Case) -> None:
    """The car leaves while Home Assistant is dead, and a stranger comes: what was not seen is nobody's."""
    async with on_stage(case) as stage:
        start = stage.stand.mark()
        await charging(stage)
        await stage.passes(300)
        seen_wh = stage.stand.delivered_wh_since(start)
        await stage.dies()
        await stage.passes_alone(60)
        stage.stand.unplug()
        resident_wh = stage.stand.delivered_wh_since(start)
        await stage.passes_alone(600)  # by now every watchdog has noticed the silence
        mark = stage.stand.mark()
        stage.stand.plug(hungry("stranger"))
        await stage.passes_alone(1800)
        stranger_wh = stage.stand.delivered_wh_since(mark)
        if case.lock is LockQuality.ENFORCED:
            assert stranger_wh == 0
        if not case.counts:
            stage.stand.unplug()  # a car that stays in its place could not be told from the one before
        await stage.comes_back()
        await stage.time.sleep(case.lockout_s)
        await stage.passes(30)
        step_wh = max(case.resolution_wh or 1, 1)
        billed_wh = sum(
            piece["register_end_wh"] - piece["register_start_wh"] for piece in stage.slices if piece["session_id"]
        )
        assert seen_wh - 40 - step_wh <= billed_wh <= resident_wh + step_wh
        await stage.passes(1500 if case.relay else 60)
        assert len(stage.ended) == 1
        assert stage.sliced_wh() <= stage.stand.delivered_wh_since(start) + step_wh
        assert stage.stand.offered_a == 0


# --- the register's own faults ---------------------------------------------------------------------------------------


@every_model
async def test_reset(case: Case) -> None:
    """The register begins at 0 in mid-session: no negative energy, and none invented."""
    async with on_stage(case) as stage:
        mark = stage.stand.mark()
        await charging(stage)
        await stage.passes(300)
        stage.stand.reset_register()
        await stage.passes(600)
        stage.stand.unplug()
        await stage.passes(1500 if case.relay else 60)
        delivered_wh = stage.stand.delivered_wh_since(mark)
        between_polls_wh = MAX_A * 3 * 230 * 20 // 3600
        step_wh = max(case.resolution_wh or 1, 1)
        assert delivered_wh - between_polls_wh - step_wh <= stage.session_wh() <= delivered_wh + step_wh
        assert all(piece["register_end_wh"] >= piece["register_start_wh"] for piece in stage.slices)


@with_a("wraps_wh")
async def test_rollover(case: Case) -> None:
    async with on_stage(case) as stage:
        assert case.wraps_wh is not None
        stage.stand.set_register_wh(int(case.wraps_wh) - 300)
        mark = stage.stand.mark()
        await charging(stage)
        await stage.passes(400)
        stage.stand.unplug()
        await stage.passes(60)
        delivered_wh = stage.stand.delivered_wh_since(mark)
        assert delivered_wh > 600
        between_polls_wh = MAX_A * 3 * 230 * 20 // 3600
        assert delivered_wh - between_polls_wh - 1 <= stage.session_wh() <= delivered_wh + 1


# --- faults on the wire ----------------------------------------------------------------------------------------------


async def survives(stage: Stage) -> None:
    """With a fault on the wire nothing is believed; two polls after its end all is as before."""
    state = stage.state
    before = (stage.sliced_wh(), state.session, state.meter and state.meter.last)
    for _ in range(3):
        assert not await stage.look(), "a fault was taken for a reading"
        assert (stage.sliced_wh(), stage.state.meter and stage.state.meter.last) == (before[0], before[2])
    assert stage.state.session is not None
    stage.stand.faults.clear()
    await stage.time.sleep(stage.case.lockout_s)
    assert await stage.polls_until_it_answers(3) <= 2, stage.why
    await stage.passes(60)
    assert stage.stand.pilot == "C"
    assert stage.state.session is not None


@every_model
async def test_no_answer(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        stage.stand.faults.silence = True
        await survives(stage)


@every_model
async def test_refused(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        stage.stand.faults.refuse = True
        await survives(stage)


@every_model
async def test_exceptions(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        stage.stand.faults.exception(500 if "http" in str(stage.stand.kind).lower() else 4)
        await survives(stage)


@every_model
async def test_delay(case: Case) -> None:
    """Late answers are waited for; too late ones are none, and never taken for the next one's."""
    async with on_stage(case, patience_s=1.0) as stage:
        await charging(stage)
        stage.stand.faults.delay_s = 0.05
        assert await stage.look(), stage.why
    async with on_stage(case) as stage:
        await charging(stage)
        stage.stand.faults.delay_s = 1.5
        await survives(stage)


@every_model
async def test_truncation(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        stage.stand.faults.truncate()
        await survives(stage)


@every_model
async def test_wrong_unit(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        stage.stand.faults.wrong_unit = True
        await survives(stage)


@every_model
async def test_garbage(case: Case) -> None:
    async with on_stage(case) as stage:
        await charging(stage)
        stage.stand.faults.garbage(seed=7)
        await survives(stage)


@every_model
async def test_lost_answers(case: Case) -> None:
    """Every third answer is lost: asked again, the session and its energy go on."""
    async with on_stage(case) as stage:
        mark = stage.stand.mark()
        await charging(stage)
        stage.stand.faults.drop_every(3)
        await stage.passes(30)
        stage.stand.faults.clear()
        await stage.passes(60)
        assert stage.state.session is not None
        stage.stand.unplug()
        await stage.passes(1500 if case.relay else 60)
        assert abs(stage.session_wh() - stage.stand.delivered_wh_since(mark)) <= max(case.resolution_wh or 1, 1)
