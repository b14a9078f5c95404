"""What the HTTP handlers of simulated devices share: reading a JSON body, and saying what is wrong with it."""

import json

from aiohttp import web


class BadBody(ValueError):
    """The body is not what was asked for; the text says which field, what came and what is accepted."""


async def json_body(request: web.BaseRequest) -> object:
    """The body as JSON, whatever content type it claims. Raises BadBody."""
    text = await request.text()
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise BadBody(f"body: {text[:80]!r} is not JSON") from error
    return value


async def json_fields(request: web.BaseRequest) -> dict[str, object]:
    """The body as a JSON object. Raises BadBody."""
    value = await json_body(request)
    if not isinstance(value, dict):
        raise BadBody(f"body: {value!r} is not a JSON object")
    return value


def whole(fields: dict[str, object], name: str) -> int:
    """A whole number among the fields. Raises BadBody."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadBody(f"{name}: {value!r} is not a whole number")
    return value


def truth(fields: dict[str, object], name: str) -> bool:
    """True or false among the fields. Raises BadBody."""
    value = fields.get(name)
    if not isinstance(value, bool):
        raise BadBody(f"{name}: {value!r} is not true or false")
    return value
