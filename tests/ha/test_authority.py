"""Who may do what in Home Assistant: every action of the integration, asked for by everyone who could (DESIGN rule 9).

The actions are listed from Home Assistant's own registries, so one without a row here fails. What is expected was
written by hand: an action opens something at a resident's cost, ends or reads it, so it needs an admin or the resident
themself; what only throttles a session that runs may also come from an automation. Whoever is refused moves no energy:
asked of the wall connector, not of the integration.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.components.http import HomeAssistantView
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from modbus_connection.mock import WriteEvent
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.evshare.access import UserAsk
from custom_components.evshare.const import DOMAIN
from custom_components.evshare.model import StallId

from .conftest import MakeEntry, device_id, make_user, resident, set_up, stall, wait_until
from .hardware import FakeKeba, ModbusNetwork
from .test_card_services import ANNAS_CARD, READER, STRANGERS_CARD, enrolled, show

pytestmark = pytest.mark.usefixtures("quick_polls")

DONE: Final = "done"
UNAUTHORIZED: Final = "unauthorized"
"""Home Assistant's own answer to whoever is no admin."""

CALLERS: Final = ("admin", "own", "other", "unmapped", "automation", "laundered", "system")
"""`own` is Anna, whose session and card it is; `other` is Ben, a resident too; `unmapped` a user who is no resident;
`laundered` an automation that Anna set off; `system` a user of Home Assistant's own, with an admin's rights."""


@dataclass(frozen=True)
class Row:
    """What comes of an action for each caller, in the order of `CALLERS`; where it is asked, and with what."""

    answers: tuple[str, ...]
    data: dict[str, Any]
    session: bool = False
    """Anna has a session, which is paused; else the stall is locked and a car waits."""

    def __post_init__(self) -> None:
        assert len(self.answers) == len(CALLERS)


def person(refused: str) -> tuple[str, ...]:
    """For admins and the resident; no automation."""
    return (DONE, DONE, refused, refused, "person_required", "person_required", "person_required")


def throttle(refused: str) -> tuple[str, ...]:
    """For admins, the session's resident and automations."""
    return (DONE, DONE, refused, refused, DONE, DONE, DONE)


STALL: Final = {"device_id": "STALL"}
ANNAS: Final = {"resident": "anna"}
ANNAS_CARD_NAME: Final = {"card": "key ring"}
PERIOD: Final = {"start": "2020-01-01 00:00:00", "end": "2099-01-01 00:00:00"}
SETTING: Final = (DONE, "admin_required", "admin_required", "admin_required", DONE, DONE, DONE)

