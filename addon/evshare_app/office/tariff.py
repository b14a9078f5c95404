"""Tariffs in the office: what is in force, all versions, and the editor with its preview.

A version is never changed: another one is made from it, which holds from its own time on. The preview rates sample
sessions and the last month's real ones under the present and the new tariff; it stores nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.accounting_tables import plan
from ..books.building import the_building
from ..books.payers import HOUSE
from ..i18n import gettext_for
from ..tariff.objects import Tariff, TariffError
from ..tariff.store import (
    KeptVersion,
    NoTariff,
    TariffVersion,
    add_version,
    families,
    kept_version,
    kept_versions,
    tariff_in_force,
    withdraw_version,
)
from ..tariff.text import tariff_lines
from ..web.formats import Formats
from ..web.forms import read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .tariff_form import DEFAULTS, NEW_FAMILY, PRESETS, Draft, as_bad_input, fields_of, read_draft, typed
from .tariff_month import MonthCost, month_before, month_cost
from .tariff_samples import Samples, samples
from .tariff_sessions import page_asked, sessions_under
from .words import TARIFF_STATES

_LIST, _NEW = "/office/tariff", "/office/tariff/new"
_LONGEST_S = 3.0
"""For so long the last month is rated anew, at most: somebody waits for it, and others for the books."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Tariffs that follow each other, and who is on them."""

    name: str
    plans: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VersionLine:
    """A version in a list."""

    kept: KeptVersion
    state: str
    lines: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a tariff that is not stored yet would mean."""

    draft: Draft
    lines: Sequence[str]
    samples: Samples
    month: MonthCost


class TariffPage:
    """The tariffs and their versions."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts
        self._rating = asyncio.Lock()

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        reads, manager = Access.BOARD, Access.MANAGER
        return (
            Route(method="GET", path=_LIST, handler=self._list, access=reads),
            Route(method="POST", path=_LIST, handler=self._add, access=manager, form_on=_NEW),
            Route(method="GET", path=_NEW, handler=self._new, access=manager),
            Route(method="POST", path=f"{_LIST}/preview", handler=self._preview, access=manager, form_on=_NEW),
            Route(method="GET", path=f"{_LIST}/{{id}}", handler=self._version, access=reads),
            Route(method="GET", path=f"{_LIST}/{{id}}/ocpi", handler=self._download, access=reads),
            Route(method="POST", path=f"{_LIST}/{{id}}/withdraw", handler=self._withdraw, access=manager),
        )

    # --- versions --------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        now = self._parts.clock()
        known = await self._parts.books.read(
            lambda conn: [(one, kept_versions(conn, one.name)) for one in _families(conn)]
        )
        return self._door.page(
            request,
            "tariff.html",
            here="tariff",
            families=[(family, self._lines(request, versions, now)) for family, versions in known],
            states=TARIFF_STATES,
            house=HOUSE,
            now=now,
        )

    async def _version(self, request: web.Request) -> web.Response:
        now, number, kept = self._parts.clock(), page_asked(request), await self._kept(request)
        all_of_them, used = await self._parts.books.read(
            lambda conn: (
                kept_versions(conn, kept.version.family),
                sessions_under(conn, kept.version.version_id, number),
            )
        )
        line = next(one for one in self._lines(request, all_of_them, now) if one.kept == kept)
        return self._door.page(
            request,
            "tariff_version.html",
            here="tariff",
            line=line,
            state=TARIFF_STATES[line.state],
            house=HOUSE,
            ocpi=fields_of(kept.version.tariff)["ocpi"],
            used=used,
        )

    async def _download(self, request: web.Request) -> web.Response:
        kept = await self._kept(request)
        name = f"tariff-{kept.version.version_id}.json"
        return web.Response(
            text=fields_of(kept.version.tariff)["ocpi"] + "\n",
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def _withdraw(self, request: web.Request) -> web.Response:
        kept, now = await self._kept(request), self._parts.clock()
        version_id, by = kept.version.version_id, f"office:{self._door.manager(request).name}"
        try:
            await self._parts.books.write(lambda conn: withdraw_version(conn, version_id, by, now))
        except TariffError:
            say = gettext_for(self._door.view(request).language)
            raise Refused(409, say("This version holds already. Add another one instead.")) from None
        return self._door.see_other(request, _LIST)

    async def _kept(self, request: web.Request) -> KeptVersion:
        version_id = request.match_info["id"]
        try:
            return await self._parts.books.read(lambda conn: kept_version(conn, version_id))
        except NoTariff:
            raise Refused(404) from None

    def _lines(self, request: web.Request, versions: Sequence[KeptVersion], now: datetime) -> list[VersionLine]:
        standing = [one for one in versions if one.withdrawn is None and one.version.valid_from <= now]
        current = max(standing, key=lambda one: one.version.valid_from, default=None)
        return [
            VersionLine(kept=one, state=_state(one, current, now), lines=self._words(request, one.version.tariff))
            for one in versions
        ]

    def _words(self, request: web.Request, tariff: Tariff) -> list[str]:
        view = self._door.view(request)
        return tariff_lines(tariff, Formats(view.language, view.zone).locale)

    # --- the editor ------------------------------------------------------------------------------------------------

    async def _new(self, request: web.Request) -> web.Response:
        now, like = self._parts.clock(), request.query.get("like", "")
        family, preset = request.query.get("family", HOUSE), request.query.get("preset", "")
        try:
            version = await self._parts.books.read(
                lambda conn: kept_version(conn, like).version if like else tariff_in_force(conn, now, family)
            )
        except NoTariff:
            raise Refused(404) from None
        fields = fields_of(version.tariff) | {"family": version.family if like else family}
        if preset in PRESETS:
            fields["preset"] = preset
        return await self._editor(request, fields, None)

    async def _preview(self, request: web.Request) -> web.Response:
        form, building = await read_form(request), self._door.building(request)
        now = self._parts.clock().replace(microsecond=0)
        draft = read_draft(form, building, now)
        loop = asyncio.get_running_loop()
        async with self._rating:
            until_s = loop.time() + _LONGEST_S
            try:
                # As it would be stored, so that nothing is previewed that is refused afterwards.
                present, tried = await self._parts.books.read(lambda conn: _tried(conn, draft, now))
            except TariffError as error:
                raise as_bad_input(error, draft.preset) from None
            month = await month_cost(
                self._parts.books,
                building,
                month_before(now, building),
                draft.family,
                present.tariff,
                draft.tariff,
                lambda: loop.time() > until_s,
            )
        shown = Preview(draft=draft, lines=self._words(request, draft.tariff), samples=tried, month=month)
        return await self._editor(request, typed(form), shown)

    async def _add(self, request: web.Request) -> web.Response:
        form, building = await read_form(request), self._door.building(request)
        now = self._parts.clock().replace(microsecond=0)
        draft = read_draft(form, building, now)
        try:
            await self._parts.books.write(
                lambda conn: add_version(conn, draft.ocpi, draft.valid_from, now, draft.family)
            )
        except TariffError as error:
            raise as_bad_input(error, draft.preset) from None
        # What a limit in money is good for depends on the price.
        await self._parts.link.tell_rules()
        return self._door.see_other(request, _LIST)

    async def _editor(self, request: web.Request, fields: Mapping[str, str], preview: Preview | None) -> web.Response:
        view = self._door.view(request)
        return self._door.page(
            request,
            "tariff_new.html",
            here="tariff",
            v={**DEFAULTS, **fields},
            presets=PRESETS,
            families=await self._parts.books.read(_families),
            new_family=NEW_FAMILY,
            house=HOUSE,
            currency=self._door.building(request).currency,
            series=self._door.building(request).price_series,
            preview=preview,
            say=gettext_for(view.language),
        )


def _state(kept: KeptVersion, current: KeptVersion | None, now: datetime) -> str:
    if kept.withdrawn is not None:
        return "withdrawn"
    if kept.version.valid_from > now:
        return "coming"
    return "in_force" if kept == current else "past"


def _families(conn: Connection) -> list[Family]:
    """Return the families of tariffs, also those that only a plan names yet, the house's first."""
    rows = conn.execute(select(plan.c.family, plan.c.name).where(plan.c.retired_ms.is_(None)).order_by(plan.c.name))
    plans: dict[str, list[str]] = {name: [] for name in families(conn)}
    for row in rows:
        plans.setdefault(row.family, []).append(row.name)
    return [Family(name=name, plans=tuple(plans[name])) for name in sorted(plans, key=lambda one: (one != HOUSE, one))]


def _tried(conn: Connection, draft: Draft, now: datetime) -> tuple[TariffVersion, Samples]:
    """Return the tariff that is in force, and the samples under both; the connection's changes are undone."""
    present = tariff_in_force(conn, now, draft.family)
    add_version(conn, draft.ocpi, draft.valid_from, now, draft.family)
    zone = the_building(conn).zone
    return present, samples(conn, present.tariff, draft.tariff, zone, now=now, valid_from=draft.valid_from)
