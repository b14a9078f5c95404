"""``python -m bench``: how long it takes from a card's tap to the enabling command on the wire."""

import argparse
from pathlib import Path
import sys

from demo.programs import ROOT

from .tap_to_enable import run


def main() -> int:
    """Run what the command line asks for; returns 1 when a tap was not answered at all."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--taps", type=int, default=200, help="how many cards are tapped (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed taps at other moments (default: 1)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo" / "bench", help="where everything is kept")
    parser.add_argument("--ha-python", default=sys.executable, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.taps < 1:
        parser.error(f"--taps: got {arguments.taps}; accepted: 1 or more")
    return 0 if run(arguments.folder, arguments.ha_python, taps=arguments.taps, seed=arguments.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
