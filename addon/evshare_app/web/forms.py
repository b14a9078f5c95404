"""Reading what people send: small forms, checked field by field, with an error that says what is accepted."""

import asyncio
from collections.abc import Callable, Iterable
import re

from aiohttp import web

from ..i18n import mark

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
BODY_S = 10.0
"""How long a form may take to arrive: whoever sends it byte by byte keeps a connection, and that is all."""


class BadInput(Exception):
    """A field of a form cannot be used.

    `accepted` is a message id of the catalogues, `values` goes into it: the page that shows the form again says it
    beside the field, in the person's language. `got` is for the log.
    """

    def __init__(self, field: str, got: str, accepted: str, **values: object) -> None:
        super().__init__(f"{field}: got {got[:80]!r}, accepted is {accepted % values if values else accepted}")
        self.field = field
        self._accepted = accepted
        self._values = values

    def text(self, say: Callable[[str], str]) -> str:
        """Return what is accepted, in the language of `say`."""
        accepted = say(self._accepted)
        return say("Accepted here: %s.") % (accepted % self._values if self._values else accepted)


class Form:
    """The text fields of one urlencoded POST."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def text(self, name: str, max_length: int = 200, *, default: str | None = None) -> str:
        """Return a field without surrounding space. Raises `BadInput` when it is missing or too long."""
        value = self._fields.get(name, default)
        if value is None:
            raise BadInput(name, "nothing", mark("a text"))
        value = value.strip()
        if len(value) > max_length:
            raise BadInput(name, value, mark("at most %(most)s characters"), most=max_length)
        if any(ord(character) < 32 and character not in "\r\n\t" for character in value):
            raise BadInput(name, value, mark("a text without control characters"))
        return value

    def choice(self, name: str, accepted: Iterable[str], *, default: str | None = None) -> str:
        """Return a field that must be one of `accepted`."""
        choices = tuple(accepted)
        value = self.text(name, default=default)
        if value not in choices:
            raise BadInput(name, value, mark("one of %(choices)s"), choices=", ".join(choices) or "–")
        return value

    def time_of_day(self, name: str) -> str:
        """Return a field with a time of the building's clock, HH:MM."""
        value = self.text(name, 20, default="")
        if not _TIME.fullmatch(value):
            raise BadInput(name, value, mark("a time of day such as 22:30"))
        return value


async def read_form(request: web.Request) -> Form:
    """Read the body of a POST. Raises `BadInput`, or 408, 413 and 415."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_S):
            fields = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except UnicodeDecodeError, LookupError, ValueError:
        raise BadInput("body", "bytes that are no text", mark("a form in UTF-8")) from None
    return Form({name: value for name, value in fields.items() if isinstance(value, str)})


async def sent_fields(request: web.Request) -> list[tuple[str, str]]:
    """Return the text fields of a form as they were sent, in a body or in the address."""
    sent = request.query if request.method == "GET" else await request.post()
    return [(name, value) for name, value in sent.items() if isinstance(value, str)]
