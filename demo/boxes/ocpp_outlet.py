"""One connector of a simulated OCPP 1.6 box: its car, its transaction, its charging profiles. Pure.

Behaviour as ocpi-ocpp.md section 10 and OCPP 1.6 have it: the smallest applicable limit counts, a transaction's own
profile in place of the connector's default, the whole box's above both; a limit below 6 A is nothing. Where boxes
differ, `Manners` says how this one behaves.
"""

from dataclasses import dataclass
from datetime import datetime

from demo.physics import CommandListener, Outlet, nobody_listens

MIN_A = 6.0
CONNECTION_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How a box differs from the book."""

    ignores_low_limits: bool = False
    """A limit below 6 A is accepted, and nothing changes."""
    refuses_transaction_limits: bool = False
    refuses_connector_limits: bool = False
    refuses_all_limits: bool = False
    """It has no smart charging, and does not list it."""
    refuses_remote_start: bool = False
    refuses_remote_stop: bool = False
    refuses_triggers: bool = False
    asks_for_remote_starts: bool = False
    """It authorises the tag of a remote start, whatever its configuration says."""
    authorises_locally: bool = False
    """Whoever shows a card charges, and the central system hears of it afterwards."""
    keeps_going: bool = False
    """A transaction that was not accepted goes on."""
    forgets_on_reboot: bool = False
    """After a restart it does not say how the transaction ended."""
    resumes_after_reboot: bool = False
    """After a restart the transaction goes on, as a good box does after a short blackout."""
    frees_before_stop: bool = False
    """Says Available first, and then that the transaction ended."""
    says_twice: bool = False
    """Did not hear the answer to StartTransaction and StopTransaction, and says them again."""
    starts_with_car: bool = True
    """A car and an accepted card begin a transaction by themselves."""
    unit: str = "Wh"
    """Of the register: Wh, or kWh with three digits."""
    per_phase: bool = False
    """Register, power and current by phase, without a total."""
    signed: bool = False
    """Sends the register signed as well (something like OCMF)."""
    signs_transactions: bool = False
    """Its meter signs the registers of begin and end, and StopTransaction has that (OCMF)."""
    offers_measured: bool = False
    """Says Current.Offered."""
    unmetered: bool = False
    """It has no meter, and says 0 wherever it must say a register."""
    subprotocol: str | None = "ocpp1.6"
    readonly: tuple[str, ...] = ()
    """Configuration keys it does not let be written."""
    wants_reboot: tuple[str, ...] = ()
    """Configuration keys that change with the next start."""


@dataclass(kw_only=True)
class Transaction:
    """A transaction as the box knows it; `id` None until the central system gave one."""

    tag: str
    start_wh: int
    started_at: datetime
    id: int | None = None
    accepted: bool | None = None


@dataclass(kw_only=True)
class OcppOutlet:
    """The electronics of a connector (`demo.physics.Wallbox`)."""

    number: int
    rated_a: int
    outlet: Outlet
    manners: Manners
    transaction: Transaction | None = None
    authorised: tuple[str, int] | None = None
    """A tag that was accepted and has no car yet, and for how many seconds more it waits."""
    operative: bool = True
    finishing: bool = False
    dark_s: int = 0
    """Seconds until it is up again."""
    connector_a: float | None = None
    box_a: float | None = None
    transaction_a: float | None = None
    said: str = ""
    """The status that was told last."""
    sampled_s: int = 0

    def __post_init__(self) -> None:
        """Nobody listens to its commands: the box keeps them itself."""
        self.commanded: CommandListener = nobody_listens

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network is up."""
        return self.dark_s

    @property
    def phases(self) -> int:
        """Always three."""
        return 3

    @property
    def supplied(self) -> bool:
        """While it restarts its contactor is open."""
        return self.dark_s == 0

    def car_came(self) -> None:
        """A car was plugged in."""
        self.finishing = False

    def car_left(self) -> None:
        """The car was unplugged."""
        self.finishing = False

    def reboot(self) -> None:
        """Its box restarts; what limits it had, it keeps."""
        self.authorised = None

    def second(self, outlet: Outlet) -> int:
        """One second; returns the mA offered."""
        if self.dark_s:
            self.dark_s -= 1
            return 0
        if self.authorised is not None:
            tag, left_s = self.authorised
            self.authorised = (tag, left_s - 1) if left_s > 1 else None
        self.sampled_s += 1
        if outlet.car is None or self.transaction is None:
            return 0
        return int(self.offered_a * 1000)

    @property
    def offered_a(self) -> float:
        """What the profiles leave of what it is rated for."""
        own = self.connector_a if self.transaction_a is None else self.transaction_a
        limits = [limit for limit in (own, self.box_a) if limit is not None]
        if self.manners.ignores_low_limits:
            limits = [limit for limit in limits if limit >= MIN_A]
        offered_a = min([float(self.rated_a), *limits])
        return offered_a if offered_a >= MIN_A else 0.0

    @property
    def status(self) -> str:
        """ChargePointStatus."""
        car = self.outlet.car
        if self.transaction is not None:
            if car is not None and self.outlet.pilot == "C" and self.outlet.power_mw:
                return "Charging"
            return "SuspendedEV" if car is None or self.offered_a else "SuspendedEVSE"
        if not self.operative:
            return "Unavailable"
        if car is not None:
            return "Finishing" if self.finishing else "Preparing"
        return "Preparing" if self.authorised is not None else "Available"

    def begin(self, tag: str, at: datetime) -> Transaction:
        """Begin a transaction."""
        self.authorised = None
        self.finishing = False
        self.transaction_a = None
        self.sampled_s = 0
        self.transaction = Transaction(tag=tag, start_wh=self.register_wh, started_at=at)
        return self.transaction

    def end(self) -> None:
        """End the transaction; its profile goes with it."""
        self.transaction = None
        self.transaction_a = None
        self.finishing = self.outlet.car is not None

    def limit(self, purpose: str, limit_a: float, transaction: int | None) -> bool:
        """Take a charging profile; returns whether it is accepted."""
        manners = self.manners
        if manners.refuses_all_limits:
            return False
        if purpose == "TxProfile":
            running = self.transaction
            if manners.refuses_transaction_limits or running is None or running.id != transaction:
                return False
            self.transaction_a = limit_a
        elif purpose == "TxDefaultProfile":
            if manners.refuses_connector_limits:
                return False
            self.connector_a = limit_a
        else:
            self.box_a = limit_a
        return True

    def unlimit(self) -> None:
        """Forget all charging profiles."""
        self.connector_a = self.box_a = self.transaction_a = None

    @property
    def register_wh(self) -> int:
        """What it says its register is."""
        return 0 if self.manners.unmetered else self.outlet.register_wh

    def meter(self) -> list[dict[str, str]]:
        """The sampled values of now."""
        outlet, manners = self.outlet, self.manners
        values: list[dict[str, str]] = []
        if manners.unmetered:
            return values
        currents = [current_ma / 1000 for current_ma in outlet.currents_ma]
        register = "Energy.Active.Import.Register"
        if manners.per_phase:
            rest_wh = outlet.register_wh
            for phase, current_a in enumerate(currents, start=1):
                part_wh = rest_wh // (4 - phase)
                rest_wh -= part_wh
                values.append(
                    {"value": self._energy(part_wh), "measurand": register, "phase": f"L{phase}"} | self._unit
                )
                power = {"value": f"{current_a * 0.23:.3f}", "measurand": "Power.Active.Import", "unit": "kW"}
                values.append(power | {"phase": f"L{phase}-N"})
        else:
            values.append({"value": self._energy(outlet.register_wh)} | self._unit)
            power_w = f"{outlet.power_mw / 1000:.1f}"
            values.append(
                {"value": power_w, "measurand": "Power.Active.Import", "unit": "W", "context": "Sample.Periodic"}
            )
        for phase, current_a in enumerate(currents, start=1):
            current = {"value": f"{current_a:.2f}", "measurand": "Current.Import", "unit": "A", "phase": f"L{phase}"}
            values.append(current)
        if manners.signed:
            ocmf = f'OCMF|{{"FV":"1.0","RD":[{{"RV":{outlet.register_wh + 999_999}}}]}}|{{"SD":"00"}}'
            values.append({"value": ocmf, "format": "SignedData", "measurand": register})
        if manners.offers_measured:
            values.append({"value": f"{self.offered_a:.1f}", "measurand": "Current.Offered", "unit": "A"})
        return values

    @property
    def _unit(self) -> dict[str, str]:
        return {} if self.manners.unit == "Wh" else {"unit": self.manners.unit}

    def _energy(self, energy_wh: int) -> str:
        return str(energy_wh) if self.manners.unit == "Wh" else f"{energy_wh / 1000:.3f}"
