"""``python -m bench``: from a card's tap to the enabling command, polling, verifying a year, rating, closing."""

import argparse
from pathlib import Path
import sys

from demo.programs import ROOT

from . import chain, close, connectors, rating, tap_to_enable


def main() -> int:
    """Run what the command line asks for; returns 1 when a tap was not answered at all."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--taps", type=int, default=200, help="how many cards are tapped (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed taps at other moments (default: 1)")
    parser.add_argument(
        "--only", choices=("taps", "connectors", "chain", "rating", "close"), help="one of them (default: all)"
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long each way of polling is watched (60)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".demo" / "bench", help="where everything is kept")
    parser.add_argument("--ha-python", default=sys.executable, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.taps < 1:
        parser.error(f"--taps: got {arguments.taps}; accepted: 1 or more")
    folder, python_of_ha = arguments.folder, arguments.ha_python
    answered = True
    if arguments.only in (None, "taps"):
        answered = tap_to_enable.run(folder / "taps", python_of_ha, taps=arguments.taps, seed=arguments.seed)
    if arguments.only in (None, "connectors"):
        connectors.run(folder / "connectors", python_of_ha, seconds=arguments.seconds)
    if arguments.only in (None, "chain"):
        chain.run(folder / "chain")
    if arguments.only in (None, "rating"):
        rating.run()
    if arguments.only in (None, "close"):
        close.run(folder / "close")
    return 0 if answered else 1


if __name__ == "__main__":
    sys.exit(main())
