"""Killed at any moment, the journal has everything it said it has."""

from collections.abc import Iterator
from pathlib import Path
import random
import subprocess
import sys

import pytest

from custom_components.evshare.journal import Journal
from custom_components.evshare.journal.apart import KeptApart

KILLS = 30
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def nursery() -> Iterator[subprocess.Popen[str]]:
    """A process that forks writers."""
    command = [sys.executable, "-m", "tests.unit.journal.crash_writer"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _killed_writer(nursery: subprocess.Popen[str], folder: Path, life_s: float) -> int:
    """Let a writer write until it is killed; returns the last number it said to be on disk, 0 if none."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(f"{life_s} {folder}\n")
    nursery.stdin.flush()
    said = 0
    while (line := nursery.stdout.readline()) != "\n":
        said = int(line)
    return said


async def test_a_kill_at_any_moment_loses_no_acknowledged_commit_and_leaves_no_gap(
    tmp_path: Path, nursery: subprocess.Popen[str]
) -> None:
    moments = random.Random(2026)
    incarnations = set()
    heads = []
    for _ in range(KILLS):
        said = _killed_writer(nursery, tmp_path, moments.uniform(0.0, 0.15))
        journal = await Journal.open(tmp_path / "building.db", KeptApart(tmp_path / "apart", "building"))
        incarnations.add(journal.incarnation)
        assert not journal.restored
        assert journal.head_seq >= said
        assert journal.head_seq % 2 == 0, "both records of a transaction are there, or none"
        if journal.head_seq:
            assert await journal.snapshots() == {"stall-1": {"head": journal.head_seq}}
        records = await journal.unacked(journal.incarnation, journal.head_seq)
        assert [record.body["stall_id"] for record in records] == [f"stall-{n}" for n in range(1, journal.head_seq + 1)]
        await journal.close()
        heads.append(journal.head_seq)
    assert len(incarnations) == 1
    assert heads == sorted(heads)
    assert heads[-1] > KILLS, "the writers had time to write"
