"""The services: who may call them, and what they do."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
import voluptuous as vol

from custom_components.evshare.const import DOMAIN

from .conftest import MakeEntry, device_id, make_user, resident, set_up, stall, state_of, wait_until
from .hardware import FakeKeba, ModbusNetwork

pytestmark = pytest.mark.usefixtures("quick_polls")

RESIDENTS = (resident(ha_user_id="user-of-anna"), resident("ben", "Ben Neu", ha_user_id="user-of-ben"))


@pytest.fixture
async def anna(hass: HomeAssistant) -> User:
    """A resident's HA user."""
    return await make_user(hass, "Anna")


@pytest.fixture
async def ben(hass: HomeAssistant) -> User:
    """A neighbour's HA user."""
    return await make_user(hass, "Ben")


@pytest.fixture
async def building(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> MockConfigEntry:
    """One stall with a car, two residents."""
    entry = await set_up(hass, make_entry(stall(), *RESIDENTS))
    keba.plug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_plugged_in") == "on")
    return entry


async def call(hass: HomeAssistant, service: str, user: User | None, **data: Any) -> None:
    await hass.services.async_call(
        DOMAIN, service, data, blocking=True, context=Context(user_id=user.id if user else None)
    )


async def ask(hass: HomeAssistant, service: str, user: User | None, **data: Any) -> Any:
    context = Context(user_id=user.id if user else None)
    return await hass.services.async_call(DOMAIN, service, data, blocking=True, context=context, return_response=True)


async def test_a_resident_lets_themself_in(
    hass: HomeAssistant, building: MockConfigEntry, keba: FakeKeba, anna: User
) -> None:
    answer = await ask(hass, "authorise", anna, device_id=device_id(hass))
    session = building.runtime_data.stalls["stall-1"].state.session
    assert answer == {"session_id": session.id}
    assert (session.resident_id, session.credential.kind, session.credential.id) == ("anna", "ha_user", "user-of-anna")
    await wait_until(hass, lambda: keba.enabled)


@pytest.mark.parametrize("named", ["ben", "Ben Neu", " ben neu "])
async def test_an_admin_lets_a_resident_in_by_id_or_name(
    hass: HomeAssistant, building: MockConfigEntry, hass_admin_user: MockUser, named: str
) -> None:
    await call(hass, "authorise", hass_admin_user, device_id=device_id(hass), resident=named, mode="solar_only")
    session = building.runtime_data.stalls["stall-1"].state.session
    assert (session.resident_id, session.mode) == ("ben", "solar_only")


async def test_nobody_is_let_in_at_a_neighbours_cost(
    hass: HomeAssistant, building: MockConfigEntry, keba: FakeKeba, anna: User
) -> None:
    for named in ("ben", "Ben Neu", "nobody at all"):
        with pytest.raises(ServiceValidationError) as refused:
            await call(hass, "authorise", anna, device_id=device_id(hass), resident=named)
        assert refused.value.translation_key == "not_your_resident"
    assert building.runtime_data.stalls["stall-1"].state.session is None
    assert not keba.enabled


@pytest.mark.parametrize("service", ["authorise", "stop", "enrol_card"])
async def test_an_automation_lets_nobody_in_and_stops_nobody(
    hass: HomeAssistant, building: MockConfigEntry, keba: FakeKeba, service: str
) -> None:
    data = {} if service == "stop" else {"resident": "anna"}
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, service, None, device_id=device_id(hass), **data)
    assert refused.value.translation_key == "person_required"
    assert not keba.enabled


async def test_a_call_laundered_through_an_automation_lets_nobody_in(
    hass: HomeAssistant, building: MockConfigEntry, anna: User
) -> None:
    laundered = Context(parent_id=Context(user_id=anna.id).id)
    with pytest.raises(ServiceValidationError) as refused:
        await hass.services.async_call(
            DOMAIN, "authorise", {"device_id": device_id(hass)}, blocking=True, context=laundered
        )
    assert refused.value.translation_key == "person_required"


