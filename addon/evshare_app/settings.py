"""What the owner sets before the app runs, from the app's options file or the environment.

Precedence: `/data/options.json` (written by Home Assistant's Supervisor) over `EVSHARE_*` over the default. What owners
change while it runs (bank account, tariff, language of the building) is in the books, not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
import json
from pathlib import Path
from typing import Any, Self

from yarl import URL

from .i18n import LANGUAGES

OPTIONS_FILE = Path("/data/options.json")


class SettingsError(Exception):
    """A setting cannot be used; the message names it, what came and what is accepted."""


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
    """Public address of the portal without a trailing slash; None: whatever address the browser used."""
    office_url: str | None = None
    stripe_key: str | None = None
    """Restricted key of the owners' own Stripe account; None: bank transfer only."""
    stripe_api_base: str | None = None
    """Another Stripe API address; only the demo and tests set it."""
    language: str = LANGUAGES[0]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Reverse proxies whose `X-Forwarded-For` is believed on the portal."""

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
        return cls(
            data_dir=Path(text("data_dir", default_dir) or default_dir),
            portal_host=text("portal_host", cls.portal_host) or cls.portal_host,
            portal_port=port("portal_port", cls.portal_port),
            office_host=text("office_host", cls.office_host) or cls.office_host,
            office_port=port("office_port", cls.office_port),
            link_host=text("link_host", cls.link_host) or cls.link_host,
            link_port=port("link_port", cls.link_port),
            portal_url=_url("portal_url", text("portal_url")),
            office_url=_url("office_url", text("office_url")),
            stripe_key=stripe_key,
            stripe_api_base=_url("stripe_api_base", text("stripe_api_base")),
            language=language,
            trusted_proxies=_networks(text("trusted_proxies") or ""),
        )

    @property
    def portal_is_https(self) -> bool:
        """Whether residents reach the portal over TLS, so that cookies can be bound to it."""
        return self.portal_url is not None and self.portal_url.startswith("https:")

    @property
    def office_is_https(self) -> bool:
        """Whether the office is reached over TLS."""
        return self.office_url is not None and self.office_url.startswith("https:")


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


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise SettingsError(f"trusted_proxies: {error}, accepted are networks such as 192.168.1.5/32") from None
