"""Passkeys on the portal: make one, come in with one, and confirm with one that it is really its person.

The browser's part is in `web/static/passkeys.js`: it asks for a challenge, lets the phone answer it, and sends the
answer as a field of an ordinary form. Where browsers make no passkeys (plain HTTP, an IP address) pages say so, and
nothing waits for one.
"""

from collections.abc import Sequence
import logging

from aiohttp import web

from ..i18n import gettext_for
from ..resident import passkeys
from ..resident.passkeys import Answered, PasskeyInvalid, RelyingParty
from ..tokens import new_token
from ..web.forms import read_form
from ..web.listener import Access, Refused, Route
from .door import PortalDoor, see_other
from .phones import phone_label

_LOGGER = logging.getLogger(__name__)

_RESPONSE_CHARS = 8000
"""Room for an RSA key in CBOR in base64url, twice over."""
AFTER_CONFIRMING = {
    "me": "/me?said=confirmed",
    "guests": "/guests?said=confirmed",
    "cards": "/cards?said=confirmed",
}
"""Where people go on after confirming, by the name in the address."""


async def must_confirm(door: PortalDoor, request: web.Request) -> bool:
    """Whether, before this, the person has to show a passkey: they have one, and did not just prove themself.

    Whoever has none is asked for nothing they do not have; a phone that was let in within the hour was let in by an
    invitation or a passkey, which is as good, and the way back for those who lost theirs.
    """
    phone = door.phone(request)
    if phone.stepped_up or phone.is_new or door.relying_party(request) is None:
        return False
    return await door.parts.books.read(lambda conn: passkeys.count(conn, phone.person.resident_id)) > 0


async def confirmed(door: PortalDoor, request: web.Request, response: str) -> bool:
    """Whether a browser's response proves the person at this phone; if so that holds for five minutes."""
    party, phone, now = door.relying_party(request), door.phone(request), door.parts.clock()
    answered = await _spend(door, party, passkeys.STEP_UP, phone.device_id, response)
    if answered is None:
        return False
    try:
        await door.parts.books.write(lambda conn: passkeys.step_up(conn, answered, phone, now))
    except PasskeyInvalid as problem:
        _LOGGER.warning("Phone %s was not confirmed: %s", phone.device_id, problem)
        return False
    return True