ROWS: Final[dict[str, Row]] = {
    "evshare.authorise": Row(person("not_your_resident"), STALL | ANNAS),
    "evshare.stop": Row(person("not_your_session"), STALL, session=True),
    "evshare.set_mode": Row(throttle("not_your_session"), STALL | {"mode": "solar_only"}, session=True),
    "evshare.enrol_card": Row(person("not_your_resident"), STALL | ANNAS),
    "evshare.list_cards": Row(person("not_your_resident"), ANNAS),
    "evshare.block_card": Row(person("card_unknown"), ANNAS_CARD_NAME),
    "evshare.unblock_card": Row(person("card_unknown"), ANNAS_CARD_NAME),
    "evshare.change_card": Row(person("card_unknown"), ANNAS_CARD_NAME | {"month_kwh": 80}),
    "evshare.remove_card": Row(person("card_unknown"), ANNAS_CARD_NAME),
    "evshare.remove_cards": Row(person("not_your_resident"), ANNAS),
    "evshare.assign_card": Row(
        (DONE, *["admin_required"] * 3, *["person_required"] * 3), ANNAS | {"unknown_card": "UNKNOWN"}
    ),
    # An admin has not allowed it; to those who may ask it is said.
    "evshare.learn_car": Row(("ev_ids_off", "ev_ids_off", *person("not_your_resident")[2:]), STALL | ANNAS),
    "evshare.list_cars": Row(person("not_your_resident"), ANNAS),
    "evshare.forget_car": Row(person("car_unknown"), {"car": "Zoe"}),
    # Reads only; Home Assistant itself lets automations, which only admins make, do what is for admins.
    "evshare.export_sessions": Row((DONE, *[UNAUTHORIZED] * 3, DONE, DONE, DONE), PERIOD),
    # Without an app nobody gets in, but an admin is told that there is none.
    "evshare.office_link": Row(("app_not_connected", *[UNAUTHORIZED] * 3, *["person_required"] * 3), {}),
    "button.press stop": Row(person("not_your_session"), {}, session=True),
    "switch.turn_on paused": Row(throttle("not_your_session"), {}, session=True),
    "switch.turn_off paused": Row(throttle("not_your_session"), {}, session=True),
    "switch.toggle paused": Row(throttle("not_your_session"), {}, session=True),
    "select.select_option mode": Row(throttle("not_your_session"), {"option": "solar_only"}, session=True),
    "select.select_first mode": Row(throttle("not_your_session"), {}, session=True),
    "select.select_last mode": Row(throttle("not_your_session"), {}, session=True),
    "select.select_next mode": Row(throttle("not_your_session"), {}, session=True),
    "select.select_previous mode": Row(throttle("not_your_session"), {}, session=True),
    "number.set_value max_current": Row(SETTING, {"value": 10}, session=True),
}
ENTITY_ACTIONS: Final = tuple(action for action in ROWS if " " in action)
WEBSOCKET_COMMANDS: Final[frozenset[str]] = frozenset()
VIEWS: Final = frozenset({"RelayView"})
"""Of an owner who opted in to the relay: it hands requests on to the app's portal, which asks itself who it is, and can
reach nothing of this integration."""


class DrawingKeba(FakeKeba):
    """Its car takes 100 Wh the moment it may, and again with each current it is told."""

    delivered_wh = 0
    opened = 0
    _current_ma = 0

    def _written(self, event: WriteEvent) -> None:
        super()._written(event)
        if event.address == 5004:
            self._current_ma = int(event.values[0])
        self.opened += event.address == 5014 and bool(event.values[0])
        if self.plugged and self.enabled and self._current_ma >= 6000:
            self.delivered_wh += 100
            self.count(100)


@pytest.fixture
def keba(network: ModbusNetwork) -> DrawingKeba:
    """A wall connector at 10.0.0.11 with a hungry car."""
    return DrawingKeba(network, "10.0.0.11", serial=17619300)


@pytest.fixture
async def building(hass: HomeAssistant, make_entry: MakeEntry, keba: DrawingKeba) -> MockConfigEntry:
    """One stall where a car waits; Anna has a card and a car that was learnt, and an unknown card was refused."""
    residents = (resident(ha_user_id="user-of-anna"), resident("ben", "Ben Neu", ha_user_id="user-of-ben"))
    for name in ("Anna", "Ben", "Carla"):
        await make_user(hass, name)
    entry = await set_up(hass, make_entry(stall(tag_reader=READER), *residents))
    await enrolled(entry, "anna", ANNAS_CARD, "key ring")
    await entry.runtime_data.journal.add_car("fingerprint", "anna", entry.runtime_data.now().at, label="Zoe")
    await entry.runtime_data.known_cars.load()
    keba.plug()
    stall_1 = entry.runtime_data.stalls[StallId("stall-1")]
    await wait_until(hass, lambda: stall_1.state.plugged)
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: entry.runtime_data.cards.unknown != [])
    return entry


@pytest.fixture
def callers(hass: HomeAssistant, hass_admin_user: MockUser) -> dict[str, Context]:
    """Who asks, as Home Assistant says it."""
    system = MockUser(name="Supervisor", is_owner=False, system_generated=True, groups=hass_admin_user.groups)
    system.add_to_hass(hass)
    return {
        "admin": Context(user_id=hass_admin_user.id),
        "own": Context(user_id="user-of-anna"),
        "other": Context(user_id="user-of-ben"),
        "unmapped": Context(user_id="user-of-carla"),
        "automation": Context(),
        "laundered": Context(parent_id=Context(user_id="user-of-anna").id),
        "system": Context(user_id=system.id),
    }


