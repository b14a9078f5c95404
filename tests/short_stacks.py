"""Makes asyncio's debug mode cheap; imported before asyncio is.

Home Assistant's test plugin runs every event loop in debug mode. What that checks stays as it is; but it also writes
down the whole stack, with the lines of the sources, wherever a future or a timer is made, and that is half of all the
time those tests take. The few frames kept here still say who made it.
"""

import linecache
import sys
import traceback
from types import FrameType

ENOUGH_FRAMES = 4


def _short_stack(frame: FrameType | None = None, limit: int | None = None) -> traceback.StackSummary:
    frame = sys._getframe(1) if frame is None else frame
    return _whole_stack(frame, ENOUGH_FRAMES if limit is None else limit)


# asyncio's futures are written in C and keep the function they find when they are imported.
assert "asyncio" not in sys.modules
_whole_stack, traceback.extract_stack = traceback.extract_stack, _short_stack
linecache.checkcache = lambda filename=None: None  # sources do not change while tests run

from asyncio import constants  # noqa: E402

constants.DEBUG_STACK_DEPTH = ENOUGH_FRAMES
