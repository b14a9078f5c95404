"""Cards as the integration tells them."""

from datetime import timedelta
from typing import Any

from tests.app.house import NOW, rfc3339


def told_card(number: int, resident_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "card_id": f"card-{number}",
        "resident_id": resident_id,
        "label": f"Card {number}",
        "blocked": False,
        "weak": False,
        "month_wh": None,
        "quiet": None,
        "added_at": rfc3339(NOW - timedelta(days=30)),
        "used_at": None,
    } | changes


def told_unknown(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "unknown_id": f"unknown-{number}",
        "stall_id": "stall-1",
        "at": rfc3339(NOW - timedelta(hours=1)),
        "times": 1,
        "tail": "3f",
    } | changes
