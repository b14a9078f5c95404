"""What a stall writes into the journal, and keeps in memory while the disk refuses.

Records, snapshot and answers of one turn are one transaction. When it fails nobody is let in; what happens to a
session that runs is kept and written with the next transaction that works.
"""

from collections.abc import Callable, Mapping, Sequence
import logging
from typing import Any

from ..charging import Authorised, Effect, Event, Persist, Record, StallState
from ..journal import JournalError, NewRecord
from ..model import StallId
from .neighbourhood import Neighbourhood

UNWRITTEN_RECORDS = 5000
"""Records kept in memory while the disk refuses: weeks of one stall."""
SNAPSHOT_S = 60.0
"""While a session is open its state is stored this often: what a crash may take from the evidence of who is there."""

_LOGGER = logging.getLogger(__name__)


class Logbook:
    """One stall's hand on the journal."""

    def __init__(
        self, stall_id: StallId, name: Callable[[], str], around: Neighbourhood, snapshot: Callable[[StallState], Any]
    ) -> None:
        """`snapshot` makes a state what the journal keeps of it; `name` is the stall's, for the log."""
        self._stall_id = stall_id
        self._name = name
        self._around = around
        self._snapshot = snapshot
        self._unwritten: list[NewRecord] = []
        self._stored_mono_s = float("-inf")

    async def write(
        self, event: Event, after: StallState, effects: Sequence[Effect], answers: Mapping[str, Any], *, store: bool
    ) -> bool:
        """Commit what must be durable before anything else; False when the disk refused but life goes on.

        `store` has the snapshot written whatever happens. Raises `JournalError` for what did not happen then: an
        authorisation, an answer, or more than can be kept.
        """
        records = _records(effects)
        persist = store or self._snapshot_due(after) or any(isinstance(effect, Persist) for effect in effects)
        if not (records or answers or self._unwritten or persist):
            return True
        kept = len(self._unwritten)
        everything = [*self._unwritten, *records]
        try:
            await self._commit(everything, after, answers)
        except JournalError as error:
            self._around.journal_answered(failed=True)
            if isinstance(event, Authorised) or answers or len(everything) > UNWRITTEN_RECORDS:
                raise
            _LOGGER.error("%s: the journal cannot be written (%s)", self._name(), error)
            self._unwritten += records
            return False
        self._around.journal_answered(failed=False)
        del self._unwritten[:kept]
        return True

    async def note(self, kind: str, **body: Any) -> None:
        """Commit a record that changes nothing of the stall; one the disk refuses is kept with the others."""
        now = self._around.now().at
        record = NewRecord(kind=kind, at=now, body={"stall_id": self._stall_id, **body})
        try:
            await self._around.journal.commit([record], {}, now=now)
        except JournalError as error:
            _LOGGER.error("%s: the journal cannot be written (%s)", self._name(), error)
            self._around.journal_answered(failed=True)
            if len(self._unwritten) < UNWRITTEN_RECORDS:
                self._unwritten.append(record)
        else:
            self._around.journal_answered(failed=False)

    async def close(self, state: StallState, effects: Sequence[Effect] = ()) -> None:
        """Commit a last state, what came with it, and what is still kept. Raises `JournalError`."""
        await self._commit([*self._unwritten, *_records(effects)], state, {})

    async def _commit(self, records: Sequence[NewRecord], state: StallState, answers: Mapping[str, Any]) -> None:
        snapshots = {self._stall_id: self._snapshot(state)}
        head_seq = await self._around.journal.commit(records, snapshots, answers=answers, now=self._around.now().at)
        self._around.recorded(records, head_seq)
        self._stored_mono_s = state.clock.mono_s

    def _snapshot_due(self, state: StallState) -> bool:
        return state.session is not None and state.clock.mono_s - self._stored_mono_s >= SNAPSHOT_S


def _records(effects: Sequence[Effect]) -> list[NewRecord]:
    return [
        NewRecord(kind=effect.kind, at=effect.at, body=dict(effect.body))
        for effect in effects
        if isinstance(effect, Record)
    ]
