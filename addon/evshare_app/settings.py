"""What the owner sets before the app runs, from the app's options file or the environment.

Precedence: `/data/options.json` (written by Home Assistant's Supervisor) over `EVSHARE_*` over the default. What owners
change while it runs (bank account, tariff, language of the building) is in the books, not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
import json
from pathlib import Path
import re
from typing import Any, Self

from yarl import URL

from .i18n import LANGUAGES

OPTIONS_FILE = Path("/data/options.json")
RELAY_PATH = "/api/evshare/portal"
"""Where Home Assistant's own address leads to the portal, if the integration relays it (docs/reach.md)."""

_SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_MAIL_ADDRESS = re.compile(r"[^@\s<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,255}")
_HOST_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_SAME_MACHINE = ("localhost", "127.0.0.1", "::1")


class SettingsError(Exception):
    """A setting cannot be used; the message names it, what came and what is accepted."""


@dataclass(frozen=True, kw_only=True)
class SmtpSettings:
    """A mail server of the owners' own."""

    host: str
    port: int
    tls: str
    """``starttls``, ``tls`` from the first byte on, or ``none`` (a relay on the same machine)."""
    sender: str
    """Address mails come from."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this installation runs. Hosts are listen addresses; URLs are what people's browsers use."""

    data_dir: Path
    portal_host: str = "0.0.0.0"  # noqa: S104 - the residents' door is meant for the network
    portal_port: int = 8100
    office_host: str = "127.0.0.1"
    office_port: int = 8099
    link_host: str = "127.0.0.1"
    link_port: int = 8101
    portal_url: str | None = None
    """Public address of the portal without a trailing slash; None: whatever address the browser used.

    Without a path, or Home Assistant's own address with `RELAY_PATH`.
    """
    office_url: str | None = None
    stripe_key: str | None = None
    """Restricted key of the owners' own Stripe account; None: bank transfer only."""
    stripe_api_base: str | None = None
    """Another Stripe API address; only the demo and tests set it."""
    language: str = LANGUAGES[0]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Reverse proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed on the portal."""
    portal_certificate: Path | None = None
    """PEM file with the portal's certificate and those between it and its root; None: the portal speaks plain HTTP."""
    portal_key: Path | None = None
    smtp_host: str | None = None
    """The mail server notices go out by; None: no e-mail. How it is used is in `smtp`."""
    smtp_port: int | None = None
    smtp_tls: str = "starttls"
    smtp_from: str = ""
    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    push_hosts: tuple[str, ...] = ()
    """Push services besides the browsers' known ones; a name stands for itself and what is under it."""
    hold_minutes: int = 15
    """How long a stall that became free is kept for whoever is next in line."""
    tap_joins: bool = True
    """Whether a card shown at a taken stall puts its holder on the waiting list, which people without a phone need."""

    @classmethod
    def load(cls, environment: Mapping[str, str], options_file: Path = OPTIONS_FILE) -> Self:
        """Read the settings. Raises `SettingsError`."""
        options = _options(options_file)
        default_dir = str(options_file.parent) if options_file.exists() else str(Path.home() / ".local/share/evshare")

        def text(name: str, default: str | None = None) -> str | None:
            value = options.get(name)
            if value in (None, ""):
                value = environment.get(f"EVSHARE_{name.upper()}") or default
            if value is not None and not isinstance(value, str):
                raise SettingsError(f"{name}: got {value!r}, accepted is a text")
            return value.strip() if value is not None else None

        def whole(name: str, default: int, least: int, most: int) -> int:
            value = options.get(name)
            if not isinstance(value, int) or isinstance(value, bool):
                value = text(name, str(default)) or str(default)
            if not str(value).isdecimal() or not least <= int(value) <= most:
                raise SettingsError(f"{name}: got {value!r}, accepted is a whole number, {least} to {most}")
            return int(value)

        def flag(name: str, default: bool) -> bool:
            value = options.get(name)
            if not isinstance(value, bool):
                value = text(name, "yes" if default else "no")
            if value not in (True, False, "yes", "no", "true", "false"):
                raise SettingsError(f"{name}: got {value!r}, accepted are yes and no")
            return value in (True, "yes", "true")

        def port(name: str, default: int) -> int:
            value = text(name, str(default)) or ""
            if not value.isdecimal() or int(value) > 65535:
                raise SettingsError(f"{name}: got {value!r}, accepted is a port number, 0 to 65535")
            return int(value)

        language = text("language", LANGUAGES[0]) or LANGUAGES[0]
        if language not in LANGUAGES:
            raise SettingsError(f"language: got {language!r}, accepted are {', '.join(LANGUAGES)}")
        stripe_key = text("stripe_key")
        if stripe_key is not None and not stripe_key.startswith(("rk_", "sk_test_")):
            # Never repeat a key in a message.
            raise SettingsError("stripe_key: accepted is a restricted key (rk_…), which cannot move money out")
        settings = cls(
            data_dir=Path(text("data_dir", default_dir) or default_dir),
            portal_host=text("portal_host", cls.portal_host) or cls.portal_host,
            portal_port=port("portal_port", cls.portal_port),
            office_host=text("office_host", cls.office_host) or cls.office_host,
            office_port=port("office_port", cls.office_port),
            link_host=text("link_host", cls.link_host) or cls.link_host,
            link_port=port("link_port", cls.link_port),
            portal_url=_portal_url(text("portal_url")),
            office_url=_url("office_url", text("office_url")),
            stripe_key=stripe_key,
            stripe_api_base=_url("stripe_api_base", text("stripe_api_base")),
            language=language,
            trusted_proxies=_networks(text("trusted_proxies") or ""),
            portal_certificate=_path(text("portal_certificate"), text("tls_dir")),
            portal_key=_path(text("portal_key"), text("tls_dir")),
            smtp_host=text("smtp_host"),
            smtp_port=whole("smtp_port", 0, 0, 65535) or None,
            smtp_tls=text("smtp_tls", cls.smtp_tls) or cls.smtp_tls,
            smtp_from=text("smtp_from", "") or "",
            smtp_user=text("smtp_user"),
            smtp_password=text("smtp_password"),
            push_hosts=_host_names("push_hosts", text("push_hosts") or ""),
            hold_minutes=whole("hold_minutes", cls.hold_minutes, 5, 120),
            tap_joins=flag("tap_joins", cls.tap_joins),
        )
        _check_smtp(settings)
        _check_tls(settings)
        return settings

    @property
    def portal_is_https(self) -> bool:
        """Whether residents reach the portal over TLS, so that cookies can be bound to it."""
        return self.portal_url is not None and self.portal_url.startswith("https:")

    @property
    def portal_base(self) -> str:
        """What the portal's own addresses start with for browsers: empty, or `RELAY_PATH`."""
        return RELAY_PATH if self.portal_url is not None and self.portal_url.endswith(RELAY_PATH) else ""

    @property
    def portal_origin(self) -> str | None:
        """The portal's public address without a path; None where none is set."""
        return None if self.portal_url is None else self.portal_url.removesuffix(RELAY_PATH)

    @property
    def passkey_domain(self) -> str | None:
        """The host passkeys are made for (RP ID); None where browsers make none.

        They want a secure context with a name: TLS at a host that is no IP address, or this very machine's `localhost`.
        """
        url = URL(self.portal_url or "")
        host = (url.host or "").lower()
        if _is_address(host) or self.portal_base:
            return None
        is_local = host == "localhost" or host.endswith(".localhost")
        return host if host and (url.scheme == "https" or is_local) else None

    @property
    def smtp(self) -> SmtpSettings | None:
        """The mail server; None where none is set."""
        if not self.smtp_host:
            return None
        return SmtpSettings(
            host=self.smtp_host,
            port=self.smtp_port or _SMTP_PORTS.get(self.smtp_tls, 0),
            tls=self.smtp_tls,
            sender=self.smtp_from,
            user=self.smtp_user,
            password=self.smtp_password,
        )

    @property
    def office_is_https(self) -> bool:
        """Whether the office is reached over TLS."""
        return self.office_url is not None and self.office_url.startswith("https:")


