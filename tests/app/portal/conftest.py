"""The house these tests are in."""

from tests.app.house import furnished, house

__all__ = ["furnished", "house"]
