"""The office's first page: what happens in the building now, who waits, and what happened today."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from ..link.messages import LiveSession, LiveStall
from ..resident.mail_trouble import mail_trouble
from ..web.listener import Access, Route
from .door import OfficeDoor
from .mail import mail_notice
from .reading import day_bounds, day_energy, day_sessions, denied_since, resident_names, stalls
from .waiting import WaitingLine, waiting_now
from .words import CREDENTIALS, DENIALS, MODES, STATUSES, UNKNOWN_STATUS


@dataclass(frozen=True, kw_only=True)
class StallToday:
    """A stall as it is now, for people."""

    name: str
    status: tuple[str, str]
    """Text and tone."""
    seen: LiveStall | None
    session: LiveSession | None
    resident: str
    mode: str
    kept: WaitingLine | None
    """Whom it is kept for."""


class TodayPage:
    """Today."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (Route(method="GET", path="/office", handler=self._show, access=Access.OFFICE),)

    async def _show(self, request: web.Request) -> web.Response:
        parts = self._door.parts
        building, live, now = self._door.building(request), parts.link.live, parts.clock()
        start, end = day_bounds(now, building.zone)
        known, names, day, sessions, denied, mail = await parts.books.read(
            lambda conn: (
                stalls(conn),
                resident_names(conn),
                day_energy(conn, start, end, building.zone),
                day_sessions(conn, start),
                denied_since(conn, start),
                mail_trouble(conn, now),
            )
        )
        by_id = {stall.stall_id: stall.name for stall in known}
        waiting = await parts.books.read(lambda conn: waiting_now(conn, now, names, by_id))
        kept = {line.stall_id: line for line in waiting if line.stall_id is not None}
        lines = []
        for stall in known:
            seen = live.stall(stall.stall_id) if live.connected else None
            running = seen.session if seen else None
            lines.append(
                StallToday(
                    name=stall.name,
                    status=STATUSES.get(seen.status, UNKNOWN_STATUS) if seen else UNKNOWN_STATUS,
                    seen=seen,
                    session=running,
                    resident=names.get(running.resident_id, "") if running else "",
                    mode=MODES.get(running.mode, "") if running else "",
                    kept=kept.get(stall.stall_id),
                )
            )
        return self._door.page(
            request,
            "today.html",
            here="today",
            stalls=lines,
            waiting=waiting,
            **mail_notice(mail, parts.settings.smtp),
            power_w=sum(line.seen.power_w or 0 for line in lines if line.seen),
            charging=sum(1 for line in lines if line.session),
            day=day,
            bars=_bars(day.hours_wh),
            sessions=sessions,
            running_wh={one.session_id: one.energy_wh for one in live.sessions()},
            denied=denied,
            denials=DENIALS,
            credentials=CREDENTIALS,
            live=live,
            now=now,
        )


def _bars(hours_wh: Sequence[int]) -> list[dict[str, float | int]]:
    """Return 24 bars for a picture 480 wide and 100 high."""
    highest = max(*hours_wh, 1)
    return [
        {"hour": hour, "x": hour * 20 + 3, "height": round(84 * energy_wh / highest, 1), "energy_wh": energy_wh}
        for hour, energy_wh in enumerate(hours_wh)
    ]
