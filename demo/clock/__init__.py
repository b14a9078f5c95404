"""Time for the story: one clock for several real processes, moved on only when none of them has anything to do.

A process that takes part (`participant.py`) has its wall clock, its monotonic clock and its event loop's waits
replaced; sockets, threads, files and protocols stay real. The owner of the clock (`authority.py`) moves time to the
next moment somebody waits for, once every event loop is waiting and nothing is on the way between them. So an
hour passes as fast as the machine can do an hour's work, a slow machine is only slower, and no time-out ever fires
because something took long: while anything runs, time stands still.

Nothing of the product is imported here and the product knows nothing of it. Only the demo and tests use it.
"""
