"""Names that HA's rooms of the integration share."""

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "evshare"

PLATFORMS: Final = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
)

SUBENTRY_STALL: Final = "stall"
SUBENTRY_RESIDENT: Final = "resident"

# Building (config entry data); `name` is homeassistant.const.CONF_NAME.
CONF_CURRENCY: Final = "currency"
CONF_FUSE_A: Final = "fuse_a"
CONF_PHASES: Final = "phases"
CONF_GRID_POWER: Final = "grid_power"
CONF_CURRENT_L1: Final = "current_l1"
CONF_CURRENT_L2: Final = "current_l2"
CONF_CURRENT_L3: Final = "current_l3"
CONF_PV_POWER: Final = "pv_power"
CONF_APP_URL: Final = "app_url"
CONF_APP_TOKEN: Final = "app_token"  # noqa: S105  # the name of a field
CONF_OFFICE_URL: Final = "office_url"

# Building (config entry options)
CONF_APP_NEEDED: Final = "app_needed"
CONF_RELAY: Final = "relay"
CONF_RELAY_PORT: Final = "relay_port"
CONF_IMPORT_ENERGY: Final = "import_energy"
CONF_EXPORT_ENERGY: Final = "export_energy"
CONF_PV_ENERGY: Final = "pv_energy"
CONF_BATTERY_IN_ENERGY: Final = "battery_in_energy"
CONF_BATTERY_OUT_ENERGY: Final = "battery_out_energy"
CONF_BATTERY_POWER: Final = "battery_power"
CONF_BATTERY_CHARGE_POWER: Final = "battery_charge_power"
CONF_PRICES: Final = "prices"
"""Each a name and a sensor."""
CONF_PRICE_SENSOR: Final = "sensor"

PHASE_CURRENTS: Final = (CONF_CURRENT_L1, CONF_CURRENT_L2, CONF_CURRENT_L3)

# Stall (subentry data); `host` and `port` are homeassistant.const.CONF_HOST and CONF_PORT.
CONF_CONNECTOR: Final = "connector"
CONF_UNIT_ID: Final = "unit_id"
CONF_MAX_CURRENT_A: Final = "max_current_a"
CONF_PHASE_MAP: Final = "phase_map"
CONF_CONTACTOR: Final = "contactor"
CONF_METER: Final = "meter"
CONF_TAG_READER: Final = "tag_reader"
CONF_SERIAL: Final = "serial"
CONF_TRANSPORT: Final = "transport"
CONF_SERIAL_PORT: Final = "serial_port"
CONF_POINT: Final = "point"
CONF_SLOTS: Final = "slots"
CONF_STATES: Final = "states"
CONF_IDENTITY: Final = "identity"
CONF_NO_SUBPROTOCOL: Final = "no_subprotocol"
CONF_MDNS: Final = "mdns"
"""The name by which the connector announces itself; its network card is homeassistant.const.CONF_MAC."""
CONF_CONTACTOR_FEEDBACK: Final = "contactor_feedback"
CONF_CONTACTOR_REFRESH: Final = "contactor_refresh"
CONF_CONTACTOR_REFRESH_S: Final = "contactor_refresh_s"
CONF_SOFT_STOP: Final = "soft_stop"
CONF_TWC_METER_DEVICE: Final = "twc_meter_device"
CONF_TWC_METER_PORT: Final = "twc_meter_port"
CONF_TWC_METER_LIMIT_A: Final = "twc_meter_limit_a"

CONF_READER_SIGNAL: Final = "reader_signal"
"""A light, siren or switch beside the card reader that shows what came of a card."""
CONF_BELONGS_TO: Final = "belongs_to"
"""The resident at whose cost whoever plugs in there charges."""

CONNECTOR_ENTITIES: Final = "ha_entities"
CONNECTOR_OCPP: Final = "ocpp16"
"""Values of `CONF_CONNECTOR` that are no profile: entities of another integration, and a box that calls us."""

# Resident (subentry data)
CONF_HA_USER_ID: Final = "ha_user_id"
CONF_CAR_ENTITY: Final = "car_entity"
"""An entity of the resident's own car that says whether it is plugged in…"""
CONF_CAR_STATES: Final = "car_states"
"""…and the states in which it says so."""
CONF_EV_IDS: Final = "ev_ids"
"""Whether cars may charge at the resident's cost by the identifier they tell the wall connector."""