async def test_an_admin_who_is_no_resident_has_to_name_one(
    hass: HomeAssistant, building: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    for named, key in ((None, "resident_missing"), ("Carla", "resident_unknown")):
        data = {} if named is None else {"resident": named}
        with pytest.raises(ServiceValidationError) as refused:
            await call(hass, "authorise", hass_admin_user, device_id=device_id(hass), **data)
        assert refused.value.translation_key == key


async def test_two_residents_of_one_name_have_to_be_told_apart(
    hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba, hass_admin_user: MockUser
) -> None:
    await set_up(hass, make_entry(stall(), resident(), resident("anna-2", "Anna Alt")))
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "authorise", hass_admin_user, device_id=device_id(hass), resident="Anna Alt")
    assert refused.value.translation_key == "resident_ambiguous"


async def test_a_refusal_of_the_stall_says_why(
    hass: HomeAssistant, building: MockConfigEntry, anna: User, ben: User
) -> None:
    await call(hass, "authorise", anna, device_id=device_id(hass))
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "authorise", ben, device_id=device_id(hass))
    assert refused.value.translation_key == "denied_stall_in_use"


async def test_only_stalls_can_be_chosen(hass: HomeAssistant, building: MockConfigEntry, anna: User) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "authorise", anna, device_id=device_id(hass, "b" * 32))
    assert refused.value.translation_key == "not_a_stall"
    with pytest.raises(ServiceValidationError):
        await call(hass, "authorise", anna, device_id="no such device")


async def test_an_unknown_mode_is_refused(hass: HomeAssistant, building: MockConfigEntry, anna: User) -> None:
    with pytest.raises(vol.Invalid):
        await call(hass, "authorise", anna, device_id=device_id(hass), mode="faster")


async def test_the_owner_stops_and_a_neighbour_does_not(
    hass: HomeAssistant, building: MockConfigEntry, anna: User, ben: User
) -> None:
    await call(hass, "authorise", anna, device_id=device_id(hass))
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "stop", ben, device_id=device_id(hass))
    assert refused.value.translation_key == "not_your_session"
    await call(hass, "stop", anna, device_id=device_id(hass))
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_authorised") == "off")


