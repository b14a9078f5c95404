"""The books' own checks, and what the owners set: bank account, address, language."""

from collections.abc import Sequence

from aiohttp import web
from sqlalchemy import Connection, update

from ..books.schema import building as building_table
from ..i18n import LANGUAGES, mark
from ..ledger.ledger import verify
from ..statement.checks import run_checks
from ..statement.house_rules import law_profile, open_month, set_rule
from ..statement.law_profile import law_profiles
from ..statement.remittance import is_iban
from ..web.compress import keep_plain
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Route
from .door import OfficeDoor
from .law_words import law_wants


class HousePages:
    """Checks and settings."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        return (
            Route(method="GET", path="/office/checks", handler=self._checks, access=Access.BOARD),
            Route(method="GET", path="/office/settings", handler=self._settings, access=Access.BOARD),
            Route(
                method="POST",
                path="/office/settings",
                handler=self._save,
                access=Access.MANAGER,
                form_on="/office/settings",
            ),
        )

    async def _checks(self, request: web.Request) -> web.Response:
        checks, chain = await self._parts.books.read(lambda conn: (run_checks(conn), verify(conn)))
        return self._door.page(
            request,
            "checks.html",
            here="checks",
            checks=checks,
            chain=chain,
            head=chain.head.hex()[:12] if chain.transactions else "",
        )

    async def _settings(self, request: web.Request) -> web.Response:
        settings, view = self._parts.settings, self._door.view(request)
        law = await self._parts.books.read(lambda conn: law_profile(conn, open_month(conn)))
        page = self._door.page(
            request,
            "settings.html",
            here="settings",
            house=self._door.building(request),
            languages=LANGUAGES,
            laws={code: one.name[view.language] for code, one in law_profiles().items()},
            law=law.code,
            law_wants=law_wants(law),
            portal=self._door.portal_address(request),
            guessed=settings.portal_url is None,
            secure=settings.portal_is_https,
            cards=self._parts.rail is not None,
            # Whoever has it can pretend to be the building: only those who may change something see it.
            pairing_token=self._parts.pairing_token if self._door.may(request, "POST /office/settings") else "",
            saved=request.query.get("said") == "saved",
        )
        # It shows the pairing token.
        return keep_plain(page)

    async def _save(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        iban = form.text("iban", 60, default="").replace(" ", "").upper()
        payee = form.text("payee", 70, default="")
        if iban and not is_iban(iban):
            raise BadInput("iban", iban, mark("a valid IBAN, such as DE89 3704 0044 0532 0130 00"))
        if iban and not payee:
            raise BadInput("payee", "nothing", mark("the name of the account’s holder, at most 70 characters"))
        values = {
            "iban": iban or None,
            "payee": payee or None,
            "address": form.text("address", 500, default="") or None,
            "contact": form.text("contact", 120, default="") or None,
            "language": form.choice("language", LANGUAGES),
        }
        law = form.choice("law", ("", *law_profiles()), default="")
        actor, now = self._door.manager(request).actor, self._parts.clock()

        def save(conn: Connection) -> None:
            conn.execute(update(building_table).values(**values))
            month = open_month(conn)
            if law and law != law_profile(conn, month).code:
                set_rule(conn, "law", month, {"profile": law}, actor, now)

        await self._parts.books.write(save)
        return self._door.see_other(request, "/office/settings?said=saved")
