"""What the portal says: statuses, reasons, and answers, as message ids of the catalogues."""

from dataclasses import dataclass

from ..i18n import mark

STATUSES = {
    "available": (mark("Free"), "good"),
    "preparing": (mark("Car plugged in"), "info"),
    "charging": (mark("Charging"), "good"),
    "suspended_ev": (mark("Car is not drawing"), "info"),
    "suspended_evse": (mark("Waiting"), "sun"),
    "finishing": (mark("Finished"), "info"),
    "reserved": (mark("Reserved"), "info"),
    "unavailable": (mark("Out of reach"), "bad"),
    "faulted": (mark("Out of order"), "bad"),
}
"""Text and tone of a stall's status."""

NO_CONTACT = (mark("No contact"), "bad")

LIMIT_REASONS = {
    "circuit": mark("The house shares its amps: you get what is free now."),
    "solar": mark("Waiting for more sun."),
    "paused": mark("Paused."),
    "failsafe": mark("A meter is silent, so the house gives less for now."),
}
"""Why a session gets less than the stall could give."""


@dataclass(frozen=True)
class Said:
    """An answer shown once, after a POST."""

    text: str
    tone: str = "bad"


SAID = {
    "started": Said(mark("Off it goes. You can put the phone away."), "good"),
    "stopped": Said(mark("Stopped. You can unplug."), "good"),
    "mode": Said(mark("Changed."), "good"),
    "page_too_old": Said(mark("This page was too old to start from. Please try once more.")),
    "no_answer": Said(mark("The house did not answer. Have a look whether it charges before you try again.")),
    "unknown_resident": Said(mark("The house does not know you any more. Ask the manager.")),
    "blocked_resident": Said(mark("Charging is blocked for you at the moment. Ask the manager.")),
    "stall_in_use": Said(mark("Someone is charging here already.")),
    "stall_unavailable": Said(mark("This stall is out of reach or out of order. Please take another one.")),
    "plug_too_old": Said(mark("The car has been plugged in for too long. Unplug it, plug it in again, then start.")),
    "plug_changed": Said(mark("Another car was plugged in meanwhile. Look at the stall, then start again.")),
    "expired": Said(mark("That took too long. Please start again.")),
    "quota": Said(mark("You are charging at another stall already. Stop there first.")),
    "not_found": Said(mark("This session is over already.")),
    "not_allowed": Said(mark("This is not your session.")),
    "refused": Said(mark("The house refused. Ask the manager if it happens again.")),
}
"""Answers by their name in the address; the names of denials are those of the link."""

PAY_STATES = {
    "paid": (mark("Paid"), "good"),
    "open": (mark("Open"), "sun"),
    "processing": (mark("On its way"), "info"),
    "retry_later": (mark("Tried, will try again"), "sun"),
    "needs_customer": (mark("Needs you"), "bad"),
    "below_minimum": (mark("Open"), "sun"),
}
"""Text and tone of how a statement stands."""
