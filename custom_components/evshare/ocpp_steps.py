"""Adding a stall whose box calls Home Assistant over OCPP: which box, where we listen, and what to type into it.

The box can be seen only when it has called, so its owner is told address, name and password first, and the look waits
for the call. The password is made here and shown in this dialogue only.
"""

from collections.abc import Mapping
import secrets
from typing import Any, Final

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigSubentry, SubentryFlowResult
from homeassistant.const import CONF_PASSWORD, CONF_PORT
from homeassistant.helpers.selector import BooleanSelector, TextSelector
import probatio

from .building.ocpp_listener import (
    CannotListen,
    CertificateUnusable,
    ListenerSettings,
    OcppListener,
    async_listener,
)
from .connectors.ocpp import IDENTITY, PASSWORD
from .const import (
    CONF_CONNECTOR,
    CONF_IDENTITY,
    CONF_NO_SUBPROTOCOL,
    CONF_POINT,
    CONNECTOR_OCPP,
    DOMAIN,
    SUBENTRY_STALL,
)
from .stall_form import MAX_UNCONTROLLED_A, SECRET_FIELD, Fields, kept_secret, whole
from .stall_steps import StallSteps, Way

CONF_BIND: Final = "bind"
CONF_CERTIFICATE: Final = "certificate"
CONF_KEY: Final = "key"
POINTS_MOST: Final = 16
PASSWORD_BYTES: Final = 15
"""20 characters: at least 16, and few enough to type them into a box."""
UNKNOWN_HOST: Final = "homeassistant.local"
HIDDEN: Final = "••••••••"


