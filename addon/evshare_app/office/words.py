"""What the office says about statuses and reasons, as message ids of the catalogues."""

from ..i18n import mark

STATUSES = {
    "available": (mark("Free"), "good"),
    "preparing": (mark("Plugged in"), "info"),
    "charging": (mark("Charging"), "good live"),
    "suspended_ev": (mark("Car is not drawing"), "info"),
    "suspended_evse": (mark("Waiting"), "sun"),
    "finishing": (mark("Finished"), "info"),
    "reserved": (mark("Reserved"), "info"),
    "unavailable": (mark("Out of reach"), "bad"),
    "faulted": (mark("Out of order"), "bad"),
}
UNKNOWN_STATUS = (mark("Unknown"), "")

MODES = {"fast": mark("Fast"), "solar_only": mark("Only sun")}

DENIALS = {
    "unknown_card": mark("Unknown card"),
    "blocked_card": mark("Blocked card"),
    "card_used_up": mark("The card’s energy of this month is used up"),
    "card_quiet": mark("Quiet hours of the card"),
    "which_stall": mark("Not clear which stall was meant"),
    "unknown_resident": mark("Unknown resident"),
    "blocked_resident": mark("Blocked resident"),
    "stall_in_use": mark("Stall in use"),
    "stall_unavailable": mark("Stall out of reach"),
    "no_plug": mark("No car was plugged in"),
    "plug_too_old": mark("Plugged in too long ago"),
    "plug_changed": mark("Another car was plugged in"),
    "expired": mark("Took too long"),
    "quota": mark("Charging elsewhere already"),
    "not_allowed": mark("Not allowed"),
    "wrong_stall": mark("Not one of their stalls"),
    "outside_hours": mark("Not in their hours"),
    "month_used_up": mark("Energy of this month is used up"),
    "no_credit": mark("Money of this month is used up"),
    "left_in_use": mark("Another session uses what is left"),
    "app_away": mark("The app was away"),
    "held": mark("Kept free for somebody else"),
    "pass_expired": mark("Guest pass is over"),
}

WHAT_TO_DO = {
    "unknown_card": mark("Nobody has this card. Under Cards it can be assigned to a resident."),
    "blocked_card": mark("The card is blocked. Under Cards it can be unblocked."),
    "card_used_up": mark(
        "The card has a cap of its own. It can be raised on the card’s page, or it waits for the 1st."
    ),
    "card_quiet": mark("The card starts nothing in its quiet hours. They are set on the card’s page."),
    "which_stall": mark(
        "One reader serves several stalls, and more than one car could be meant. Plug in, then show the card "
        "within a few minutes; or use the phone."
    ),
    "unknown_resident": mark("Home Assistant has no such resident any more. Add them there."),
    "blocked_resident": mark("Blocked by the manager, not moved in yet, or moved out. The resident’s page says which."),
    "stall_in_use": mark("Somebody else had a session there."),
    "stall_unavailable": mark(
        "Home Assistant could not reach the wall connector. If it lasts, look at its fuse and network."
    ),
    "no_plug": mark("They started, and no car came in time. Start again, then plug in within three minutes."),
    "plug_too_old": mark(
        "The car had been plugged in for more than five minutes. Unplug it, plug it in again, then start; a "
        "passkey or the stall’s tag do as well."
    ),
    "plug_changed": mark("Between looking and starting another car was plugged in. Look again, then start."),
    "expired": mark("The start came too late. Try again."),
    "quota": mark("They have as many sessions open as they may. The number is in their rules."),
    "not_allowed": mark("This user of Home Assistant may not start here, or nobody opted in to this way of starting."),
    "wrong_stall": mark("Their rules, or the guest’s pass, name other stalls."),
    "outside_hours": mark("Their rules name the hours in which they may start."),
    "month_used_up": mark("Their rules have a quota of energy. It can be raised there, or it waits for the 1st."),
    "no_credit": mark("Their rules have a limit in money. It can be raised there, or it waits for the 1st."),
    "left_in_use": mark(
        "A session that runs may still use what is left of their money, their month or their card, also of others on "
        "the same account. When it has ended, the rest is free again."
    ),
    "app_away": mark(
        "The house did not hear the app, and its owners chose that nobody is let in then. It is among the building’s "
        "options in Home Assistant."
    ),
    "held": mark("Somebody waited for this stall and it was kept free for them."),
    "pass_expired": mark("The guest’s pass has run out or is used up. Whoever made it can make another."),
}
"""Each reason at more length, and what helps."""

CREDENTIALS = {
    "card": mark("Card"),
    "phone": mark("Phone"),
    "ha_user": mark("Home Assistant"),
    "pass": mark("Guest pass"),
    "car": mark("Car"),
}

MAIL_TROUBLES = {
    "unreached": (
        mark("The mail server %(host)s cannot be reached."),
        mark("See whether the house has internet, and to the server’s name and port in the app’s configuration."),
    ),
    "untrusted": (
        mark("The mail server %(host)s does not encrypt in a way that can be trusted."),
        mark("See to its name and to the encryption in the app’s configuration."),
    ),
    "sign_in": (
        mark("The mail server %(host)s refuses user name or password."),
        mark("Enter both anew in the app’s configuration."),
    ),
    "refused": (
        mark("The mail server %(host)s takes no e-mails from here."),
        mark("Ask whoever runs it; often the sender’s address has to be one of theirs."),
    ),
    "busy": (
        mark("The mail server %(host)s puts the e-mails off."),
        mark("It is tried again by itself. If it stays so, ask whoever runs it."),
    ),
}
"""What keeps e-mails in the house, and what helps."""

LOCKS = {
    "enforced": mark("Locked: only residents can charge."),
    "held": mark("Locked while Home Assistant runs."),
    "detect_and_bill": mark("Not locked: charging is noticed and shown."),
    "monitor": mark("Watched only."),
}

PAY_STATES = {
    "paid": (mark("Paid"), "good"),
    "open": (mark("Open"), "sun"),
    "processing": (mark("On its way"), "info"),
    "retry_later": (mark("Declined, tried again later"), "sun"),
    "needs_customer": (mark("Needs the resident"), "bad"),
    "below_minimum": (mark("Too little for a card"), "sun"),
}

TARIFF_STATES = {
    "in_force": (mark("In force"), "good"),
    "coming": (mark("To come"), "info"),
    "past": (mark("Past"), ""),
    "withdrawn": (mark("Withdrawn"), "bad"),
}
"""Text and tone of a tariff's version."""
