"""What the raw states of other integrations mean, as pilot states of IEC 61851-1.

States are keys or vendor's words, never translated, so that what they begin with or contain says most. What these
words do not settle stays X (nobody knows): a wrong A would end a session, a wrong B or C would keep one open.
"""

import re

from ...model import Pilot

_WORDS: tuple[tuple[Pilot, re.Pattern[str]], ...] = tuple(
    (letter, re.compile(pattern))
    for letter, pattern in (
        (Pilot.X, r"unknown|unavailable|invalid|offline|boot|initiali[sz]|starting_up|updat|not_charging|^locked$"),
        (Pilot.E, r"error|^e$"),
        (Pilot.F, r"fault|stuck_relay|gfci|no_ground|out_of_(service|order)|inoperative|^f$"),
        (Pilot.A, r"not_(connected|plugged)|^no_|disconnected|unplugged|^available$|^free$|^idle$|standby|^a$"),
        (
            Pilot.B,
            r"finish|complete|charged|pause|suspend|wait|stopp|scheduled|queue|connected_(requesting|finished)|requesting",
        ),
        (Pilot.C, r"charging|^charge$|^c$|^d$"),
        (Pilot.B, r"connected|plugged|ready|prepar|authori[sz]|need_auth|negotiat|wakeup|car_detected|vehicle|^b$"),
    )
)
"""The first that fits decides. D is a car that charges and wants ventilation: C to us."""


def meaning(raw: str) -> Pilot:
    """What a state most likely means."""
    key = snake(raw)
    return next((letter for letter, words in _WORDS if words.search(key)), Pilot.X)


def snake(text: str) -> str:
    """`Locked, car connected` and `SuspendedEVSE` as keys: `locked_car_connected`, `suspended_evse`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
