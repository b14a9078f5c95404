"""Where OCPP boxes call Home Assistant: one port for all buildings, open only while a stall needs it.

Its settings belong to no building, so they are kept in a store of their own; they are asked for with the first OCPP
stall. What runs at the boxes is kept in the folder of the journals, durably: an id of a transaction is never given
twice. The central system itself is `connectors.ocpp`.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, dataclass
import json
import logging
from pathlib import Path
import ssl
from typing import Any, Self

from aiohttp import web
from homeassistant.const import CONF_PASSWORD, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError, write_utf8_file_atomic
from homeassistant.util.hass_dict import HassKey

from ..connectors.clock import Clock, LoopClock
from ..connectors.ocpp import Central, Claim, OcppConnector, OcppSettings
from ..connectors.ocpp.door import Door
from ..const import CONF_IDENTITY, CONF_MAX_CURRENT_A, CONF_NO_SUBPROTOCOL, CONF_POINT, CONF_SERIAL

DEFAULT_PORT = 9000
TRY_AGAIN_S = 60.0
STOP_S = 5.0
"""How long requests may go on when the port closes."""

_LOGGER = logging.getLogger(__name__)


class CannotListen(Exception):
    """The port cannot be opened as it is set; the message says why."""


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
        self._runner: web.AppRunner | None = None
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
        return self._runner is not None

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
            if self._runner is None and self._trying is None:
                try:
                    await self._open(self._settings or ListenerSettings())
                except CannotListen as error:
                    _LOGGER.error("No OCPP box can call: %s", error)
                    self._central.problem = str(error)
                    self._trying = self._spawn(self._try_again(), "evshare OCPP port")
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
            was_open = self._runner is not None
            if was_open and settings == before:
                return
            await self._shut()
            try:
                await self._open(settings)
            except CannotListen:
                if was_open:
                    await self._open(before)
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

    async def _open(self, settings: ListenerSettings) -> None:
        context = await self._hass.async_add_executor_job(_tls, settings)
        runner = web.AppRunner(Door(self._central, self._clock).application(), access_log=None, shutdown_timeout=STOP_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, settings.address, settings.port, ssl_context=context).start()
        except OSError as error:
            await runner.cleanup()
            raise CannotListen(f"port {settings.port} cannot be opened: {error.strerror or error}") from error
        self._runner = runner
        self._central.problem = None
        _LOGGER.info("OCPP boxes can call at port %s%s", settings.port, "" if context is None else " (TLS)")

    async def _shut(self, *, for_good: bool = False) -> None:
        if self._trying is not None:
            self._trying.cancel()
            self._trying = None
        await self._central.close(for_good=for_good)
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _try_again(self) -> None:
        while True:
            await self._clock.sleep(TRY_AGAIN_S)
            async with self._changing:
                try:
                    await self._open(self._settings or ListenerSettings())
                except CannotListen as error:
                    self._central.problem = str(error)
                else:
                    self._trying = None
                    return

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
        raise CertificateUnusable(f"certificate: {settings.certificate} and its key cannot be used: {error}") from error
    return context
