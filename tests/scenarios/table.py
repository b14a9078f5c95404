"""Prints the table of models and scenarios from pytest's own results: ``python -m tests.scenarios.table *.xml``."""

from collections.abc import Iterable
import sys
from xml.etree import ElementTree

from .cases import CASES

SCENARIOS = {
    "connect": "connect",
    "requests": "requests",
    "walk": "A-B-C-B-A",
    "limit": "limit",
    "lock": "lock",
    "energy": "energy",
    "tag": "tag",
    "failsafe": "failsafe",
    "silence": "silence",
    "reboot": "reboot",
    "restart": "HA restart",
    "unseen": "unseen",
    "reset": "reset",
    "rollover": "rollover",
    "no_answer": "no answer",
    "refused": "refused",
    "exceptions": "exception",
    "delay": "delay",
    "truncation": "truncated",
    "wrong_unit": "wrong unit",
    "garbage": "garbage",
    "lost_answers": "lost",
}


def results(paths: Iterable[str]) -> dict[tuple[str, str], bool]:
    """Whether it passed, by model and scenario; what was not played is missing."""
    found: dict[tuple[str, str], bool] = {}
    for path in paths:
        for test in ElementTree.parse(path).iter("testcase"):
            name, _, model = (test.get("name") or "").removesuffix("]").partition("[")
            scenario = name.removeprefix("test_")
            passed = all(test.find(tag) is None for tag in ("failure", "error"))
            found[model, scenario] = found.get((model, scenario), True) and passed
    return found


def table(found: dict[tuple[str, str], bool]) -> str:
    """Rows of models, columns of scenarios: ``yes``, ``NO``, and ``-`` where a model has nothing to be tried."""
    widest = max(len(case.id) for case in CASES)
    lines = ["  ".join(["".ljust(widest), *SCENARIOS.values()])]
    for case in CASES:
        cells = []
        for scenario, title in SCENARIOS.items():
            passed = found.get((case.id, scenario))
            cells.append(("-" if passed is None else "yes" if passed else "NO").ljust(len(title)))
        lines.append("  ".join([case.id.ljust(widest), *cells]).rstrip())
    passed, played = sum(found.values()), len(found)
    lines.append(f"{passed} of {played} passed; {len(CASES)} ways to reach a model, - has nothing to be tried")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(results(sys.argv[1:])) + "\n")
