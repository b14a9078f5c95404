"""What a kWh from the grid costs in the demo: a day-ahead market with one price per local hour, the same every day."""

from decimal import Decimal

from demo.stalls import BuildingPlan

NAME = "Day-ahead price"
"""As the owners call it among the building's options."""
BY_HOUR = tuple(
    Decimal(price)
    for price in (
        *("0.2310", "0.2244", "0.2187", "0.2169", "0.2201", "0.2356"),
        *("0.2718", "0.3092", "0.3145", "0.2863", "0.2494", "0.2127"),
        *("0.1846", "0.1702", "0.1755", "0.2018", "0.2487", "0.3016"),
        *("0.3394", "0.3581", "0.3427", "0.3079", "0.2745", "0.2483"),
    )
)
"""EUR for a kWh at each full local hour: dear when people come home, cheap under the sun."""


def price_entity(plan: BuildingPlan) -> str:
    """HA's entity of the price."""
    return f"sensor.{plan.name.lower().replace(' ', '_')}_day_ahead_price"


def home_assistant_yaml(plan: BuildingPlan) -> str:
    """The ``sensor:`` part of configuration.yaml: the price, as the demo's own integration tells it."""
    key = price_entity(plan).removeprefix("sensor.")
    hours = ", ".join(f'"{price}"' for price in BY_HOUR)
    return f"""\
sensor:
  - platform: building_readers
    name: {plan.name} day-ahead price
    unique_id: {key}
    unit: {plan.currency}/kWh
    by_hour: [{hours}]
"""