class PasskeyPages:
    """Passkeys: making, removing, showing."""

    def __init__(self, door: PortalDoor) -> None:
        self._door = door
        self._parts = door.parts
        # Binds a challenge to the browser it was made for, before that browser is anyone's.
        self._visit = "__Host-evs_p" if self._parts.settings.portal_is_https else "evs_p"

    def routes(self) -> Sequence[Route]:
        """Return what this room answers."""
        mine, anyone = Access.RESIDENT, Access.ANYONE
        return (
            Route(method="POST", path="/me/passkeys/challenge", handler=self._ask_new, access=mine),
            Route(method="POST", path="/me/passkeys", handler=self._register, access=mine),
            Route(method="POST", path="/me/passkeys/{id}/remove", handler=self._remove, access=mine),
            Route(method="GET", path="/me/confirm", handler=self._show_confirm, access=mine),
            Route(method="POST", path="/me/confirm/challenge", handler=self._ask_confirm, access=mine),
            Route(method="POST", path="/me/confirm", handler=self._confirm, access=mine),
            Route(method="GET", path="/i/passkey", handler=self._show_sign_in, access=anyone),
            Route(method="POST", path="/i/passkey/challenge", handler=self._ask_sign_in, access=anyone),
            Route(method="POST", path="/i/passkey", handler=self._sign_in, access=anyone),
        )

    # --- a resident's own ------------------------------------------------------------------------------------------

    async def _ask_new(self, request: web.Request) -> web.Response:
        party, phone, now = self._party(request), self._door.phone(request), self._parts.clock()
        if await must_confirm(self._door, request):
            # The page sends people to confirm first; this one came here by itself.
            raise Refused(404)
        options = await self._parts.books.write(
            lambda conn: passkeys.registration_options(
                conn, party, phone.person.resident_id, passkeys.begin(conn, passkeys.REGISTER, phone.device_id, now)
            )
        )
        return web.json_response(options)

    async def _register(self, request: web.Request) -> web.Response:
        party, phone, now = self._party(request), self._door.phone(request), self._parts.clock()
        response = (await read_form(request)).text("credential", _RESPONSE_CHARS)
        if await must_confirm(self._door, request):
            return see_other("/me/confirm")
        answered = await _spend(self._door, party, passkeys.REGISTER, phone.device_id, response)
        if answered is None:
            return see_other("/me?said=no_passkey")
        label = phone_label(request)
        try:
            await self._parts.books.write(lambda conn: passkeys.register(conn, answered, phone, label=label, now=now))
        except PasskeyInvalid as problem:
            _LOGGER.warning("Phone %s made no passkey: %s", phone.device_id, problem)
            return see_other("/me?said=no_passkey")
        return see_other("/me?said=passkey")

    async def _remove(self, request: web.Request) -> web.Response:
        phone, key_id = self._door.phone(request), request.match_info["id"]
        if await must_confirm(self._door, request):
            return see_other("/me/confirm")
        if not await self._parts.books.write(
            lambda conn: passkeys.remove_passkey(conn, phone.person.resident_id, key_id)
        ):
            raise Refused(404)
        return see_other("/me?said=saved")

    async def _show_confirm(self, request: web.Request) -> web.Response:
        self._party(request)
        return self._door.page(request, "confirm.html", here="me", to=self._to(request), problem="")

    async def _ask_confirm(self, request: web.Request) -> web.Response:
        party, phone, now = self._party(request), self._door.phone(request), self._parts.clock()
        options = await self._parts.books.write(
            lambda conn: passkeys.request_options(
                conn, party, phone.person.resident_id, passkeys.begin(conn, passkeys.STEP_UP, phone.device_id, now)
            )
        )
        return web.json_response(options)

    async def _confirm(self, request: web.Request) -> web.Response:
        self._party(request)
        response = (await read_form(request)).text("credential", _RESPONSE_CHARS)
        if await confirmed(self._door, request, response):
            return see_other(AFTER_CONFIRMING[self._to(request)])
        say = gettext_for(self._door.view(request).language)
        problem = say("That could not be checked. Please try again.")
        page = self._door.page(request, "confirm.html", here="me", to=self._to(request), problem=problem)
        page.set_status(403)
        return page

    # --- coming in -------------------------------------------------------------------------------------------------

    async def _show_sign_in(self, request: web.Request) -> web.Response:
        self._door.building(request)
        return self._door.page(
            request, "passkey.html", problem="", possible=self._door.relying_party(request) is not None
        )

    async def _ask_sign_in(self, request: web.Request) -> web.Response:
        party, now, visit = self._party(request), self._parts.clock(), new_token()
        self._door.building(request)
        self._door.slow_down_challenges(request)
        options = await self._parts.books.write(
            lambda conn: passkeys.request_options(conn, party, None, passkeys.begin(conn, passkeys.SIGN_IN, visit, now))
        )
        answer = web.json_response(options)
        answer.set_cookie(
            self._visit,
            visit,
            max_age=int(passkeys.CHALLENGE_LIFE.total_seconds()),
            path="/",
            secure=self._parts.settings.portal_is_https,
            httponly=True,
            samesite="Strict",
        )
        return answer

    async def _sign_in(self, request: web.Request) -> web.Response:
        party, now = self._party(request), self._parts.clock()
        self._door.check_redeems(request)
        response = (await read_form(request)).text("credential", _RESPONSE_CHARS)
        visit, label = request.cookies.get(self._visit, ""), phone_label(request)
        answered = await _spend(self._door, party, passkeys.SIGN_IN, visit, response)
        try:
            if answered is None:
                raise PasskeyInvalid("no such challenge")
            cookie = await self._parts.books.write(
                lambda conn: passkeys.sign_in(conn, answered, label=label, key=self._parts.key, now=now)
            )
        except PasskeyInvalid as problem:
            self._door.note_wrong_redeem(request)
            _LOGGER.warning("Nobody came in by a passkey: %s", problem)
            say = gettext_for(self._door.view(request).language)
            text = say("No resident of this house has that passkey. Take another one, or open your invitation link.")
            page = self._door.page(request, "passkey.html", problem=text, possible=True)
            page.set_status(404)
            return page
        answer = see_other("/")
        answer.del_cookie(self._visit, path="/", secure=self._parts.settings.portal_is_https, httponly=True)
        self._door.give_cookie(answer, cookie)
        return answer

    # --- shared ----------------------------------------------------------------------------------------------------

    def _party(self, request: web.Request) -> RelyingParty:
        party = self._door.relying_party(request)
        if party is None:
            raise Refused(404)
        return party

    @staticmethod
    def _to(request: web.Request) -> str:
        to = request.query.get("to", "me")
        return to if to in AFTER_CONFIRMING else "me"


async def _spend(
    door: PortalDoor, party: RelyingParty | None, purpose: str, holder: str, response: str
) -> Answered | None:
    if party is None or not holder:
        return None
    now = door.parts.clock()
    return await door.parts.books.write(
        lambda conn: passkeys.spend(conn, party, purpose, holder, response=response, now=now)
    )
