"""Repair issues: what needs a person, shown where HA's admins look, and taken away when it is over.

A stall that gave energy to nobody the building knows, or was found open after a silence, is an incident: it stays until
an admin has confirmed that they looked (security reference, fault 18). A welded contactor lets nobody in until an admin
has confirmed that it was repaired. What a connector's own failsafe does can be mended or put up with
(``failsafe_repair.py``); whether one that seems to have moved is followed is asked (``moved.py``). The others come and
go with their cause.
"""

from asyncio import TimerHandle
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, override

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .building.stall import RunningStall
from .building.wire import LinkState
from .connectors.contactor import ContactorGate
from .connectors.warned import Warned, warnings
from .const import DOMAIN, SUBENTRY_STALL
from .devices import EvshareConfigEntry
from .failsafe_repair import FailsafeRepair, silence_opens
from .link.client import PAIRING_REFUSED, RECORDS_GONE, UNSUPPORTED_VERSION
from .model import StallId
from .moved import STALL_MOVED, moved_from, repair_of

APP_PATIENCE_S: Final = timedelta(minutes=15).total_seconds()
"""An update of the app or a restart of its machine is nothing to bother anyone with."""

UNAUTHORISED_WH: Final = 50
"""Less than this is standby of a car or of the connector itself (security reference, fault 18)."""

_LINK_ISSUES: Final = {
    PAIRING_REFUSED: "app_pairing_refused",
    UNSUPPORTED_VERSION: "app_version",
    RECORDS_GONE: "app_records_gone",
}
"""Problems of the link that do not pass by themselves."""

_WARNINGS: Final = frozenset({"failsafe_opens", Warned.CONTACTOR_BUSY, Warned.METER_SILENT, Warned.METER_IGNORED})
"""What locks as it should, but not as well as it could."""

_FIXABLE: Final = ("failsafe_opens", STALL_MOVED, Warned.CONTACTOR_WELDED)
"""Issues of a stall that a dialogue can end."""

_INCIDENTS: Final[Mapping[str, tuple[Callable[[RunningStall], int], int]]] = {
    "unauthorised_energy": (lambda stall: stall.unauthorised_wh, UNAUTHORISED_WH),
    "found_open": (lambda stall: stall.found_open, 1),
}
"""What happened at a stall: how it is counted since the start, and how much is worth an issue."""

_ENTRY_ID: Final = "entry_id"
_STALL_ID: Final = "stall_id"

type _Issue = tuple[str, dict[str, str]]
"""Its key, and what its texts say."""


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None) -> RepairsFlow:
    """The dialogue that ends an issue: a confirmation that somebody looked, or one that mends what can be mended."""
    if data is None:
        return ConfirmRepairFlow()
    entry_id, stall_id = data[_ENTRY_ID], StallId(data[_STALL_ID])
    if issue_id.startswith(STALL_MOVED):
        return repair_of(hass, entry_id, stall_id)
    repair = FailsafeRepair if issue_id.startswith("failsafe_opens") else ContactorRepaired
    return repair(entry_id, stall_id)


