"""What raw states mean without a preset (connector reference, section 4: defaults by keyword)."""

import pytest

from custom_components.evshare.connectors.entities.states import meaning, snake


@pytest.mark.parametrize(
    ("raw", "letter"),
    [
        ("not_connected", "A"),
        ("disconnected", "A"),
        ("no_ev_connected", "A"),
        ("unplugged", "A"),
        ("Available", "A"),
        ("standby", "A"),
        ("connected", "B"),
        ("plugged_in", "B"),
        ("Preparing", "B"),
        ("SuspendedEV", "B"),
        ("SuspendedEVSE", "B"),
        ("Finishing", "B"),
        ("suspended", "B"),
        ("awaiting_start", "B"),
        ("ready_to_charge", "B"),
        ("awaiting_authorization", "B"),
        ("charging_finished", "B"),
        ("charging_paused", "B"),
        ("completed", "B"),
        ("Locked, car connected", "B"),
        ("connected_requesting", "B"),
        ("connected_finished", "B"),
        ("wakeup", "B"),
        ("Charging", "C"),
        ("connected_charging", "C"),
        ("charging_reduced", "C"),
        ("Discharging", "C"),
        ("error", "E"),
        ("error_overcurrent", "E"),
        ("Faulted", "F"),
        ("gfci_fault", "F"),
        ("stuck_relay", "F"),
        ("unknown", "X"),
        ("Unavailable", "X"),
        ("offline", "X"),
        ("booting", "X"),
        ("updating_firmware", "X"),
        ("invalid", "X"),
        ("not_charging", "X"),
        ("Locked", "X"),
        ("something else", "X"),
    ],
)
def test_a_state_means_what_its_words_say_and_nothing_more(raw: str, letter: str) -> None:
    assert meaning(raw) == letter


def test_vendors_words_become_keys() -> None:
    assert snake("Locked, car connected") == "locked_car_connected"
    assert snake("SuspendedEVSE") == "suspended_evse"
    assert snake("Energy.Active.Import.Register") == "energy_active_import_register"
