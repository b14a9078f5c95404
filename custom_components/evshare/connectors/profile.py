"""Connector profiles: one YAML file per model, interpreted by the drivers; no Python per model.

The facts come from the register guides and implementations named in each file's ``sources``. What a file may say is
in ``profile_schema.py``.
"""

from functools import cache
from pathlib import Path

from .profile_file import parse_profile
from .profile_model import Profile
from .profile_values import ProfileError

__all__ = ["PROFILE_FOLDER", "Profile", "ProfileError", "available_profiles", "load_profile", "read_profile"]

PROFILE_FOLDER = Path(__file__).parent / "profiles"


def available_profiles() -> tuple[str, ...]:
    """Ids of the profiles that come with evshare, sorted. Reads the disk: call it in an executor."""
    return tuple(sorted(path.stem for path in PROFILE_FOLDER.glob("*.yaml")))


@cache
def load_profile(profile_id: str) -> Profile:
    """Read and check one of the profiles that come with evshare. Reads the disk: call it in an executor.

    Raises:
        ProfileError: No such profile, or one that breaks the schema.
    """
    known = available_profiles()
    if profile_id not in known:
        raise ProfileError(f"connector: got {profile_id!r}; accepted: {', '.join(known)}")
    return read_profile(PROFILE_FOLDER / f"{profile_id}.yaml")


def read_profile(path: Path) -> Profile:
    """Read and check one profile file. Reads the disk: call it in an executor.

    Raises:
        ProfileError: Not readable as YAML, or it breaks the schema.
    """
    return parse_profile(path.name, path.read_text(encoding="utf-8"), _shipped)


def _shipped(profile_id: str) -> str:
    known = available_profiles()
    if profile_id not in known:
        raise ProfileError(f"extends: got {profile_id!r}; accepted: {', '.join(known)}")
    return (PROFILE_FOLDER / f"{profile_id}.yaml").read_text(encoding="utf-8")
