"""Trouble on order: what the network and Stripe may do to the next calls (security-reliability.md 3, F-21 to F-23)."""

from dataclasses import dataclass
from enum import StrEnum

from .errors import StripeFault


class Fault(StrEnum):
    """What goes wrong."""

    LOST_REQUEST = "lost_request"  # connection cut, nothing happened
    LOST_ANSWER = "lost_answer"  # it happened, and the answer never arrived
    RATE_LIMIT = "rate_limit"  # 429, nothing happened
    CONFLICT = "conflict"  # 409 lock_timeout, nothing happened
    ERROR = "error"  # 500 before anything ran; a repetition runs
    STORED_ERROR = "stored_error"  # 500 kept for the key, nothing happened; a repetition gets the 500 again
    ERROR_AFTER_EFFECT = "error_after_effect"  # it happened, and the kept answer is a 500


@dataclass
class _Planned:
    fault: Fault
    times: int
    method: str | None
    path: str


class Faults:
    """The plan of trouble."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def add(self, fault: Fault, *, times: int = 1, method: str | None = None, path: str = "/v1/") -> None:
        """Let the next `times` calls fail whose path contains `path`."""
        self._planned.append(_Planned(fault, times, method, path))

    def clear(self) -> None:
        """Forget what has not happened yet."""
        self._planned.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return what happens to this call."""
        for planned in self._planned:
            if planned.times > 0 and planned.path in path and planned.method in (None, method):
                planned.times -= 1
                return planned.fault
        return None


def answer_of(fault: Fault) -> StripeFault | None:
    """Return the error that stands for a fault; None for a cut connection."""
    match fault:
        case Fault.RATE_LIMIT:
            return StripeFault(429, "invalid_request_error", "Too many requests.", code="rate_limit", stored=False)
        case Fault.CONFLICT:
            return StripeFault(409, "invalid_request_error", "Try again later.", code="lock_timeout", stored=False)
        case Fault.ERROR:
            return StripeFault(500, "api_error", "An unknown error occurred.", stored=False)
        case Fault.STORED_ERROR | Fault.ERROR_AFTER_EFFECT:
            return StripeFault(500, "api_error", "An unknown error occurred.")
        case Fault.LOST_REQUEST | Fault.LOST_ANSWER:
            return None
