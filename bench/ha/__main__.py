"""``python -m bench.ha FOLDER``: one Home Assistant on a configuration folder, told what to do line by line.

Each line of standard input is an order in JSON, each line of standard output its answer. Connectors are polled once a
second here, whatever their profiles say; all else is as in a real installation.
"""

import asyncio
from contextlib import suppress
import json
import os
from pathlib import Path
import sys
from types import MappingProxyType
from typing import Any

from homeassistant import bootstrap, runner
from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigSubentryDataWithId
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component

from .watch import POLLS, count_polls, count_states, lateness, measure

POLL_S = float(os.environ.get("EVBENCH_PACE", "1.0"))
READY_S = 120.0
"""Until then every connector was read once, or is known to be silent."""


class Watched:
    """The running core and the one building in it."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._entry: ConfigEntry | None = None

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry an order out and answer it."""
        match order.pop("order"):
            case "measure":
                return await measure(self._hass, **order)
            case "lateness":
                return await lateness(self._hass, **order)
            case "count_states":
                return await count_states(self._hass, **order)
            case "set_up_building":
                return await self._set_up_building(**order)
            case "set_up_modbus":
                return await self._set_up_modbus(**order)
            case "authorise":
                return await self._authorise()
        raise ValueError(f"order: got {order!r}")

    async def _set_up_building(self, stalls: list[dict[str, Any]], fuse_a: int) -> dict[str, Any]:
        """A building of these stalls, with a resident for each; returns who does not answer, and why."""
        data = {"name": "Bench", "currency": "EUR", "fuse_a": fuse_a, "phases": 3}
        subentries = [
            ConfigSubentryDataWithId(
                data=stall["data"],
                subentry_type="stall",
                title=stall["name"],
                unique_id=f"stall:{stall['id']}",
                subentry_id=stall["id"],
            )
            for stall in stalls
        ] + [
            ConfigSubentryDataWithId(
                data={"ha_user_id": None},
                subentry_type="resident",
                title=f"Resident of {stall['name']}",
                unique_id=f"resident:{stall['id']}",
                subentry_id=f"resident-{stall['id']}",
            )
            for stall in stalls
        ]
        self._entry = ConfigEntry(
            data=data,
            discovery_keys=MappingProxyType({}),
            domain="evshare",
            minor_version=1,
            options={},
            source=SOURCE_USER,
            subentries_data=subentries,
            title="Bench",
            unique_id="b" * 32,
            version=1,
        )
        await self._hass.config_entries.async_add(self._entry)
        running = self._entry.runtime_data.stalls.values()
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while not all(stall.state.online or stall.problem for stall in running):
                    await asyncio.sleep(0.2)
        return {
            "entities": len(self._hass.states.async_all()),
            "silent": {stall.config.name: stall.problem for stall in running if not stall.state.online},
        }

    async def _set_up_modbus(self, hubs: list[dict[str, Any]]) -> dict[str, Any]:
        """Home Assistant's own `modbus`, as from configuration.yaml; returns when every sensor was read."""
        others = set(self._hass.states.async_entity_ids())
        assert await async_setup_component(self._hass, "modbus", {"modbus": hubs}), "modbus refuses its configuration"
        await self._hass.async_block_till_done()
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while any(
                    state.state == "unknown" and state.entity_id not in others
                    for state in self._hass.states.async_all("sensor")
                ):
                    await asyncio.sleep(0.2)
        return {"entities": len(self._hass.states.async_all())}

    async def _authorise(self) -> dict[str, Any]:
        """Let a resident in at every stall; returns how many charge after a while, and why others were refused."""
        assert self._entry is not None, "there is no building yet"
        admin = await self._hass.auth.async_create_user("Bench", group_ids=[GROUP_ID_ADMIN])
        registry = dr.async_get(self._hass)
        devices = {
            identifier[1]: device.id
            for device in dr.async_entries_for_config_entry(registry, self._entry.entry_id)
            for identifier in device.identifiers
        }
        refused = {}
        stalls = self._entry.runtime_data.stalls
        for stall_id, stall in stalls.items():
            asked = {"device_id": devices[stall_id], "resident": f"resident-{stall_id}"}
            try:
                await self._hass.services.async_call(
                    "evshare", "authorise", asked, blocking=True, context=Context(user_id=admin.id)
                )
            except HomeAssistantError as error:
                refused[stall.config.name] = str(error)
        return {"refused": refused, "sessions": sum(stall.state.session is not None for stall in stalls.values())}


async def serve(folder: Path) -> None:
    """Start Home Assistant, obey until the input ends, and stop it."""
    config = runner.RuntimeConfig(config_dir=str(folder), skip_pip=True, log_no_color=True)
    hass = await bootstrap.async_setup_hass(config)
    assert hass is not None, "Home Assistant did not start"
    await hass.async_start()
    count_polls(POLL_S)
    watched = Watched(hass)
    answers = os.fdopen(ANSWERS, "w", buffering=1)
    orders = asyncio.StreamReader(limit=2**22)
    await hass.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    answers.write(json.dumps({"ready": True, "polls": POLLS.done}) + "\n")
    while line := await orders.readline():
        answers.write(json.dumps(await watched.obey(json.loads(line))) + "\n")
    await hass.async_stop(force=True)


ANSWERS = os.dup(1)
os.dup2(2, 1)  # whatever prints goes to the log
if __name__ == "__main__":
    runner._enable_posix_spawn()  # as Home Assistant itself begins
    with asyncio.Runner(loop_factory=runner.create_event_loop) as loop:
        loop.run(serve(Path(sys.argv[1])))
