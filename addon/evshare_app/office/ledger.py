"""The ledger in the office: journal, balances, each entry with what it rests on, the signatures, and changing the key.

Whoever audits finds everything here and as files; the whole as one sealed file is under export (`data.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
import hashlib
import logging
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, select

from ..books.quarantine import InQuarantine
from ..books.schema import account as account_table
from ..i18n import gettext_for, mark
from ..ledger import reading
from ..ledger.heads import SignedHead, fingerprint, open_key, signed_heads, verify_books
from ..ledger.ledger import Link
from ..ledger_key import DigitsWrong, change_ledger_key
from ..model import Month, to_ms
from ..web.forms import BadInput, read_form
from ..web.listener import Access, Refused, Route
from .door import OfficeDoor
from .ledger_files import FILES, as_csv, as_json
from .ledger_words import KINDS, NUMBERS, account_name
from .reading import months_known
from .signing_in import LATELY, TicketInvalid, came_in_lately, confirm_with_ticket

_LOGGER = logging.getLogger(__name__)

_PAGE = 50
_HEADS_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What a page or file is to show."""

    account: str
    month: Month | None
    wanted: reading.Wanted
    accounts: Sequence[str]
    months: Sequence[Month]
    names: Mapping[str, str]
    """Names of accounts (who owes), by id."""

    @property
    def query(self) -> str:
        """The same in an address."""
        return f"account={self.account}&month={self.month or ''}"


