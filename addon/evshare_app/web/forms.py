"""Reading what people send: small forms, checked field by field, with an error that says what is accepted."""

from collections.abc import Callable, Iterable

from aiohttp import web

from ..i18n import mark


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


async def read_form(request: web.Request) -> Form:
    """Read the body of a POST. Raises `BadInput`, or 413 and 415."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    try:
        fields = await request.post()
    except UnicodeDecodeError, LookupError, ValueError:
        raise BadInput("body", "bytes that are no text", mark("a form in UTF-8")) from None
    return Form({name: value for name, value in fields.items() if isinstance(value, str)})


async def sent_fields(request: web.Request) -> list[tuple[str, str]]:
    """Return the text fields of a form as they were sent, in a body or in the address."""
    sent = request.query if request.method == "GET" else await request.post()
    return [(name, value) for name, value in sent.items() if isinstance(value, str)]
