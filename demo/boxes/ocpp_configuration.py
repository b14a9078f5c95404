"""The configuration of a simulated OCPP box: its keys as delivered, and what becomes of a write. Pure."""

from typing import Any

from demo.boxes.ocpp_outlet import Manners

CONFIGURATION = {
    "AllowOfflineTxForUnknownId": "true",
    "AuthorizationCacheEnabled": "true",
    "AuthorizeRemoteTxRequests": "true",
    "ChargingScheduleAllowedChargingRateUnit": "Current",
    "ClockAlignedDataInterval": "0",
    "HeartbeatInterval": "86400",
    "LocalAuthListEnabled": "true",
    "LocalAuthorizeOffline": "true",
    "LocalPreAuthorize": "true",
    "MeterValueSampleInterval": "60",
    "MeterValuesSampledData": "Energy.Active.Import.Register",
    "StopTransactionOnEVSideDisconnect": "true",
    "StopTransactionOnInvalidId": "true",
    "SupportedFeatureProfiles": "Core,RemoteTrigger,SmartCharging",
}
"""As delivered: as open as OCPP lets a box be."""
READONLY = ("ChargingScheduleAllowedChargingRateUnit", "NumberOfConnectors", "SupportedFeatureProfiles")
MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import")


class Configuration(dict[str, str]):
    """Keys and values; what is written in vain stays as it is."""

    def __init__(self, manners: Manners) -> None:
        """As delivered."""
        super().__init__(CONFIGURATION)
        self._manners = manners
        self._later: dict[str, str] = {}

    def on(self, key: str) -> bool:
        """Whether a key that may be true is."""
        return self[key] == "true"

    def listed(self) -> list[dict[str, Any]]:
        """The answer to GetConfiguration."""
        return [{"key": key, "readonly": self._readonly(key), "value": value} for key, value in self.items()]

    def write(self, key: str, value: str) -> str:
        """Write a key; returns the status of ChangeConfiguration. A list with a measurand it lacks is refused whole."""
        offered = ("Current.Offered",) if self._manners.offers_measured else ()
        if key not in self:
            return "NotSupported"
        if self._readonly(key):
            return "Rejected"
        if key == "MeterValuesSampledData" and not set(value.split(",")) <= {*MEASURANDS, *offered}:
            return "Rejected"
        if key in self._manners.wants_reboot:
            self._later[key] = value
            return "RebootRequired"
        self[key] = value
        return "Accepted"

    def rebooted(self) -> None:
        """What waited for a restart is in force."""
        self.update(self._later)
        self._later = {}

    def _readonly(self, key: str) -> bool:
        return key in READONLY or key in self._manners.readonly