class OcppSteps(StallSteps):
    """The steps of a box that calls us."""

    def __init__(self) -> None:
        super().__init__()
        self._box: dict[str, Any] = {}
        """Identity, connector, password: as the subentry keeps them."""
        self._new_password = False
        self._listener: OcppListener | None = None

    async def _async_change_ocpp(self, stall: ConfigSubentry) -> SubentryFlowResult:
        """Begin to change a stall of a box that calls us."""
        kept = (CONF_IDENTITY, CONF_POINT, CONF_PASSWORD, CONF_NO_SUBPROTOCOL)
        self._box = {key: stall.data[key] for key in kept if key in stall.data}
        return await self.async_step_ocpp_change()

    async def async_step_ocpp_change(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what is to be changed."""
        return self.async_show_menu(step_id="ocpp_change", menu_options=["ocpp_stall", "ocpp", "ocpp_listener"])

    # --- which box ---------------------------------------------------------------------------------------------

    async def async_step_ocpp(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask how the box names itself, and by which password it is known."""
        errors: dict[str, str] = {}
        if user_input is not None:
            typed = (user_input.get(CONF_PASSWORD) or "").strip()
            box = {
                CONF_IDENTITY: user_input[CONF_IDENTITY].strip(),
                CONF_POINT: int(user_input[CONF_POINT]),
                CONF_NO_SUBPROTOCOL: user_input[CONF_NO_SUBPROTOCOL],
            }
            known = self._password_of(box[CONF_IDENTITY])
            box[CONF_PASSWORD] = typed or known or kept_secret({}, CONF_PASSWORD, self._box) or _password()
            errors = self._wrong_box(box, known)
            if not errors:
                self._new_password = box[CONF_PASSWORD] not in (known, self._box.get(CONF_PASSWORD))
                self._box = box
                listener = await self._async_listener()
                return await (
                    self.async_step_ocpp_listener() if listener.settings is None else self.async_step_ocpp_stall()
                )
        fields: Fields = {
            probatio.Required(CONF_IDENTITY): TextSelector(),
            probatio.Required(CONF_POINT, default=1): whole(1, POINTS_MOST),
            probatio.Optional(CONF_PASSWORD): SECRET_FIELD,
            probatio.Required(CONF_NO_SUBPROTOCOL, default=False): BooleanSelector(),
        }
        shown = {key: value for key, value in (user_input or self._box).items() if key != CONF_PASSWORD}
        return self.async_show_form(
            step_id="ocpp",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(fields), shown),
            errors=errors,
            last_step=False,
        )

    def _wrong_box(self, box: Mapping[str, Any], known: str | None) -> dict[str, str]:
        """Field -> error key. `known` is the password another connector of the same box has."""
        errors: dict[str, str] = {}
        if IDENTITY.fullmatch(box[CONF_IDENTITY]) is None:
            errors[CONF_IDENTITY] = "identity_impossible"
        if PASSWORD.fullmatch(box[CONF_PASSWORD]) is None:
            errors[CONF_PASSWORD] = "password_impossible"
        elif known not in (None, box[CONF_PASSWORD]):
            errors[CONF_PASSWORD] = "password_differs"
        for other in self._boxes(box[CONF_IDENTITY]):
            if other.data.get(CONF_POINT, 1) == box[CONF_POINT]:
                errors[CONF_POINT] = "point_taken"
        return errors

    def _boxes(self, identity: str) -> list[ConfigSubentry]:
        """The other stalls of the same box, in all buildings."""
        present = self._get_reconfigure_subentry() if self.source == SOURCE_RECONFIGURE else None
        return [
            stall
            for entry in self.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
            for stall in entry.get_subentries_of_type(SUBENTRY_STALL)
            if stall is not present
            and stall.data[CONF_CONNECTOR] == CONNECTOR_OCPP
            and stall.data[CONF_IDENTITY] == identity
        ]

    def _password_of(self, identity: str) -> str | None:
        return next((stall.data[CONF_PASSWORD] for stall in self._boxes(identity)), None)

    # --- where we listen ---------------------------------------------------------------------------------------

    async def async_step_ocpp_listener(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask where boxes can call us: for all stalls of all buildings."""
        listener = await self._async_listener()
        errors: dict[str, str] = {}
        if user_input is not None:
            settings = ListenerSettings(
                port=int(user_input[CONF_PORT]),
                address=_text(user_input, CONF_BIND),
                certificate=_text(user_input, CONF_CERTIFICATE),
                key=_text(user_input, CONF_KEY),
            )
            errors = await self._async_listen(listener, settings)
            if not errors and self.source == SOURCE_RECONFIGURE and not self._new_password:
                return self.async_abort(reason="ocpp_listener_changed")
            if not errors:
                return await self.async_step_ocpp_stall()
        known = listener.settings or ListenerSettings()
        fields: Fields = {
            probatio.Required(CONF_PORT, default=known.port): whole(1024, 65535),
            probatio.Optional(CONF_BIND): TextSelector(),
            probatio.Optional(CONF_CERTIFICATE): TextSelector(),
            probatio.Optional(CONF_KEY): TextSelector(),
        }
        shown = user_input or {
            CONF_PORT: known.port,
            CONF_BIND: known.address,
            CONF_CERTIFICATE: known.certificate,
            CONF_KEY: known.key,
        }
        return self.async_show_form(
            step_id="ocpp_listener",
            data_schema=self.add_suggested_values_to_schema(probatio.Schema(fields), shown),
            errors=errors,
            last_step=False,
        )

    @staticmethod
    async def _async_listen(listener: OcppListener, settings: ListenerSettings) -> dict[str, str]:
        if (settings.certificate is None) != (settings.key is None):
            missing = CONF_KEY if settings.key is None else CONF_CERTIFICATE
            return {missing: "certificate_and_key"}
        try:
            await listener.async_configure(settings)
        except CertificateUnusable:
            return {CONF_CERTIFICATE: "certificate_unusable"}
        except CannotListen:
            return {CONF_PORT: "port_unusable"}
        return {}

    async def _async_listener(self) -> OcppListener:
        if self._listener is None:
            self._listener = await async_listener(self.hass)
        return self._listener

    # --- the stall ---------------------------------------------------------------------------------------------

    async def async_step_ocpp_stall(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Say what to type into the box, and ask what every stall is asked; then its call is waited for."""
        told = await self._async_told()
        self._way = Way(
            form_step="ocpp_stall",
            label=self._box[CONF_IDENTITY],
            highest_a=MAX_UNCONTROLLED_A,
            looking="ocpp_wait",
            told=told,
        )
        if user_input is not None:
            own = {CONF_CONNECTOR: CONNECTOR_OCPP, **self._box}
            address = f"ocpp:{self._box[CONF_IDENTITY]}:{self._box[CONF_POINT]}"
            if result := await self._async_filled(user_input, own, address=address, errors={}):
                return result
        return self._show_form({}, told)

    async def _async_told(self) -> dict[str, str]:
        settings = (await self._async_listener()).settings or ListenerSettings()
        api = self.hass.config.api
        host = settings.address or (UNKNOWN_HOST if api is None else api.local_ip)
        scheme = "ws" if settings.certificate is None else "wss"
        host = f"[{host}]" if ":" in host else host
        return {
            "url": f"{scheme}://{host}:{settings.port}/",
            "identity": self._box[CONF_IDENTITY],
            "password": self._box[CONF_PASSWORD] if self._new_password else HIDDEN,
        }


def _text(user_input: Mapping[str, Any], key: str) -> str | None:
    return (user_input.get(key) or "").strip() or None


def _password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)
