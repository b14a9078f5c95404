"""Law profiles: what a country's law asks of statements, as data (`law/*.toml`). The owners choose one in the office.

A profile says what is printed and what is warned of. It never says that something conforms: that is for meters and
people to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
import tomllib

from ..i18n import LANGUAGES

GENERIC = "generic"
_FOLDER = Path(__file__).parent / "law"


@dataclass(frozen=True, kw_only=True)
class LawProfile:
    """What a country's law asks."""

    code: str
    name: Mapping[str, str]
    """By language."""
    per_kwh: bool
    """Whether energy may be sold by the kilowatt-hour."""
    metrology: str
    """Class of meter wanted at shared stalls: none, mid, eichrecht."""
    retention_years: int
    """How long issued documents are kept."""
    surcharge_locked: bool
    """Whether a surcharge for a way of paying is void."""
    statement: Mapping[str, tuple[str, ...]]
    """What statements say, by language."""

    def texts(self, language: str) -> tuple[str, ...]:
        """Return what a statement in a language says."""
        return self.statement.get(language, self.statement[LANGUAGES[0]])


@cache
def law_profiles() -> Mapping[str, LawProfile]:
    """Return every profile, by code."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.toml"))}


def _read(path: Path) -> LawProfile:
    said = tomllib.loads(path.read_text())
    statement = {language: tuple(texts) for language, texts in said.pop("statement").items()}
    return LawProfile(code=path.stem, statement=statement, **said)
