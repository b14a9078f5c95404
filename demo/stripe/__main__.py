"""Runs the stand-in alone: ``python -m demo.stripe --port 8420``."""

import argparse
import asyncio
from datetime import UTC, datetime
import signal

from .server import KEY, StripeStandIn


async def _serve(port: int) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with StripeStandIn(lambda: datetime.now(UTC), port=port) as stand_in:
        print(f"Stripe stand-in on {stand_in.url}, key {KEY}", flush=True)
        await stop.wait()


def main() -> None:
    """Read the port and serve until interrupted."""
    parser = argparse.ArgumentParser(description="A stand-in for Stripe on loopback")
    parser.add_argument("--port", type=int, default=8420)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
