"""What is set on a card, on the portal and in the office."""

from ..i18n import mark
from ..resident.cards import Quiet
from .forms import BadInput, Form

LABEL = 60
"""Characters of a card's name."""


def read_quiet(form: Form) -> Quiet | None:
    """Return the quiet hours a form asks for; None where both times are empty. Raises `BadInput`."""
    if not (form.text("quiet_from", 20, default="") or form.text("quiet_to", 20, default="")):
        return None
    quiet = Quiet(start=form.time_of_day("quiet_from"), end=form.time_of_day("quiet_to"))
    if quiet.start == quiet.end:
        raise BadInput("quiet_to", quiet.end, mark("another time than the one they begin at; to stop a card, block it"))
    return quiet
