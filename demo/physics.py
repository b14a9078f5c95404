"""What flows in the building, second by second, in integers: the truth every other program is measured against.

State changes only on whole seconds of the owner's clock, so a run does not depend on how often anyone looks. Powers are
mW and energies mWs (1 Wh = 3 600 000 mWs): sums are exact, the feeder's balance holds to the milliwatt-second. No
clock, no socket; wall connectors take part through `Wallbox`, their wire protocols live elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from demo.battery import Battery
from demo.car import MAINS_V, MWS_PER_WH, Car
from demo.stalls import BuildingPlan, Place
from demo.weather import Weather

QUARTER_S = 900
SPARED_W = 4_500
"""A car on three phases begins at 6 A, 4140 W."""
MAX_JUMP_S = 62 * 86_400
"""A clock that leaps further is broken, not busy."""


type CommandListener = Callable[[str, Any], None]
"""Told the register, key or contactor that was written and its value (a number or a text) as it is accepted."""


def nobody_listens(_what: str, _value: object) -> None:
    """The listener of a wall connector that nobody watches."""


class Wallbox(Protocol):
    """The electronics of a wall connector."""

    commanded: CommandListener

    @property
    def reachable_in_s(self) -> int | None:
        """Seconds until its network interface is up: 0 now, None not before something else happens."""

    @property
    def phases(self) -> int:
        """On how many phases it offers current now."""

    @property
    def supplied(self) -> bool:
        """Whether mains reach the car's socket at all (a contactor in front may cut it)."""

    def second(self, outlet: Outlet) -> int:
        """Live one second; returns the current offered to the car in mA, 0 for none."""

    def car_came(self) -> None:
        """A car was plugged in."""

    def car_left(self) -> None:
        """The car was unplugged."""

    def reboot(self) -> None:
        """Restart, losing what is not stored."""


@dataclass(kw_only=True)
class Outlet:
    """The place where wall connector, car and billing register meet."""

    plan: Place
    car: Car | None = None
    offered_ma: int = 0
    currents_ma: tuple[int, int, int] = (0, 0, 0)
    """Drawn on the connector's L1, L2, L3."""
    delivered_mws: int = 0
    """Everything that ever flowed here; no reset touches it."""
    session_mws: int = 0
    """What flowed since the last plug-in; kept after unplugging until the next car."""
    register_mws: int = 0
    """The cumulative register of the stall."""
    epochs: list[tuple[int, int]] = field(default_factory=list)
    """Start and end in Wh of the register's finished lives."""
    _epoch_start_wh: int = 0

    def __post_init__(self) -> None:
        """Let the register begin where the plan says."""
        self._epoch_start_wh = self.plan.register_start_wh
        self.register_mws = self.plan.register_start_wh * MWS_PER_WH

    @property
    def power_mw(self) -> int:
        """Drawn now, all phases."""
        return sum(self.currents_ma) * MAINS_V

    @property
    def register_wh(self) -> int:
        """The register in whole Wh, rounded down."""
        return self.register_mws // MWS_PER_WH

    @property
    def pilot(self) -> str:
        """IEC 61851-1 state between car and socket: A no car, B plugged, C the car closed its contactor."""
        if self.car is None:
            return "A"
        return "C" if self.car.ready and self.offered_ma else "B"

    @property
    def all_epochs(self) -> tuple[tuple[int, int], ...]:
        """Start and end in Wh of every life of the register, the running one last."""
        return (*self.epochs, (self._epoch_start_wh, self.register_wh))

    def reset_register(self, to_wh: int = 0) -> None:
        """Let the register begin again at 0 (a swap, a lost EEPROM) or where `to_wh` says."""
        self.epochs.append((self._epoch_start_wh, self.register_wh))
        self._epoch_start_wh = to_wh
        self.register_mws = to_wh * MWS_PER_WH

    def plug(self, car: Car, wallbox: Wallbox) -> None:
        """Plug `car` in; raises ValueError when the place is taken."""
        if self.car is not None:
            raise ValueError(f"{self.plan.id}: {self.car.name} is already plugged in")
        car.cut_off()
        self.car, self.session_mws = car, 0
        wallbox.car_came()

    def unplug(self, wallbox: Wallbox) -> Car:
        """Take the car away; raises ValueError when there is none."""
        car = self.car
        if car is None:
            raise ValueError(f"{self.plan.id}: no car to unplug")
        car.cut_off()
        self.car, self.currents_ma, self.offered_ma = None, (0, 0, 0), 0
        wallbox.car_left()
        return car

    def second(self, wallbox: Wallbox) -> None:
        """Let one second pass between wall connector and car."""
        self.offered_ma = wallbox.second(self)
        self.currents_ma = (0, 0, 0)
        if self.car is None:
            return
        if not wallbox.supplied:
            self.car.cut_off()
        drawn_ma = self.car.second(self.offered_ma, wallbox.phases)
        wired = self.car.wired_phases(wallbox.phases)
        self.currents_ma = (drawn_ma, drawn_ma if wired == 3 else 0, drawn_ma if wired == 3 else 0)
        energy_mws = self.power_mw
        self.delivered_mws += energy_mws
        self.session_mws += energy_mws
        self.register_mws += energy_mws


