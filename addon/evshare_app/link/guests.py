"""Sessions that run on a guest's pass: finding them, and calling off what a withdrawn pass was just let in for."""

from .door import AskRefused, LinkDoor, LinkDown
from .live import LiveBuilding
from .messages import LiveSession, LiveStall


def is_of_pass(session: LiveSession | None, pass_id: str) -> bool:
    """Whether a running session is one of this pass."""
    return session is not None and session.credential_kind == "pass" and session.credential_id == pass_id


def stall_of_pass(live: LiveBuilding, pass_id: str) -> LiveStall | None:
    """Return where a session runs on a pass."""
    return next((one for one in live.stalls() if is_of_pass(one.session, pass_id)), None)


def stalls_of_passes(live: LiveBuilding) -> dict[str, str]:
    """Return the stall, by id, at which each pass has a session."""
    return {
        one.session.credential_id: one.stall_id
        for one in live.stalls()
        if one.session and one.session.credential_kind == "pass" and one.session.credential_id
    }


class PassesAtStalls:
    """What runs on guests' passes at the stalls, as the integration tells it."""

    def __init__(self, link: LinkDoor) -> None:
        self._link = link

    @property
    def understood(self) -> bool:
        """Whether the integration takes guests: one that speaks version 1 does not."""
        return self._link.version != 1

    def running_wh(self) -> dict[str, int]:
        """Return what running sessions have used, by session."""
        return {one.session_id: one.energy_wh for one in self._link.live.sessions()}

    def charging(self) -> dict[str, str]:
        """Return the stall, by id, at which each pass has a session."""
        return stalls_of_passes(self._link.live)

    async def call_off(self, pass_id: str) -> None:
        """End what a pass was let in for and nobody has plugged in to yet. A session that charges goes on."""
        await call_off(self._link, pass_id)


async def call_off(link: LinkDoor, pass_id: str) -> None:
    """End what a pass was let in for and nobody has plugged in to yet. A session that charges goes on."""
    stall = stall_of_pass(link.live, pass_id)
    if stall is None or stall.session is None or stall.session.started_at is not None:
        return
    body = {"session_id": stall.session.session_id, "by": "resident", "resident_id": stall.session.resident_id}
    try:
        await link.ask("stop", body)
    except AskRefused, LinkDown:
        return
