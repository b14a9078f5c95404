"""Cars that tell the wall connector who they are: learnt in the dialogue or by an action, then let in by plugging in.

A real box on a real socket with two charging points, its real driver, a building inside Home Assistant; only time is
the test's. What flowed is asked of the box.
"""

from collections.abc import AsyncIterator, Iterator
import json
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.evshare.const import DOMAIN
from custom_components.evshare.diagnostics import async_get_config_entry_diagnostics
from custom_components.evshare.model import ResidentId, StopReason
from demo.boxes.stand import Stand
from demo.car import Car

from .building.passing_time import Clock
from .conftest import MakeEntry, device_id, make_user, resident, stall

CHARX = {"connector": "phoenix_charx", "host": "127.0.0.1", "unit_id": 1}
ZOES, LEAFS = "0080E1A2B3C4", "0080E1000001"


@pytest.fixture
def clock(hass: HomeAssistant) -> Iterator[Clock]:
    """Time stands still unless the test lets it pass."""
    with Clock(hass.loop).rules() as clock:
        yield clock


def zoe() -> Car:
    return Car(name="Zoe", need_wh=40_000, ev_id=ZOES)


class House:
    """One CHARX, its two stalls, and Anna, who may let her car speak for her."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry, clock: Clock, charx: Stand) -> None:
        self.hass, self.entry, self.clock, self.charx = hass, entry, clock, charx

    @property
    def building(self) -> Any:
        return self.entry.runtime_data

    async def plug(self, point: int, car: Car, seconds: float = 60) -> int:
        """A car comes; returns what it was given in the time after."""
        mark = self.charx.at(point).mark()
        self.charx.at(point).plug(car)
        await self.clock.passes(seconds)
        return self.charx.at(point).delivered_wh_since(mark)

    async def unplug(self, point: int) -> None:
        self.charx.at(point).unplug()
        await self.clock.passes(30)

    async def dialogue(self, **answers: Any) -> Any:
        """The dialogue of Anna's cars, answered."""
        during = self.clock.during
        result = await during(self.entry.start_subentry_reconfigure_flow(self.hass, "anna"))
        flows = self.hass.config_entries.subentries
        result = await during(flows.async_configure(result["flow_id"], {"next_step_id": "ev_id"}))
        result = await during(flows.async_configure(result["flow_id"], answers))
        await self.clock.passes(5)
        return result

    async def knows_the_zoe(self) -> None:
        """Anna's Zoe was learnt at stall 1, and has left."""
        await self.plug(1, zoe(), 30)
        result = await self.dialogue(ev_ids=True, stall="stall-1", label="Zoe")
        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
        await self.unplug(1)

    async def call(self, user_id: str, service: str, **data: Any) -> Any:
        answers = self.hass.services.async_call(
            DOMAIN, service, data, blocking=True, context=Context(user_id=user_id), return_response=True
        )
        return await self.clock.during(answers)

    async def records(self, *kinds: str) -> list[dict[str, Any]]:
        journal = self.building.journal
        records = await self.clock.during(journal.unacked(journal.incarnation))
        return [record.body for record in records if record.kind in kinds]


@pytest.fixture
async def house(hass: HomeAssistant, clock: Clock, make_entry: MakeEntry, socket_enabled: None) -> AsyncIterator[House]:
    """Both points are there and locked."""
    async with Stand("phoenix_charx", lambda: clock.now, points=2, rated_a=16) as charx:
        entry = make_entry(
            stall("stall-1", "Stall 1", port=charx.port, point=1, serial=None, **CHARX),
            stall("stall-2", "Stall 2", port=charx.port, point=2, serial=None, **CHARX),
            resident("anna", "Anna Alt", ha_user_id="user-of-anna"),
            resident("ben", "Ben Bach"),
        )
        await make_user(hass, "Anna")
        assert await clock.during(hass.config_entries.async_setup(entry.entry_id))
        house = House(hass, entry, clock, charx)
        await clock.passes(60)
        yield house
        await clock.during(hass.config_entries.async_unload(entry.entry_id), 60)


async def test_a_known_car_charges_by_being_plugged_in_and_its_resident_pays(house: House) -> None:
    await house.knows_the_zoe()
    given_wh = await house.plug(2, zoe(), 180)
    assert given_wh > 300
    (authorised,) = await house.records("session_authorised")
    assert (authorised["stall_id"], authorised["resident_id"]) == ("stall-2", "anna")
    assert (authorised["credential_kind"], authorised["credential_id"]) == ("car", None)
    await house.unplug(2)
    (ended,) = await house.records("session_ended")
    truth_wh = house.charx.at(2).true_register_wh() - 137_000
    assert ended["energy_wh"] == pytest.approx(truth_wh, abs=1)
    (car,) = house.building.known_cars.of("anna")
    assert car.used_at is not None


async def test_a_car_nobody_knows_gets_nothing_and_bothers_nobody(house: House) -> None:
    await house.knows_the_zoe()
    assert await house.plug(1, Car(name="Leaf", need_wh=40_000, ev_id=LEAFS), 80) == 0
    assert await house.plug(2, Car(name="old Golf", need_wh=40_000), 80) == 0
    assert await house.records("session_authorised", "denied") == []


