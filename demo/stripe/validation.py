"""Checks requests against the SDK's own request types (payments.md 5.4, point 1).

`stripe.params` ships a TypedDict per request of the pinned API version. Unknown names, missing required ones, wrong
types and enum values outside the literals are refused like Stripe does, and so are retired parameters
(`payment_method_types`, payments.md 1). What passes comes back with its values converted.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
import re
import sys
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from stripe._request_options import RequestOptions
import typing_extensions
from typing_extensions import is_typeddict

from .errors import StripeFault, invalid

RETIRED = {"payment_method_types": "payment_method_types_no_longer_supported"}
"""Parameters that endive refuses by name on Checkout Sessions, PaymentIntents and SetupIntents."""

_OPTIONS = frozenset(RequestOptions.__annotations__)
_INTEGER = re.compile(r"^-?\d{1,18}$")
_UNION = (Union, UnionType)


def check(request_type: Any, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed parameters of a decoded form, or raise the 400 Stripe would answer."""
    return _typed_dict(request_type, form, "")


@cache
def _fields(typed_dict: Any) -> dict[str, Any]:
    """Return name -> type of a TypedDict without the SDK's request options (api_key, idempotency_key …)."""
    names = {
        **vars(typing_extensions),
        "StripeContext": str,
        "Mapping": Mapping,
        "Decimal": Decimal,
        # The SDK also takes its own response objects here; on the wire they are plain mappings.
        "UntypedStripeObject": dict,
    }
    module = vars(sys.modules[typed_dict.__module__])
    hints = get_type_hints(typed_dict, globalns={**names, **module, "UntypedStripeObject": dict}, include_extras=True)
    return {name: hint for name, hint in hints.items() if name not in _OPTIONS}


def _typed_dict(typed_dict: Any, form: Mapping[str, Any], path: str) -> dict[str, Any]:
    fields = _fields(typed_dict)
    for name in form:
        if name in fields:
            continue
        full = _join(path, name)
        if name in RETIRED:
            raise invalid(f"The parameter {full} is no longer supported.", param=full, code=RETIRED[name])
        raise invalid(f"Received unknown parameter: {full}", param=full, code="parameter_unknown")
    for name in sorted(typed_dict.__required_keys__ & fields.keys()):
        if name not in form:
            full = _join(path, name)
            raise invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
    return {name: _value(fields[name], value, _join(path, name)) for name, value in form.items()}


def _value(hint: Any, value: Any, path: str) -> Any:
    origin = get_origin(hint)
    if origin in (NotRequired, Required, Annotated):
        return _value(get_args(hint)[0], value, path)
    if origin in _UNION:
        return _one_of(get_args(hint), value, path)
    if origin is Literal:
        return _literal(get_args(hint), value, path)
    if origin in (list, dict) or hint is dict or is_typeddict(hint):
        return _container(hint, value, path)
    return _scalar(hint, value, path)


def _one_of(branches: tuple[Any, ...], value: Any, path: str) -> Any:
    literals = [word for branch in branches if get_origin(branch) is Literal for word in get_args(branch)]
    words = [word for word in literals if word != ""]
    # The SDK widens every enum with `|str`; on the wire only the named words are accepted.
    open_branches = [
        branch
        for branch in branches
        if get_origin(branch) is not Literal and branch is not NoneType and not (words and branch is str)
    ]
    if isinstance(value, str) and value in literals:
        return value
    fault: StripeFault | None = None
    for branch in open_branches:
        try:
            return _value(branch, value, path)
        except StripeFault as error:
            # A nested error says more than "not of this shape".
            if fault is None or _is_container(branch) == isinstance(value, (dict, list)):
                fault = error
    if words and (fault is None or isinstance(value, str)):
        return _literal(tuple(words), value, path)
    assert fault is not None, f"{path}: no branch to try"
    raise fault


def _is_container(hint: Any) -> bool:
    return get_origin(hint) in (list, dict) or hint is dict or is_typeddict(hint)


def _literal(words: tuple[Any, ...], value: Any, path: str) -> Any:
    if value in words:
        return value
    accepted = ", ".join(str(word) for word in words[:12])
    raise invalid(f"Invalid {path}: must be one of {accepted}", param=path)


def _container(hint: Any, value: Any, path: str) -> Any:
    if get_origin(hint) is list:
        if not isinstance(value, list):
            raise invalid(f"Invalid array: {path}", param=path)
        (item,) = get_args(hint)
        return [_value(item, part, f"{path}[{place}]") for place, part in enumerate(value)]
    if not isinstance(value, dict):
        raise invalid(f"Invalid object: {path}", param=path)
    if is_typeddict(hint):
        return _typed_dict(hint, value, path)
    arguments = get_args(hint)
    item = arguments[1] if len(arguments) == 2 else str
    return {key: _value(item, part, _join(path, key)) for key, part in value.items()}


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise invalid(f"Invalid value: {path}", param=path)
    if hint is bool:
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=path)
        return value == "true"
    if hint is int:
        if not _INTEGER.match(value):
            raise invalid(f"Invalid integer: {value}", param=path, code="parameter_invalid_integer")
        return int(value)
    if hint in (Decimal, float):
        try:
            return Decimal(value)
        except ArithmeticError:
            raise invalid(f"Invalid decimal: {value}", param=path) from None
    return value


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name