class ContactorRepaired(ConfirmRepairFlow):
    """Somebody had a welded contactor looked at: it may close again."""

    def __init__(self, entry_id: str, stall_id: StallId) -> None:
        super().__init__()
        self._entry_id = entry_id
        self._stall_id = stall_id

    @override
    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Believe it, if the stall is still there."""
        entry: EvshareConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
        if user_input is not None and entry is not None and entry.state is ConfigEntryState.LOADED:
            stall = entry.runtime_data.stalls.get(self._stall_id)
            if stall is not None and isinstance(stall.connector, ContactorGate):
                stall.connector.looked_after()
        return await super().async_step_confirm(user_input)


@callback
def async_watch(hass: HomeAssistant, entry: EvshareConfigEntry) -> CALLBACK_TYPE:
    """Keep the issues of a building true; returns what ends it."""
    watch = _Watch(hass, entry)
    unsubscribe = entry.runtime_data.subscribe(watch.look)
    watch.look()

    @callback
    def stop() -> None:
        unsubscribe()
        watch.stop()

    return stop


class _Watch:
    def __init__(self, hass: HomeAssistant, entry: EvshareConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._building = entry.runtime_data
        self._shown: dict[str, _Issue] = {}
        self._reported: dict[tuple[str, StallId], int] = {}
        """How much of each incident, at each stall, an issue was made for."""
        self._patience: TimerHandle | None = None
        self._app_gone = False

    @callback
    def look(self) -> None:
        """Compare what is shown with what is."""
        wanted = self._building_issues()
        fixable = {f"{key}_{stall_id}": stall_id for stall_id in self._building.stalls for key in _FIXABLE}
        for stall_id, stall in self._building.stalls.items():
            placeholders = {"stall": stall.config.name}
            if stall.wiring.unusable is not None:
                placeholders["why"] = stall.wiring.unusable
            moved = moved_from(self._hass, stall)
            if moved is not None:
                placeholders |= {"before": moved.before, "host": moved.host}
            wanted |= {f"{key}_{stall_id}": (key, placeholders) for key in self._stall_issues(stall)}
        for issue_id in self._shown.keys() - wanted.keys():
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
        for issue_id, (key, placeholders) in wanted.items():
            if self._shown.get(issue_id) == (key, placeholders):
                continue
            ir.async_create_issue(
                self._hass,
                DOMAIN,
                issue_id,
                data={_ENTRY_ID: self._entry.entry_id, _STALL_ID: fixable[issue_id]} if issue_id in fixable else None,
                is_fixable=issue_id in fixable,
                severity=ir.IssueSeverity.WARNING if key in _WARNINGS else ir.IssueSeverity.ERROR,
                translation_key=key,
                translation_placeholders=placeholders,
            )
        self._shown = wanted
        self._look_for_incidents()

    def _look_for_incidents(self) -> None:
        stalls = self._building.stalls
        for key, stall_id in [which for which in self._reported if which[1] not in stalls]:
            ir.async_delete_issue(self._hass, DOMAIN, f"{key}_{stall_id}")
            del self._reported[key, stall_id]
        for stall_id, stall in stalls.items():
            for key, (counted, worth) in _INCIDENTS.items():
                # A stall that was rebuilt counts from 0 again.
                reported = min(self._reported.get((key, stall_id), 0), counted(stall))
                self._reported[key, stall_id] = reported
                if counted(stall) - reported >= worth:
                    self._reported[key, stall_id] = counted(stall)
                    self._report(key, stall)

    def _report(self, key: str, stall: RunningStall) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            f"{key}_{stall.config.id}",
            is_fixable=True,
            is_persistent=True,
            severity=ir.IssueSeverity.ERROR,
            translation_key=key,
            translation_placeholders={"stall": stall.config.name},
        )

    @callback
    def stop(self) -> None:
        """Take away what is shown: a building that is not loaded has nothing to say."""
        if self._patience is not None:
            self._patience.cancel()
        for issue_id in self._shown:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)

    def _stall_issues(self, stall: RunningStall) -> list[str]:
        issues = {
            "failsafe_opens": silence_opens(stall) and not self._building.care.risk_accepted(stall.config.id),
            "stall_unlocked": stall.state.lock_failed,
            "profile_broken": stall.wiring.unusable is not None,
            STALL_MOVED: moved_from(self._hass, stall) is not None,
        }
        return [
            *(key for key, is_so in issues.items() if is_so),
            *(warned.value for warned in warnings(stall.connector)),
        ]

    def _building_issues(self) -> dict[str, _Issue]:
        building = self._building
        self._follow_link()
        keys = {
            "journal_failed": building.journal_failed,
            "cards_unreadable": building.cards_unreadable > 0,
            "app_unreachable": self._app_gone,
        }
        keys |= {key: building.link_problem == problem for problem, key in _LINK_ISSUES.items()}
        placeholders = {"building": building.building.name, "cards": str(building.cards_unreadable)}
        return {f"{key}_{self._entry.entry_id}": (key, placeholders) for key, present in keys.items() if present}

    def _follow_link(self) -> None:
        """Begin to wait when the app goes, stop when it is back."""
        gone = self._building.link_state is LinkState.DISCONNECTED
        if gone and self._patience is None:
            self._patience = self._hass.loop.call_later(APP_PATIENCE_S, self._patience_over)
        elif not gone:
            self._app_gone = False
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

    @callback
    def _patience_over(self) -> None:
        # A refusal has an issue of its own, which says better what to do.
        self._app_gone = self._building.link_problem not in _LINK_ISSUES
        self.look()


@callback
def async_forget(hass: HomeAssistant, entry: EvshareConfigEntry) -> None:
    """Take away what outlives a restart, when the building itself is removed."""
    for stall in entry.get_subentries_of_type(SUBENTRY_STALL):
        for key in _INCIDENTS:
            ir.async_delete_issue(hass, DOMAIN, f"{key}_{stall.subentry_id}")
