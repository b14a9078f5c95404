"""Answers that a page shows once, after a form was sent."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """An answer, as a message id or already in somebody's language."""

    text: str
    tone: str = "bad"