async def paused_session(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Anna's session, paused: nothing flows, and one press would change that."""
    building = entry.runtime_data
    ask = UserAsk(user_id="user-of-anna", is_admin=False, resident_id="anna")
    await building.async_authorise("stall-1", ask)
    await building.async_set_paused("stall-1", True)
    stall_1 = building.stalls["stall-1"]
    await wait_until(hass, lambda: stall_1.state.offered_a == 0 and stall_1.state.paused)
    await stall_1.hand.at_rest()


async def two_more_readings(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Long enough for whatever was ordered to be carried out."""
    stall_1 = entry.runtime_data.stalls["stall-1"]
    await stall_1.hand.at_rest()
    for _ in range(2):
        mark = stall_1.state.reading.mono_s
        await wait_until(hass, lambda mark=mark: stall_1.state.reading.mono_s > mark)
    await stall_1.hand.at_rest()


def entity_id(hass: HomeAssistant, entry: MockConfigEntry, domain: str, key: str) -> str:
    """The entity of a platform by its translation key."""
    (found,) = (
        entity.entity_id
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if (entity.domain, entity.translation_key) == (domain, key)
    )
    return found


async def asked(hass: HomeAssistant, entry: MockConfigEntry, action: str, context: Context) -> str:
    """What comes of an action."""
    service, _, key = action.partition(" ")
    domain, _, name = service.partition(".")
    data = dict(ROWS[action].data)
    if key:
        data["entity_id"] = entity_id(hass, entry, domain, key)
    if data.get("device_id") == "STALL":
        data["device_id"] = device_id(hass)
    if data.get("unknown_card") == "UNKNOWN":
        data["unknown_card"] = entry.runtime_data.cards.unknown[0].id
    answers = hass.services.supports_response(domain, name) == "only"
    try:
        await hass.services.async_call(domain, name, data, blocking=True, context=context, return_response=answers)
    except Unauthorized:
        return UNAUTHORIZED
    except HomeAssistantError as error:
        return error.translation_key or repr(error)
    return DONE


def entity_actions(hass: HomeAssistant, entry: MockConfigEntry) -> Iterator[str]:
    """Every action of every entity, as the registries know them."""
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        for service in hass.services.async_services_for_domain(entity.domain):
            yield f"{entity.domain}.{service} {entity.translation_key}"


async def test_every_action_there_is_has_a_row(hass: HomeAssistant, building: MockConfigEntry) -> None:
    services = {f"{DOMAIN}.{service}" for service in hass.services.async_services_for_domain(DOMAIN)}
    assert {*services, *entity_actions(hass, building)} == set(ROWS)


async def test_there_are_no_other_doors(hass: HomeAssistant, building: MockConfigEntry) -> None:
    """Commands over the WebSocket and views would need rows of their own."""
    assert await async_setup_component(hass, "websocket_api", {})
    ours = f"custom_components.{DOMAIN}"
    commands = {
        name for name, (handler, _) in hass.data["websocket_api"].items() if handler.__module__.startswith(ours)
    }
    assert commands == WEBSOCKET_COMMANDS
    views = {view.__name__ for view in _below(HomeAssistantView) if view.__module__.startswith(ours)}
    assert views <= VIEWS


def _below(kind: type) -> Iterator[type]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("action", ROWS)
async def test_the_matrix(
    hass: HomeAssistant,
    building: MockConfigEntry,
    keba: DrawingKeba,
    callers: dict[str, Context],
    action: str,
    caller: str,
) -> None:
    row = ROWS[action]
    expected = row.answers[CALLERS.index(caller)]
    if row.session:
        await paused_session(hass, building)
    stall_1 = building.runtime_data.stalls["stall-1"]
    cards, cars = building.runtime_data.cards, building.runtime_data.known_cars
    before = (stall_1.state.session, stall_1.state.paused, stall_1.max_current_a, cards.enrolled, cars.learnt)
    opened, delivered_wh = keba.opened, keba.delivered_wh
    assert await asked(hass, building, action, callers[caller]) == expected
    if expected == DONE:
        return
    await two_more_readings(hass, building)
    assert (keba.opened, keba.delivered_wh) == (opened, delivered_wh)
    assert before == (
        stall_1.state.session,
        stall_1.state.paused,
        stall_1.max_current_a,
        cards.enrolled,
        cars.learnt,
    )
    assert building.runtime_data.enrolling == {}


@pytest.mark.parametrize("caller", CALLERS)
async def test_at_a_locked_stall_no_entity_gives_anybody_energy(
    hass: HomeAssistant,
    building: MockConfigEntry,
    keba: DrawingKeba,
    callers: dict[str, Context],
    caller: str,
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    for action in ENTITY_ACTIONS:
        await asked(hass, building, action, callers[caller])
    for service in ("turn_on", "turn_off", "toggle"):
        target = {"entity_id": entity_id(hass, building, "switch", "paused")}
        with suppress(HomeAssistantError):
            await hass.services.async_call("homeassistant", service, target, blocking=True, context=callers[caller])
    await two_more_readings(hass, building)
    assert building.runtime_data.stalls["stall-1"].state.session is None
    assert (keba.opened, keba.delivered_wh, keba.enabled) == (0, 0, False)


async def test_the_car_of_this_matrix_takes_energy_as_soon_as_it_may(
    hass: HomeAssistant, building: MockConfigEntry, keba: DrawingKeba, callers: dict[str, Context]
) -> None:
    """Else 0 Wh would say nothing."""
    assert await asked(hass, building, "evshare.authorise", callers["own"]) == DONE
    await wait_until(hass, lambda: keba.delivered_wh >= 100)
    assert keba.opened >= 1
    # And as soon as a pause is over.
    assert await asked(hass, building, "switch.turn_on paused", callers["automation"]) == DONE
    await two_more_readings(hass, building)
    delivered_wh = keba.delivered_wh
    assert await asked(hass, building, "switch.turn_off paused", callers["own"]) == DONE
    await wait_until(hass, lambda: keba.delivered_wh > delivered_wh)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/config/config_entries/flow", {"handler": DOMAIN}),
        ("/api/config/config_entries/subentries/flow", {"handler": ["ENTRY", "stall"]}),
        ("/api/config/config_entries/subentries/flow", {"handler": ["ENTRY", "resident"], "subentry_id": "anna"}),
        ("/api/config/config_entries/options/flow", {"handler": "ENTRY"}),
        ("/api/repairs/issues/fix", {"handler": DOMAIN, "issue_id": "unauthorised_energy_stall-1"}),
        ("/api/diagnostics/config_entry/ENTRY", None),
    ],
    ids=["building", "stall", "resident", "options", "repair", "diagnostics"],
)
async def test_dialogues_and_diagnostics_are_for_admins(
    hass: HomeAssistant,
    building: MockConfigEntry,
    keba: DrawingKeba,
    hass_client: ClientSessionGenerator,
    hass_access_token: str,
    hass_read_only_access_token: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    for component in ("config", "repairs", "diagnostics"):
        assert await async_setup_component(hass, component, {})
    path = path.replace("ENTRY", building.entry_id)
    if body is not None:
        handler = body["handler"]
        ours = (
            [building.entry_id, handler[1]]
            if isinstance(handler, list)
            else handler.replace("ENTRY", building.entry_id)
        )
        body = body | {"handler": ours}
    answers = []
    for token in (hass_read_only_access_token, hass_access_token):
        client = await hass_client(token)
        response = await (client.get(path) if body is None else client.post(path, json=body))
        answers.append(response.status)
    assert answers[0] == 401
    assert answers[1] != 401, "an admin may"
    assert (keba.opened, keba.delivered_wh) == (0, 0)
