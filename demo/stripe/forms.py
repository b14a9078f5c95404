"""Stripe's form encoding: `a[b][0][c]=v` becomes nested dicts and lists of strings."""

import re
from typing import Any
from urllib.parse import parse_qsl

from .errors import invalid

type Form = dict[str, Any]

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode_form(text: str) -> Form:
    """Decode a query string or form body. Values stay strings; `x[]` and `x[0]` make lists."""
    tree: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True, strict_parsing=False):
        match = _KEY.match(name)
        if match is None:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        path = [match[1], *_PART.findall(match[2])]
        node = tree
        for part in path[:-1]:
            following = node.setdefault(part, {})
            if not isinstance(following, dict):
                raise invalid(f"Invalid object: {name}", param=name)
            node = following
        last = path[-1] if path[-1] else str(len(node))
        node[last] = value
    return {key: _lists(value) for key, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    children = {key: _lists(value) for key, value in node.items()}
    if children and all(key.isdigit() for key in children):
        return [children[key] for key in sorted(children, key=int)]
    return children
