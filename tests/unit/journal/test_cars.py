"""A car is one resident's, and what the journal keeps of it is useless to copy it."""

from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.evshare.access import car_fingerprint
from custom_components.evshare.journal import CarConflict, Journal
from custom_components.evshare.model import ResidentId

from .conftest import OpenJournal
from .records import NOW

ANNA, BEN = ResidentId("anna"), ResidentId("ben")
MAC = bytes.fromhex("0080E1A2B3C4")


async def test_a_car_is_learnt_used_and_forgotten(open_journal: OpenJournal) -> None:
    journal = await open_journal()
    car_id = await journal.add_car("aa", ANNA, NOW, label="Zoe")
    await journal.car_used(car_id, NOW + timedelta(hours=1))
    await journal.close()
    journal = await open_journal()
    (car,) = await journal.cars()
    assert (car.id, car.resident_id, car.fingerprint, car.label) == (car_id, ANNA, "aa", "Zoe")
    assert (car.added_at, car.used_at) == (NOW, NOW + timedelta(hours=1))
    await journal.remove_car(car_id)
    assert await journal.cars() == []
    await journal.add_car("aa", BEN, NOW)


async def test_a_car_cannot_be_two_residents(journal: Journal) -> None:
    await journal.add_car("aa", ANNA, NOW)
    for resident_id in (ANNA, BEN):
        with pytest.raises(CarConflict, match="known already"):
            await journal.add_car("aa", resident_id, NOW)
    assert [car.resident_id for car in await journal.cars()] == [ANNA]


async def test_the_file_holds_nothing_of_what_the_car_told(journal: Journal, journal_path: Path) -> None:
    await journal.add_car(car_fingerprint(journal.card_key, MAC), ANNA, NOW, label="Zoe")
    await journal.close()
    stored = journal_path.read_bytes()
    assert b"Zoe" in stored
    for told in (MAC, MAC.hex().encode(), MAC.hex().upper().encode(), b"00:80:e1:a2:b3:c4"):
        assert told not in stored


async def test_cars_of_a_lost_key_cannot_be_recognised(
    journal: Journal, tmp_path: Path, open_journal: OpenJournal
) -> None:
    await journal.add_car("aa", ANNA, NOW)
    await journal.close()
    (tmp_path / ".cache" / "evshare" / "building.key").unlink()
    assert await (await open_journal()).cars() == []
