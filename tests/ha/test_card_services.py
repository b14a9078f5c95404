"""The services for cards: what they tell and do. Who may call them is in `test_authority`."""

from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
import voluptuous as vol

from custom_components.evshare.access import fingerprints, normalise_uid
from custom_components.evshare.const import DOMAIN
from custom_components.evshare.model import ResidentId

from .conftest import MakeEntry, make_user, resident, set_up, stall, wait_until
from .hardware import FakeKeba

pytestmark = pytest.mark.usefixtures("quick_polls")

ANNAS_CARD = "04A2B3C4D5E680"
BENS_CARD = "0411223344AA80"
STRANGERS_CARD = "04DEADBEEF017F"
READER = "reader-1"


@pytest.fixture
async def anna(hass: HomeAssistant) -> User:
    """A resident's HA user."""
    return await make_user(hass, "Anna")


@pytest.fixture
async def building(hass: HomeAssistant, make_entry: MakeEntry, keba: FakeKeba) -> MockConfigEntry:
    """One stall with a reader; Anna and Ben have a card each."""
    residents = (resident(ha_user_id="user-of-anna"), resident("ben", "Ben Neu"))
    entry = await set_up(hass, make_entry(stall(tag_reader=READER), *residents))
    await enrolled(entry, "anna", ANNAS_CARD, "key ring")
    await enrolled(entry, "ben", BENS_CARD, "Ben's")
    return entry


async def enrolled(entry: MockConfigEntry, resident_id: str, uid: str, label: str) -> str:
    """A card that was enrolled before."""
    journal = entry.runtime_data.journal
    card_id = await journal.add_card(
        fingerprints(journal.card_key, normalise_uid(uid)),
        ResidentId(resident_id),
        entry.runtime_data.now().at,
        label=label,
        month_wh=250_000,
    )
    await entry.runtime_data.cards.load()
    return str(card_id)


def show(hass: HomeAssistant, uid: str) -> None:
    """Show a card at the reader."""
    hass.bus.async_fire("tag_scanned", {"tag_id": uid, "device_id": READER, "name": None})


async def call(hass: HomeAssistant, service: str, user: User, *, response: bool = False, **data: Any) -> Any:
    return await hass.services.async_call(
        DOMAIN, service, data, blocking=True, context=Context(user_id=user.id), return_response=response
    )


async def card(hass: HomeAssistant, user: User, label: str) -> dict[str, Any]:
    answer = await call(hass, "list_cards", user, response=True)
    (found,) = (each for each in answer["cards"] if each["label"] == label)
    return dict(found)


async def test_a_resident_sees_their_own_cards_and_no_number(
    hass: HomeAssistant, building: MockConfigEntry, anna: User
) -> None:
    answer = await call(hass, "list_cards", anna, response=True)
    (listed,) = answer["cards"]
    assert (listed["label"], listed["resident"], listed["blocked"]) == ("key ring", "Anna Alt", False)
    assert (listed["month_kwh"], listed["quiet_from"], listed["used_at"]) == (250, None, None)
    assert "unknown_cards" not in answer
    for number in (ANNAS_CARD, ANNAS_CARD[:8], "E680"):
        assert number not in str(answer)


