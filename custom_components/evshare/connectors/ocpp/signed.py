"""What a box signed itself: taken out of its wrapping, never rewritten, and handed to the stall whose session it is.

OCPP 1.6 has it as a sampled value of the format *SignedData*: the signed text itself, or, as the Open Charge Alliance's
"Signed Meter Values" 1.0 says, JSON with *signedMeterData* (base64), *encodingMethod* (OCMF …) and *publicKey* (base64
of ``oca:base16:asn1:`` and the key in hex, or of the key). Nothing here checks a signature: the app does.
"""

import base64
import binascii
from collections import deque
from collections.abc import Iterable
import json
import logging
from typing import Any, Final

from ...model import SessionId, SignedValue
from ..ports import Watcher
from .words import Sample

LONGEST: Final = 8000
"""Characters; signed texts of real meters have about a thousand."""
WAITING_MOST: Final = 100
"""What is kept for a stall that is not there yet."""
KNOWN_MOST: Final = 200
OCMF: Final = "OCMF"
UNKNOWN: Final = "unknown"
_FORMAT_MOST: Final = 16
_KEY_PREFIX: Final = "oca:base16:asn1:"

_LOGGER = logging.getLogger(__name__)


def signed_value(text: str) -> SignedValue | None:
    """Return what is signed in a value of the format SignedData; None for nothing, or too much."""
    wrapping = _wrapping(text)
    signed, said = text, None
    if wrapping is not None:
        said = wrapping.get("encodingMethod")
        signed = _unwrapped(wrapping["signedMeterData"]) or text
    if not 0 < len(signed) <= LONGEST or "\0" in signed:
        return None
    kind = said if isinstance(said, str) and 0 < len(said) <= _FORMAT_MOST and said.isprintable() else UNKNOWN
    key = None if wrapping is None else wrapping.get("publicKey")
    return SignedValue(
        format=OCMF if signed.startswith(f"{OCMF}|") else kind,
        text=signed,
        public_key=_key(key) if isinstance(key, str) and 0 < len(key) <= LONGEST else None,
    )


class Evidence:
    """What a connector signed, on its way to the stall; the same text goes there once."""

    def __init__(self, name: str) -> None:
        """`name` is the connector's, for the log."""
        self._name = name
        self._known: deque[tuple[SessionId, str]] = deque(maxlen=KNOWN_MOST)
        self._waiting: list[tuple[SessionId, SignedValue]] = []

    def found(self, session_id: SessionId | None, samples: Iterable[Sample]) -> None:
        """The box told these samples of a transaction that belongs to a session; without one they prove nothing."""
        for value in (value for sample in samples for value in sample.signed):
            if session_id is None:
                _LOGGER.info("%s: something was signed about a transaction nobody was let in for", self._name)
            elif (session_id, value.text) in self._known:
                continue
            elif len(self._waiting) >= WAITING_MOST:
                _LOGGER.warning("%s: signs more than can be kept", self._name)
            else:
                self._known.append((session_id, value.text))
                self._waiting.append((session_id, value))

    async def tell(self, watcher: Watcher | None) -> None:
        """Hand it over; returns when it is kept."""
        while watcher is not None and self._waiting:
            session_id, value = self._waiting.pop(0)
            await watcher.signed(session_id, value)


def _wrapping(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError, RecursionError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("signedMeterData"), str) else None


def _unwrapped(data: str) -> str | None:
    """The signed text; some boxes leave out the base64."""
    return data if data.startswith(f"{OCMF}|") else _decoded(data)


def _key(said: str) -> str:
    """The key in hex where it is wrapped, else as it was sent."""
    plain = _decoded(said) or said
    return plain.removeprefix(_KEY_PREFIX) if plain.startswith(_KEY_PREFIX) else said


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError, binascii.Error:
        return None
