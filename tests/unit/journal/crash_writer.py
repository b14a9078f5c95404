"""Forks processes that commit records for ever and say each number only once it is on disk; to be killed.

Runs as a process of its own, which imports everything once. Each line on its input is the seconds a writer has to
live and the folder of its journal; what comes back are the writer's numbers, and an empty line when it is gone.
"""

import asyncio
import os
from pathlib import Path
import signal
import sys
import time

from custom_components.evshare.journal import Journal
from custom_components.evshare.journal.apart import KeptApart
from custom_components.evshare.model import StallId
from tests.unit.journal.records import NOW, denied


async def write(folder: Path) -> None:
    journal = await Journal.open(folder / "building.db", KeptApart(folder / "apart", "building"))
    while True:
        number = journal.head_seq + 1
        records = [denied(number), denied(number + 1)]
        head = await journal.commit(records, {StallId("stall-1"): {"head": number + 1}}, now=NOW)
        os.write(1, f"{head}\n".encode())  # one call: a number is said whole or not at all


def serve() -> None:
    for line in sys.stdin:
        life_s, _, folder = line.strip().partition(" ")
        pid = os.fork()
        if pid == 0:
            asyncio.run(write(Path(folder)))
        time.sleep(float(life_s))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.write(1, b"\n")


if __name__ == "__main__":
    serve()
