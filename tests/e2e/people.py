"""Those who send requests to the running system: phones at the portal, and logins at Home Assistant without rights.

They send what they are told, with plain aiohttp: what a browser, Home Assistant's own app, or somebody who forges
either would send.
"""

from dataclasses import dataclass
import html
import json
import re
from typing import Any

import aiohttp


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a forged request was answered."""

    status: int
    text: str
    location: str = ""
    retry_after_s: int = 0

    @property
    def said(self) -> str:
        """What the page will say, by its name in the address."""
        found = re.search(r"[?&]said=([a-z_]+)", self.location)
        return found[1] if found else ""

    def fields(self, action: str) -> dict[str, str]:
        """The hidden fields of the form that goes to `action`, and what has to be ticked in it."""
        found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.text, re.DOTALL)
        assert found, f"no form to {action}: {self.status} {re.sub('<[^>]+>', ' ', self.text)[:1500]}"
        pairs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', found[1])
        pairs += re.findall(r'<input type="checkbox" name="(\w+)" value="([^"]*)" required>', found[1])
        return {name: html.unescape(value) for name, value in pairs}


class Phone:
    """A phone, or whatever pretends to be one: it keeps cookies and sends what it is told."""

    def __init__(self, origin: str, cookies: dict[str, str] | None = None) -> None:
        self.origin = origin
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), cookies=cookies)

    @property
    def cookies(self) -> dict[str, str]:
        """What it holds: a thief's booty."""
        return {cookie.key: cookie.value for cookie in self._http.cookie_jar}

    async def get(self, path: str) -> Answer:
        """Ask for a page, and where it leads to."""
        async with self._http.get(self.origin + path) as response:
            return await self._answer(response)

    async def post(self, path: str, fields: dict[str, str], **headers: str | None) -> Answer:
        """Send a form as a page of the portal would, or with other headers (None leaves one out)."""
        usual: dict[str, str | None] = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        wanted = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in wanted.items() if value is not None}
        async with self._http.post(self.origin + path, data=fields, headers=sent, allow_redirects=False) as response:
            return await self._answer(response)

    async def close(self) -> None:
        """Throw it away."""
        await self._http.close()

    @staticmethod
    async def _answer(response: aiohttp.ClientResponse) -> Answer:
        return Answer(
            status=response.status,
            text=await response.text(),
            location=response.headers.get("Location", ""),
            retry_after_s=int(response.headers.get("Retry-After", 0)),
        )


class HomeUser:
    """Somebody with a login at Home Assistant and no admin rights."""

    def __init__(self, url: str, user_id: str, refresh_token: str) -> None:
        self.user_id = user_id
        self._url, self._refresh_token = url, refresh_token
        self._http = aiohttp.ClientSession()

    async def _token(self) -> str:
        """A fresh access token: one lives half an hour, and the building's time flies."""
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token, "client_id": f"{self._url}/"}
        async with self._http.post(f"{self._url}/auth/token", data=form) as response:
            response.raise_for_status()
            token: str = (await response.json())["access_token"]
            return token

    async def rest(self, path: str, body: object | None = None) -> tuple[int, Any]:
        """GET, or POST `body`; return status and answer."""
        method, headers = "GET" if body is None else "POST", {"Authorization": f"Bearer {await self._token()}"}
        async with self._http.request(method, self._url + path, json=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text[:1] in ("{", "[") else text

    async def websocket(self, *commands: dict[str, object]) -> list[dict[str, Any]]:
        """Send WebSocket commands one after the other; return what each was answered."""
        async with self._http.ws_connect(f"{self._url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": await self._token()})
            assert (await socket.receive_json())["type"] == "auth_ok"
            answers = []
            for number, command in enumerate(commands, start=1):
                await socket.send_json({"id": number, **command})
                answers.append(await socket.receive_json())
            return answers

    async def call(self, action: str, data: dict[str, object]) -> dict[str, Any]:
        """Call an action over WebSocket."""
        domain, service = action.split(".")
        message = {"type": "call_service", "domain": domain, "service": service, "service_data": data}
        return (await self.websocket(message))[0]

    async def companion(self, name: str) -> Companion:
        """Connect Home Assistant's phone app, as every user can."""
        status, told = await self.rest(
            "/api/mobile_app/registrations",
            {
                "app_id": "io.homeassistant.companion.android",
                "app_name": "Home Assistant",
                "app_version": "2026.10.1",
                "device_id": f"phone-of-{name}",
                "device_name": f"{name}'s phone",
                "manufacturer": "Fairphone",
                "model": "FP6",
                "os_name": "Android",
                "os_version": "16",
                "supports_encryption": False,
            },
        )
        assert status == 201, told
        return Companion(f"{self._url}/api/webhook/{told['webhook_id']}", self._http)

    async def close(self) -> None:
        """Log out."""
        await self._http.close()


@dataclass
class Companion:
    """Home Assistant's app on somebody's phone; it talks through its own webhook."""

    address: str
    http: aiohttp.ClientSession

    async def send(self, kind: str, data: dict[str, object]) -> int:
        """Send a command of the app, and return the status."""
        async with self.http.post(self.address, json={"type": kind, "data": data}) as response:
            await response.read()
            return response.status
