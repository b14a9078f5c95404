"""A first handshake with the app during set-up, which leaves nothing behind.

The hello sent here says nothing of a building, so the app can tell whether it speaks our version but takes nothing
into its books: whoever aborts the set-up has not bound them to a building that never was.
"""

import asyncio
from typing import Any, Final
from uuid import uuid4

import aiohttp

from .link.client import link_url
from .link.messages import VERSIONS

HANDSHAKE_TIMEOUT_S: Final = 10.0
CLOSE_UNSUPPORTED_VERSION: Final = 4406


async def async_try_app(session: aiohttp.ClientSession, url: str, token: str) -> str | None:
    """Shake hands with the app's link; returns what is wrong as translation key of an error, None if all is well."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            asyncio.timeout(HANDSHAKE_TIMEOUT_S),
            session.ws_connect(link_url(url), headers=headers) as socket,
        ):
            await socket.send_json(_hello())
            return _verdict(await socket.receive())
    except aiohttp.WSServerHandshakeError as error:
        return "invalid_auth" if error.status in (401, 403) else "cannot_connect"
    except aiohttp.ClientError, OSError, TimeoutError:
        return "cannot_connect"


def _hello() -> dict[str, Any]:
    return {
        "v": VERSIONS[0],
        "type": "hello",
        "versions": list(VERSIONS),
        "incarnation": uuid4().hex,
        "head_seq": 0,
        "building": None,
    }


def _verdict(answer: aiohttp.WSMessage) -> str | None:
    """Every answer of a link is a good sign, except that it does not speak our version."""
    if answer.type is aiohttp.WSMsgType.CLOSE and answer.data == CLOSE_UNSUPPORTED_VERSION:
        return "unsupported_version"
    if answer.type is not aiohttp.WSMsgType.TEXT:
        return "cannot_connect"
    try:
        frame = answer.json()
    except ValueError:
        return "cannot_connect"
    if not isinstance(frame, dict) or "type" not in frame:
        return "cannot_connect"
    return "unsupported_version" if frame.get("code") == "unsupported_version" else None
