"""A Tesla Wall Connector wired straight to the mains (connectors.md 1; connectors.yaml ``tesla_twc3``)."""

import asyncio
import json
from typing import Any

import pytest

from demo.boxes.stand import Stand

from ..conftest import Hands
from .calls import Called, called


async def sound(box: Called, path: str) -> dict[str, Any]:
    """The first answer that is valid JSON: some are not (1.2)."""
    for _ in range(30):
        _status, body = await box.ask("GET", path)
        if isinstance(body, dict) and "nan" not in json.dumps(body).lower():
            return body
    pytest.fail("never valid")


async def test_it_feeds_whoever_plugs_in(clock: Hands) -> None:
    """Reference: "on_silence: open, on_reboot: open": nothing is writable, no card is asked for."""
    async with called("tesla_twc3", clock) as box:
        await box.charge(60)
        vitals = await sound(box, "/api/1/vitals")
        assert (vitals["contactor_closed"], vitals["evse_state"], box.stand.power_w) == (True, 11, 11_040)
        assert (await box.ask("POST", "/api/1/vitals"))[0] == 405
        assert box.stand.commands == []


async def test_a_reboot_loses_the_session_keeps_the_lifetime_and_opens_again(clock: Hands) -> None:
    """Reference: "uptime_s decreases, evse_state 0, session values lost, lifetime kept; car usually resumes"."""
    async with called("tesla_twc3", clock) as box:
        await box.charge(1800)
        lifetime_wh = (await sound(box, "/api/1/lifetime"))["energy_wh"]
        await box.stand.reboot()
        await box.wait(9)
        vitals = await sound(box, "/api/1/vitals")
        assert (vitals["evse_state"], vitals["uptime_s"], vitals["session_energy_wh"]) == (0, 9, 0)
        assert (await sound(box, "/api/1/lifetime"))["energy_wh"] == lifetime_wh
        await box.wait(60)
        assert box.stand.power_w == 11_040


@pytest.mark.parametrize(("lifetime", "factor"), [("sound", 1), ("tenfold", 10), ("stuck", 0), ("creeps", 1)])
async def test_the_lifetime_counter_is_wrong_in_the_ways_that_were_found(
    lifetime: str, factor: int, clock: Hands
) -> None:
    """1.4: ten times too high, stuck at 0, creeping up while idle."""
    async with called("tesla_twc3", clock, options={"lifetime": lifetime}) as box:
        await box.charge(3600)
        shown_wh = (await sound(box, "/api/1/lifetime"))["energy_wh"]
        assert shown_wh == box.stand.true_register_wh() * factor
        box.stand.unplug()
        await box.wait(6 * 3600)
        crept_wh = (await sound(box, "/api/1/lifetime"))["energy_wh"] - shown_wh
        assert crept_wh == (40 if lifetime == "creeps" else 0)  # 10 Wh every 90 minutes


async def test_behind_a_contactor_it_begins_dark(clock: Hands) -> None:
    async with Stand("tesla_twc3", clock, options={"contactor": True}) as stand:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(stand.host, stand.port)
        tesla = stand.first.wallbox
        tesla.switch_contactor(True, stand.first.outlet)  # type: ignore[attr-defined]
        clock.forward(8)
        await stand.tick()
        assert stand.commands == [("contactor", True)]
        _reader, writer = await asyncio.open_connection(stand.host, stand.port)
        writer.close()


def test_the_counter_is_wrong_only_in_known_ways(clock: Hands) -> None:
    with pytest.raises(ValueError, match="lifetime is 'lost'; accepted are sound, creeps, tenfold, stuck"):
        Stand("tesla_twc3", clock, options={"lifetime": "lost"})
