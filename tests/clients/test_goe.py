"""PyPI `goecharger-api-lite` works with the simulated go-e Charger."""

import asyncio
from collections.abc import Callable
import gc
from typing import Any

from goecharger_api_lite import GoeCharger
from goecharger_api_lite.exception import GoeChargerError
import pytest

from demo.boxes.stand import Stand

from .conftest import Hands, hungry

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:goecharger_api_lite.*")

KEYS = ("car", "amp", "frc", "psm", "acu", "nrg", "err")


async def ask[T](stand: Stand, question: Callable[[GoeCharger], T]) -> T:
    """The client blocks on an event loop of its own, so it gets a thread; it must be made while that loop runs."""

    async def made() -> GoeCharger:
        return GoeCharger(f"{stand.host}:{stand.port}")

    def in_its_thread() -> T:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        client, answers, refusals = loop.run_until_complete(made()), [], []
        try:
            answers.append(question(client))
        except GoeChargerError as error:
            refusals.append(str(error))
        # It closes its connections when it is collected; an error of its own holds it in a circle of frames.
        del client
        gc.collect()
        loop.close()
        if refusals:
            raise GoeChargerError(refusals[0])
        return answers[0]

    return await asyncio.to_thread(in_its_thread)


async def test_it_sees_what_is_played(clock: Hands) -> None:
    async with Stand("goe_http_v2", clock) as stand:
        status: dict[str, Any] = await ask(stand, lambda client: client.get_status(KEYS))
        assert (status["car_state"], status["error"], status["charging_mode"]) == ("Idle", None, "neutral")
        stand.plug(hungry())
        clock.forward(600)
        status = await ask(stand, lambda client: client.get_status((*KEYS, "eto", "wh")))
        assert status["car_state"] == "Charging"
        assert status["energy"]["current"] == {"L1": 16, "L2": 16, "L3": 16}
        assert status["energy"]["power"]["total"] == 11_040
        assert status["eto"] == stand.true_register_wh()
        assert int(status["wh"]) == stand.true_register_wh() - 137_000


async def test_its_commands_are_obeyed_and_refusals_are_errors(clock: Hands) -> None:
    modes, phases = GoeCharger.SettableValueEnum.ChargingMode, GoeCharger.SettableValueEnum.PhaseMode
    async with Stand("goe_http_v2", clock) as stand:
        stand.plug(hungry())
        await ask(stand, lambda client: client.set_ampere(10))
        await ask(stand, lambda client: client.set_phase_mode(phases.one))
        clock.forward(60)
        assert (stand.offered_a, stand.power_w) == (10, 2_300)
        await ask(stand, lambda client: client.set_charging_mode(modes.off))
        clock.forward(10)
        assert stand.power_w == 0
        assert await ask(stand, lambda client: client.get_charging_mode()) == {"charging_mode": "off"}
        with pytest.raises(GoeChargerError, match="ampere"):
            await ask(stand, lambda client: client.set_ampere(5))
