"""Where OCPP boxes call Home Assistant: one port for all buildings, open only while a stall needs it.

Its settings belong to no building, so they are kept in a store of their own; they are asked for with the first OCPP
stall. What runs at the boxes is kept in the folder of the journals, durably: an id of a transaction is never given
twice. The central system itself is `connectors.ocpp`. A port that cannot be opened while a stall needs it is tried
again every minute, and a repair issue says so until it is open.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, dataclass
import json
import logging
import os
from pathlib import Path
import ssl
from typing import Any, Self

from homeassistant.const import CONF_PASSWORD, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError, write_utf8_file_atomic
from homeassistant.util.hass_dict import HassKey

from ..connectors.clock import Clock, LoopClock
from ..connectors.ocpp import Central, Claim, OcppConnector, OcppSettings
from ..connectors.ocpp.door import Door
from ..const import CONF_IDENTITY, CONF_MAX_CURRENT_A, CONF_NO_SUBPROTOCOL, CONF_POINT, CONF_SERIAL, DOMAIN

DEFAULT_PORT = 9000
ISSUE = "ocpp_not_listening"
TRY_AGAIN_S = 60.0
STOP_S = 5.0
"""How long requests may go on when the port closes."""

_LOGGER = logging.getLogger(__name__)


class CannotListen(Exception):
    """The port cannot be opened as it is set; the message says why."""

    def __init__(self, message: str, why: str) -> None:
        """`why` is the reason alone."""
        super().__init__(message)
        self.why = why


class CertificateUnusable(CannotListen):
    """Certificate or key cannot be read, or do not belong together."""


@dataclass(frozen=True, kw_only=True)
class ListenerSettings:
    """Where and how to listen."""

    port: int = DEFAULT_PORT
    address: str | None = None
    """Of this machine; None: all its addresses."""
    certificate: str | None = None
    """Path of a PEM file; None: without TLS."""
    key: str | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """What was kept."""
        return cls(**{name: data.get(name, default) for name, default in asdict(cls()).items()})


class OcppListener:
    """The port and the boxes behind it."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Use `async_listener`."""
        self._hass = hass
        self._clock = LoopClock(dt_util.utcnow)
        self._central = Central(
            _Transactions(hass), self._clock, self._spawn, lambda: self._spawn(self._close(), "evshare OCPP closes")
        )
        self._store = Store[dict[str, Any]](hass, 1, "evshare.ocpp_listener")
        self._settings: ListenerSettings | None = None
        self._door: Door | None = None
        self._changing = asyncio.Lock()
        self._trying: asyncio.Task[None] | None = None
        self._loaded = False

    @property
    def settings(self) -> ListenerSettings | None:
        """How it is set up; None: nobody was asked yet."""
        return self._settings

    @property
    def listening(self) -> bool:
        """The port is open."""
        return self._door is not None

    async def async_load(self) -> None:
        """Read settings and transactions, once."""
        async with self._changing:
            if not self._loaded:
                kept = await self._store.async_load()
                self._settings = None if kept is None else ListenerSettings.from_data(kept)
                await self._central.load()
                self._loaded = True

    async def async_claim(self, identity: str, password: str, *, bare: bool) -> Claim:
        """Know a box, and listen for it; a port that cannot be opened is tried again.

        Raises:
            ValueError: a name or password no box can have.
        """
        claim = self._central.claim(identity, password, bare=bare)
        async with self._changing:
            if self._door is None and self._trying is None:
                await self._open_sometime()
        return claim

    def release(self, claim: Claim) -> None:
        """Let go of a box."""
        self._central.release(claim)

    async def async_configure(self, settings: ListenerSettings) -> None:
        """Listen in another way from now on; boxes that are connected have to call again.

        Raises:
            CannotListen: it cannot; nothing changed.
        """
        async with self._changing:
            before = self._settings or ListenerSettings()
            if self._door is not None and settings == before:
                return
            needed = self._door is not None or self._trying is not None
            await self._shut()
            try:
                await self._open(settings)
            except CannotListen:
                if needed:
                    await self._open_sometime()
                raise
            self._settings = settings
            await self._store.async_save(asdict(settings))
            if not self._central.boxes:
                await self._shut()

    async def async_stop(self) -> None:
        """Home Assistant stops."""
        async with self._changing:
            await self._shut(for_good=True)

    async def _close(self) -> None:
        """No stall needs it any more."""
        async with self._changing:
            if not self._central.boxes:
                await self._shut()

    async def _open_sometime(self) -> None:
        """Open as it is set, now or when it can be."""
        try:
            await self._open(self._settings or ListenerSettings())
        except CannotListen as error:
            _LOGGER.error("No OCPP box can call: %s", error)
            self._told(error)
            self._trying = self._spawn(self._try_again(), "evshare OCPP port")

    async def _open(self, settings: ListenerSettings) -> None:
        context = await self._hass.async_add_executor_job(_tls, settings)
        door = Door(self._central, self._clock)
        try:
            await door.open(settings.address, settings.port, context)
        except OSError as error:
            # What asyncio makes of it is long, and names the address again.
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else error.strerror or str(error)
            raise CannotListen(f"port {settings.port} cannot be opened: {why}", why) from error
        self._door = door
        self._told(None)
        _LOGGER.info("OCPP boxes can call at port %s%s", settings.port, "" if context is None else " (TLS)")

    async def _shut(self, *, for_good: bool = False) -> None:
        if self._trying is not None:
            self._trying.cancel()
            self._trying = None
            self._told(None)
        await self._central.close(for_good=for_good)
        door, self._door = self._door, None
        if door is not None:
            await door.close(STOP_S)

    async def _try_again(self) -> None:
        while True:
            await self._clock.sleep(TRY_AGAIN_S)
            async with self._changing:
                try:
                    await self._open(self._settings or ListenerSettings())
                except CannotListen as error:
                    self._told(error)
                else:
                    self._trying = None
                    return

    def _told(self, problem: CannotListen | None) -> None:
        """Say why no box can call, to whoever asks a stall and where HA's admins look; None: they can, or need not."""
        self._central.problem = None if problem is None else str(problem)
        if problem is None:
            ir.async_delete_issue(self._hass, DOMAIN, ISSUE)
            return
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            ISSUE,
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key=ISSUE,
            translation_placeholders={
                "port": str((self._settings or ListenerSettings()).port),
                "why": problem.why,
            },
        )

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        return self._hass.async_create_background_task(work, name)


