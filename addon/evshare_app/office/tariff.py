"""The tariff in the office: what is in force in words, what is to come, and a new version as a price or as JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
import json
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from ..tariff.ocpi import TariffError
from ..tariff.store import add_version, flat_tariff, tariff_in_force, tariff_versions
from ..tariff.text import tariff_lines
from ..web.formats import Formats
from ..web.forms import BadInput, Form, read_form
from ..web.listener import Access, Route
from .door import OfficeDoor


class TariffPage:
    """The tariff and its versions."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/office/tariff", handler=self._show, access=Access.BOARD),
            Route(method="POST", path="/office/tariff", handler=self._add, access=Access.MANAGER),
        )

    async def _show(self, request: web.Request) -> web.Response:
        return await self._page(request)

    async def _add(self, request: web.Request) -> web.Response:
        form, building = await read_form(request), self._door.building(request)
        now = self._parts.clock().replace(microsecond=0)
        by_hand = form.choice("kind", ("price", "json")) == "json"
        try:
            valid_from = _valid_from(form, building.zone, now)
            ocpi = _json(form) if by_hand else _flat(form, building.currency, now)
            await self._parts.books.write(lambda conn: add_version(conn, ocpi, valid_from, now))
            # What a limit in money is good for depends on the price.
            await self._parts.link.tell_rules()
        except (TariffError, BadInput) as error:
            return await self._page(request, problem=str(error), edited=form.text("ocpi", 60_000, default=""))
        return self._door.see_other(request, "/office/tariff")

    async def _page(self, request: web.Request, *, problem: str = "", edited: str = "") -> web.Response:
        view, now = self._door.view(request), self._parts.clock()
        current, versions = await self._parts.books.read(
            lambda conn: (tariff_in_force(conn, now), tariff_versions(conn))
        )
        formats = Formats(view.language, view.zone)
        return self._door.page(
            request,
            "tariff.html",
            400 if problem else 200,
            here="tariff",
            current=current,
            lines=tariff_lines(current.tariff, formats.locale),
            versions=[(one, tariff_lines(one.tariff, formats.locale)) for one in versions],
            now=now,
            currency=self._door.building(request).currency,
            ocpi=edited or json.dumps(json.loads(current.tariff.to_json()), indent=2, ensure_ascii=False),
            problem=problem,
            open_editor=bool(edited),
        )


def _valid_from(form: Form, zone: ZoneInfo, now: datetime) -> datetime:
    """Read a local time of the building; nothing means now."""
    text = form.text("valid_from", 30, default="")
    if not text:
        return now
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        local = None
    if local is None or not 2000 <= local.year < 3000 or local.tzinfo is not None:
        raise BadInput("valid_from", text, "a local date and time such as 2026-07-01T00:00")
    return local.replace(tzinfo=zone).astimezone(UTC)


def _flat(form: Form, currency: str, now: datetime) -> Mapping[str, Any]:
    vat = form.text("vat", 10, default="")
    return flat_tariff(currency, _decimal("price", form.text("price", 12)), _decimal("vat", vat) if vat else None, now)


def _decimal(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise BadInput(name, text, "a number such as 0.30") from None
    if not number.is_finite():
        raise BadInput(name, text, "a number such as 0.30")
    return number


def _json(form: Form) -> Mapping[str, Any]:
    text = form.text("ocpi", 60_000)
    try:
        ocpi = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise BadInput("ocpi", text, f"JSON ({error})") from None
    if not isinstance(ocpi, dict):
        raise BadInput("ocpi", text, "an OCPI Tariff object")
    return ocpi
