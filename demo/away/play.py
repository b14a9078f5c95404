"""The whole play: stand up, set up, four rounds, and the verdict."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
import shutil
import time
from zoneinfo import ZoneInfo

from demo.checks import Check
from demo.clock.authority import ClockSelector, now, run_on_virtual_time

from .house import house
from .parking import BOARD
from .rounds import Play, Round, quarter_hour
from .verdict import Journal, verdict

START = datetime(2026, 6, 29, 16, 0, tzinfo=ZoneInfo(BOARD.time_zone))


def play(folder: Path, python_of_ha: str, say: Callable[[str], None]) -> list[Check]:
    """Play everything in `folder`, which is emptied; returns what was checked."""
    shutil.rmtree(folder, ignore_errors=True)

    async def main(clock: ClockSelector) -> list[Check]:
        async with house(folder, python_of_ha, now, clock.address) as home:
            say("Starting Home Assistant")
            with clock.held():
                await home.home_assistant.start()
            say("Adding stalls")
            marks = {name: plug.true_register_wh() for name, plug in home.plugs.items()}
            await home.set_up(say)
            locks = await home.lock_qualities()
            await quarter_hour()
            rounds = Play(home, clock, say)
            played = [await rounds.play(which) for which in Round]
            moved_wh = {name: plug.true_register_wh() - marks[name] for name, plug in home.plugs.items()}
            await asyncio.sleep(20)  # the quarter's slices are written with the next reading
            with clock.held():
                await home.home_assistant.stop()
            return verdict(Journal(home.journal_file), played, home.stall_ids, moved_wh, locks)

    return run_on_virtual_time(START, main)


def show(checks: Sequence[Check]) -> bool:
    """Print the checks; returns whether all hold."""
    print("\nChecks")
    for check in checks:
        print(f"  {'holds ' if check.holds else 'BROKEN'}  {check.name}: {check.detail}")
    return all(check.holds for check in checks)


def play_and_tell(folder: Path, python_of_ha: str) -> bool:
    """Play it for somebody who watches; returns whether everything holds."""
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - began:5.0f} s] {text}", flush=True)

    return show(play(folder, python_of_ha, say))
