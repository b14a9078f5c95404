"""The cards of a resident in Home Assistant, for owners without the app: look, change, learn by tapping, assign.

No number of a card is shown, only the last two digits of one that was just learnt or that nobody knows.
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, time
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import UnitOfEnergy
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TimeSelector,
)
from homeassistant.util import dt as dt_util
import probatio

from .access import CardRecord, Hours, UnknownCard
from .building.cards import MAX_LABEL, Learnt
from .building.errors import EnrolmentWaits, NotInBuilding
from .building.running import RunningBuilding
from .devices import EvshareConfigEntry
from .journal import CardConflict, JournalError
from .model import CardId, ResidentId, StallId
from .words import Words, async_words

TAP_S: Final = 60.0
MAX_MONTH_KWH: Final = 10_000

CONF_CARD: Final = "card"
CONF_LABEL: Final = "label"
CONF_BLOCKED: Final = "blocked"
CONF_MONTH_KWH: Final = "month_kwh"
CONF_QUIET_FROM: Final = "quiet_from"
CONF_QUIET_TO: Final = "quiet_to"
CONF_REMOVE: Final = "remove"
CONF_STALL: Final = "stall"
CONF_UNKNOWN: Final = "unknown_card"


class CardSteps(ConfigSubentryFlow):
    """The steps for a resident's cards, while their building runs."""

    def __init__(self) -> None:
        self._card_id: CardId | None = None
        self._tap_at: StallId | None = None
        """Where a card is waited for."""
        self._tap: asyncio.Future[Learnt] | None = None
        self._waiting: asyncio.Task[Learnt | None] | None = None
        self._learnt: Learnt | None = None

    @property
    def _building(self) -> RunningBuilding | None:
        entry: EvshareConfigEntry = self._get_entry()
        return entry.runtime_data if entry.state is ConfigEntryState.LOADED else None

    @property
    def _resident_id(self) -> ResidentId:
        return ResidentId(self._get_reconfigure_subentry().subentry_id)

    async def _async_menu(self, first: list[str]) -> SubentryFlowResult:
        """What can be changed of a resident; of the steps here only those that make sense now."""
        building, words = self._building, await async_words(self.hass)
        assert building is not None, "looked at by the caller"
        cards = self._cards(building)
        options = [
            *first,
            *(["enrol"] if _readers(building) else []),
            *(["cards"] if cards else []),
            *(["inbox"] if building.cards.unknown_now else []),
        ]
        listed = "\n".join(f"- {_line(card, words)}" for card in cards) or words("card_line", "none")
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=options,
            description_placeholders={"resident": self._get_reconfigure_subentry().title, "cards": listed},
        )

    # --- a card there is ---------------------------------------------------------------------------------------

    async def async_step_cards(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which card."""
        building = self._building
        cards = [] if building is None else self._cards(building)
        if not cards:
            return self.async_abort(reason="card_gone")
        if user_input is not None or len(cards) == 1:
            self._card_id = cards[0].id if user_input is None else CardId(user_input[CONF_CARD])
            return await self.async_step_card()
        words = await async_words(self.hass)
        options = [SelectOptionDict(value=card.id, label=_line(card, words)) for card in cards]
        return self.async_show_form(
            step_id="cards", data_schema=probatio.Schema({probatio.Required(CONF_CARD): _choice(options)})
        )

    async def async_step_card(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a card, or forget it."""
        building = self._building
        card = None if building is None else self._card(building)
        if building is None or card is None:
            return self.async_abort(reason="card_gone")
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = _wrong(user_input)
            if not errors and user_input[CONF_REMOVE]:
                return await self._async_done(building.cards.remove(card.id), "card_removed")
            if not errors:
                change = building.cards.change(
                    card.id,
                    label=_label(user_input),
                    blocked=user_input[CONF_BLOCKED],
                    month_wh=_month_wh(user_input.get(CONF_MONTH_KWH), card),
                    quiet=_quiet(user_input),
                    # Left as it is, a block stays whose it was.
                    blocked_by_holder=card.blocked and card.blocked_by_holder,
                )
                return await self._async_done(change, "card_changed")
        words = await async_words(self.hass)
        schema = probatio.Schema(
            {
                probatio.Optional(CONF_LABEL): TextSelector(),
                probatio.Required(CONF_BLOCKED, default=False): BooleanSelector(),
                probatio.Optional(CONF_MONTH_KWH): NumberSelector(
                    NumberSelectorConfig(
                        min=1,
                        max=MAX_MONTH_KWH,
                        step=1,
                        mode=NumberSelectorMode.BOX,
                        unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
                    )
                ),
                probatio.Optional(CONF_QUIET_FROM): TimeSelector(),
                probatio.Optional(CONF_QUIET_TO): TimeSelector(),
                probatio.Required(CONF_REMOVE, default=False): BooleanSelector(),
            }
        )
        return self.async_show_form(
            step_id="card",
            data_schema=self.add_suggested_values_to_schema(schema, user_input or _filled_in(card)),
            errors=errors,
            description_placeholders={"card": _line(card, words)},
        )

    # --- a new card, by tapping it -----------------------------------------------------------------------------

    async def async_step_enrol(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask where the card will be shown."""
        building = self._building
        readers = {} if building is None else _readers(building)
        if building is None or not readers:
            return self.async_abort(reason="no_reader")
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = _wrong(user_input)
            stall_id = StallId(user_input[CONF_STALL])
            if not errors:
                tap: asyncio.Future[Learnt] = self.hass.loop.create_future()

                def learnt(card: Learnt) -> None:
                    if not tap.done():
                        tap.set_result(card)

                try:
                    await building.async_enrol_card(self._resident_id, stall_id, TAP_S, _label(user_input), learnt)
                except EnrolmentWaits:
                    errors = {CONF_STALL: "enrolment_waits"}
                except NotInBuilding:
                    errors = {CONF_STALL: "stall_gone"}
                else:
                    self._tap_at, self._tap = stall_id, tap
                    return await self.async_step_tap()
        options = [SelectOptionDict(value=stall_id, label=name) for stall_id, name in readers.items()]
        schema = probatio.Schema(
            {
                probatio.Required(CONF_STALL, default=options[0]["value"]): _choice(options),
                probatio.Optional(CONF_LABEL): TextSelector(),
            }
        )
        return self.async_show_form(
            step_id="enrol",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={"resident": self._get_reconfigure_subentry().title},
            last_step=False,
        )

    async def async_step_tap(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Wait for the card."""
        assert self._tap is not None, "set by the step before"
        assert self._tap_at is not None
        if self._waiting is None:
            self._waiting = self.hass.async_create_task(_shown(self._tap), "evshare card to enrol", eager_start=False)
        if not self._waiting.done():
            building = self._building
            name = "" if building is None else _readers(building).get(self._tap_at, "")
            return self.async_show_progress(
                step_id="tap",
                progress_action="tap",
                progress_task=self._waiting,
                description_placeholders={"stall": name},
            )
        waited, self._waiting = self._waiting, None
        self._learnt = None if waited.cancelled() else waited.result()
        self._wait_no_more()
        return self.async_show_progress_done(next_step_id="learnt" if self._learnt is not None else "no_card")

    async def async_step_learnt(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Say which card it was: somebody else may have been quicker."""
        assert self._learnt is not None, "set by the step before"
        return self.async_show_menu(
            step_id="learnt",
            menu_options=["keep", "not_it"],
            description_placeholders={
                "digits": self._learnt.tail,
                "resident": self._get_reconfigure_subentry().title,
            },
        )

    async def async_step_keep(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """It is theirs."""
        return self.async_abort(reason="card_enrolled")

    async def async_step_not_it(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """It was another one."""
        building = self._building
        assert self._learnt is not None, "set by the step before"
        if building is None:
            return self.async_abort(reason="card_gone")
        return await self._async_done(building.cards.remove(self._learnt.card_id), "card_removed")

    async def async_step_no_card(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """None came in time."""
        return self.async_abort(reason="no_card")

    @callback
    def async_remove(self) -> None:
        """The dialogue was closed: wait for no card any more."""
        self._wait_no_more()

    def _wait_no_more(self) -> None:
        tap_at, self._tap_at = self._tap_at, None
        if tap_at is not None and (building := self._building) is not None:
            building.cards.enrol_no_more(self._resident_id, tap_at)

    # --- a card nobody knows -----------------------------------------------------------------------------------

    async def async_step_inbox(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Make a card that was refused as unknown this resident's."""
        building = self._building
        unknown = [] if building is None else building.cards.unknown_now
        if building is None or not unknown:
            return self.async_abort(reason="card_gone")
        errors: dict[str, str] = {}
        if user_input is not None:
            errors = _wrong(user_input)
            if not errors:
                assign = building.cards.assign(user_input[CONF_UNKNOWN], self._resident_id, _label(user_input))
                return await self._async_done(assign, "card_assigned")
        options = [SelectOptionDict(value=card.id, label=_unknown_line(card, building)) for card in reversed(unknown)]
        schema = probatio.Schema(
            {
                probatio.Required(CONF_UNKNOWN): _choice(options),
                probatio.Optional(CONF_LABEL): TextSelector(),
            }
        )
        return self.async_show_form(
            step_id="inbox",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders={"resident": self._get_reconfigure_subentry().title},
        )

    # --- what they share ---------------------------------------------------------------------------------------

    def _cards(self, building: RunningBuilding) -> list[CardRecord]:
        return [card for card in building.cards.enrolled if card.resident_id == self._resident_id]

    def _card(self, building: RunningBuilding) -> CardRecord | None:
        return next((card for card in self._cards(building) if card.id == self._card_id), None)

    async def _async_done(self, change: Awaitable[object], reason: str) -> SubentryFlowResult:
        """End the dialogue with what came of a change."""
        try:
            await change
        except CardConflict:
            reason = "card_taken"
        except NotInBuilding:
            reason = "card_gone"
        except JournalError:
            reason = "journal_failed"
        return self.async_abort(reason=reason)


async def _shown(tap: asyncio.Future[Learnt]) -> Learnt | None:
    """The card that was learnt, None if none came in time."""
    try:
        async with asyncio.timeout(TAP_S):
            return await tap
    except TimeoutError:
        return None


def _readers(building: RunningBuilding) -> dict[StallId, str]:
    """The stalls where a card can be shown: id to name."""
    return {stall_id: stall.config.name for stall_id, stall in building.stalls.items() if stall.takes_cards}


def _choice(options: list[SelectOptionDict]) -> SelectSelector:
    return SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN))


def _label(user_input: dict[str, Any]) -> str:
    return str(user_input.get(CONF_LABEL) or "").strip()


def _wrong(user_input: dict[str, Any]) -> dict[str, str]:
    """Field -> error key."""
    errors: dict[str, str] = {}
    label = _label(user_input)
    if len(label) > MAX_LABEL or not label.isprintable():
        errors[CONF_LABEL] = "label_wrong"
    if bool(user_input.get(CONF_QUIET_FROM)) != bool(user_input.get(CONF_QUIET_TO)):
        errors[CONF_QUIET_TO if user_input.get(CONF_QUIET_FROM) else CONF_QUIET_FROM] = "quiet_half"
    return errors


def _quiet(user_input: dict[str, Any]) -> Hours | None:
    start, end = user_input.get(CONF_QUIET_FROM), user_input.get(CONF_QUIET_TO)
    return Hours(start=_clock(start), end=_clock(end)) if start and end else None


def _month_wh(month_kwh: float | None, card: CardRecord) -> int | None:
    """The limit as typed; one that is not in whole kWh stays if it was left as it was shown."""
    if month_kwh is None:
        return None
    unchanged = card.month_wh is not None and card.month_wh // 1000 == int(month_kwh)
    return card.month_wh if unchanged else int(month_kwh) * 1000


def _clock(written: str) -> time:
    return time.fromisoformat(written).replace(second=0)


def _filled_in(card: CardRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {CONF_LABEL: card.label, CONF_BLOCKED: card.blocked}
    if card.month_wh is not None:
        shown[CONF_MONTH_KWH] = card.month_wh // 1000
    if card.quiet is not None:
        shown |= {CONF_QUIET_FROM: card.quiet.start.isoformat(), CONF_QUIET_TO: card.quiet.end.isoformat()}
    return shown


def _line(card: CardRecord, words: Words) -> str:
    """A card in one line."""
    said = [card.label or words("card_line", "nameless")]
    if card.blocked:
        said.append(words("card_line", "blocked"))
    if card.money_month_wh is not None:
        said.append(f"{words('card_line', 'money')} {words.number(round(card.money_month_wh / 1000, 1))} kWh")
    if card.used_at is not None:
        said.append(f"{words('card_line', 'used')} {day(card.used_at)}")
    elif card.added_at is not None:
        said.append(f"{words('card_line', 'unused')} {day(card.added_at)}")
    return ", ".join(said)


def _unknown_line(card: UnknownCard, building: RunningBuilding) -> str:
    """An unknown card in one line: where, when and how often it was refused."""
    stall = building.stalls.get(card.stall_id)
    where = "?" if stall is None else stall.config.name
    at = dt_util.as_local(card.at).strftime("%Y-%m-%d %H:%M")
    return f"…{card.tail}: {where}, {at}, {card.times}×"


def day(at: datetime) -> str:
    """The day of a moment, by the building's clock."""
    return dt_util.as_local(at).date().isoformat()