class Totals(NamedTuple):
    """The registers of the house's meters."""

    import_mws: int
    export_mws: int
    pv_mws: int
    battery_in_mws: int
    battery_out_mws: int


@dataclass(kw_only=True)
class Feeder:
    """The building's connection to the grid and its meters. Import and draw positive."""

    pv_mw: int = 0
    house_mw: tuple[int, int, int] = (0, 0, 0)
    phases_mw: tuple[int, int, int] = (0, 0, 0)
    """Net power of supply phases 1..3."""
    import_mws: int = 0
    export_mws: int = 0
    pv_mws: int = 0
    house_mws: int = 0
    battery_mw: int = 0
    """What the house's battery gives now, negative while it takes."""
    battery_in_mws: int = 0
    battery_out_mws: int = 0
    peak_ma: tuple[int, int, int] = (0, 0, 0)
    """Highest current seen on each phase."""
    overload_s: int = 0
    """Seconds in which some phase carried more than the fuse's rating."""

    @property
    def grid_mw(self) -> int:
        """Net power at the grid connection, export negative."""
        return sum(self.phases_mw)

    @property
    def currents_ma(self) -> tuple[int, int, int]:
        """Net current of each phase, export negative, rounded towards zero."""
        l1, l2, l3 = (int(power_mw / MAINS_V) for power_mw in self.phases_mw)
        return l1, l2, l3

    @property
    def totals_mws(self) -> Totals:
        """What the house's meters counted until now."""
        return Totals(
            import_mws=self.import_mws,
            export_mws=self.export_mws,
            pv_mws=self.pv_mws,
            battery_in_mws=self.battery_in_mws,
            battery_out_mws=self.battery_out_mws,
        )

    def second(
        self,
        *,
        pv_mw: int,
        house_mw: tuple[int, int, int],
        stalls_mw: tuple[int, int, int],
        fuse_a: int,
        battery_mw: int = 0,
    ) -> None:
        """Let one second of load, sun and battery flow; the latter two feed all phases alike.

        The meter nets the phases (saldierend), as German grid meters do.
        """
        third_mw, rest_mw = divmod(pv_mw + battery_mw, 3)
        fed_mw = (third_mw + rest_mw, third_mw, third_mw)
        l1, l2, l3 = (house + stalls - fed for house, stalls, fed in zip(house_mw, stalls_mw, fed_mw, strict=True))
        self.pv_mw, self.house_mw, self.phases_mw = pv_mw, house_mw, (l1, l2, l3)
        self.import_mws += max(self.grid_mw, 0)
        self.export_mws += max(-self.grid_mw, 0)
        self.pv_mws += pv_mw
        self.house_mws += sum(house_mw)
        self.battery_mw = battery_mw
        self.battery_in_mws += max(-battery_mw, 0)
        self.battery_out_mws += max(battery_mw, 0)
        p1, p2, p3 = (max(peak, abs(now)) for peak, now in zip(self.peak_ma, self.currents_ma, strict=True))
        self.peak_ma = (p1, p2, p3)
        if max(abs(current_ma) for current_ma in self.currents_ma) > fuse_a * 1000:
            self.overload_s += 1


