"""The building's counters, battery and prices: chosen in Home Assistant, and in the journal each quarter hour."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.evshare.journal import rfc3339

from .building.conftest import MakeSite, Site, clock, make_site
from .conftest import MakeEntry, set_up
from .texts import LANGUAGES, TEXTS, find

__all__ = ["clock", "make_site"]

COUNTERS = {
    "import_energy": "sensor.grid_in",
    "export_energy": "sensor.grid_out",
    "pv_energy": "sensor.sun",
    "battery_in_energy": "sensor.battery_in",
    "battery_out_energy": "sensor.battery_out",
    "battery_power": "sensor.battery_power",
    "battery_charge_power": "sensor.battery_charging",
    "prices": [
        {"name": "Day-ahead price", "sensor": "sensor.price"},
        {"name": "Grid fee", "sensor": "sensor.grid_fee"},
    ],
}

MARKET = [{"name": "Market", "sensor": "sensor.price"}]


def _says(hass: HomeAssistant, entity_id: str, state: object, unit: str | None, at: float | None = None) -> None:
    hass.states.async_set(
        entity_id, str(state), {"unit_of_measurement": unit} if unit else {}, force_update=True, timestamp=at
    )


async def _form(hass: HomeAssistant, entry_id: str) -> Any:
    menu = await hass.config_entries.options.async_init(entry_id)
    assert menu["type"] is FlowResultType.MENU
    for language in LANGUAGES:
        for option in menu["menu_options"]:
            assert find(TEXTS[language], "options", "step", "init", "menu_options", option)
    return await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "counters"})


@pytest.fixture
def sensors(hass: HomeAssistant) -> None:
    """Everything a house can have."""
    for name in ("grid_in", "grid_out", "sun", "battery_in", "battery_out"):
        _says(hass, f"sensor.{name}", "1234.5", "kWh")
    _says(hass, "sensor.battery_power", "-1.2", "kW")
    _says(hass, "sensor.battery_charging", "1200", "W")
    _says(hass, "sensor.price", "28.14", "ct/kWh")
    _says(hass, "sensor.grid_fee", "0.0934", "EUR/kWh")


async def test_counters_are_named_changed_and_taken_away_and_the_relay_stays(
    hass: HomeAssistant, make_entry: MakeEntry, sensors: None
) -> None:
    entry = await set_up(hass, make_entry())
    relay = {"relay": False, "relay_port": 8100}
    hass.config_entries.async_update_entry(entry, options=relay)
    form = await _form(hass, entry.entry_id)
    for language in LANGUAGES:
        for name in COUNTERS:
            for part in ("data", "data_description"):
                assert find(TEXTS[language], "options", "step", "counters", part, name)
    await hass.config_entries.options.async_configure(form["flow_id"], COUNTERS)
    assert entry.options == relay | COUNTERS
    form = await _form(hass, entry.entry_id)
    padded = [{"name": "  Day-ahead price ", "sensor": "sensor.price"}]
    await hass.config_entries.options.async_configure(form["flow_id"], {"prices": padded})
    assert entry.options == relay | {"prices": [{"name": "Day-ahead price", "sensor": "sensor.price"}]}
    form = await _form(hass, entry.entry_id)
    await hass.config_entries.options.async_configure(form["flow_id"], {"prices": []})
    assert entry.options == relay


@pytest.mark.parametrize(
    ("chosen", "errors"),
    [
        ({"pv_energy": "sensor.battery_power"}, {"pv_energy": "not_energy"}),
        ({"battery_power": "sensor.sun"}, {"battery_power": "not_power"}),
        ({"pv_energy": "sensor.nowhere"}, {"pv_energy": "entity_unknown"}),
        ({"import_energy": "sensor.sun", "pv_energy": "sensor.sun"}, {"pv_energy": "chosen_twice"}),
        ({"battery_charge_power": "sensor.battery_charging"}, {"battery_power": "power_missing"}),
    ],
)
async def test_a_wrong_one_is_named_and_nothing_changes(
    hass: HomeAssistant, make_entry: MakeEntry, sensors: None, chosen: dict[str, str], errors: dict[str, str]
) -> None:
    _says(hass, "sensor.price_in_kronor", "2.9", "SEK/kWh")
    entry = await set_up(hass, make_entry())
    form = await _form(hass, entry.entry_id)
    refused = await hass.config_entries.options.async_configure(form["flow_id"], chosen)
    assert refused["errors"] == errors
    assert entry.options == {}
    for language in LANGUAGES:
        assert all(find(TEXTS[language], "options", "error", error) for error in errors.values())


@pytest.mark.parametrize(
    ("prices", "error", "wrong"),
    [
        ([("Market", "sensor.sun")], "not_price", "sensor.sun"),
        ([("Market", "sensor.price"), ("Other", "sensor.price_in_kronor")], "not_price", "sensor.price_in_kronor"),
        ([("Market", "sensor.nowhere")], "price_unknown", "sensor.nowhere"),
        ([("Market", "sensor.price"), ("market ", "sensor.grid_fee")], "price_named_twice", "market"),
        ([(" ", "sensor.price")], "price_name", "1"),
        ([("x" * 65, "sensor.price")], "price_name", "x" * 65),
        ([(f"Price {n}", "sensor.price") for n in range(1, 10)], "too_many_prices", "Price 9"),
    ],
)
async def test_a_price_that_cannot_be_is_named_and_nothing_changes(
    hass: HomeAssistant,
    make_entry: MakeEntry,
    sensors: None,
    prices: list[tuple[str, str]],
    error: str,
    wrong: str,
) -> None:
    _says(hass, "sensor.price_in_kronor", "2.9", "SEK/kWh")
    entry = await set_up(hass, make_entry())
    form = await _form(hass, entry.entry_id)
    chosen = {"prices": [{"name": name, "sensor": sensor} for name, sensor in prices]}
    refused = await hass.config_entries.options.async_configure(form["flow_id"], chosen)
    assert (refused["errors"], refused["description_placeholders"]["wrong"]) == ({"prices": error}, wrong)
    assert entry.options == {}
    for language in LANGUAGES:
        assert "{wrong}" in find(TEXTS[language], "options", "error", error)
        for part in ("name", "sensor"):
            assert find(TEXTS[language], "selector", "prices", "fields", part, "name")


# --- in a running building -------------------------------------------------------------------------------------------


async def _living(site: Site, seconds: int, *, price: tuple[str, str] = ("28.14", "ct/kWh")) -> None:
    """Live: 3.6 kW from the grid, 7.2 kW of sun, half of it into the battery, told every 10 s."""
    begin = getattr(site, "lived_s", 0)
    for second in range(begin, begin + seconds, 10):
        at = site.clock.now.timestamp()
        _says(site.hass, "sensor.grid_in", f"{4000 + second / 1000:.3f}", "kWh", at)
        _says(site.hass, "sensor.grid_out", "17.25", "kWh", at)
        _says(site.hass, "sensor.pv", "7.2", "kW", at)
        _says(site.hass, "sensor.battery_power", "-3600", "W", at)
        _says(site.hass, "sensor.price", *price, at)
        await site.clock.passes(10)
    site.lived_s = begin + seconds  # type: ignore[attr-defined]


def _quarters(site: Site) -> list[dict[str, Any]]:
    return site.records("building_slice")


async def test_states_become_quarter_hours_that_say_what_is_estimated(make_site: MakeSite) -> None:
    site = await make_site(pv_power="sensor.pv")
    options = {
        "import_energy": "sensor.grid_in",
        "export_energy": "sensor.grid_out",
        "battery_power": "sensor.battery_power",
        "prices": MARKET,
    }
    site.hass.config_entries.async_update_entry(site.entry, options=options)
    await site.start()
    await _living(site, 1900)
    begun, quarter = _quarters(site)
    # It did not see the whole quarter hour in which it began, but its price.
    price = {"name": "Market", "price": "0.2814", "estimated": False}
    assert (begun["import_wh"], begun["pv_wh"], begun["prices"]) == (None, None, [price])
    # Both battery values come from one signed power.
    assert quarter == {
        "kind": "building_slice",
        "start": "2026-06-29T18:15:00Z",
        "end": "2026-06-29T18:30:00Z",
        "import_wh": 900,
        "export_wh": 0,
        "pv_wh": 1800,
        "battery_in_wh": 900,
        "battery_out_wh": 0,
        "prices": [price],
        "estimated": ["battery_in", "battery_out", "pv"],
    }


async def test_a_sensor_that_goes_away_is_null_and_the_others_go_on(make_site: MakeSite) -> None:
    site = await make_site()
    options = {"import_energy": "sensor.grid_in", "battery_out_energy": "sensor.battery_out", "prices": MARKET}
    site.hass.config_entries.async_update_entry(site.entry, options=options)
    await site.start()
    _says(site.hass, "sensor.battery_out", "unavailable", None)
    await _living(site, 3000, price=("unavailable", ""))
    quarter = _quarters(site)[0]
    assert (quarter["import_wh"], quarter["battery_out_wh"], quarter["prices"]) == (900, None, [])
    assert quarter["estimated"] == []


async def test_other_counters_are_taken_over_in_place(make_site: MakeSite) -> None:
    site = await make_site()
    await site.start()
    await _living(site, 1000)
    assert _quarters(site) == []
    site.hass.config_entries.async_update_entry(site.entry, options={"prices": MARKET})
    await site.building.async_apply(site.entry)
    assert site.building.building.price_series == ("Market",)
    await _living(site, 900, price=("91.5", "EUR/MWh"))
    quarters = _quarters(site)
    assert {(one["name"], one["price"]) for quarter in quarters for one in quarter["prices"]} == {("Market", "0.0915")}
    assert rfc3339(site.clock.now) > quarters[-1]["end"]
