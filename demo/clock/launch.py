"""Runs a Python program on borrowed time: ``python -m demo.clock.launch HOST:PORT NAME MODULE [ARGUMENTS]``."""

import runpy
import sys

from .participant import join


def main() -> None:
    """Join the clock, then become the module."""
    address, name, module, *arguments = sys.argv[1:]
    host, port = address.rsplit(":", 1)
    join((host, int(port)), name)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