class SimulatedBuilding:
    """Stalls, sun, house and feeder under one clock. Same plan and same calls give the same run."""

    def __init__(self, plan: BuildingPlan, start: datetime, wallboxes: dict[str, Wallbox]) -> None:
        """Begin at `start` (aware). `wallboxes` are the electronics by stall id."""
        self.plan = plan
        self.wallboxes = wallboxes
        self.outlets = {stall.id: Outlet(plan=stall) for stall in plan.stalls}
        self.feeder = Feeder()
        self.battery = (
            Battery(
                capacity_wh=plan.battery_wh,
                power_w=plan.battery_w,
                spared_w=SPARED_W,
                held_mws=plan.battery_wh * MWS_PER_WH // 2,
            )
            if plan.battery_wh
            else None
        )
        self.totals_at: dict[int, Totals] = {}
        """The registers of the house's meters at each quarter hour (Unix time)."""
        self._zone = ZoneInfo(plan.time_zone)
        self._second = whole_second(start)
        self._weather = Weather(
            seed=plan.seed,
            latitude=plan.latitude,
            longitude=plan.longitude,
            time_zone=plan.time_zone,
            pv_peak_w=plan.pv_peak_w,
            cloudiness=plan.cloudiness,
            house_w=plan.house_w,
        )
        self._meter_feeder()

    @property
    def second(self) -> int:
        """The last whole second (Unix time) that has happened."""
        return self._second

    def advance(self, to: datetime) -> None:
        """Let everything happen up to `to`; a moment already past changes nothing.

        Raises:
            ValueError: `to` is naive, or further away than `MAX_JUMP_S`.
        """
        until = whole_second(to)
        if until - self._second > MAX_JUMP_S:
            raise ValueError(f"to: {to.isoformat()} is {until - self._second} s ahead; at most {MAX_JUMP_S} s at once")
        while self._second < until:
            self._second += 1
            for stall_id, outlet in self.outlets.items():
                outlet.second(self.wallboxes[stall_id])
            self._meter_feeder()

    def plug(self, stall_id: str, car: Car) -> None:
        """Plug `car` in; raises ValueError when the stall is taken or the car stands elsewhere."""
        for stall, other in self.outlets.items():
            if other.car is car and stall != stall_id:
                raise ValueError(f"{car.name} is plugged in at {stall}")
        self.outlets[stall_id].plug(car, self.wallboxes[stall_id])

    def unplug(self, stall_id: str) -> Car:
        """Take the car away; raises ValueError when there is none."""
        return self.outlets[stall_id].unplug(self.wallboxes[stall_id])

    def true_register_wh(self, stall_id: str) -> int:
        """What the stall's cumulative register truly holds, in whole Wh."""
        return self.outlets[stall_id].register_wh

    def _meter_feeder(self) -> None:
        phases_mw = [0, 0, 0]
        for outlet in self.outlets.values():
            for supply_phase, current_ma in zip(outlet.plan.phase_map, outlet.currents_ma, strict=True):
                phases_mw[supply_phase - 1] += current_ma * MAINS_V
        pv_mw, house_mw = self._weather.pv_mw(self._second), self._weather.house_mw(self._second)
        battery_mw = 0
        if self.battery is not None:
            hour = datetime.fromtimestamp(self._second, self._zone).hour
            battery_mw = self.battery.second(surplus_mw=pv_mw - sum(house_mw) - sum(phases_mw), hour=hour)
        self.feeder.second(
            pv_mw=pv_mw,
            house_mw=house_mw,
            stalls_mw=(phases_mw[0], phases_mw[1], phases_mw[2]),
            fuse_a=self.plan.fuse_a,
            battery_mw=battery_mw,
        )
        if self._second % QUARTER_S == 0:
            self.totals_at[self._second] = self.feeder.totals_mws


def whole_second(moment: datetime) -> int:
    """Unix time of the last whole second; raises ValueError for a naive `moment`."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; give an aware datetime")
    return int(moment.timestamp() // 1)