async def test_a_car_without_identifier_is_not_taken_for_the_one_before_it(
    hass: HomeAssistant, clock: Clock, house: House
) -> None:
    """Firmware that keeps the last identifier until another one comes."""
    await house.knows_the_zoe()
    for point in (1, 2):
        house.charx.at(point).wallbox._keeps_evid = True  # type: ignore[attr-defined]
    assert await house.plug(1, zoe()) > 0
    await house.unplug(1)
    assert await house.plug(1, Car(name="old Golf", need_wh=40_000), 80) == 0
    assert len(await house.records("session_authorised")) == 1


async def test_a_blocked_residents_car_gets_nothing_and_the_reason_is_written(house: House) -> None:
    await house.knows_the_zoe()
    await house.clock.during(house.building.rules.block([ResidentId("anna")]))
    assert await house.plug(1, zoe(), 80) == 0
    (denied,) = await house.records("denied")
    assert (denied["reason"], denied["credential_kind"]) == ("blocked_resident", "car")


async def test_a_copy_of_a_car_that_charges_gets_nothing(house: House) -> None:
    await house.knows_the_zoe()
    assert await house.plug(1, zoe()) > 0
    assert await house.plug(2, Car(name="impostor", need_wh=40_000, ev_id=ZOES), 80) == 0
    assert [denied["reason"] for denied in await house.records("denied")] == ["quota"]


async def test_a_session_that_was_stopped_does_not_begin_again_by_itself(house: House) -> None:
    await house.knows_the_zoe()
    assert await house.plug(1, zoe(), 30) > 0
    await house.clock.during(house.building.async_stop_session("stall-1", StopReason.PERSON))
    await house.clock.passes(20)
    mark = house.charx.at(1).mark()
    await house.clock.passes(60)
    assert house.charx.at(1).delivered_wh_since(mark) == 0


@pytest.mark.parametrize("switched_off", [True, False], ids=["switched off", "forgotten"])
async def test_without_the_opt_in_or_the_car_nothing_starts(house: House, switched_off: bool) -> None:
    await house.knows_the_zoe()
    (car,) = house.building.known_cars.of("anna")
    await house.dialogue(**({"ev_ids": False} if switched_off else {"ev_ids": True, "forget": [car.id]}))
    assert bool(house.building.known_cars.of("anna")) is switched_off
    assert await house.plug(1, zoe(), 80) == 0
    assert await house.records("session_authorised", "denied") == []


@pytest.mark.parametrize(
    ("answers", "errors"),
    [
        ({"ev_ids": False, "stall": "stall-1"}, {"ev_ids": "ev_ids_off"}),
        ({"ev_ids": True, "stall": "stall-2"}, {"stall": "no_ev_id"}),
        ({"ev_ids": True, "stall": "stall-1", "label": "x" * 61}, {"label": "label_wrong"}),
    ],
)
async def test_what_cannot_be_learnt_is_named_and_nothing_changes(
    house: House, answers: dict[str, Any], errors: dict[str, str]
) -> None:
    await house.plug(1, zoe())
    result = await house.dialogue(**answers)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)
    assert house.building.known_cars.learnt == []
    assert "ev_ids" not in house.entry.subentries["anna"].data


async def test_a_car_somebody_else_charges_with_is_not_learnt(house: House, hass_admin_user: MockUser) -> None:
    await house.plug(1, zoe())
    await house.call(hass_admin_user.id, "authorise", device_id=device_id(house.hass), resident="ben")
    result = await house.dialogue(ev_ids=True, stall="stall-1")
    assert result["errors"] == {"stall": "not_their_car"}


async def test_a_resident_learns_lists_and_forgets_their_car_once_an_admin_allowed_it(house: House) -> None:
    await house.plug(1, zoe())
    here = {"device_id": device_id(house.hass)}
    with pytest.raises(ServiceValidationError) as refused:
        await house.call("user-of-anna", "learn_car", **here)
    assert refused.value.translation_key == "ev_ids_off"
    await house.dialogue(ev_ids=True)
    learnt = await house.call("user-of-anna", "learn_car", **here, label="Zoe")
    with pytest.raises(ServiceValidationError) as refused:
        await house.call("user-of-anna", "learn_car", **here)
    assert refused.value.translation_key == "car_known"
    answer = await house.call("user-of-anna", "list_cars")
    (listed,) = answer["cars"]
    assert (listed["car"], listed["label"], listed["resident"]) == (learnt["car"], "Zoe", "Anna Alt")
    assert listed["may_start"] is True
    assert ZOES not in str(answer)
    await house.clock.during(
        house.hass.services.async_call(
            DOMAIN, "forget_car", {"car": "zoe"}, blocking=True, context=Context(user_id="user-of-anna")
        )
    )
    assert house.building.known_cars.learnt == []


async def test_what_a_car_tells_is_in_no_state_no_log_and_no_diagnostics(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="custom_components.evshare")
    await house.knows_the_zoe()
    await house.plug(1, zoe())
    assert house.building.stalls["stall-1"].state.reading.ev_id == ZOES, "it is in the reading, else this says nothing"
    diagnostics = await async_get_config_entry_diagnostics(house.hass, house.entry)
    assert diagnostics["stalls"][0]["reading"]["car_told_itself"] is True
    snapshots = await house.clock.during(house.building.journal.snapshots())
    records = await house.records("session_authorised", "session_ended", "slice", "denied")
    assert records
    states = [state.as_dict() for state in house.hass.states.async_all()]
    places = [json.dumps(diagnostics), json.dumps(snapshots), str(states), caplog.text, str(records)]
    for place in (*places, repr(house.building.stalls["stall-1"].state)):
        assert ZOES.lower() not in place.lower()
        assert house.building.known_cars.learnt[0].fingerprint not in place
