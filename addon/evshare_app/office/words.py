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
}

CREDENTIALS = {"card": mark("Card"), "phone": mark("Phone"), "ha_user": mark("Home Assistant")}

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