async def test_a_limit_set_here_stands_beside_what_the_app_told_of_money(
    hass: HomeAssistant, building: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    """An admin's limit is replaced by no money, nor money by it; the smaller counts (tests/unit/access)."""
    (known,) = [each for each in building.runtime_data.cards.enrolled if each.label == "Ben's"]
    await building.runtime_data.cards.change(
        known.id, label="Ben's", blocked=False, month_wh=250_000, quiet=None, money_month_wh=40_500
    )
    await call(hass, "change_card", hass_admin_user, card="Ben's", month_kwh=30)
    listed = await card(hass, hass_admin_user, "Ben's")
    assert (listed["month_kwh"], listed["money_month_kwh"]) == (30, 40.5)
    assert (await card(hass, hass_admin_user, "key ring"))["money_month_kwh"] is None


async def test_an_admin_sees_all_cards_and_those_nobody_knows(
    hass: HomeAssistant, building: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: building.runtime_data.cards.unknown != [])
    answer = await call(hass, "list_cards", hass_admin_user, response=True)
    assert {each["label"] for each in answer["cards"]} == {"key ring", "Ben's"}
    (unknown,) = answer["unknown_cards"]
    assert (unknown["stall"], unknown["times"], unknown["last_digits"]) == ("Stall 1", 1, "7F")
    assert STRANGERS_CARD not in str(answer)


async def test_a_blocked_card_opens_nothing_until_it_is_unblocked(
    hass: HomeAssistant, building: MockConfigEntry, keba: FakeKeba, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.evshare.access.taps.DEBOUNCE_S", 0)
    keba.plug()
    stall_1 = building.runtime_data.stalls["stall-1"]
    await wait_until(hass, lambda: stall_1.state.plugged)
    await call(hass, "block_card", anna, card="KEY RING ")
    show(hass, ANNAS_CARD)
    seen = "event.stall_1_authorisation"
    await wait_until(hass, lambda: hass.states.get(seen).attributes.get("reason") == "blocked_card")
    assert not keba.enabled
    await call(hass, "unblock_card", anna, card="key ring")
    show(hass, ANNAS_CARD)
    await wait_until(hass, lambda: keba.enabled)


async def test_a_card_is_changed_only_where_something_is_said(
    hass: HomeAssistant, building: MockConfigEntry, anna: User, hass_admin_user: MockUser
) -> None:
    changes = {"quiet_from": "22:00", "quiet_to": "06:30:00", "month_kwh": 80}
    await call(hass, "change_card", anna, card="key ring", **changes)
    changed = await card(hass, anna, "key ring")
    assert (changed["month_kwh"], changed["quiet_from"], changed["quiet_to"]) == (80, "22:00", "06:30")
    await call(hass, "change_card", hass_admin_user, card=changed["card"], label=" spare ", no_month_limit=True)
    changed = await card(hass, anna, "spare")
    assert (changed["month_kwh"], changed["quiet_from"]) == (None, "22:00")
    await call(hass, "change_card", anna, card="spare", no_quiet_hours=True)
    assert (await card(hass, anna, "spare"))["quiet_from"] is None


async def test_what_the_manager_set_on_a_card_its_holder_does_not_take_away(
    hass: HomeAssistant, building: MockConfigEntry, anna: User, hass_admin_user: MockUser
) -> None:
    async def refused(service: str, **data: Any) -> None:
        with pytest.raises(ServiceValidationError) as refusal:
            await call(hass, service, anna, **data)
        assert refusal.value.translation_key == "card_managers"

    mine = {"card": "key ring"}
    await refused("change_card", month_kwh=251, **mine)
    await refused("change_card", no_month_limit=True, **mine)
    await call(hass, "block_card", anna, **mine)
    await call(hass, "unblock_card", anna, **mine)
    await call(hass, "block_card", anna, **mine)
    await call(hass, "block_card", hass_admin_user, **mine)
    await refused("unblock_card", **mine)
    await refused("remove_card", **mine)  # enrolled anew it would be free
    await refused("remove_cards")
    # A block of their own on top changes nothing of it.
    await call(hass, "block_card", anna, **mine)
    await refused("unblock_card", **mine)
    left = await card(hass, anna, "key ring")
    assert (left["blocked"], left["month_kwh"]) == (True, 250)


@pytest.mark.parametrize(
    "wrong",
    [{"label": "x" * 61}, {"label": "two\nlines"}, {"month_kwh": 0}, {"quiet_from": "22:00"}, {"quiet_from": "late"}],
)
async def test_what_a_card_cannot_have_is_refused_and_nothing_changes(
    hass: HomeAssistant, building: MockConfigEntry, anna: User, wrong: dict[str, Any]
) -> None:
    before = await card(hass, anna, "key ring")
    with pytest.raises(vol.Invalid):
        await call(hass, "change_card", anna, card="key ring", **wrong)
    assert await card(hass, anna, "key ring") == before


async def test_one_card_is_removed_and_the_others_stay(
    hass: HomeAssistant, building: MockConfigEntry, anna: User
) -> None:
    await enrolled(building, "anna", "04AABBCCDDEE80", "spare")
    await call(hass, "remove_card", anna, card="key ring")
    answer = await call(hass, "list_cards", anna, response=True)
    assert [each["label"] for each in answer["cards"]] == ["spare"]


@pytest.mark.parametrize("limit", [{"month_wh": 100_000}, {"month_wh": 250_000, "money_month_wh": 400_000}])
async def test_a_resident_cannot_get_rid_of_a_cards_limit_by_removing_it(
    hass: HomeAssistant, building: MockConfigEntry, anna: User, hass_admin_user: User, limit: dict[str, int]
) -> None:
    (own,) = (each for each in building.runtime_data.cards.enrolled if each.resident_id == "anna")
    await building.runtime_data.cards.change(own.id, label=own.label, blocked=False, quiet=None, **limit)
    for service, data in (("remove_card", {"card": "key ring"}), ("remove_cards", {"resident": "anna"})):
        with pytest.raises(ServiceValidationError) as refused:
            await call(hass, service, anna, **data)
        assert refused.value.translation_key == "card_managers"
    assert len((await call(hass, "list_cards", anna, response=True))["cards"]) == 1
    await call(hass, "remove_card", hass_admin_user, card=own.id)
    assert not (await call(hass, "list_cards", anna, response=True))["cards"]


async def test_two_cards_of_one_name_have_to_be_told_apart(
    hass: HomeAssistant, building: MockConfigEntry, anna: User
) -> None:
    await enrolled(building, "anna", "04AABBCCDDEE80", "Key Ring")
    for named, key in (("key ring", "card_ambiguous"), ("nothing", "card_unknown"), ("", "card_unknown")):
        with pytest.raises(ServiceValidationError) as refused:
            await call(hass, "remove_card", anna, card=named)
        assert refused.value.translation_key == key
    assert len((await call(hass, "list_cards", anna, response=True))["cards"]) == 2


async def test_a_neighbours_card_is_as_unknown_as_none(
    hass: HomeAssistant, building: MockConfigEntry, anna: User
) -> None:
    bens = next(card.id for card in building.runtime_data.cards.enrolled if card.resident_id == "ben")
    for named in (bens, "Ben's", "0" * 16):
        for service in ("block_card", "change_card", "remove_card"):
            with pytest.raises(ServiceValidationError) as refused:
                await call(hass, service, anna, card=named)
            assert refused.value.translation_key == "card_unknown"


async def test_an_unknown_card_is_given_to_a_resident_and_opens_then(
    hass: HomeAssistant,
    building: MockConfigEntry,
    keba: FakeKeba,
    hass_admin_user: MockUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.evshare.access.taps.DEBOUNCE_S", 0)
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: building.runtime_data.cards.unknown != [])
    answer = await call(hass, "list_cards", hass_admin_user, response=True)
    unknown = answer["unknown_cards"][0]["unknown_card"]
    answer = await call(
        hass, "assign_card", hass_admin_user, response=True, unknown_card=unknown, resident="Anna Alt", label="blue"
    )
    assert answer == {"card": (await card(hass, hass_admin_user, "blue"))["card"]}
    with pytest.raises(ServiceValidationError) as refused:
        await call(hass, "assign_card", hass_admin_user, unknown_card=unknown, resident="Anna Alt")
    assert refused.value.translation_key == "card_unknown"
    keba.plug()
    await wait_until(hass, lambda: building.runtime_data.stalls["stall-1"].state.plugged)
    show(hass, STRANGERS_CARD)
    await wait_until(hass, lambda: keba.enabled)
    assert building.runtime_data.stalls["stall-1"].state.session.resident_id == "anna"
