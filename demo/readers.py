"""Card readers on the wall: each posts the card it sees to its own webhook in Home Assistant.

The other end is the demo-only integration ``ha/custom_components/building_readers``, which registers one HA device
per reader. `DOMAIN` and the reader's id are that device's identifier.
"""

from dataclasses import dataclass
import re
import secrets

import aiohttp

from demo.stalls import BuildingPlan, CardReader

DOMAIN = "building_readers"
_UID = re.compile(r"(?:[0-9A-Fa-f]{2}){4,10}")


class ReaderUnheard(Exception):
    """Nobody took the card: HA is down, or knows no such reader."""


def checked_uid(uid: str) -> str:
    """`uid` as upper-case hex; raises ValueError unless it is 4 to 10 bytes (ISO 14443-3 has 4, 7 and 10)."""
    if not _UID.fullmatch(uid):
        raise ValueError(f"uid: {uid!r} is not 4 to 10 bytes in hex, as 04A2241B5C6780")
    return uid.upper()


@dataclass(frozen=True, kw_only=True)
class WallReader:
    """One reader: its id is the stall's, its webhook id the only secret between it and HA."""

    id: str
    name: str
    webhook_id: str

    async def tap(self, home_assistant_url: str, uid: str) -> None:
        """Show a card. Raises `ReaderUnheard`, or ValueError for a malformed `uid`."""
        url = f"{home_assistant_url.rstrip('/')}/api/webhook/{self.webhook_id}"
        card = checked_uid(uid)
        try:
            async with aiohttp.ClientSession() as session, session.post(url, json={"uid": card}) as answer:
                # HA answers 200 for a webhook nobody registered, the integration answers 202.
                if answer.status != 202:
                    raise ReaderUnheard(f"reader {self.id}: Home Assistant does not know it (HTTP {answer.status})")
        except aiohttp.ClientError as error:
            raise ReaderUnheard(f"reader {self.id}: Home Assistant does not answer ({error})") from error


def wall_readers(plan: BuildingPlan) -> dict[str, WallReader]:
    """A reader with a fresh webhook for every stall whose connector reads no cards."""
    return {
        stall.id: WallReader(id=stall.id, name=f"{plan.name} reader {stall.id}", webhook_id=secrets.token_hex(32))
        for stall in plan.stalls
        if stall.reader is CardReader.HOME_ASSISTANT
    }


def home_assistant_yaml(readers: dict[str, WallReader]) -> str:
    """The ``building_readers:`` part of configuration.yaml."""
    if not readers:
        return ""
    return f"{DOMAIN}:\n" + "".join(
        f"  - id: {reader.id}\n    name: {reader.name}\n    webhook_id: {reader.webhook_id}\n"
        for reader in readers.values()
    )
