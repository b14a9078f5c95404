"""Sun and house load as plain functions of time and a seed: no state, so any moment can be asked twice.

The sun follows the usual solar-position formulae (declination by Cooper, hour angle from the longitude), thinned by
seeded clouds; the house follows a day of meals and lamps with seeded noise. Plausible, not a forecast.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import cos, pi, radians, sin
from random import Random
from zoneinfo import ZoneInfo

_CLOUD_STEP_S = 300
_LOAD_STEP_S = 120
_LOAD_BY_HOUR = (
    *(0.45, 0.40, 0.38, 0.38, 0.42, 0.60),
    *(0.95, 1.25, 1.10, 0.90, 0.85, 0.95),
    *(1.20, 1.10, 0.90, 0.85, 0.95, 1.30),
    *(1.75, 1.90, 1.70, 1.40, 1.00, 0.65),
)
"""Share of the average load at each full local hour."""
_LOAD_BY_PHASE = (0.42, 0.33, 0.25)


@lru_cache(maxsize=4096)
def _sample(seed: int, channel: str, step: int) -> float:
    """A number in [0, 1) that only seed, channel and step decide (string seeds are stable across Python versions)."""
    return Random(f"{seed}/{channel}/{step}").random()


def _noise(seed: int, channel: str, second: int, step_s: int) -> float:
    """Smooth noise in [0, 1), straight between one sample every `step_s` seconds."""
    step, rest = divmod(second, step_s)
    here, there = _sample(seed, channel, step), _sample(seed, channel, step + 1)
    return here + (there - here) * rest / step_s


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Sun on the roof and load in the flats of one building. Seconds are Unix time; powers are mW."""

    seed: int
    latitude: float
    longitude: float
    time_zone: str
    pv_peak_w: int
    cloudiness: float
    house_w: int

    def sun_elevation_sine(self, second: int) -> float:
        """Sine of the sun's elevation; negative at night."""
        moment = datetime.fromtimestamp(second, UTC)
        declination = radians(23.45) * sin(2 * pi * (284 + moment.timetuple().tm_yday) / 365)
        solar_hour = (second % 86_400) / 3600 + self.longitude / 15
        latitude = radians(self.latitude)
        return sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(pi * (solar_hour - 12) / 12)

    def pv_mw(self, second: int) -> int:
        """What the roof makes."""
        elevation = self.sun_elevation_sine(second)
        if elevation <= 0:
            return 0
        thickness = _noise(self.seed, "cloud", second, _CLOUD_STEP_S) * self.cloudiness
        return int(self.pv_peak_w * 1000 * 0.95 * elevation**1.15 * (1 - 0.8 * thickness))

    def house_mw(self, second: int) -> tuple[int, int, int]:
        """What the flats and the stairs draw on supply phases 1..3."""
        local = datetime.fromtimestamp(second, ZoneInfo(self.time_zone))
        into_hour = (local.minute * 60 + local.second) / 3600
        here, there = _LOAD_BY_HOUR[local.hour], _LOAD_BY_HOUR[(local.hour + 1) % 24]
        load_mw = self.house_w * 1000 * (here + (there - here) * into_hour)
        l1, l2, l3 = (
            int(load_mw * share * (0.7 + 0.6 * _noise(self.seed, f"load-{phase}", second, _LOAD_STEP_S)))
            for phase, share in enumerate(_LOAD_BY_PHASE, start=1)
        )
        return l1, l2, l3
