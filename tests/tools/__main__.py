"""``python -m tests.tools lint [files]`` and ``python -m tests.tools docs [--check]``; see `scripts/connectors`."""

import argparse
from pathlib import Path
import sys

import homeassistant  # noqa: F401  # before anything that it replaces

from . import lint, page


def main() -> int:
    """Do what the command line asks for; returns 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="scripts/connectors", description="Checks connector profiles and their page.")
    commands = parser.add_subparsers(dest="command", required=True)
    linting = commands.add_parser("lint", help="check profiles; without files all that come with evshare")
    linting.add_argument("files", nargs="*", type=Path)
    writing = commands.add_parser("docs", help="write docs/connectors.md")
    writing.add_argument("--check", action="store_true", help="write nothing, but say whether it is current")
    arguments = parser.parse_args()
    if arguments.command == "lint":
        found = lint.complaints(arguments.files)
    elif arguments.check:
        found = list(page.stale(page.PAGE.read_text(encoding="utf-8")))
    else:
        page.PAGE.write_text(page.page(), encoding="utf-8")
        found = []
    for complaint in found:
        sys.stdout.write(f"{complaint}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
