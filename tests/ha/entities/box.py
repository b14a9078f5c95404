"""A charger of another integration, made of real entities of Home Assistant: helpers and templates.

The helpers are the electronics (is a car plugged, is it allowed to charge, what has flowed), the templates are what
an integration would show of them. The car draws what it is offered on three phases of 230 V.
"""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

VOLTS = 230

STATUS = """
{% if is_state('input_boolean.box_broken', 'on') %}error
{% elif not is_state('input_boolean.box_plugged', 'on') %}idle
{% elif is_state('input_boolean.box_allowed', 'on') and states('input_number.box_limit') | float >= 6 %}charging
{% else %}plugged{% endif %}
"""
POWER = "{{ (3 * 230 * states('input_number.box_limit') | float) if is_state('sensor.box_status', 'charging') else 0 }}"

SLOTS = {
    "status": "sensor.box_status",
    "enable": "switch.box_charging",
    "max_current": "number.box_limit",
    "power": "sensor.box_power",
    "energy_total": "sensor.box_energy",
}
STATES = {"idle": "A", "plugged": "B", "charging": "C", "error": "E"}


def _turn(to: str) -> dict[str, Any]:
    """An action of the charger's electronics."""
    return {"action": f"input_boolean.turn_{to}", "target": {"entity_id": "input_boolean.box_allowed"}}


SCRIPT = [
    {
        "if": "{{ action == 'limit' }}",
        "then": [
            {
                "action": "input_number.set_value",
                "target": {"entity_id": "input_number.box_limit"},
                "data": {"value": "{{ current_a }}"},
            }
        ],
    },
    {"if": "{{ action == 'enable' and stall == 'Stall 1' }}", "then": [_turn("on")]},
    {"if": "{{ action == 'disable' }}", "then": [_turn("off")]},
]
"""What an owner writes for a charger that has only actions."""


class Box:
    """The charger and the car at it."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass

    async def install(self, *, register_wh: int = 1_234_567) -> None:
        """Set the integration up; the charger lets everybody charge, as out of the box."""
        hass = self.hass
        helpers = {
            "input_boolean": {
                "box_plugged": {"initial": False},
                "box_allowed": {"initial": True},
                "box_broken": {"initial": False},
            },
            "input_number": {
                "box_limit": {"min": 0, "max": 32, "step": 1, "initial": 16},
                "box_register": {"min": 0, "max": 1e9, "step": 1, "initial": register_wh},
            },
        }
        for domain, config in helpers.items():
            assert await async_setup_component(hass, domain, {domain: config})
        template = [
            {
                "sensor": [
                    {"name": "Box status", "unique_id": "box_status", "state": STATUS},
                    {
                        "name": "Box power",
                        "unique_id": "box_power",
                        "state": POWER,
                        "unit_of_measurement": "W",
                        "device_class": "power",
                    },
                    {
                        "name": "Box energy",
                        "unique_id": "box_energy",
                        "state": "{{ (states('input_number.box_register') | float / 1000) | round(3) }}",
                        "unit_of_measurement": "kWh",
                        "device_class": "energy",
                        "state_class": "total_increasing",
                    },
                ],
                "switch": [
                    {
                        "name": "Box charging",
                        "unique_id": "box_charging",
                        "state": "{{ is_state('input_boolean.box_allowed', 'on') }}",
                        "turn_on": [_turn("on")],
                        "turn_off": [_turn("off")],
                    }
                ],
                "lock": [
                    {
                        "name": "Box lock",
                        "unique_id": "box_lock",
                        "state": "{{ not is_state('input_boolean.box_allowed', 'on') }}",
                        "lock": [_turn("off")],
                        "unlock": [_turn("on")],
                    }
                ],
                "button": [
                    {"name": "Box start", "unique_id": "box_start", "press": [_turn("on")]},
                    {"name": "Box stop", "unique_id": "box_stop", "press": [_turn("off")]},
                ],
                "binary_sensor": [
                    {
                        "name": "Box plugged",
                        "unique_id": "box_plugged",
                        "state": "{{ is_state('input_boolean.box_plugged', 'on') }}",
                        "device_class": "plug",
                    }
                ],
                "number": [
                    {
                        "name": "Box limit",
                        "unique_id": "box_limit",
                        "state": "{{ states('input_number.box_limit') }}",
                        "min": 6,
                        "max": 32,
                        "step": 1,
                        "unit_of_measurement": "A",
                        "set_value": [
                            {
                                "action": "input_number.set_value",
                                "target": {"entity_id": "input_number.box_limit"},
                                "data": {"value": "{{ value }}"},
                            }
                        ],
                    }
                ],
            }
        ]
        assert await async_setup_component(hass, "template", {"template": template})
        assert await async_setup_component(hass, "script", {"script": {"box": {"sequence": SCRIPT}}})

    async def plug(self) -> None:
        """A car comes."""
        await self._turn("box_plugged", "on")

    async def unplug(self) -> None:
        """The car goes."""
        await self._turn("box_plugged", "off")

    async def breaks(self) -> None:
        """Something is wrong with it."""
        await self._turn("box_broken", "on")

    async def allow(self, allowed: bool = True) -> None:
        """Somebody uses the charger's own app."""
        await self._turn("box_allowed", "on" if allowed else "off")

    async def counts(self, energy_wh: int) -> None:
        """Energy flows through its meter."""
        value = float(self.state("input_number.box_register")) + energy_wh
        await self.hass.services.async_call(
            "input_number", "set_value", {"entity_id": "input_number.box_register", "value": value}, blocking=True
        )

    @property
    def allowed(self) -> bool:
        """Whether a car may charge."""
        return self.state("input_boolean.box_allowed") == "on"

    @property
    def charges(self) -> bool:
        """Whether energy flows."""
        return self.state("sensor.box_status") == "charging"

    @property
    def limit_a(self) -> float:
        """What it offers."""
        return float(self.state("input_number.box_limit"))

    def state(self, entity_id: str) -> str:
        """What an entity says."""
        state = self.hass.states.get(entity_id)
        assert state is not None, f"no {entity_id}; there are {self.hass.states.async_entity_ids()}"
        return state.state

    async def _turn(self, name: str, to: str) -> None:
        await self.hass.services.async_call(
            "input_boolean", f"turn_{to}", {"entity_id": f"input_boolean.{name}"}, blocking=True
        )
