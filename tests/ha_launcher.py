"""Starts pytest so that the Home Assistant test plugin also works on a newer core than it was made for.

The plugin pins 2026.10.4. On 2026.11 `homeassistant` has to be imported before `httpx` (which it aliases), and a
logger function the plugin reaches for has moved. Both are harmless on 2026.10. Goes away with the next plugin.
"""

import sys

from tests import short_stacks  # noqa: F401

# isort: split

import homeassistant  # noqa: F401
from homeassistant.components import logger
from homeassistant.components.logger import helpers

import custom_components  # noqa: F401  # before HA's loader, or the plugin's own test package shadows ours

if not hasattr(logger, "_clear_logger_overwrites") and hasattr(helpers, "_clear_logger_overwrites"):
    logger._clear_logger_overwrites = helpers._clear_logger_overwrites

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(sys.argv[1:]))
