"""Against a charge point that is not ours: what both sides say is checked by the schemas of the `ocpp` package."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
from aiohttp import encode_basic_auth
from ocpp import messages
import pytest

from custom_components.evshare.model import Pilot

from .conftest import ANNA, IDENTITY, PASSWORD, STRANGER, Site, Stall
from .independent import Independent


@pytest.fixture
async def point(site: Site, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Independent]:
    monkeypatch.setattr(messages, "ASYNC_VALIDATION", False)
    site.claim()
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(
            f"{site.url}/{IDENTITY}",
            protocols=("ocpp1.6",),
            headers={"Authorization": encode_basic_auth(IDENTITY, PASSWORD)},
        )
        point = Independent(IDENTITY, socket)
        running = asyncio.ensure_future(point.start())
        yield point
        running.cancel()
        with suppress(asyncio.CancelledError, TypeError):
            await running
        await socket.close()


async def test_its_start_is_answered_as_the_schema_says(site: Site, point: Independent) -> None:
    answer = await point.boot()
    assert (answer.status, answer.interval) == ("Accepted", 300)
    assert answer.current_time == "2026-11-20T18:00:00.000Z"
    assert await point.until_told("ChangeConfiguration") == {"key": "AllowOfflineTxForUnknownId", "value": "false"}


async def test_a_resident_charges_at_it_and_the_commands_are_as_the_schema_says(
    site: Site, stall: Stall, point: Independent
) -> None:
    connector = site.connector(stall=stall)
    await point.boot()
    await point.status("Available")
    await site.settles()
    await connector.prepare()
    rest = await point.until_told("SetChargingProfile")
    profile = rest["cs_charging_profiles"]
    assert (rest["connector_id"], profile["charging_profile_purpose"]) == (1, "TxDefaultProfile")
    assert profile["charging_schedule"]["charging_schedule_period"] == [{"start_period": 0, "limit": 0.0}]
    await point.status("Preparing")
    await connector.enable(16)
    started = await point.until_told("RemoteStartTransaction")
    answer = await point.start_transaction(started["id_tag"], 5000, site.clock.utcnow())
    assert answer.id_tag_info == {"status": "Accepted"}
    await point.status("Charging")
    site.clock.passes(10)
    await point.meter(answer.transaction_id, 5031, site.clock.utcnow())
    reading = await connector.poll()
    assert (reading.pilot, reading.register_wh, reading.session_wh) == (Pilot.C, 5031, 31)
    await connector.disable()
    assert (await point.until_told("RemoteStopTransaction")) == {"transaction_id": answer.transaction_id}
    await point.stop_transaction(answer.transaction_id, 5062, site.clock.utcnow(), "Remote")
    await point.status("Finishing")
    reading = await connector.poll()
    assert (reading.enabled, reading.register_wh, reading.pilot) == (False, 5062, Pilot.B)


async def test_a_stranger_at_it_is_invalid_and_ended(site: Site, stall: Stall, point: Independent) -> None:
    connector = site.connector(stall=stall)
    await point.boot()
    await point.status("Available")
    await site.settles()
    await connector.prepare()
    answer = await point.start_transaction(STRANGER, 5000, site.clock.utcnow())
    assert answer.id_tag_info == {"status": "Invalid"}
    assert await point.until_told("RemoteStopTransaction") == {"transaction_id": answer.transaction_id}


async def test_the_same_start_twice_has_the_same_id(site: Site, stall: Stall, point: Independent) -> None:
    site.connector(stall=stall)
    await point.boot()
    await point.status("Preparing")
    at = site.clock.utcnow()
    first = await point.start_transaction(ANNA, 5000, at)
    second = await point.start_transaction(ANNA, 5000, at)
    assert first == second
    assert stall.cards == [ANNA]
    stopped = await point.stop_transaction(first.transaction_id, 5000, at, "Local")
    again = await point.stop_transaction(first.transaction_id, 5000, at, "Local")
    assert stopped == again
    assert stall.stops == 1
