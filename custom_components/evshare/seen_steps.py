"""After the look: what was seen is told in words, lock and current are tried if the owner likes, then it is kept."""

import asyncio
import logging
from typing import Any, Final

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState, SubentryFlowResult
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, callback
from homeassistant.helpers.selector import BooleanSelector
import probatio

from .building.errors import InSession
from .connectors.proof import Finding, Outcome, ProofStep
from .const import CONF_MAX_CURRENT_A, CONF_SERIAL
from .model import StallId
from .proving import NoCurrent, async_prove
from .sighting import CannotLook, Sighting
from .stall_steps import StallSteps
from .words import Words, async_words, failsafe_is_read, failsafe_said

CONF_WITHOUT_BILLING: Final = "without_billing"
CONF_UNLOCK: Final = "unlock"

_LOGGER = logging.getLogger(__name__)


class SeenSteps(StallSteps):
    """The steps after the look, for every way."""

    def __init__(self) -> None:
        super().__init__()
        self._proof: asyncio.Task[tuple[Finding, ...]] | None = None
        self._proof_step = ProofStep.LOCK
        self._step_began = asyncio.Event()
        self._next_step: asyncio.Task[None] | None = None
        self._findings: tuple[Finding, ...] = ()
        self._unlock = False
        self._stop_listening: CALLBACK_TYPE | None = None

    # --- what was seen -----------------------------------------------------------------------------------------

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show what was seen: it is kept as it is, or tried first."""
        return self.async_show_menu(
            step_id="confirm",
            menu_options=["keep", "proof", "change"] if self._seen.ports.gate else ["keep", "change"],
            description_placeholders=_said(self._known_way.label, self._seen, await async_words(self.hass)),
        )

    async def async_step_confirm_unbilled(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Before `confirm`, for a stall without a register that can be billed from."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_WITHOUT_BILLING]:
                return await self.async_step_confirm()
            errors[CONF_WITHOUT_BILLING] = "meter_required"
        words = await async_words(self.hass)
        return self.async_show_form(
            step_id="confirm_unbilled",
            data_schema=probatio.Schema({probatio.Required(CONF_WITHOUT_BILLING, default=False): BooleanSelector()}),
            errors=errors,
            description_placeholders={
                "connector": self._known_way.label,
                "reason": words("no_register", self._known_way.no_register),
            },
            last_step=False,
        )

    async def async_step_unseen(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """The stall is locked, so its connector has no power: it is checked when somebody charges next."""
        if user_input is not None:
            return self._keep(self._get_reconfigure_subentry().data.get(CONF_SERIAL))
        return self.async_show_form(step_id="unseen", data_schema=probatio.Schema({}))

    async def async_step_keep(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """It is kept."""
        return self._keep(self._seen.identity.serial)

    async def async_step_change(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Back to the settings."""
        result: SubentryFlowResult = await getattr(self, f"async_step_{self._known_way.form_step}")()
        return result

    # --- the guided test ---------------------------------------------------------------------------------------

    async def async_step_proof(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Say what is tried, and ask whether it may be opened for it."""
        if user_input is not None:
            self._unlock = user_input[CONF_UNLOCK]
            if self._get_entry().state is ConfigEntryState.LOADED:
                return await self.async_step_proving()
            self._errors = {"base": "building_down"}
        errors, self._errors = self._errors, {}
        seen, words = self._seen, await async_words(self.hass)
        plugged = {True: "plugged", False: "free", None: "unknown"}[seen.reading.pilot.plugged]
        current_a = seen.min_a if seen.ports.limit else self._data[CONF_MAX_CURRENT_A]
        return self.async_show_form(
            step_id="proof",
            data_schema=probatio.Schema({probatio.Required(CONF_UNLOCK, default=False): BooleanSelector()}),
            errors=errors,
            description_placeholders={
                "connector": self._known_way.label,
                "car": words("proof_car", plugged),
                "current": f"{current_a} A",
            },
            last_step=False,
        )

    async def async_step_proving(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Try it, and show which step it is at."""
        if self._proof is None:
            self._proof = self._begin_proof()
        if not self._proof.done():
            if self._next_step is None or self._next_step.done():
                self._next_step = self.hass.async_create_task(self._until_next_step(self._proof), "evshare test step")
            return self.async_show_progress(
                step_id="proving",
                progress_action=f"proof_{self._proof_step.value}",
                progress_task=self._next_step,
            )
        try:
            self._findings = self._end_proof().result()
        except InSession:
            self._errors = {"base": "in_session"}
        except NoCurrent:
            self._errors = {CONF_UNLOCK: "no_current"}
        except CannotLook as error:
            self._errors = {"base": error.cause.value}
        except asyncio.CancelledError:
            self._errors = {"base": "proof_failed"}
        except Exception:  # a driver's bug: the stall was locked all the same
            _LOGGER.exception("the test of %s failed", self._known_way.label)
            self._errors = {"base": "proof_failed"}
        return self.async_show_progress_done(next_step_id="proof" if self._errors else "proved")

    async def async_step_proved(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Tell what was seen of each step."""
        return self.async_show_menu(
            step_id="proved",
            menu_options=["keep", "proof", "change"],
            description_placeholders=_told(self._findings, await async_words(self.hass)),
        )

    def _begin_proof(self) -> asyncio.Task[tuple[Finding, ...]]:
        known = StallId(self._get_reconfigure_subentry().subentry_id) if self.source == SOURCE_RECONFIGURE else None
        self._proof_step = ProofStep.LOCK
        proving = async_prove(
            self.hass, self._get_entry(), self._data, self._began, stall_id=known, unlock=self._unlock
        )
        proof = self.hass.loop.create_task(proving, name="evshare test of a stall")
        # Cancelled, it locks the stall before it ends. Home Assistant waits for tasks, but for none that is cancelled.
        self.hass.async_create_task(_ended(proof), "evshare end of a test")

        @callback
        def stop(_event: Event) -> None:
            self._stop_listening = None
            proof.cancel()

        self._stop_listening = self.hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop)
        return proof

    def _end_proof(self) -> asyncio.Task[tuple[Finding, ...]]:
        assert self._proof is not None, "begun before it ends"
        proof, self._proof = self._proof, None
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        return proof

    @callback
    def async_remove(self) -> None:
        """The dialogue was closed: a test that runs ends at once, which locks the stall."""
        if self._proof is not None:
            self._end_proof().cancel()

    @callback
    def _began(self, step: ProofStep) -> None:
        self._proof_step = step
        self._step_began.set()

    async def _until_next_step(self, proof: asyncio.Task[tuple[Finding, ...]]) -> None:
        """Wait for the next step, or the end."""
        self._step_began.clear()
        began = asyncio.ensure_future(self._step_began.wait())
        try:
            await asyncio.wait({proof, began}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            began.cancel()

    @property
    def _seen(self) -> Sighting:
        assert self._sighting is not None, "looked at in the step before"
        return self._sighting


async def _ended(proof: asyncio.Task[tuple[Finding, ...]]) -> None:
    await asyncio.wait({proof})


def _said(connector: str, seen: Sighting, words: Words) -> dict[str, str]:
    reading, ports, unknown = seen.reading, seen.ports, words("seen", "unknown")
    return {
        "connector": connector,
        "model": seen.identity.model or unknown,
        "serial": seen.identity.serial or unknown,
        "firmware": seen.identity.firmware or unknown,
        "pilot": words("pilot", reading.pilot.value.lower()),
        "power": unknown if reading.power_w is None else f"{reading.power_w:.0f} W",
        "register": unknown
        if reading.register_wh is None
        else f"{words.number(reading.register_wh / 1000, '.3f')} kWh",
        "lock": words("lock_quality", seen.lock_quality.value),
        "on_silence": words("on_loss", ports.on_silence.value),
        "on_reboot": words("on_loss", ports.on_reboot.value),
        "on_unplug": words("on_loss", ports.on_unplug.value),
        "failsafe": _failsafe_line(seen, words),
    }


def _failsafe_line(seen: Sighting, words: Words) -> str:
    """How its own failsafe is set now, and who can set it."""
    read = failsafe_is_read(seen.failsafe)
    line = ("set" if seen.sets_failsafe else "fixed") if read else ("blind" if seen.sets_failsafe else "none")
    return words("failsafe_line", line).replace("…", failsafe_said(seen.failsafe, words))


def _told(findings: tuple[Finding, ...], words: Words) -> dict[str, str]:
    lines = [_line(finding, words) for finding in findings]
    return {"findings": "\n".join(lines), "verdict": words("proof_verdict", _verdict(findings))}


def _line(finding: Finding, words: Words) -> str:
    step, outcome = words("proof_step", finding.step.value), words("proof_outcome", finding.outcome.value)
    because = words("proof_because", finding.because.value)
    if finding.detail:
        because = f"{because.removesuffix('.')} ({finding.detail})."
    return f"- **{step}:** {outcome}. {because}"


def _verdict(findings: tuple[Finding, ...]) -> str:
    """How sure it is that the stall is locked now."""
    last = findings[-1]  # a test always ends with locking
    if last.outcome is Outcome.WORKED:
        return "locked"
    return "told" if last.because.only_told else "open"
