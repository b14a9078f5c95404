"""What the portal says: statuses, reasons, and answers, as message ids of the catalogues."""

from ..i18n import mark
from ..web.answers import Said

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

DIMENSIONS = {
    "ENERGY": (mark("Energy"), mark("per kWh")),
    "TIME": (mark("Charging time"), mark("per hour")),
    "PARKING_TIME": (mark("Connected without charging"), mark("per hour")),
    "FLAT": (mark("Session fee"), mark("per session")),
    "MIN_PRICE": (mark("Up to the least price"), ""),
    "MAX_PRICE": (mark("Down to the highest price"), ""),
}
"""Name and unit of a price's kind."""


DENIALS = {
    # What is told at the stall's page and in the list of refusals; the names are the link's (docs/link.md).
    "unknown_card": mark("The house does not know this card. Ask the manager to enrol it."),
    "blocked_card": mark("This card is blocked. Use your phone, or ask the manager for another card."),
    "card_used_up": mark("This card’s energy for this month is used up. Use your phone, or ask the manager."),
    "card_quiet": mark("This card starts nothing at this time of day. Use your phone, or come back later."),
    "which_stall": mark("Two cars wait at this reader. Plug in again and show the card at once, or use your phone."),
    "unknown_resident": mark("The house does not know you any more. Ask the manager."),
    "blocked_resident": mark("Charging is blocked for you at the moment. Ask the manager."),
    "stall_in_use": mark("Someone is charging here already. Please take another stall."),
    "stall_unavailable": mark("This stall is out of reach or out of order. Please take another one."),
    "no_plug": mark("No car was plugged in in time. Start again, then plug in within three minutes."),
    "plug_too_old": mark("The car has been plugged in for too long. Unplug it, plug it in again, then start."),
    "plug_changed": mark("Another car was plugged in meanwhile. Look at the stall, then start again."),
    "expired": mark("That took too long. Please start again."),
    "quota": mark("You are charging at another stall already. Stop there first."),
    "not_allowed": mark("Only residents can start here, each for themselves. Start with your own phone or card."),
    "wrong_stall": mark("Your rules name other stalls. Please take one of those, or ask the manager."),
    "outside_hours": mark("You can start at certain hours only, and this is not one of them. Please come back then."),
    "month_used_up": mark(
        "Your energy for this month is used up. It starts anew on the 1st; the manager can give you more."
    ),
    "no_credit": mark("Your credit is used up. Pay what is open under Statements, or ask the manager."),
    "left_in_use": mark(
        "Another session of yours or your household may still use what is left. Stop it first, or wait for its end."
    ),
    "app_away": mark("The house could not check your limits at that moment. Please try again in a few minutes."),
    "held": mark("This stall is kept free for someone who waited for it. Please take another one."),
    "pass_expired": mark("This guest pass has run out. Ask your host for a new one."),
}
"""Why nobody was let in, and what to do next."""

DENIED_OTHERWISE = mark("The house did not say why. Ask the manager if it happens again.")

CREDENTIALS = {
    "card": mark("Card"),
    "phone": mark("Phone"),
    "ha_user": "Home Assistant",
    "pass": mark("Guest pass"),
    "car": mark("Car"),
}
"""By what someone was let in or wanted to be."""

MODES = {"fast": mark("Fast"), "solar_only": mark("Only sun")}

STOPS = {
    "unplugged": mark("The car was unplugged."),
    "person": mark("You stopped it."),
    "office": mark("The manager stopped it."),
    "no_plug": mark("No car was plugged in."),
    "start_failed": mark("The stall could not begin."),
    "gap": mark("It was unplugged while the house was not looking."),
    "removed": mark("The stall was taken out of the house."),
    "cap": mark("It reached the limit that was set."),
}
"""Why a session ended."""

SAID = {
    **{reason: Said(text) for reason, text in DENIALS.items()},
    "started": Said(mark("Off it goes. You can put the phone away."), "good"),
    "stopped": Said(mark("Stopped. You can unplug."), "good"),
    "mode": Said(mark("Changed."), "good"),
    "not_confirmed": Said(mark("It could not be confirmed that it is you. Please try again."), "sun"),
    "tag": Said(mark("The stall’s tag was read: you are here. Start within three minutes."), "good"),
    "tag_stranger": Said(
        mark("The stall’s tag was read. Connect this phone first, then hold it to the tag again."), "sun"
    ),
    "tag_used": Said(mark("This reading of the tag was used already. Hold the phone to the tag once more."), "sun"),
    "card_wrong": Said(
        mark("The house does not know this card, or it was not read well. Hold it to the phone again."), "sun"
    ),
    "card_over": Said(mark("That took too long, or the card was used already. Hold it to the phone again."), "sun"),
    "tag_wrong": Said(
        mark("This is not the tag of this stall, or it was not read well. Hold the phone to it again."), "sun"
    ),
    "queue_joined": Said(mark("You are in line."), "good"),
    "queue_left": Said(mark("You are off the list."), "good"),
    "queue_snoozed": Said(mark("You keep your place, and are offered nothing for an hour."), "good"),
    "queue_over": Said(mark("You were not on the list any more.")),
    "queue_one_is_free": Said(mark("A stall is free: take it, there is nobody to wait for.")),
    "queue_charges": Said(mark("You are charging already, so there is nothing to wait for.")),
    "queue_not_now": Said(mark("The house does not answer right now. Please try again in a moment.")),
    "which_place": Said(
        mark("Another car was plugged in at almost the same time. Please say which place is yours, then start."), "sun"
    ),
    "price_changed": Said(
        mark("The price changed while this page was open. Please look at the new one, then start."), "sun"
    ),
    "page_too_old": Said(mark("This page was too old to start from. Please try once more.")),
    "no_answer": Said(mark("The house did not answer. Have a look whether it charges before you try again.")),
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
