"""The only arithmetic a profile may hold: bits of ``raw``, e.g. ``raw >> 8 & 0x7f`` (connectors reference 3.2).

Parsed with `ast` and walked by hand; never `eval`.
"""

import ast
from collections.abc import Callable
import operator

MAX_SHIFT = 63
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.RShift: operator.rshift,
    ast.LShift: operator.lshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}


def bits(text: str) -> Callable[[int], int]:
    """Compile `text` to a function of the raw integer.

    Raises:
        ValueError: Anything but ``raw``, non-negative integers, ``>>``, ``<<``, ``&``, ``|`` and brackets.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{text!r} is not an expression; accepted: raw, integers, >> << & | and brackets") from error
    _check(tree, text)
    return lambda raw: _value(tree, raw)


def _check(node: ast.expr, text: str) -> None:
    match node:
        case ast.Name(id="raw"):
            return
        case ast.Constant(value=int(value)) if not isinstance(value, bool) and value >= 0:
            return
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _check(left, text)
            _check(right, text)
            shifts = isinstance(op, ast.RShift | ast.LShift)
            if shifts and not (isinstance(right, ast.Constant) and _value(right, 0) <= MAX_SHIFT):
                raise ValueError(f"{text!r}: a shift is by an integer of at most {MAX_SHIFT}")
            return
    raise ValueError(f"{text!r} holds {ast.unparse(node)!r}; accepted: raw, integers, >> << & | and brackets")


def _value(node: ast.expr, raw: int) -> int:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, raw), _value(right, raw))
        case ast.Constant(value=int(value)):
            return value
    return raw
