"""Names of the demo's card reader integration."""

DOMAIN = "building_readers"
CONF_READERS = "readers"
