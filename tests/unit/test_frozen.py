"""`frozen.replace` gives what `dataclasses.replace` gives, and is only used where it can."""

from collections.abc import Iterator
import dataclasses
from datetime import UTC, datetime
from functools import cached_property
import importlib

import pytest

from custom_components.evshare.frozen import replace
from custom_components.evshare.model import Pilot, Reading

READING = Reading(at=datetime(2026, 6, 29, tzinfo=UTC), mono_s=1.0, pilot=Pilot.C, power_w=7360.0)


def test_the_changed_field_is_new_and_the_others_stay() -> None:
    changed = replace(READING, mono_s=2.0)
    assert changed == Reading(at=READING.at, mono_s=2.0, pilot=Pilot.C, power_w=7360.0)
    assert READING.mono_s == 1.0


def test_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TypeError, match="watts"):
        replace(READING, watts=1.0)  # type: ignore[call-arg]


def _frozen_values() -> Iterator[type]:
    for name in ("model", "metering.epochs", "metering.slices", "charging.state"):
        module = importlib.import_module(f"custom_components.evshare.{name}")
        for value in vars(module).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value):
                yield value


def test_no_value_of_a_stall_does_anything_when_it_is_made() -> None:
    values = list(_frozen_values())
    assert Reading in values
    for value in values:
        assert not hasattr(value, "__post_init__"), value
        assert "__slots__" not in vars(value), value
        assert not any(isinstance(one, cached_property) for one in vars(value).values()), value