async def test_stopping_where_nobody_charges_is_refused(
    hass: HomeAssistant, building: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    for service, data in (("stop", {}), ("set_mode", {"mode": "fast"})):
        with pytest.raises(ServiceValidationError) as refused:
            await call(hass, service, hass_admin_user, device_id=device_id(hass), **data)
        assert refused.value.translation_key == "no_session"


async def test_an_automation_may_set_the_mode(hass: HomeAssistant, building: MockConfigEntry, anna: User) -> None:
    await call(hass, "authorise", anna, device_id=device_id(hass))
    await call(hass, "set_mode", None, device_id=device_id(hass), mode="solar_only")
    assert state_of(hass, "select.stall_1_mode") == "solar_only"


async def test_an_enrolled_card_lets_its_resident_in(
    hass: HomeAssistant, building: MockConfigEntry, keba: FakeKeba, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.evshare.access.taps.DEBOUNCE_S", 0)
    await call(hass, "enrol_card", anna, device_id=device_id(hass))
    keba.show_card("04A2B3C4")
    await wait_until(hass, lambda: not building.runtime_data.enrolling)
    keba.show_card(None)
    stall_1 = building.runtime_data.stalls["stall-1"]
    await wait_until(hass, lambda: stall_1.state.reading is not None and stall_1.state.reading.card_uid is None)
    mark = stall_1.state.reading
    await wait_until(hass, lambda: stall_1.state.reading.mono_s > mark.mono_s)
    keba.show_card("04A2B3C4")
    await wait_until(hass, lambda: stall_1.state.session is not None)
    assert stall_1.state.session.resident_id == "anna"
    assert stall_1.state.session.credential.kind == "card"


async def test_a_lost_card_is_forgotten_and_opens_nothing_more(
    hass: HomeAssistant, building: MockConfigEntry, keba: FakeKeba, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.evshare.access.taps.DEBOUNCE_S", 0)
    await call(hass, "enrol_card", anna, device_id=device_id(hass))
    keba.show_card("04A2B3C4")
    await wait_until(hass, lambda: not building.runtime_data.enrolling)
    assert await ask(hass, "remove_cards", anna) == {"removed": 1}
    stall_1 = building.runtime_data.stalls["stall-1"]
    keba.show_card(None)
    await wait_until(hass, lambda: stall_1.state.reading is not None and stall_1.state.reading.card_uid is None)
    mark = stall_1.state.reading
    await wait_until(hass, lambda: stall_1.state.reading.mono_s > mark.mono_s)
    keba.show_card("04A2B3C4")
    seen = "event.stall_1_authorisation"
    await wait_until(hass, lambda: hass.states.get(seen).attributes.get("event_type") == "denied")
    assert stall_1.state.session is None
    assert not keba.enabled
    assert await ask(hass, "remove_cards", anna) == {"removed": 0}


@pytest.mark.parametrize("resident", ["anna", "Anna Alt"])
async def test_nobody_removes_a_neighbours_cards(
    hass: HomeAssistant, building: MockConfigEntry, ben: User, resident: str
) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "remove_cards", ben, resident=resident)
    assert refused.value.translation_key == "not_your_resident"


async def test_nobody_enrols_a_card_for_a_neighbour(hass: HomeAssistant, building: MockConfigEntry, ben: User) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "enrol_card", ben, device_id=device_id(hass), resident="anna")
    assert refused.value.translation_key == "not_your_resident"
    assert building.runtime_data.enrolling == {}


async def test_sessions_are_exported_for_admins(
    hass: HomeAssistant, building: MockConfigEntry, keba: FakeKeba, anna: User, hass_admin_user: MockUser
) -> None:
    await call(hass, "authorise", anna, device_id=device_id(hass))
    await wait_until(hass, lambda: keba.enabled)
    keba.unplug()
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.stall_1_authorised") == "off")
    period = {"start": "2020-01-01 00:00:00", "end": "2099-01-01 00:00:00"}
    answer = await ask(hass, "export_sessions", hass_admin_user, **period)
    (session,) = answer["sessions"]
    assert (session["stall_id"], session["resident_id"], session["stop_reason"]) == ("stall-1", "anna", "unplugged")
    with pytest.raises(Unauthorized):
        await ask(hass, "export_sessions", anna, **period)
    with pytest.raises(ServiceValidationError) as refused:
        await ask(hass, "export_sessions", hass_admin_user, start=period["end"], end=period["start"])
    assert refused.value.translation_key == "end_before_start"


async def test_a_period_without_zone_is_this_homes_wall_clock(
    hass: HomeAssistant, building: MockConfigEntry, hass_admin_user: MockUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    asked: list[tuple[datetime, datetime]] = []

    async def sessions(start: datetime, end: datetime) -> list[dict[str, Any]]:
        asked.append((start, end))
        return []

    monkeypatch.setattr(building.runtime_data, "async_export_sessions", sessions)
    await ask(hass, "export_sessions", hass_admin_user, start="2026-07-01 00:00:00", end="2026-08-01T00:00:00+00:00")
    assert asked == [(datetime(2026, 6, 30, 22, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))]


# --- the office ---------------------------------------------------------------------------------------------------


class App:
    """An app that says welcome and takes what it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.told: list[dict[str, Any]] = []

    async def link(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer secret":
            raise web.HTTPForbidden
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            frame = message.json()
            if frame["type"] == "hello":
                await socket.send_json({"v": 1, "type": "welcome", "version": 1, "ack_seq": 0})
            elif frame["type"] == "records":
                ack = {"incarnation": frame["incarnation"], "ack_seq": frame["records"][-1]["seq"]}
                await socket.send_json({"v": 1, "type": "ack", **ack})
            elif frame["type"] == "tell":
                self.told.append(frame)
        return socket


@pytest.fixture
async def app(socket_enabled: None) -> AsyncIterator[App]:
    """An app on a local port."""
    app = App()
    application = web.Application()
    application.router.add_get("/link/v1", app.link)
    server = TestServer(application)
    await server.start_server()
    app.url = f"http://127.0.0.1:{server.port}"
    yield app
    await server.close()


async def test_an_admin_gets_a_link_to_the_office_whose_ticket_only_the_browser_has(
    hass: HomeAssistant, make_entry: MakeEntry, app: App, hass_admin_user: MockUser
) -> None:
    entry = await set_up(hass, make_entry(app_url=app.url, app_token="secret"))
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.lindenhof_app") == "on")
    answer = await ask(hass, "office_link", hass_admin_user, config_entry_id=entry.entry_id)
    address, ticket = answer["url"].split("#")
    assert address == "http://127.0.0.1:8099/sign-in"
    assert answer["expires_in_s"] == 60
    await wait_until(hass, lambda: app.told != [])
    assert app.told[0]["what"] == "office_ticket"
    assert app.told[0]["body"]["user_id"] == hass_admin_user.id
    assert ticket not in str(app.told)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_office_may_be_elsewhere(
    hass: HomeAssistant, make_entry: MakeEntry, app: App, hass_admin_user: MockUser
) -> None:
    entry = await set_up(
        hass, make_entry(app_url=app.url, app_token="secret", office_url="https://office.example/lindenhof")
    )
    await wait_until(hass, lambda: state_of(hass, "binary_sensor.lindenhof_app") == "on")
    answer = await ask(hass, "office_link", hass_admin_user)
    assert answer["url"].startswith("https://office.example/lindenhof/sign-in#")
    await hass.config_entries.async_unload(entry.entry_id)


async def test_residents_and_automations_get_no_link_to_the_office(
    hass: HomeAssistant, building: MockConfigEntry, anna: User
) -> None:
    with pytest.raises(Unauthorized):
        await ask(hass, "office_link", anna)
    with pytest.raises(ServiceValidationError) as refused:
        await ask(hass, "office_link", None)
    assert refused.value.translation_key == "person_required"


async def test_without_app_there_is_no_office(
    hass: HomeAssistant, building: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    with pytest.raises(HomeAssistantError) as failed:
        await ask(hass, "office_link", hass_admin_user)
    assert failed.value.translation_key == "app_not_connected"


async def test_with_several_buildings_one_has_to_be_chosen(
    hass: HomeAssistant,
    building: MockConfigEntry,
    make_entry: MakeEntry,
    network: ModbusNetwork,
    hass_admin_user: MockUser,
) -> None:
    await set_up(hass, make_entry(name="Eichenhof", unique_id="e" * 32))
    period = {"start": "2020-01-01 00:00:00", "end": "2099-01-01 00:00:00"}
    with pytest.raises(ServiceValidationError):
        await ask(hass, "export_sessions", hass_admin_user, **period)
    answer = await ask(hass, "export_sessions", hass_admin_user, config_entry_id=building.entry_id, **period)
    assert answer == {"sessions": []}


async def test_a_stall_without_a_card_reader_says_so(
    hass: HomeAssistant, building: MockConfigEntry, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = building.runtime_data.stalls["stall-1"].connector
    readerless = replace(connector.ports, identity=False, polled_identity=False)
    monkeypatch.setattr(type(connector), "ports", property(lambda _self: readerless))
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "enrol_card", anna, device_id=device_id(hass))
    assert refused.value.translation_key == "no_card_reader"
    assert building.runtime_data.enrolling == {}
