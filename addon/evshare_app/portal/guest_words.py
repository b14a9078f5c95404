"""What a guest is told. A host's affairs (their quota, their credit, a block) are not a guest's business."""

from ..i18n import mark
from ..web.answers import Said
from .words import SAID

ASK_HOST = Said(mark("Charging with this pass is not possible at the moment. Please ask your host."))
OTHER_STALLS = Said(mark("This pass is for other stalls."))

HELD = SAID["held"]

GUEST_SAID = SAID | {
    "connected": Said(mark("This phone has the pass now. Scan the QR code at a stall to start."), "good"),
    "pass_expired": Said(mark("This guest pass has run out. Ask your host for a new one.")),
    "wrong_stall": OTHER_STALLS,
    "quota": Said(mark("With this pass a car is charging already, or is about to. One at a time, please.")),
    "outside_hours": Said(mark("Your host’s guests can start at other hours only. Please ask your host.")),
    "blocked_resident": ASK_HOST,
    "unknown_resident": ASK_HOST,
    "month_used_up": ASK_HOST,
    "no_credit": ASK_HOST,
    "left_in_use": ASK_HOST,
    "not_allowed": ASK_HOST,
    "not_found": Said(mark("This is not your session, or it is over already.")),
    "refused": Said(mark("The house refused. Ask your host if it happens again.")),
}
"""Answers by their name in the address."""

WHY_NOT = {
    "used_up": mark("This pass is used up. Ask your host for a new one."),
    "over": mark("This pass has run out. Ask your host for a new one."),
    "revoked": mark("Your host has withdrawn this pass."),
}
"""Why nothing can be started with a pass."""
