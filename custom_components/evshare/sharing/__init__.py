"""Sharing amps and sun fairly. Pure: `share` is the whole tick, the modules are its parts."""

from .allocation import Allocation, Budget, Demand, allocate, feasible
from .appetite import Appetite, watch
from .rotation import Rotation, RotationSettings, admit
from .solar import SolarFollower, SolarSettings, surplus_w
from .tick import Sharing, share

__all__ = [
    "Allocation",
    "Appetite",
    "Budget",
    "Demand",
    "Rotation",
    "RotationSettings",
    "Sharing",
    "SolarFollower",
    "SolarSettings",
    "admit",
    "allocate",
    "feasible",
    "share",
    "surplus_w",
    "watch",
]
