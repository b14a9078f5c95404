"""Profile files as YAML documents: read strictly, and laid over the profile they extend."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import yaml

from .profile_values import ProfileError


class _NoRepeats(yaml.SafeLoader):
    """Refuses a key written twice, which YAML would quietly let win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is written twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_document(file_name: str, content: str, load: Callable[[str], str] | None = None) -> dict[str, Any]:
    """Read a profile file, and what it `extends` beneath it. One profile extends at most one other, in one step.

    Raises:
        ProfileError: Not YAML, not a mapping, or a base that cannot be extended.
    """
    document = _parsed(file_name, content)
    if "extends" not in document:
        return document
    base_id = document.pop("extends")
    if load is None or not isinstance(base_id, str):
        raise ProfileError(f"{file_name}: extends: got {base_id!r}; accepted: the id of a profile of evshare's own")
    base = _parsed(f"{base_id}.yaml", load(base_id))
    if "extends" in base:
        raise ProfileError(f"{file_name}: extends: got {base_id!r}, which extends another; accepted: one step only")
    return merged(base, document)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it: mappings key by key, anything else as a whole; null takes a key away.

    A write (`commands`) is replaced as a whole, since half of another write would be a third one.
    """
    result = dict(base)
    for key, value in changes.items():
        present = result.get(key)
        if value is None:
            result.pop(key, None)
        elif key == "commands" and isinstance(present, dict) and isinstance(value, dict):
            result[key] = {name: step for name, step in {**present, **value}.items() if step is not None}
        elif isinstance(present, dict) and isinstance(value, dict):
            result[key] = merged(present, value)
        else:
            result[key] = value
    return result


def _parsed(file_name: str, content: str) -> dict[str, Any]:
    try:
        document = yaml.load(content, Loader=_NoRepeats)  # noqa: S506 -- a SafeLoader
    except yaml.YAMLError as error:
        raise ProfileError(f"{file_name}: not readable as YAML: {error}") from error
    if not isinstance(document, dict):
        raise ProfileError(f"{file_name}: got {document!r}; accepted: a mapping of keys")
    return document
