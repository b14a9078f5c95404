"""What we want of a box's own configuration, and what it says of who can charge without us (OCPP 1.6 keys). Pure.

While Home Assistant is away nobody new charges (DESIGN rule 2), so a box shall let nobody in by itself: no cache of
cards, no local list, nothing offline. The residents' cards are not pushed into the box as a local list either: evshare
does not know their numbers, only keyed hashes of them. A list somebody else left in the box is put out of use.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...model import OnLoss
from ..ports import Ports
from .meter_values import REGISTER, SAMPLED
from .words import Configured, Settings

SAMPLE_S = 10
ALIGNED_S = 900
"""Idle, the register is said at each quarter hour: what flows past us is seen."""

OFFLINE_UNKNOWN = "AllowOfflineTxForUnknownId"
OFFLINE_KNOWN = "LocalAuthorizeOffline"
CARD_CACHE = "AuthorizationCacheEnabled"
LOCAL_LIST = "LocalAuthListEnabled"
ENDS_ON_UNPLUG = "StopTransactionOnEVSideDisconnect"
FEATURES = "SupportedFeatureProfiles"
LIMIT_UNITS = "ChargingScheduleAllowedChargingRateUnit"
POINTS = "NumberOfConnectors"
SAMPLED_KEY = "MeterValuesSampledData"
ALIGNED_KEY = "MeterValuesAlignedData"

ACCESS = {
    "AuthorizeRemoteTxRequests": "false",
    "LocalPreAuthorize": "false",
    OFFLINE_KNOWN: "false",
    OFFLINE_UNKNOWN: "false",
    CARD_CACHE: "false",
    LOCAL_LIST: "false",
    "StopTransactionOnInvalidId": "true",
    "MaxEnergyOnInvalidId": "0",
    ENDS_ON_UNPLUG: "true",
}
METERING = {
    "MeterValueSampleInterval": str(SAMPLE_S),
    "ClockAlignedDataInterval": str(ALIGNED_S),
}

OCPP_PORTS = Ports(
    plug=True,
    limit=True,
    gate=True,
    register=True,
    identity=True,
    on_silence=OnLoss.HOLDS,
    on_reboot=OnLoss.CLOSED,
    on_unplug=OnLoss.HOLDS,
)
"""What an OCPP box can be expected to do before it has said anything of itself."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A key to write: the values that will do, the best first."""

    key: str
    values: tuple[str, ...]


def changes(settings: Settings) -> Iterator[Change]:
    """What has to be written so that the box is as we want it. A key the box does not list is not written.

    A box that lists nothing at all is tried with everything that keeps strangers out.
    """
    for key, value in {**ACCESS, **METERING}.items():
        setting = settings.get(key)
        if (setting is None and not settings) or (
            setting is not None and not setting.readonly and setting.value.strip().lower() != value
        ):
            yield Change(key=key, values=(value,))
    for key, wanted in ((SAMPLED_KEY, SAMPLED), (ALIGNED_KEY, (REGISTER,))):
        setting = settings.get(key)
        if (setting is None and not settings) or (
            setting is not None and not setting.readonly and not _lists(setting.value, wanted)
        ):
            # Boxes refuse the whole list for one measurand they do not have.
            yield Change(key=key, values=tuple(",".join(wanted[:length]) for length in range(len(wanted), 0, -1)))


def changed(settings: Settings, change: Change, value: str, outcome: Configured) -> Settings:
    """The configuration after a write. One that waits for a reboot is not in force yet."""
    setting = settings.get(change.key)
    if outcome is not Configured.DONE or setting is None:
        return settings
    return {**settings, change.key: replace(setting, value=value)}


def says(settings: Settings, key: str, value: str) -> bool:
    """Whether a key already has this value."""
    setting = settings.get(key)
    return setting is not None and setting.value.replace(" ", "") == value


def remembers_cards(settings: Settings) -> bool:
    """Whether it keeps the cards it let in before."""
    return not settings or _true(settings, CARD_CACHE)


def features(settings: Settings) -> frozenset[str] | None:
    """The feature profiles the box has; None: it does not say."""
    setting = settings.get(FEATURES)
    if setting is None:
        return None
    return frozenset(part.strip() for part in setting.value.split(","))


def takes_limits(settings: Settings) -> bool:
    """Whether it can be told amperes. One that takes watts only is not: watts say nothing of a phase."""
    known, units = features(settings), settings.get(LIMIT_UNITS)
    return (known is None or "SmartCharging" in known) and (units is None or "current" in units.value.lower())


def points(settings: Settings) -> int | None:
    """How many connectors it has; None: it does not say."""
    setting = settings.get(POINTS)
    return int(setting.value) if setting is not None and setting.value.strip().isdecimal() else None


def on_loss(settings: Settings) -> tuple[OnLoss, OnLoss, OnLoss]:
    """What happens to the lock when we are silent, when the box reboots, and at an unplug.

    What runs goes on while we are silent. A box that admits unknown cards offline opens; so does, for all we know,
    one that does not tell its configuration. One that admits cards it knows (a cache or list that could not be put
    out of use) stays as closed as that list is.
    """
    if not settings:
        return OnLoss.OPENS, OnLoss.OPENS, OnLoss.HOLDS
    on_unplug = OnLoss.CLOSED if _true(settings, ENDS_ON_UNPLUG) else OnLoss.HOLDS
    if _true(settings, OFFLINE_UNKNOWN):
        return OnLoss.OPENS, OnLoss.OPENS, on_unplug
    by_itself = _true(settings, OFFLINE_KNOWN) and (_true(settings, CARD_CACHE) or _true(settings, LOCAL_LIST))
    return OnLoss.HOLDS, OnLoss.HOLDS if by_itself else OnLoss.CLOSED, on_unplug


def _true(settings: Settings, key: str) -> bool:
    setting = settings.get(key)
    return setting is not None and setting.value.strip().lower() == "true"


def _lists(value: str, wanted: Iterable[str]) -> bool:
    listed = {part.strip() for part in value.split(",")}
    return set(wanted) <= listed
