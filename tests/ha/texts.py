"""The integration's texts, as Home Assistant loads them, and what a dialogue needs of them."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

from homeassistant.data_entry_flow import FlowResultType, section

ROOM = Path(__file__).parents[2] / "custom_components" / "evshare"
LANGUAGES = ("en", "de")
OWN_FLOWS = {"stall", "resident"}


def load(name: str) -> dict[str, Any]:
    """A JSON file of the integration."""
    loaded: dict[str, Any] = json.loads((ROOM / name).read_text(encoding="utf-8"))
    return loaded


TEXTS = {language: load(f"translations/{language}.json") for language in LANGUAGES}


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text with the path to it."""
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path, tree


def find(tree: Any, *path: str) -> Any:
    """What stands at a path, None if nothing does."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _fields(step: tuple[str, ...], schema: Any) -> Iterator[tuple[str, ...]]:
    """What the fields of a form need, those of its collapsed parts among them."""
    for field, kind in schema.schema.items() if schema else ():
        if isinstance(kind, section):
            part = (*step, "sections", str(field))
            yield (*part, "name")
            yield from _fields(part, kind.schema)
        else:
            yield (*step, "data", str(field))
            yield (*step, "data_description", str(field))


def issue_key(issue_id: str | None) -> str | None:
    """The key of an issue's texts: its id begins with it."""
    return next((key for key in TEXTS["en"]["issues"] if issue_id and issue_id.startswith(key)), None)


def missing(result: Any, issue: str | None = None) -> list[str]:
    """Texts that a step of one of our dialogues needs and does not have; `issue` is the key of one it repairs."""
    handler = result["handler"]
    root = ("config",) if handler == "evshare" else ("config_subentries", handler[1])
    if issue is not None:
        root = ("issues", issue, "fix_flow")
    wanted: list[tuple[str, ...]] = []
    if result["type"] is FlowResultType.FORM:
        step = ("step", result["step_id"])
        wanted.append((*step, "title"))
        wanted += _fields(step, result["data_schema"])
        wanted += [("error", key) for key in (result["errors"] or {}).values()]
    elif result["type"] is FlowResultType.MENU:
        step = ("step", result["step_id"])
        wanted += [(*step, "title"), *((*step, "menu_options", option) for option in result["menu_options"])]
    elif result["type"] is FlowResultType.ABORT:
        wanted.append(("abort", result["reason"]))
    elif result["type"] is FlowResultType.CREATE_ENTRY and issue is not None and result["description"]:
        wanted.append(("create_entry", result["description"]))
    elif result["type"] is FlowResultType.SHOW_PROGRESS:
        wanted.append(("progress", result["progress_action"]))
    return [
        f"{language}: {'.'.join((*root, *path))}"
        for language in LANGUAGES
        for path in wanted
        if not find(TEXTS[language], *root, *path)
    ]
