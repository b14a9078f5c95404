"""A car at every lock quality while a real Home Assistant is stopped and started again.

The play and its checks are the demo's (`demo/away`): expected behaviour of each box by hand from the connector
reference, energy from the simulator's registers, the journal as plain rows.
"""

import os

import pytest

from demo.away.parking import PLACES, Lock
from demo.away.play import play
from demo.away.rounds import Round
from demo.checks import Check
from demo.programs import ROOT

pytestmark = pytest.mark.timeout(400)

HA_PYTHON = os.environ.get("EVSHARE_HA_PYTHON", str(ROOT / ".venvs" / "demo" / "bin" / "python"))


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> list[Check]:
    """What came of one play of all rounds at all places."""
    return play(tmp_path_factory.mktemp("away"), HA_PYTHON, lambda _: None)


@pytest.mark.parametrize("lock", Lock)
@pytest.mark.parametrize("which", Round)
def test_energy_is_whose_it_was_seen_to_be_and_nobody_gets_more_than_the_lock_says(
    checks: list[Check], which: Round, lock: Lock
) -> None:
    here = [check for check in checks if check.name.startswith(f"{which}:") and check.name.endswith(f"({lock})")]
    assert len(here) == sum(place.lock is lock for place in PLACES) >= 2
    assert [f"{check.name}: {check.detail}" for check in here if not check.holds] == []


def test_slices_add_up_to_what_the_registers_moved(checks: list[Check]) -> None:
    whole = [check for check in checks if check.name.endswith("slices = register")]
    assert len(whole) == len(PLACES)
    assert [f"{check.name}: {check.detail}" for check in whole if not check.holds] == []


def test_the_building_shows_as_unattributed_what_no_session_has(checks: list[Check]) -> None:
    (check,) = (check for check in checks if check.name == "unattributed = slices without a session")
    assert check.holds, check.detail
