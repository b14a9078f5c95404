"""Records as the app's version of the link has them: what it does not know is taken out, what came later is empty.

The journal keeps records as they were written, and by whatever version; this is the one place that knows how they
differed. A whole record cannot be left out, since records have no gaps: in place of a kind that a version does not know
goes a quarter hour of which nothing is known, long before any meter.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_ADDED: Final[Mapping[int, Mapping[str, tuple[str, ...]]]] = {
    2: {"session_authorised": ("credential_id", "cap_wh"), "denied": ("credential_id",)},
    3: {"building_slice": ("battery_in_wh", "battery_out_wh", "prices")},
}
"""Fields by the version that added them, and by kind."""
_KINDS_ADDED: Final = {"signed_value": 3}
_OURS: Final = ("counts",)
"""What records hold for ourselves alone."""
_ESTIMATED_1: Final = ("import", "export", "pv")
"""Of what `estimated` spoke before it named its values."""
_LONG_AGO: Final = "1970-01-01T00:00:00Z"
_NOTHING: Final[Mapping[str, Any]] = {
    "start": _LONG_AGO,
    "end": _LONG_AGO,
    "import_wh": None,
    "export_wh": None,
    "pv_wh": None,
    "estimated": True,
}


def record_in(version: int, kind: str, body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return kind and body of a record as a version has them."""
    if version < _KINDS_ADDED.get(kind, version):
        return "building_slice", _NOTHING
    told = {name: value for name, value in body.items() if name not in _OURS}
    for since, added in _ADDED.items():
        names: Sequence[str] = added.get(kind, ())
        if version < since:
            told = {name: value for name, value in told.items() if name not in names}
        else:
            told = {**dict.fromkeys(names), **told}
    if kind == "building_slice":
        told["estimated"] = _estimated(version, told)
        if version >= 3:
            told["prices"] = told["prices"] or []
    return kind, told


def _estimated(version: int, told: Mapping[str, Any]) -> bool | Sequence[str]:
    said = told["estimated"]
    if version < 3:
        return said if isinstance(said, bool) else any(name in said for name in _ESTIMATED_1)
    if isinstance(said, bool):
        return [name for name in sorted(_ESTIMATED_1) if said and told[f"{name}_wh"] is not None]
    return list(said)
