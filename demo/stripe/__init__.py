"""A stand-in for Stripe that the real `stripe` SDK (16.1, API version 2026-10-28.endive) talks to over HTTP.

It imports nothing of the product. What it imitates, and from which section of `reference/payments.md`, is said at
each behaviour. It keeps everything in memory, listens on loopback, and takes its time from `now`.
"""

from .server import StripeStandIn

__all__ = ["StripeStandIn"]
