"""The rail's own loop: how soon it looks again, and that it goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging

import pytest
from sqlalchemy import delete

from demo.stripe.faults import Fault
from evshare_app.books.schema import building
from evshare_app.model import AccountId
from evshare_app.payment.operations import Kind, Operation, OperationState
from evshare_app.payment.poller import next_look_s
from evshare_app.payment.rail import PayState
from evshare_app.payment.stripe_rail import StripeRail

from .conftest import BACK, HOME, House
from .test_setup_card import session_of

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
PAGE = Operation(
    operation_id="o",
    kind=Kind.SETUP,
    account_id=AccountId("home"),
    idempotency_key="k",
    params={},
    state=OperationState.NEEDS_CUSTOMER,
    created=NOW,
    updated=NOW,
)


def test_it_looks_often_while_somebody_is_on_a_page() -> None:
    assert next_look_s([PAGE], NOW + timedelta(minutes=29)) == 3
    assert next_look_s([PAGE], NOW + timedelta(minutes=30)) == 60
    assert next_look_s([PAGE], NOW + timedelta(hours=2)) == 900


def test_it_looks_every_minute_after_something_began() -> None:
    debit = replace(PAGE, kind=Kind.COLLECT, state=OperationState.PROCESSING)
    assert next_look_s([debit], NOW) == 60
    assert next_look_s([debit], NOW + timedelta(hours=1)) == 900
    assert next_look_s([], NOW) == 900


@pytest.mark.parametrize(("failures", "seconds"), [(1, 6), (2, 12), (5, 96), (7, 300), (100, 300)])
def test_it_waits_longer_with_each_failure_up_to_5_minutes(failures: int, seconds: int) -> None:
    assert next_look_s([PAGE], NOW, failures) == seconds


class Pauses:
    """Lets the loop's pauses end when the test says."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._reached: asyncio.Queue[float] = asyncio.Queue()
        self._go_on: asyncio.Queue[None] = asyncio.Queue()

    async def __call__(self, seconds: float) -> None:
        self._reached.put_nowait(seconds)
        await self._go_on.get()
        self._house.clock.advance(seconds=seconds)

    async def next(self) -> float:
        """Wait until the loop pauses, and return for how long it wants to."""
        return await self._reached.get()

    def end(self) -> None:
        self._go_on.put_nowait(None)


@asynccontextmanager
async def running(rail: StripeRail) -> AsyncIterator[None]:
    task = asyncio.create_task(rail.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_loop_collects_by_itself(house: House) -> None:
    await house.save_card(house.rail())
    pauses = Pauses(house)
    async with running(house.rail(pauses)):
        assert await pauses.next() == 900
        october = await house.issue("2026-000010", 3000)
        pauses.end()
        await pauses.next()
    assert (await house.standing(october)).state is PayState.PAID


async def test_handing_out_a_page_wakes_the_loop(house: House) -> None:
    pauses = Pauses(house)
    rail = house.rail(pauses)
    async with running(rail):
        assert await pauses.next() == 900
        url = await rail.start_card_setup(HOME, BACK)
        assert await pauses.next() == 3
        house.stand_in.pay(session_of(url))
        pauses.end()
        assert await pauses.next() == 900
    assert (await house.account()).card_label == "Visa 4242"


async def test_the_loop_survives_an_outage(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await house.save_card(house.rail())
    october = await house.issue("2026-000010", 3000)
    house.stand_in.faults.add(Fault.RATE_LIMIT, times=2)
    pauses = Pauses(house)
    with caplog.at_level(logging.WARNING):
        async with running(house.rail(pauses)):
            assert await pauses.next() == 6
            pauses.end()
            assert await pauses.next() == 12
            pauses.end()
            await pauses.next()
    assert (await house.standing(october)).state is PayState.PAID
    assert "Collecting by card pauses: Stripe is busy (429)" in caplog.text


async def test_the_loop_survives_a_fault_of_its_own(house: House, caplog: pytest.LogCaptureFixture) -> None:
    pauses = Pauses(house)
    rail = house.rail(pauses)
    poll, rail.poll = rail.poll, _broken  # type: ignore[method-assign]
    async with running(rail):
        assert await pauses.next() == 6
        rail.poll = poll  # type: ignore[method-assign]
        pauses.end()
        assert await pauses.next() == 900
    assert "unexpected fault" in caplog.text


async def _broken() -> None:
    raise ZeroDivisionError


async def test_before_the_building_is_known_the_loop_waits_quietly(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.stand_in.world.tell("payment_intent.succeeded", {"id": "pi_foreign", "metadata": {}})
    await house.books.write(lambda conn: conn.execute(delete(building)))
    pauses = Pauses(house)
    async with running(house.rail(pauses)):
        assert await pauses.next() == 900
    assert caplog.text == ""
