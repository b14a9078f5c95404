"""The issue that a stall's own failsafe can open it: what was read, what has to be set, and what can be done about it.

Its dialogue programs the connector again and says what came of it; what cannot be changed can be put up with. That is
remembered for this connector alone, and its lock quality goes on saying it.
"""

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
import probatio

from .building.errors import InSession, NotInBuilding
from .building.running import RunningBuilding
from .building.stall import RunningStall
from .building.wiring import own_profiles_folder
from .connectors.ports import ConnectorError
from .connectors.profile import ProfileError, load_profile
from .const import CONNECTOR_ENTITIES, CONNECTOR_OCPP
from .devices import EvshareConfigEntry
from .model import OnLoss, StallId
from .words import async_words, failsafe_said


def silence_opens(stall: RunningStall) -> bool:
    """Whether a stall that can be locked opens by itself when it hears nothing.

    One that cannot be locked at all says so by its lock quality, and was confirmed as it is.
    """
    ports = stall.connector.ports
    return ports.gate and ports.on_silence is OnLoss.OPENS


class FailsafeRepair(RepairsFlow):
    """Programs a connector's failsafe again, or puts up with it."""

    def __init__(self, entry_id: str, stall_id: StallId) -> None:
        self._entry_id = entry_id
        self._stall_id = stall_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Say what was read and what has to be set, and ask what to do."""
        return await self._choices("init")

    async def async_step_program(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Program it, read it again, and say what came of it."""
        building, stall = self._building, self._stall
        if building is None or stall is None:
            return self.async_abort(reason="stall_gone")
        try:
            await building.care.async_program(self._stall_id)
        except InSession:
            return self.async_abort(reason="in_session")
        except NotInBuilding:
            return self.async_abort(reason="stall_gone")
        except ConnectorError as error:
            return self.async_abort(reason="not_programmed", description_placeholders={"why": str(error)})
        if silence_opens(stall):
            return await self._choices("still_opens")
        return self._over("fixed", await self._said(stall))

    async def async_step_still_opens(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """It was programmed and still opens."""
        return await self._choices("still_opens")

    async def async_step_accept(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Make sure that somebody puts up with it, and remember that."""
        building, stall = self._building, self._stall
        if building is None or stall is None:
            return self.async_abort(reason="stall_gone")
        if user_input is None:
            return self.async_show_form(
                step_id="accept",
                data_schema=probatio.Schema({}),
                description_placeholders=await self._said(stall),
            )
        await building.care.async_accept_risk(self._stall_id)
        return self._over("accepted", await self._said(stall))

    @property
    def _building(self) -> RunningBuilding | None:
        entry: EvshareConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
        return entry.runtime_data if entry is not None and entry.state is ConfigEntryState.LOADED else None

    @property
    def _stall(self) -> RunningStall | None:
        building = self._building
        return None if building is None else building.stalls.get(self._stall_id)

    async def _choices(self, step_id: str) -> RepairsFlowResult:
        stall = self._stall
        if stall is None:
            return self.async_abort(reason="stall_gone")
        return self.async_show_menu(
            step_id=step_id, menu_options=["program", "accept"], description_placeholders=await self._said(stall)
        )

    def _over(self, outcome: str, said: dict[str, str]) -> RepairsFlowResult:
        return self.async_create_entry(data={}, description=outcome, description_placeholders=said)

    async def _said(self, stall: RunningStall) -> dict[str, str]:
        words = await async_words(self.hass)
        requires = await self._requires(stall.config.connector, words.language)
        return {
            "stall": stall.config.name,
            "failsafe": failsafe_said(stall.connector.failsafe, words),
            "requires": "\n".join(f"- {line}" for line in requires) or f"- {words('failsafe', 'nothing_to_set')}",
        }

    async def _requires(self, connector: str, language: str) -> tuple[str, ...]:
        """What the installer must have set, as the profile says it."""
        if connector in (CONNECTOR_ENTITIES, CONNECTOR_OCPP):
            return ()
        try:
            profile = await self.hass.async_add_executor_job(load_profile, connector, own_profiles_folder(self.hass))
        except ProfileError:
            return ()
        return profile.required(language)
