"""A resident's own settings: language, how to pay, and the phones that are connected."""

from collections.abc import Sequence
import logging

from aiohttp import web

from ..i18n import LANGUAGES, gettext_for
from ..payment.rail import PaymentError
from ..resident.devices import devices_of, sign_out_device
from ..resident.people import set_language
from ..web.forms import read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other

_LOGGER = logging.getLogger(__name__)


class MePages:
    """The page about oneself."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        mine = Access.RESIDENT
        return (
            Route(method="GET", path="/me", handler=self._show, access=mine),
            Route(method="POST", path="/me/language", handler=self._language, access=mine),
            Route(method="POST", path="/me/card", handler=self._card, access=mine),
            Route(method="POST", path="/me/devices/{id}/sign-out", handler=self._sign_out, access=mine),
        )

    async def _show(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        devices = await self._parts.books.read(lambda conn: devices_of(conn, phone.person.resident_id, now))
        say = gettext_for(self._door.view(request).language)
        problem = ""
        if request.query.get("said") == "later":
            problem = say("The card page cannot be reached right now. Please try again later.")
        return self._door.page(
            request,
            "me.html",
            here="me",
            person=phone.person,
            devices=devices,
            this_device=phone.device_id,
            languages=LANGUAGES,
            cards=self._parts.rail is not None,
            problem=problem,
            waiting=request.query.get("said") == "card",
        )

    async def _language(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        language = (await read_form(request)).choice("language", LANGUAGES)
        await self._parts.books.write(lambda conn: set_language(conn, phone.person.resident_id, language))
        return see_other("/me")

    async def _card(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        if self._parts.rail is None:
            raise Refused(404)
        try:
            page = await self._parts.rail.start_card_setup(
                phone.person.account_id, self._door.address_of(request) + "/me?said=card"
            )
        except PaymentError as problem:
            _LOGGER.warning("Saving a card could not begin: %s", problem)
            return see_other("/me?said=later")
        return see_other(page)

    async def _sign_out(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        device_id = request.match_info["id"]
        signed_out = await self._parts.books.write(
            lambda conn: sign_out_device(conn, phone.person.resident_id, device_id, now)
        )
        if not signed_out:
            raise Refused(404)
        if device_id != phone.device_id:
            return see_other("/me")
        response = see_other("/")
        self._door.take_cookie(response)
        return response
