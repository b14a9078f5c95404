"""Reading what people send: small forms, checked field by field, with an error that says what is accepted."""

from collections.abc import Iterable

from aiohttp import web


class BadInput(Exception):
    """A field of a form cannot be used."""

    def __init__(self, field: str, got: str, accepted: str) -> None:
        super().__init__(f"{field}: got {got[:80]!r}, accepted is {accepted}")
        self.field = field


class Form:
    """The text fields of one urlencoded POST."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def text(self, name: str, max_length: int = 200, *, default: str | None = None) -> str:
        """Return a field without surrounding space. Raises `BadInput` when it is missing or too long."""
        value = self._fields.get(name, default)
        if value is None:
            raise BadInput(name, "nothing", "a text")
        value = value.strip()
        if len(value) > max_length:
            raise BadInput(name, value, f"at most {max_length} characters")
        if any(ord(character) < 32 and character not in "\r\n\t" for character in value):
            raise BadInput(name, value, "a text without control characters")
        return value

    def choice(self, name: str, accepted: Iterable[str], *, default: str | None = None) -> str:
        """Return a field that must be one of `accepted`."""
        choices = tuple(accepted)
        value = self.text(name, default=default)
        if value not in choices:
            raise BadInput(name, value, " or ".join(choices))
        return value


async def read_form(request: web.Request) -> Form:
    """Read the body of a POST. Raises `BadInput`, or 413 and 415."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    try:
        fields = await request.post()
    except UnicodeDecodeError, LookupError, ValueError:
        raise BadInput("body", "bytes that are no text", "a form in UTF-8") from None
    return Form({name: value for name, value in fields.items() if isinstance(value, str)})
