"""Who is in the office besides Home Assistant's admins: invited by a link, or named as users of Home Assistant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import re
from uuid import uuid4

from aiohttp import web
from sqlalchemy import Connection, insert, select, update

from ..books.access_tables import office_person
from ..books.building import the_building
from ..i18n import gettext_for, mark
from ..model import to_ms
from ..tokens import digest, new_token
from ..web.compress import keep_plain
from ..web.forms import BadInput, Form, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .roles import INVITED, MEANINGS, NAMES, Role
from .signing_in import INVITED_LIFE, end_sessions, person_user_id

INVITE_LIFE = timedelta(hours=72)
_USER_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Member:
    """Someone with a role in the office."""

    person_id: str
    name: str
    role: Role
    ha_user_id: str | None = None
    invited_until_ms: int | None = None
    """Set while an invitation of theirs waits."""


class TeamPages:
    """The people of the office."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        team, one, manager = "/office/team", "/office/team/{id}", Access.MANAGER
        return (
            Route(method="GET", path=team, handler=self._show, access=Access.BOARD),
            Route(method="POST", path=f"{team}/invite", handler=self._invite, access=manager, form_on=team),
            Route(method="POST", path=f"{team}/user", handler=self._name_user, access=manager, form_on=team),
            Route(method="POST", path=f"{one}/invite", handler=self._invite_again, access=manager),
            Route(method="POST", path=f"{one}/remove", handler=self._remove, access=manager),
        )

    async def _show(self, request: web.Request) -> web.Response:
        now = self._parts.clock()
        return self._door.page(
            request,
            "team.html",
            here="team",
            team=await self._parts.books.read(lambda conn: members(conn, now)),
            names=NAMES,
            meanings=MEANINGS,
            invited=INVITED,
            said=self._said(request),
        )

    async def _invite(self, request: web.Request) -> web.Response:
        form, now = await read_form(request), self._parts.clock()
        name = _name(form)
        role = Role(form.choice("role", INVITED))
        by = self._door.manager(request).actor

        def add(conn: Connection) -> str:
            person_id = uuid4().hex
            _add(conn, Member(person_id=person_id, name=name, role=role), by, now)
            return new_invitation(conn, person_id, now) or ""

        return self._link(request, name, await self._parts.books.write(add))

    async def _invite_again(self, request: web.Request) -> web.Response:
        person_id, now = request.match_info["id"], self._parts.clock()
        everyone = await self._parts.books.read(lambda conn: members(conn, now))
        name = next((one.name for one in everyone if one.person_id == person_id), "")
        token = await self._parts.books.write(lambda conn: new_invitation(conn, person_id, now))
        if token is None:
            raise Refused(404)
        return self._link(request, name, token)

    def _link(self, request: web.Request, name: str, token: str) -> web.Response:
        page = self._door.page(
            request,
            "team_invite.html",
            here="team",
            name=name,
            link=f"{self._door.office_address(request)}/sign-in#{token}",
            until=self._parts.clock() + INVITE_LIFE,
            days=INVITED_LIFE.days,
            guessed=self._parts.settings.office_url is None,
        )
        return keep_plain(page)

    async def _name_user(self, request: web.Request) -> web.Response:
        form, now = await read_form(request), self._parts.clock()
        name, role = _name(form), Role(form.choice("role", Role))
        user_id = form.text("user_id", 64)
        if not _USER_ID.fullmatch(user_id):
            accepted = mark("the id of a user of Home Assistant: letters, digits, - and _")
            raise BadInput("user_id", user_id, accepted)
        by = self._door.manager(request).actor

        def add(conn: Connection) -> None:
            taken = select(office_person.c.name).where(office_person.c.ha_user_id == user_id)
            if (whose := conn.scalar(taken)) is not None:
                accepted = mark("a user who has no role yet; this one is %(name)s")
                raise BadInput("user_id", user_id, accepted, name=whose)
            _add(conn, Member(person_id=uuid4().hex, name=name, role=role, ha_user_id=user_id), by, now)

        await self._parts.books.write(add)
        return self._door.see_other(request, "/office/team?said=named")

    async def _remove(self, request: web.Request) -> web.Response:
        person_id, now = request.match_info["id"], self._parts.clock()
        if not await self._parts.books.write(lambda conn: remove(conn, person_id, now)):
            raise Refused(404)
        return self._door.see_other(request, "/office/team?said=removed")

    def _said(self, request: web.Request) -> str:
        say = gettext_for(self._door.view(request).language)
        return {
            "named": say("Done. With their next look into the office they have this role."),
            "removed": say("Removed. Where they were signed in, they are signed out."),
        }.get(request.query.get("said", ""), "")


def members(conn: Connection, now: datetime) -> list[Member]:
    """Return everyone who has a role, by name."""
    rows = conn.execute(
        select(office_person).where(office_person.c.removed_ms.is_(None)).order_by(office_person.c.name)
    )
    return [
        Member(
            person_id=row.person_id,
            name=row.name,
            role=Role(row.role),
            ha_user_id=row.ha_user_id,
            invited_until_ms=row.invite_expires_ms if (row.invite_expires_ms or 0) > to_ms(now) else None,
        )
        for row in rows
    ]


def new_invitation(conn: Connection, person_id: str, now: datetime) -> str | None:
    """Make a link's token for someone who comes by links, in place of an earlier one; None for anybody else."""
    token = new_token(128)
    made = conn.execute(
        update(office_person)
        .where(
            office_person.c.person_id == person_id,
            office_person.c.removed_ms.is_(None),
            office_person.c.ha_user_id.is_(None),
            office_person.c.role.in_(INVITED),
        )
        .values(invite_hash=digest(token), invite_expires_ms=to_ms(now + INVITE_LIFE))
    )
    return token if made.rowcount == 1 else None


def remove(conn: Connection, person_id: str, now: datetime) -> bool:
    """Take someone's role, their invitation and their sessions; False when there is nobody to remove."""
    there = conn.execute(
        select(office_person.c.ha_user_id).where(
            office_person.c.person_id == person_id, office_person.c.removed_ms.is_(None)
        )
    ).one_or_none()
    if there is None:
        return False
    conn.execute(
        update(office_person)
        .where(office_person.c.person_id == person_id)
        .values(removed_ms=to_ms(now), ha_user_id=None, invite_hash=None, invite_expires_ms=None)
    )
    end_sessions(conn, there.ha_user_id or person_user_id(person_id), now)
    return True


def _add(conn: Connection, member: Member, by: str, now: datetime) -> None:
    conn.execute(
        insert(office_person).values(
            building_id=the_building(conn).building_id,
            person_id=member.person_id,
            name=member.name,
            role=member.role,
            ha_user_id=member.ha_user_id,
            made_by=by[:80],
            created_ms=to_ms(now),
        )
    )


def _name(form: Form) -> str:
    name = form.text("name", 80)
    if not name:
        raise BadInput("name", "nothing", mark("a name, at most 80 characters"))
    return name
