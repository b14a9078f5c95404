"""Rendering: Jinja templates in a language, and the files pages need (style, scripts, icon)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
import hashlib
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..i18n import LANGUAGE_NAMES, LANGUAGES, translations
from ..tokens import masked
from .compress import small, takes_gzip
from .formats import Formats

_HERE = Path(__file__).parent
_CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, kw_only=True)
class View:
    """What every page knows of whoever looks at it."""

    language: str
    zone: ZoneInfo
    building: str
    """The building's name; empty until the link brought it."""
    static: str
    """Address under which the door serves its files, with the slash."""
    base: str = ""
    """What our own addresses start with: empty, or Home Assistant's ingress path."""
    csrf: str = ""
    """What forms of this session carry; pages hold it only masked."""
    installable: bool = False
    """Whether a browser may keep the portal as an app: over TLS, or on the same machine."""
    who: str | None = None
    """Whose page it is; None when nobody is signed in."""

    @property
    def csrf_field(self) -> Markup:
        """Return the hidden field every form carries."""
        return Markup('<input type="hidden" name="csrf" value="{}">').format(masked(self.csrf))

    @property
    def mark(self) -> str:
        """Return our sign as an address that holds the picture itself: one request less."""
        return _MARK

    def asset(self, name: str) -> str:
        """Return the address of a static file; it changes with the file's content."""
        return self.static + _NAMES[name]


class Pages:
    """Renders the templates of one door."""

    def __init__(self, templates: Path) -> None:
        self._environments = {language: _environment(templates, language) for language in LANGUAGES}

    def text(self, template: str, view: View, **context: object) -> str:
        """Return a rendered template."""
        chosen = self._environments[view.language].get_template(template)
        return chosen.render(view=view, f=Formats(view.language, view.zone), **context)

    def page(self, template: str, view: View, *, status: int = 200, **context: object) -> web.Response:
        """Return a rendered page."""
        return web.Response(text=self.text(template, view, **context), status=status, content_type="text/html")


def shared_template(language: str, template: str, **context: object) -> str:
    """Return a template that both doors share and that needs to know nothing of the page it is put into."""
    return _environment(_HERE / "templates", language).get_template(template).render(**context)


@cache
def _environment(templates: Path, language: str) -> Environment:
    """Return the templates of a door in a language; what they compile to is the same for the whole process."""
    environment = Environment(
        loader=FileSystemLoader([templates, _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.globals["language_names"] = LANGUAGE_NAMES
    return environment


@dataclass(frozen=True, kw_only=True)
class _Asset:
    content: bytes
    content_type: str
    packed: bytes | None
    """The content gzipped; None where that saves nothing."""


def _load_assets() -> Mapping[str, _Asset]:
    assets: dict[str, _Asset] = {}
    for path in sorted((_HERE / "static").iterdir()):
        content = path.read_bytes()
        tag = hashlib.sha256(content).hexdigest()[:12]
        packed = small(content)
        assets[f"{path.stem}-{tag}{path.suffix}"] = _Asset(
            content=content,
            content_type=_CONTENT_TYPES[path.suffix],
            packed=packed if len(packed) < len(content) * 0.9 else None,
        )
    return assets


_ASSETS = _load_assets()
_MARK = "data:image/svg+xml," + quote((_HERE / "static" / "mark.svg").read_text().strip(), safe=" =:/'")
_NAMES = {f"{name.rpartition('-')[0]}{Path(name).suffix}": name for name in _ASSETS}


async def static_file(request: web.Request) -> web.Response:
    """Answer with a static file, which browsers may keep: its name says which content it is."""
    found = _ASSETS.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    content = found.content
    if found.packed is not None:
        headers["Vary"] = "Accept-Encoding"
        if takes_gzip(request):
            content = found.packed
            headers["Content-Encoding"] = "gzip"
    charset = None if found.content_type == "image/png" else "utf-8"
    return web.Response(body=content, content_type=found.content_type, charset=charset, headers=headers)
