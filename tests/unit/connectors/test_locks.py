"""The lock quality of every kind of stall (DESIGN rule 3)."""

import pytest

from custom_components.evshare.connectors.factory import load_profile, stall_ports
from custom_components.evshare.connectors.locks import lock_quality
from custom_components.evshare.connectors.ports import Ports
from custom_components.evshare.model import LockQuality, OnLoss

CLOSED, HOLDS, OPENS = OnLoss.CLOSED, OnLoss.HOLDS, OnLoss.OPENS


@pytest.mark.parametrize(
    ("profile_id", "contactor", "meter", "quality"),
    [
        ("goe_http_v2", False, False, LockQuality.ENFORCED),
        ("keba_p30", False, False, LockQuality.HELD),
        ("alfen_eve", False, False, LockQuality.DETECT_AND_BILL),
        ("tesla_twc3", False, False, LockQuality.MONITOR),
        ("tesla_twc3", False, True, LockQuality.DETECT_AND_BILL),
        ("tesla_twc3", True, True, LockQuality.HELD),
        ("alfen_eve", True, False, LockQuality.HELD),
    ],
)
def test_the_lock_of_each_stall(profile_id: str, contactor: bool, meter: bool, quality: LockQuality) -> None:
    ports = stall_ports(load_profile(profile_id), contactor=contactor, meter=meter)
    assert lock_quality(ports) is quality


@pytest.mark.parametrize(
    ("silence", "reboot", "unplug", "quality"),
    [
        (CLOSED, CLOSED, CLOSED, LockQuality.ENFORCED),
        (CLOSED, CLOSED, HOLDS, LockQuality.ENFORCED),
        (HOLDS, CLOSED, CLOSED, LockQuality.ENFORCED),
        (HOLDS, CLOSED, HOLDS, LockQuality.HELD),
        (CLOSED, OPENS, CLOSED, LockQuality.HELD),
        (HOLDS, HOLDS, CLOSED, LockQuality.HELD),
        (OPENS, CLOSED, CLOSED, LockQuality.DETECT_AND_BILL),
    ],
)
def test_the_three_answers_make_the_lock(silence: OnLoss, reboot: OnLoss, unplug: OnLoss, quality: LockQuality) -> None:
    ports = Ports(
        plug=True,
        limit=True,
        gate=True,
        register=True,
        identity=False,
        on_silence=silence,
        on_reboot=reboot,
        on_unplug=unplug,
    )
    assert lock_quality(ports) is quality


def test_a_stall_with_a_meter_has_a_register() -> None:
    assert stall_ports(load_profile("tesla_twc3"), meter=True).register
    assert not stall_ports(load_profile("tesla_twc3"), contactor=True).register