class LedgerPages:
    """Journal, balances, signatures."""

    def __init__(self, door: OfficeDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        page, board = "/office/ledger", Access.BOARD
        return (
            Route(method="GET", path=page, handler=self._journal, access=board),
            Route(method="GET", path=f"{page}/balances", handler=self._balances, access=board),
            Route(method="GET", path=f"{page}/signatures", handler=self._signatures, access=board),
            Route(method="GET", path=f"{page}/entries/{{number}}", handler=self._entry, access=board),
            Route(method="GET", path=f"{page}/files/{{file}}", handler=self._file, access=board),
            Route(
                method="POST",
                path=f"{page}/key",
                handler=self._change_key,
                access=Access.MANAGER,
                form_on=f"{page}/signatures",
            ),
        )

    @property
    def _keys(self) -> Path:
        return self._parts.settings.data_dir / "keys"

    # --- pages -----------------------------------------------------------------------------------------------------

    async def _journal(self, request: web.Request) -> web.Response:
        asked = await self._asked(request)
        text = request.query.get("page", "1")
        page = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1

        def look(conn: Connection) -> tuple[int, Sequence[Link]]:
            found = reading.newest_first(conn, asked.wanted, (max(page, 1) - 1) * _PAGE, _PAGE)
            return reading.count(conn, asked.wanted), found

        count, links = await self._parts.books.read(look)
        return self._page(
            request,
            "ledger.html",
            asked,
            entries=links,
            count=count,
            page=max(page, 1),
            pages=max(1, -(-count // _PAGE)),
        )

    async def _balances(self, request: web.Request) -> web.Response:
        asked = await self._asked(request)
        balances = await self._parts.books.read(lambda conn: reading.trial_balance(conn, asked.wanted))
        sums = {
            name: sum(getattr(one, name) for one in balances)
            for name in ("before_minor", "debit_minor", "credit_minor", "after_minor")
        }
        return self._page(request, "ledger_balances.html", asked, balances=balances, sums=sums)

    async def _entry(self, request: web.Request) -> web.Response:
        text = request.match_info["number"]
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Refused(404)

        def look(conn: Connection) -> dict[str, Any]:
            link = reading.one(conn, int(text))
            if link is None or not link.header:
                raise Refused(404)
            id_ = link.header["transaction_id"]
            signed = next((head for head in signed_heads(conn) if head.number >= link.number), None)
            return {
                "entry": link,
                "evidence": reading.evidence(conn, id_),
                "reverses": reading.number_of(conn, link.header["reverses"]),
                "is_whole": hashlib.sha256(link.previous_hash + link.content).digest() == link.hash,
                "content": link.content.decode(),
                "signed": signed,
                "signing_key": fingerprint(signed.public_key) if signed else "",
            }

        asked = await self._asked(request)
        return self._page(request, "ledger_entry.html", asked, **await self._parts.books.read(look))

    async def _signatures(self, request: web.Request) -> web.Response:
        manager, now = self._door.manager(request), self._parts.clock()
        may_change = self._door.may(request, "POST /office/ledger/key")

        def look(conn: Connection) -> tuple[list[SignedHead], str, bool, Sequence[str]]:
            lately = may_change and came_in_lately(conn, manager.user_id, now)
            books = verify_books(conn)
            chain = [f"{books.chain.broken_at}: {books.chain.problem}"] if not books.chain.ok else []
            return signed_heads(conn), fingerprint(open_key(conn, self._keys).public), lately, [*chain, *books.problems]

        heads, key, lately, problems = await self._parts.books.read(look)
        say = gettext_for(self._door.view(request).language)
        return self._page(
            request,
            "ledger_signatures.html",
            await self._asked(request),
            heads=[(one, fingerprint(one.public_key)) for one in heads[: -_HEADS_SHOWN - 1 : -1]],
            signed=len(heads),
            keys=_keys_of(heads),
            key=key,
            problems=problems,
            lately=lately,
            minutes=LATELY // timedelta(minutes=1),
            said=say("The key is changed. The old one introduced the new one.")
            if request.query.get("said") == "changed"
            else "",
        )

    async def _change_key(self, request: web.Request) -> web.Response:
        form, manager, now = await read_form(request), self._door.manager(request), self._parts.clock()
        digits, ticket = form.text("digits", 40), form.text("ticket", 300, default="").rpartition("#")[2]
        if form.text("meant", 3, default="") != "yes":
            raise BadInput("meant", "nothing", mark("a tick, for it cannot be taken back"))

        def confirm(conn: Connection) -> None:
            if not came_in_lately(conn, manager.user_id, now):
                confirm_with_ticket(conn, manager.user_id, ticket, now)

        try:
            await self._parts.books.write(confirm)
            old, new = await change_ledger_key(self._parts.books, self._keys, digits, now)
        except TicketInvalid:
            accepted = mark("a link of your own from Home Assistant (evshare.office_link) that was not used yet")
            raise BadInput("ticket", "nothing of use", accepted) from None
        except DigitsWrong:
            raise BadInput("digits", digits, mark("the 16 digits of the key in force, as they stand here")) from None
        except InQuarantine:
            say = gettext_for(self._door.view(request).language)
            raise Refused(409, say("Not while the books are in quarantine after a restore.")) from None
        _LOGGER.warning("%s changed the ledger's key from %s to %s", manager.actor, old, new)
        return self._door.see_other(request, "/office/ledger/signatures?said=changed")

    # --- files -----------------------------------------------------------------------------------------------------

    async def _file(self, request: web.Request) -> web.Response:
        asked, building = await self._asked(request), self._door.building(request)
        name, _, kind = request.match_info["file"].partition(".")
        if name not in FILES or kind not in ("csv", "json"):
            raise Refused(404)
        told = {
            "building": building.name,
            "currency": building.currency,
            "account": asked.account or None,
            "month": str(asked.month) if asked.month else None,
        }
        content = await self._parts.books.read(
            lambda conn: (
                as_json(conn, name, asked.wanted, told)
                if kind == "json"
                else as_csv(conn, name, asked.wanted, building.currency, asked.names)
            )
        )
        parts = ("ledger", name, asked.account.replace(":", "-"), str(asked.month or ""))
        return web.Response(
            body=content,
            content_type={"csv": "text/csv", "json": "application/json"}[kind],
            charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="{"-".join(filter(None, parts))}.{kind}"'},
        )

    # --- what is asked for -----------------------------------------------------------------------------------------

    async def _asked(self, request: web.Request) -> _Asked:
        """Read what is to be shown out of the address. Raises `Refused` for what is not there."""
        zone, now = self._door.building(request).zone, self._parts.clock()
        say = gettext_for(self._door.view(request).language)

        def look(conn: Connection) -> tuple[Sequence[str], Sequence[Month], dict[str, str]]:
            parties = {row.account_id: row.name for row in conn.execute(select(account_table))}
            used = reading.accounts_in_use(conn)
            return used, months_known(conn, now, zone), {one: account_name(one, parties, say) for one in used}

        used, months, names = await self._parts.books.read(look)
        account, text = request.query.get("account", ""), request.query.get("month", "")
        whole = {one.partition(":")[0] for one in used if ":" in one}
        if account and account not in {*used, *whole}:
            raise Refused(404)
        month = None
        if text:
            try:
                month = Month.parse(text)
            except ValueError:
                raise Refused(404) from None
        wanted = reading.Wanted(account=account)
        if month is not None:
            since, until = month.bounds(zone)
            wanted = reading.Wanted(account=account, from_ms=to_ms(since), to_ms=to_ms(until))
        return _Asked(
            account=account,
            month=month,
            wanted=wanted,
            accounts=sorted({*used, *whole}),
            months=months if month is None or month in months else [month, *months],
            names=names | {one: say(NUMBERS[one]) for one in whole},
        )

    def _page(self, request: web.Request, template: str, asked: _Asked, **context: object) -> web.Response:
        currency = self._door.building(request).currency
        return self._door.page(request, template, here="ledger", asked=asked, currency=currency, kinds=KINDS, **context)


@dataclass(frozen=True, kw_only=True)
class _Key:
    """A key that signed, and since when."""

    print: str
    from_ms: int
    to_ms: int | None
    """When it introduced the next one."""


def _keys_of(heads: Sequence[SignedHead]) -> Sequence[_Key]:
    """Return the keys as they followed each other, the newest first."""
    keys: list[_Key] = []
    for head in heads:
        print_ = fingerprint(head.public_key)
        if not keys or keys[-1].print != print_:
            if keys:
                keys[-1] = replace(keys[-1], to_ms=head.signed_ms)
            keys.append(_Key(print=print_, from_ms=head.signed_ms, to_ms=None))
    return keys[::-1]
