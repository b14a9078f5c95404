"""Stripe's error answers: `{"error": {"type", "code", "param", "message", …}}` with a status (payments.md 1)."""

from typing import Any


class StripeFault(Exception):
    """An answer other than 200. `stored` says whether it is kept for its Idempotency-Key (security 6.1)."""

    def __init__(self, status: int, error_type: str, message: str, *, stored: bool = True, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.stored = stored
        self.body: dict[str, Any] = {"error": {"type": error_type, "message": message, **fields}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeFault:
    """A request that fails validation: 400, and not stored for its key (security 6.1)."""
    fields: dict[str, Any] = {name: value for name, value in (("param", param), ("code", code)) if value is not None}
    return StripeFault(400, "invalid_request_error", message, stored=False, **fields)


def refused(message: str, *, code: str, param: str | None = None) -> StripeFault:
    """A well-formed request that the state of things does not allow: 400, stored for its key."""
    fields: dict[str, Any] = {"code": code} | ({"param": param} if param else {})
    return StripeFault(400, "invalid_request_error", message, **fields)


def missing(kind: str, object_id: str) -> StripeFault:
    """An id nobody knows: 404 `resource_missing` (payments.md 1, error mapping)."""
    message = f"No such {kind}: '{object_id}'"
    return StripeFault(404, "invalid_request_error", message, code="resource_missing", param="id")
