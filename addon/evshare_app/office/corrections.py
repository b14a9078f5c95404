"""A statement in the office: what is on it, and taking it back or putting it right where it is wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.schema import account as account_table
from ..formats import locale_for
from ..i18n import gettext_for, mark
from ..model import AccountId, SessionId, StatementId
from ..statement.charge_text import charge_text
from ..statement.corrections import Amount, CorrectionRefused, Doing, Rerate, correct, credit, on_statement
from ..statement.files import frozen_document
from ..tariff.store import families, tariff_versions
from ..web.forms import BadInput, Form, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .fields import money_minor
from .reading import statement_row

_ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A session or charge of a statement that was not taken back."""

    of: str
    text: str
    gross_minor: int
    session_id: str = ""


class CorrectionPages:
    """One statement, and what can be done about it."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        one, manager = "/office/statements/{id}", Access.MANAGER
        return (
            Route(method="GET", path=one, handler=self._show, access=Access.BOARD),
            Route(method="POST", path=f"{one}/credit", handler=self._credit, access=manager, form_on=one),
            Route(method="POST", path=f"{one}/correct", handler=self._correct, access=manager, form_on=one),
        )

    async def _show(self, request: web.Request) -> web.Response:
        statement_id, now = StatementId(request.match_info["id"]), self._parts.clock()
        language, zone = self._door.view(request).language, self._door.building(request).zone
        locale = locale_for(language, zone)

        def read(conn: Connection) -> dict[str, object] | None:
            line = statement_row(conn, statement_id, now)
            if line is None:
                return None
            document = frozen_document(conn, statement_id)
            on = on_statement(conn, statement_id)
            sessions = [
                Standing(
                    of=row.cdr_id,
                    text=f"{stall}, {start}",
                    gross_minor=row.gross_minor,
                    session_id=row.session_id,
                )
                for row, stall, start in on.sessions(locale, zone)
            ]
            charges = [
                Standing(
                    of=one.charge_id,
                    text=charge_text(
                        one.kind,
                        one.details,
                        gettext_for(language),
                        currency=document.currency,
                        locale=locale,
                        zone=zone,
                    ),
                    gross_minor=one.gross_minor,
                )
                for one in on.charges.values()
            ]
            return {
                "line": line,
                "document": document,
                "sessions": sessions,
                "standing": [*sessions, *charges],
                "accounts": conn.execute(
                    select(account_table.c.account_id, account_table.c.name).order_by(account_table.c.name)
                ).all(),
                "versions": [one for family in families(conn) for one in tariff_versions(conn, family)],
            }

        found = await self._parts.books.read(read)
        if found is None:
            raise Refused(404)
        said = {
            "credited": mark("The credit note is issued."),
            "corrected": mark("The corrected statements are issued."),
        }
        return self._door.page(
            request,
            "statement_parts.html",
            here="month",
            said=gettext_for(language)(said[key]) if (key := request.query.get("said", "")) in said else "",
            **found,
        )

    async def _credit(self, request: web.Request) -> web.Response:
        form, statement_id = await read_form(request), StatementId(request.match_info["id"])
        of, doing = form.text("of", 120, default=_ALL), await self._doing(request, form)
        amount = money_minor(form, "amount", self._door.building(request).currency)
        if amount is not None and of == _ALL:
            raise BadInput("of", of, mark("one session or charge, where an amount is named"))
        only = None if of == _ALL or amount is not None else [of]
        amounts = [] if amount is None else [Amount(of=of, gross_minor=amount)]
        return await self._done(
            request, lambda conn: credit(conn, statement_id, doing, only=only, amounts=amounts), "credited"
        )

    async def _correct(self, request: web.Request) -> web.Response:
        form, statement_id = await read_form(request), StatementId(request.match_info["id"])
        doing, session_id = await self._doing(request, form), SessionId(form.text("session", 120))
        account_id, version = form.text("account", 64, default=""), form.text("version", 64, default="")
        await self._known(account_id, version)
        wanted = Rerate(account_id=AccountId(account_id) if account_id else None, tariff_version=version or None)
        return await self._done(
            request, lambda conn: correct(conn, statement_id, doing, {session_id: wanted}), "corrected"
        )

    async def _known(self, account_id: str, version: str) -> None:
        accounts, versions = await self._parts.books.read(
            lambda conn: (
                set(conn.scalars(select(account_table.c.account_id))),
                {one.version_id for family in families(conn) for one in tariff_versions(conn, family)},
            )
        )
        if account_id and account_id not in accounts:
            raise BadInput("account", account_id, mark("one of the accounts"))
        if version and version not in versions:
            raise BadInput("version", version, mark("one of the tariff versions"))

    async def _doing(self, request: web.Request, form: Form) -> Doing:
        reason = form.text("reason", 300, default="")
        if not reason:
            raise BadInput("reason", reason, mark("a reason the resident is told"))
        return Doing(
            actor=self._door.manager(request).actor,
            now=self._parts.clock(),
            reason=reason,
            ledger_key=await self._parts.closing.ledger_key(),
        )

    async def _done(self, request: web.Request, do: Callable[[Connection], object], said: str) -> web.Response:
        try:
            await self._parts.books.write(do)
        except CorrectionRefused as refusal:
            raise Refused(409, str(refusal)) from None
        return self._door.see_other(request, f"/office/statements/{request.match_info['id']}?said={said}")
