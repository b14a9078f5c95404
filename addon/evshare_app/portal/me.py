"""A resident's own settings: language, how to pay, the phones that are connected, and the passkeys.

What an unlocked phone in a stranger's hand must not do (another payment card, signing out other phones) is asked to be
confirmed with a passkey first, of those who have one.
"""

from collections.abc import Sequence
import logging

from aiohttp import web

from ..i18n import LANGUAGES, gettext_for, mark
from ..payment.rail import PaymentError
from ..resident.devices import devices_of, sign_out_all, sign_out_device
from ..resident.passkeys import passkeys_of
from ..resident.people import set_language
from ..resident.prepaid import prepaid_of
from ..web.answers import Said
from ..web.forms import read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .notices import ways_now
from .passkeys import must_confirm

_LOGGER = logging.getLogger(__name__)

_SAID = {
    "later": Said(mark("The card page cannot be reached right now. Please try again later.")),
    "confirmed": Said(mark("Thank you. For five minutes you can change what needed this."), "good"),
    "passkey": Said(mark("This phone has a passkey now."), "good"),
    "no_passkey": Said(mark("No passkey was made. Please try again.")),
    "signed_out": Said(mark("The other phones are signed out."), "good"),
    "saved": Said(mark("Saved."), "good"),
}
"""Answers by their name in the address."""


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
            Route(method="POST", path="/me/sign-out-others", handler=self._sign_out_others, access=mine),
            Route(method="POST", path="/me/sign-out-everywhere", handler=self._sign_out_everywhere, access=mine),
        )

    async def _show(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        resident_id = phone.person.resident_id
        running_wh = {one.session_id: one.energy_wh for one in self._parts.link.live.sessions()}
        devices, keys, in_advance = await self._parts.books.read(
            lambda conn: (
                devices_of(conn, resident_id, now),
                passkeys_of(conn, resident_id),
                prepaid_of(conn, resident_id, now, running_wh),
            )
        )
        say = gettext_for(self._door.view(request).language)
        said = _SAID.get(request.query.get("said", ""))
        return self._door.page(
            request,
            "me.html",
            here="me",
            person=phone.person,
            devices=devices,
            this_device=phone.device_id,
            languages=LANGUAGES,
            cards=self._door.takes_cards(request),
            said=None if said is None else Said(say(said.text), said.tone),
            in_advance=in_advance,
            passkeys=keys,
            passkeys_possible=self._door.relying_party(request) is not None,
            must_confirm=await must_confirm(self._door, request),
            waiting=request.query.get("said") == "card",
            ways=await ways_now(self._door, request, phone),
        )

    async def _language(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        language = (await read_form(request)).choice("language", LANGUAGES)
        await self._parts.books.write(lambda conn: set_language(conn, phone.person.resident_id, language))
        return see_other("/me")

    async def _card(self, request: web.Request) -> web.Response:
        phone = self._door.phone(request)
        if self._parts.rail is None or not self._door.takes_cards(request):
            raise Refused(404)
        if await must_confirm(self._door, request):
            return see_other("/me/confirm")
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
        if device_id != phone.device_id and await must_confirm(self._door, request):
            return see_other("/me/confirm")
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

    async def _sign_out_others(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        if await must_confirm(self._door, request):
            return see_other("/me/confirm")
        await self._parts.books.write(
            lambda conn: sign_out_all(conn, phone.person.resident_id, now, except_device=phone.device_id)
        )
        return see_other("/me?said=signed_out")

    async def _sign_out_everywhere(self, request: web.Request) -> web.Response:
        phone, now = self._door.phone(request), self._parts.clock()
        if await must_confirm(self._door, request):
            return see_other("/me/confirm")
        await self._parts.books.write(lambda conn: sign_out_all(conn, phone.person.resident_id, now))
        response = see_other("/")
        self._door.take_cookie(response)
        return response
