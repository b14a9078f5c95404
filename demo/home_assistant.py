"""A real Home Assistant, set up the way a person would: onboarding, log-in and flows over its own HTTP API.

Facts: reference home-assistant.md sections 3, 9 and 13.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any, Self

import aiohttp

from .programs import ROOT, Program

USERNAME = "owner"
PASSWORD = "charge-together"  # noqa: S105  # the demo prints it; nothing else is behind it


class FlowRefused(Exception):
    """A flow did not end in an entry; the message shows what Home Assistant answered."""


def write_configuration(folder: Path, port: int, yaml: str, *, record: bool) -> None:
    """Lay out a configuration folder: address, our integration, the demo's readers, the building's meters.

    Args:
        folder: Becomes Home Assistant's configuration folder.
        port: Where it listens, on loopback.
        yaml: More of configuration.yaml (the meters' `modbus:` part, the readers).
        record: Keep history, for people who look at it.
    """
    components = folder / "custom_components"
    components.mkdir(parents=True, exist_ok=True)
    # A package of its own, or the checkout's `custom_components` would win and hide the readers.
    (components / "__init__.py").touch()
    for source in (
        ROOT / "custom_components" / "evshare",
        ROOT / "demo" / "ha" / "custom_components" / "building_readers",
    ):
        target = components / source.name
        if not target.exists():
            target.symlink_to(source, target_is_directory=True)
    history = "recorder:\n  purge_keep_days: 7\nhistory:\nlogbook:\n" if record else ""
    configuration = (
        f"homeassistant:\n  name: Lindenhof\n  time_zone: Europe/Berlin\n  currency: EUR\n  country: DE\n"
        f"  unit_system: metric\n  latitude: 52.5\n  longitude: 13.4\n"
        f"http:\n  server_host: 127.0.0.1\n  server_port: {port}\n"
        f"  use_x_forwarded_for: true\n  trusted_proxies: 127.0.0.1\n"
        f"frontend:\nconfig:\ntag:\n{history}"
        f"logger:\n  default: warning\n  logs:\n    custom_components.evshare: info\n"
        f"{yaml}"
    )
    (folder / "configuration.yaml").write_text(configuration)
    storage = folder / ".storage"
    storage.mkdir(exist_ok=True)
    if not (storage / "http").exists():
        (storage / "http").write_text(json.dumps(_http_storage(port)))
        # Only the user is left to make: the other steps look for cloud services and devices that are not here.
        done = {"done": ["core_config", "analytics", "integration"]}
        onboarding = {"version": 4, "minor_version": 1, "key": "onboarding", "data": done}
        (storage / "onboarding").write_text(json.dumps(onboarding))


def _http_storage(port: int) -> dict[str, Any]:
    """The address as 2026.11 stores it (reference home-assistant.md 13); 2026.10 takes it from YAML."""
    stable = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": ["https://cast.home-assistant.io"],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        # Whoever makes a public door for it puts a proxy on this machine.
        "use_x_forwarded_for": True,
        "trusted_proxies": ["127.0.0.1/32"],
        "ssl_profile": "intermediate_v6",
        "use_x_frame_options": True,
        "created_at": datetime.now(UTC).isoformat(),
        "error": None,
        "error_message": None,
    }
    data = {"stable": stable, "pending": None, "yaml_migration_done": True}
    return {"version": 3, "minor_version": 1, "key": "http", "data": data}


class HomeAssistant:
    """The running core and an admin's session with it."""

    def __init__(self, program: Program, folder: Path, port: int) -> None:
        self.program = program
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._session: aiohttp.ClientSession | None = None
        self._refresh_token = ""
        self._token = ""

    @property
    def session(self) -> aiohttp.ClientSession:
        """The client session, open between `start` and `stop`."""
        assert self._session is not None
        return self._session

    @property
    def token(self) -> str:
        """The owner's access token."""
        return self._token

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.program.stop()
        await self.session.close()

    async def start(self) -> None:
        """Start the process and wait until it runs; makes the owner the first time."""
        await self.program.start()
        await self._until_answering()
        if not self._refresh_token:
            await self._onboard()
        await self._log_in()
        await self._until_running()

    async def stop(self) -> None:
        """Stop the process as a restart from the UI would."""
        await self.program.stop()

    async def _until_answering(self) -> None:
        while True:
            if not self.program.running:
                msg = f"Home Assistant did not start:\n{self.program.tail()}"
                raise RuntimeError(msg)
            try:
                async with self.session.get(f"{self.url}/api/onboarding") as response:
                    if response.status in (200, 404):
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)

    async def _until_running(self) -> None:
        while (await self.get("/api/config"))["state"] != "RUNNING":
            await asyncio.sleep(0.5)

    async def _onboard(self) -> None:
        client = f"{self.url}/"
        user = {
            "client_id": client,
            "name": "Owner",
            "username": USERNAME,
            "password": PASSWORD,
            "language": "en",
        }
        async with self.session.post(f"{self.url}/api/onboarding/users", json=user) as response:
            response.raise_for_status()
            code = (await response.json())["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client}
        async with self.session.post(f"{self.url}/auth/token", data=form) as response:
            response.raise_for_status()
            tokens = await response.json()
        self._refresh_token, self._token = tokens["refresh_token"], tokens["access_token"]

    async def _log_in(self) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token, "client_id": f"{self.url}/"}
        async with self.session.post(f"{self.url}/auth/token", data=form) as response:
            response.raise_for_status()
            self._token = (await response.json())["access_token"]

    async def _request(self, method: str, path: str, body: object | None = None) -> Any:
        for attempt in (1, 2):
            headers = {"Authorization": f"Bearer {self._token}"}
            async with self.session.request(method, self.url + path, json=body, headers=headers) as response:
                if response.status == 401 and attempt == 1:  # an access token lives 30 minutes
                    await self._log_in()
                    continue
                if response.status >= 400:
                    msg = f"{method} {path}: {response.status} {await response.text()}"
                    raise FlowRefused(msg)
                return await response.json()
        return None

    async def get(self, path: str) -> Any:
        """GET an API path as the owner."""
        return await self._request("GET", path)

    async def post(self, path: str, body: object) -> Any:
        """POST JSON to an API path as the owner."""
        return await self._request("POST", path, body)

    async def service(self, domain: str, service: str, data: Mapping[str, object]) -> Any:
        """Call a service that answers; returns its response."""
        answer = await self.post(f"/api/services/{domain}/{service}?return_response", dict(data))
        return answer["service_response"]

    async def state(self, entity_id: str) -> str:
        """Return an entity's state."""
        state: str = (await self.get(f"/api/states/{entity_id}"))["state"]
        return state

    async def states(self) -> dict[str, dict[str, Any]]:
        """Return all states by entity id."""
        return {state["entity_id"]: state for state in await self.get("/api/states")}

    async def until_state(self, entity_id: str, *accepted: str) -> None:
        """Wait until an entity has one of these states (or any known one, if none is named)."""
        while True:
            try:
                state = await self.state(entity_id)
            except FlowRefused:
                state = "unknown"
            if state in accepted or (not accepted and state not in ("unknown", "unavailable")):
                return
            await asyncio.sleep(0.5)

    async def config_flow(self, handler: str, *steps: Mapping[str, object]) -> dict[str, Any]:
        """Walk a config flow through its forms; returns the entry."""
        result = await self._flow("/api/config/config_entries/flow", {"handler": handler}, steps)
        entry: dict[str, Any] = result["result"]
        return entry

    async def options_flow(self, entry_id: str, *steps: Mapping[str, object]) -> None:
        """Walk an entry's options flow through its forms."""
        await self._flow("/api/config/config_entries/options/flow", {"handler": entry_id}, steps)

    async def subentry_flow(self, entry_id: str, kind: str, *steps: Mapping[str, object]) -> str:
        """Walk a subentry flow; returns the new subentry's id."""
        before = await self._subentries(entry_id, kind)
        await self._flow("/api/config/config_entries/subentries/flow", {"handler": [entry_id, kind]}, steps)
        (subentry_id,) = await self._subentries(entry_id, kind) - before
        return subentry_id

    async def add_by_pages(self, entry_id: str, kind: str, answers: Mapping[str, Mapping[str, object]]) -> str:
        """Add a subentry as somebody does who answers each page by its name; returns the new subentry's id."""
        before = await self._subentries(entry_id, kind)
        path = "/api/config/config_entries/subentries/flow"
        result = await self.post(path, {"handler": [entry_id, kind], "show_advanced_options": False})
        while result["type"] != "create_entry":
            if result["type"] == "progress":
                await asyncio.sleep(0.5)
                result = await self.get(f"{path}/{result['flow_id']}")
            elif result.get("errors") or result.get("step_id") not in answers:
                msg = f"{kind}: {json.dumps(result, default=str)[:800]}"
                raise FlowRefused(msg)
            else:
                result = await self.post(f"{path}/{result['flow_id']}", dict(answers[result["step_id"]]))
        (subentry_id,) = await self._subentries(entry_id, kind) - before
        return subentry_id

    async def device_of(self, subentry_id: str) -> str:
        """Wait until a new subentry has its device; returns Home Assistant's id of it."""
        while True:
            for device in await self.websocket({"type": "config/device_registry/list"}):
                of_entries = (device.get("config_entries_subentries") or {}).values()
                if [subentry_id] in of_entries or device.get("config_subentry_id") == subentry_id:
                    device_id: str = device["id"]
                    return device_id
            await asyncio.sleep(0.2)

    async def _flow(self, path: str, start: Mapping[str, object], steps: tuple[Mapping[str, object], ...]) -> Any:
        result = await self.post(path, {**start, "show_advanced_options": False})
        for step in steps:
            result = await self.post(f"{path}/{result['flow_id']}", dict(step))
            while result["type"] == "progress":
                await asyncio.sleep(0.5)
                result = await self.get(f"{path}/{result['flow_id']}")
            if result.get("errors"):
                break
        if result["type"] != "create_entry":
            msg = f"{start['handler']}: {json.dumps(result, default=str)[:800]}"
            raise FlowRefused(msg)
        return result

    async def _subentries(self, entry_id: str, kind: str) -> set[str]:
        answer = await self.websocket({"type": "config_entries/subentries/list", "entry_id": entry_id})
        return {subentry["subentry_id"] for subentry in answer if subentry["subentry_type"] == kind}

    async def websocket(self, message: Mapping[str, object]) -> Any:
        """Send one WebSocket command as the owner; returns its result."""
        async with self.session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            if (await socket.receive_json())["type"] != "auth_ok":
                await self._log_in()
                return await self.websocket(message)
            await socket.send_json({"id": 1, **message})
            answer = await socket.receive_json()
            if not answer["success"]:
                msg = f"{message['type']}: {answer['error']}"
                raise FlowRefused(msg)
            return answer["result"]
