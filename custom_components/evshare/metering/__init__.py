"""Registers, epochs and slices: what flowed, to the watt-hour. Pure."""

from .epochs import MeterState, Sample, Step, observe
from .slices import OpenSlice

__all__ = ["MeterState", "OpenSlice", "Sample", "Step", "observe"]
