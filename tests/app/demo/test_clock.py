"""On borrowed time a process is idle only when its threads are, too."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
import threading

import pytest

from demo.clock.participant import ThreadWork


@pytest.fixture
def work() -> Iterator[ThreadWork]:
    counted = ThreadWork()
    yield counted
    counted.stop()


async def heard_of_all() -> None:
    """The threads have ended; let the loop work off what they left for it."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_job_in_a_thread_of_the_programs_own_is_work_until_the_loop_has_heard_of_it(work: ThreadWork) -> None:
    told: Future[str] = Future()
    may_end = threading.Event()
    with ThreadPoolExecutor(1) as own:
        # As the books do it: the job itself tells whoever waits.
        own.submit(lambda: (may_end.wait(), told.set_result("written")))
        assert work.running == 1
        may_end.set()
        assert await asyncio.wrap_future(told) == "written"
    await heard_of_all()
    assert work.running == 0


async def test_a_job_of_the_loops_executor_is_work(work: ThreadWork) -> None:
    may_end = threading.Event()
    waiting = asyncio.create_task(asyncio.to_thread(may_end.wait))
    await asyncio.sleep(0)
    assert work.running > 0
    may_end.set()
    assert await waiting
    await asyncio.get_running_loop().shutdown_default_executor()
    await heard_of_all()
    assert work.running == 0


async def test_a_job_that_fails_is_over(work: ThreadWork) -> None:
    with ThreadPoolExecutor(1) as own, pytest.raises(ZeroDivisionError):
        await asyncio.wrap_future(own.submit(lambda: 1 // 0))
    await heard_of_all()
    assert work.running == 0