_LISTENER: HassKey[OcppListener] = HassKey("evshare_ocpp")


async def async_listener(hass: HomeAssistant) -> OcppListener:
    """The listener of this Home Assistant, ready to be claimed; it opens with the first claim."""
    listener = hass.data.get(_LISTENER)
    if listener is None:
        listener = hass.data[_LISTENER] = OcppListener(hass)

        async def stop(_: Event) -> None:
            await listener.async_stop()

        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop)
    await listener.async_load()
    return listener


async def async_ocpp_connector(hass: HomeAssistant, settings: Mapping[str, Any], clock: Clock) -> OcppConnector:
    """The connector of a stall whose box calls us; from now on it is let in.

    Raises:
        ValueError: a setting no box can have; the message begins with its name.
    """
    own = OcppSettings(
        point=settings.get(CONF_POINT) or 1,
        max_current_a=settings[CONF_MAX_CURRENT_A],
        serial=settings.get(CONF_SERIAL),
    )
    listener = await async_listener(hass)
    bare = bool(settings.get(CONF_NO_SUBPROTOCOL))
    claim = await listener.async_claim(settings[CONF_IDENTITY], settings[CONF_PASSWORD], bare=bare)
    try:
        return OcppConnector(claim.box, own, clock, lambda: listener.release(claim))
    except ValueError:
        listener.release(claim)
        raise


class _Transactions:
    """The file that keeps the transactions (`connectors.ocpp.transactions.Store`)."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._path = Path(hass.config.path("evshare", "ocpp_transactions.json"))

    async def load(self) -> Mapping[str, Any] | None:
        """What was kept; a file that cannot be read is as good as none."""
        return await self._hass.async_add_executor_job(self._read)

    async def save(self, content: Mapping[str, Any]) -> None:
        """Keep it, through to the disk. Raises OSError."""
        await self._hass.async_add_executor_job(self._write, json.dumps(content))

    def _read(self) -> Mapping[str, Any] | None:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _LOGGER.error("What was kept of OCPP transactions cannot be read: %s", error)
            return None
        return content if isinstance(content, dict) else None

    def _write(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_utf8_file_atomic(str(self._path), text, private=True)
        except WriteError as error:
            raise OSError(str(error)) from error


def _tls(settings: ListenerSettings) -> ssl.SSLContext | None:
    """Blocks: reads the files."""
    if settings.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:
        why = f"{settings.certificate} and its key cannot be used: {error}"
        raise CertificateUnusable(f"certificate: {why}", why) from error
    return context