def _check_tls(settings: Settings) -> None:
    if (settings.portal_certificate is None) != (settings.portal_key is None):
        raise SettingsError("portal_certificate, portal_key: accepted are both or neither")
    if settings.portal_certificate is not None and (not settings.portal_is_https or settings.portal_base):
        # Else cookies and links would be made for another address than the certificate's.
        raise SettingsError(
            f"portal_url: got {settings.portal_url!r}, accepted with portal_certificate is https://host[:port]"
        )


def _path(value: str | None, folder: str | None) -> Path | None:
    """Return a file named in full, or by its name in `folder` alone."""
    return None if value is None else Path(folder or ".") / value


def _check_smtp(settings: Settings) -> None:
    smtp = settings.smtp
    if smtp is None:
        return
    if smtp.tls not in _SMTP_PORTS:
        raise SettingsError(f"smtp_tls: got {smtp.tls!r}, accepted are {', '.join(_SMTP_PORTS)}")
    if not _MAIL_ADDRESS.fullmatch(smtp.sender):
        raise SettingsError(f"smtp_from: got {smtp.sender!r}, accepted is an address such as charging@example.org")
    if (smtp.user is None) != (smtp.password is None):
        raise SettingsError("smtp_user, smtp_password: accepted are both or neither")
    if smtp.password is not None and smtp.tls == "none" and smtp.host not in _SAME_MACHINE:
        raise SettingsError("smtp_tls: got 'none', accepted with a password are starttls and tls")


def _host_names(name: str, value: str) -> tuple[str, ...]:
    hosts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    for host in hosts:
        if not _HOST_NAME.fullmatch(host) or _is_address(host):
            raise SettingsError(f"{name}: got {host!r}, accepted are host names such as push.example.org")
    return hosts


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _options(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        options = json.loads(path.read_text())
    except ValueError as error:
        raise SettingsError(f"{path}: {error}, accepted is a JSON object") from None
    if not isinstance(options, dict):
        raise SettingsError(f"{path}: got {type(options).__name__}, accepted is a JSON object")
    return options


def _url(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    accepted = "accepted is http(s)://host[:port] without a path"
    try:
        url = URL(value)
    except ValueError:
        raise SettingsError(f"{name}: got {value!r}, {accepted}") from None
    if url.scheme not in ("http", "https") or not url.host or url.path not in ("", "/") or url.query or url.fragment:
        raise SettingsError(f"{name}: got {value!r}, {accepted}")
    return str(url.origin())


def _portal_url(value: str | None) -> str | None:
    relayed = value is not None and value.startswith("https:") and value.rstrip("/").endswith(RELAY_PATH)
    origin = _url("portal_url", value.rstrip("/").removesuffix(RELAY_PATH) if relayed and value else value)
    return f"{origin}{RELAY_PATH}" if relayed else origin


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise SettingsError(f"trusted_proxies: {error}, accepted are networks such as 192.168.1.5/32") from None
