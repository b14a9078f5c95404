"""Connector profiles: one YAML file per model, interpreted by the drivers; no Python per model.

An owner may have more of them in a folder of their own. Nobody answers for those: what they claim of themselves is not
taken over, and each is read anew whenever a connector is built.

The facts come from the register guides and implementations named in each file's ``sources``. What a file may say is
in ``profile_schema.py``.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

from .profile_file import parse_profile
from .profile_model import Profile
from .profile_values import FAILSAFE_POINTS, ProfileError, Support

__all__ = [
    "OWN",
    "PROFILE_FOLDER",
    "Profile",
    "ProfileError",
    "available_profiles",
    "load_profile",
    "own_profiles",
    "read_profile",
    "sets_failsafe",
]

PROFILE_FOLDER = Path(__file__).parent / "profiles"
OWN = "own:"
"""Begins the id of a profile of the owner's own, before the name of its file."""


def available_profiles() -> tuple[str, ...]:
    """Ids of the profiles that come with evshare, sorted. Reads the disk: call it in an executor."""
    return tuple(sorted(path.stem for path in PROFILE_FOLDER.glob("*.yaml")))


def own_profiles(folder: Path) -> tuple[str, ...]:
    """Ids of the profiles in an owner's folder, sorted, unread. Reads the disk: call it in an executor."""
    return tuple(sorted(f"{OWN}{path.stem}" for path in folder.glob("*.yaml")))


def load_profile(profile_id: str, own: Path | None = None) -> Profile:
    """Read and check a profile that comes with evshare, or one of the folder `own`. Call it in an executor.

    Raises:
        ProfileError: No such profile, or one that breaks the schema.
    """
    return _load_own(profile_id, own) if profile_id.startswith(OWN) else _load_shipped(profile_id)


def _load_own(profile_id: str, folder: Path | None) -> Profile:
    if folder is None or profile_id not in own_profiles(folder):
        name = f"{profile_id.removeprefix(OWN)}.yaml"
        raise ProfileError(f"connector: got {name}, which is not there; accepted: a file in {folder or 'a folder'}")
    path = folder / f"{profile_id.removeprefix(OWN)}.yaml"
    try:
        profile = read_profile(path)
    except ProfileError:
        raise
    except Exception as error:  # whatever stands in a file that we did not write, it is the file that is at fault
        raise ProfileError(f"{path.name}: not readable: {error or type(error).__name__}") from error
    return _nobodys(profile, profile_id)


def _nobodys(profile: Profile, profile_id: str) -> Profile:
    """The same as a profile that nobody answers for, and that is not looked for on the network."""
    variants = tuple(replace(one, profile=_nobodys(one.profile, profile_id)) for one in profile.variants)
    return replace(profile, id=profile_id, support=Support.EXPERIMENTAL, checked=False, discovery=(), variants=variants)


@cache
def _load_shipped(profile_id: str) -> Profile:
    known = available_profiles()
    if profile_id not in known:
        raise ProfileError(f"connector: got {profile_id!r}; accepted: {', '.join(known)}")
    return read_profile(PROFILE_FOLDER / f"{profile_id}.yaml")


def sets_failsafe(profile: Profile) -> bool:
    """Whether evshare programs what such a connector does when nobody talks to it."""
    if not profile.commands.keys().isdisjoint(("set_failsafe_current", "set_watchdog_timeout")):
        return True
    prepared = profile.commands["prepare"].steps if "prepare" in profile.commands else ()
    return any(step.unless is not None and step.unless.point in FAILSAFE_POINTS for step in prepared)


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
