"""Turns for the contactors of one building: several wall connectors started at once would trip its breaker.

After a return of the mains, or when many sessions start together, the inrush of the power supplies behind the
contactors adds up; so they close one after the other (connectors reference 5: 5-10 s apart). Opening never waits.
"""

GAP_S = 7.0


class Stagger:
    """One for a building, shared by its contactors."""

    def __init__(self, gap_s: float = GAP_S) -> None:
        """Nobody waits."""
        self._gap_s = gap_s
        self._next_mono_s = float("-inf")
        """When the next turn that nobody has yet begins."""
        self._closed_mono_s = float("-inf")
        self._turns: dict[object, float] = {}

    def wait_s(self, who: object, now_mono_s: float) -> float:
        """Seconds until `who` may close; 0 gives it the turn, now. Turns are given in the order of asking."""
        turn_s = self._turns.get(who)
        if turn_s is None:
            turn_s = self._turns[who] = max(now_mono_s, self._next_mono_s)
            self._next_mono_s = turn_s + self._gap_s
        due_s = max(turn_s, self._closed_mono_s + self._gap_s)
        if due_s > now_mono_s:
            return due_s - now_mono_s
        del self._turns[who]
        self._closed_mono_s = now_mono_s
        return 0.0

    def leave(self, who: object) -> None:
        """`who` does not want to close any more; its turn passes unused."""
        self._turns.pop(who, None)
