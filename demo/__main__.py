"""``python -m demo``: the building in real time, until Ctrl-C.

``--story``: a night and a month's close, checked; ``--away``: Home Assistant stopped and started under cars that
charge, checked.
"""

import argparse
from pathlib import Path
import sys

from .away.play import play_and_tell
from .live import live
from .programs import ROOT
from .story import play


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--story", action="store_true", help="play a night in minutes, check it, and end")
    parser.add_argument("--away", action="store_true", help="stop Home Assistant under cars, check, and end")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where everything is kept")
    parser.add_argument("--ha-python", default=sys.executable, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.story:
        return 0 if play(arguments.folder / "story", arguments.ha_python) else 1
    if arguments.away:
        return 0 if play_and_tell(arguments.folder / "away", arguments.ha_python) else 1
    live(arguments.folder / "live", arguments.ha_python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
