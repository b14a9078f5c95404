"""The boxes the scenarios are played with, and what the sources say of each: by hand, never taken from a profile.

Facts are from the connector reference: its table 2.0 (silence, cards, registers), 2.1 to 2.11 and 3.5 (requests of a
fast poll). What `alone` names is what a running session sees when Home Assistant is dead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from custom_components.evshare.model import LockQuality


class Alone(StrEnum):
    """What a box does with a running session while nobody talks to it."""

    GOES_ON = "goes on"  # with the current it had
    SHARE = "goes on with the safe share"
    CUT = "is cut"
    FULL = "goes on with its own current"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model, reached in one way."""

    id: str
    model: str
    """Of the simulated box."""
    profile: str
    lock: LockQuality
    """Once set-up has prepared it."""
    alone: Alone
    stranger_alone: bool
    """Whether a stranger gets energy while Home Assistant is dead."""
    reboot_closed: bool
    """Whether a restarted box gives a stranger nothing until we are back."""
    requests: int
    """The most requests of one poll without a car, where holes of its register map can be read across."""
    transport: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    counts: bool = True
    """It counts the energy since the plug-in by itself, so that another plug-in is noticed afterwards."""
    serial: bool = True
    """It tells a serial number."""
    card: str | None = None
    """What its reader makes of the card 04A2B3C4D5E680; None: no reader, or one that cannot be told from a leftover."""
    limit: bool = True
    """Its current can be set."""
    resolution_wh: Decimal | None = Decimal(1)
    """Step of the register that is billed from; None: it has none, and a meter stands in front."""
    wraps_wh: Decimal | None = None
    """Where that register begins at 0 again; None: not in the life of a box."""
    contactor_in_front: bool = False
    relay: bool = False
    """It is a contactor itself, so nobody sees a plug while it is open."""
    lockout_s: float = 0
    """After a lost connection it refuses new ones for so long."""

    @property
    def front_meter(self) -> bool:
        """Whether an external meter counts."""
        return self.resolution_wh is None

    @property
    def dark_gate(self) -> bool:
        """Whether the gate hides the plug while it is closed."""
        return self.contactor_in_front or self.relay


U32 = Decimal(2**32)
UID = "04A2B3C4D5E680"

CASES = (
    # 2.1: 1036 in 0.1 Wh, 32 bits; 1500 keeps the first 4 bytes; 5016/5018 follow the session; open after a reboot.
    Case(
        id="KEBA P30",
        model="keba_p30",
        profile="keba_p30",
        lock=LockQuality.HELD,
        alone=Alone.SHARE,
        stranger_alone=False,
        reboot_closed=False,
        requests=3,
        card="04A2B3C4",
        wraps_wh=U32 / 10,
    ),
    # 2.2: acs=1 and a transaction: closed after reboot and unplug; eto in Wh.
    Case(
        id="go-e HTTP",
        model="goe_http_v2",
        profile="goe_http_v2",
        lock=LockQuality.ENFORCED,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=True,
        requests=1,
    ),
    # 2.3: safe current after the validity; here the installer set it to 6 A, as delivered.
    Case(
        id="Alfen Eve",
        model="alfen_eve",
        profile="alfen_eve",
        counts=False,
        lock=LockQuality.DETECT_AND_BILL,
        alone=Alone.SHARE,
        stranger_alone=True,
        reboot_closed=False,
        requests=2,
    ),
    Case(
        id="Alfen Eve, safe current 0",
        model="alfen_eve",
        profile="alfen_eve",
        options={"safe_current_a": 0},
        counts=False,
        lock=LockQuality.HELD,
        alone=Alone.CUT,
        stranger_alone=False,
        reboot_closed=True,
        requests=2,
    ),
    # 1.4, 1.5: only looked at; a contactor is its gate, a meter its register.
    Case(
        id="Tesla Gen 3 and contactor",
        model="tesla_twc3",
        profile="tesla_twc3",
        options={"contactor": True},
        counts=False,
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=True,
        requests=1,
        limit=False,
        resolution_wh=None,
        contactor_in_front=True,
    ),
    # 2.10: hold; what the setpoint is after a restart is not documented.
    Case(
        id="Peblar REST",
        model="peblar_rest",
        profile="peblar_rest",
        settings={"token": "0123456789abcdef0123456789abcdef"},
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=3,
    ),
    # 2.11: one current transformer; an override does not survive a restart.
    Case(
        id="OpenEVSE",
        model="openevse_http",
        profile="openevse_http",
        options={"three_phase": False},
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=1,
    ),
    Case(
        id="SmartEVSE",
        model="smartevse3_http",
        profile="smartevse3_http",
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=1,
        serial=False,
    ),
    Case(
        id="NRGkick HTTP",
        model="nrgkick_gen2_http",
        profile="nrgkick_gen2_http",
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=2,
    ),
    # 2.11: the external slot with default 0 and clear_on_disconnect: closed after every reboot and unplug, without us.
    Case(
        id="WARP HTTP",
        model="warp_http",
        profile="warp_http",
        counts=False,
        lock=LockQuality.ENFORCED,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=True,
        requests=3,
        card=UID,
    ),
    # shelly: toggle_after opens the relay by itself; initial_state off after a power cut.
    Case(
        id="Shelly relay with contactor",
        model="shelly_gen2_contactor",
        profile="shelly_gen2_contactor",
        counts=False,
        lock=LockQuality.ENFORCED,
        alone=Alone.CUT,
        stranger_alone=False,
        reboot_closed=True,
        requests=3,
        limit=False,
        relay=True,
    ),
    # 2.1: the current is the gate; cards are read only while its own authorisation is on, which here it is not.
    Case(
        id="KEBA P40",
        model="keba_p40",
        profile="keba_p40",
        lock=LockQuality.HELD,
        alone=Alone.SHARE,
        stranger_alone=False,
        reboot_closed=False,
        requests=3,
        wraps_wh=U32 / 10,
    ),
    # 2.2: 337 is lost with a restart; its register counts in steps of 100 Wh; a map with holes.
    Case(
        id="go-e Modbus",
        model="goe_modbus",
        profile="goe_modbus",
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=2,
        resolution_wh=None,
    ),
    # 2.4: one read of 33 registers; without requests it goes into an error and stops; no lifetime register.
    Case(
        id="ABB Terra AC",
        model="abb_terra_ac",
        profile="abb_terra_ac",
        lock=LockQuality.HELD,
        alone=Alone.CUT,
        stranger_alone=False,
        reboot_closed=False,
        requests=1,
        resolution_wh=None,
    ),
    # 2.9: failsafe 262 answers silence and restart, in a session with the safe share; it counts VAh.
    Case(
        id="Heidelberg, serial line",
        model="heidelberg_ec",
        profile="heidelberg_ec",
        transport="modbus_rtu",
        counts=False,
        lock=LockQuality.HELD,
        alone=Alone.SHARE,
        stranger_alone=False,
        reboot_closed=True,
        requests=1,
        serial=False,
        resolution_wh=None,
    ),
    Case(
        id="Heidelberg, RTU over TCP",
        model="heidelberg_ec",
        profile="heidelberg_ec",
        transport="modbus_rtu_over_tcp",
        counts=False,
        lock=LockQuality.HELD,
        alone=Alone.SHARE,
        stranger_alone=False,
        reboot_closed=True,
        requests=1,
        serial=False,
        resolution_wh=None,
    ),
    # 2.5: the heartbeat holds limit and release; silence ends charging.
    Case(
        id="Mennekes Compact",
        model="mennekes_compact",
        profile="mennekes_compact",
        transport="modbus_rtu",
        lock=LockQuality.ENFORCED,
        alone=Alone.CUT,
        stranger_alone=False,
        reboot_closed=True,
        requests=3,
    ),
    # 2.5: hold; session energy only.
    Case(
        id="Mennekes Xtra",
        model="mennekes_hcc3",
        profile="mennekes_hcc3",
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=2,
        resolution_wh=None,
    ),
    # 2.6: safe current 131 after 132 seconds; 720 is the idTag of the current session.
    Case(
        id="Bender CC612",
        model="bender_cc612",
        profile="bender_cc612",
        lock=LockQuality.HELD,
        alone=Alone.SHARE,
        stranger_alone=False,
        reboot_closed=False,
        requests=2,
        serial=False,
        card=UID,
    ),
    Case(
        id="Bender ICC, 4You 500",
        model="bender_icc_4you",
        profile="bender_icc_4you",
        lock=LockQuality.HELD,
        alone=Alone.SHARE,
        stranger_alone=False,
        reboot_closed=False,
        requests=2,
        serial=False,
        card=UID,
    ),
    # 2.7: what silence does is set in its web page and cannot be read, so the worst is said; here it holds.
    Case(
        id="Phoenix CHARX",
        model="phoenix_charx",
        profile="phoenix_charx",
        lock=LockQuality.DETECT_AND_BILL,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=2,
        serial=False,
        card=UID,
    ),
    # 2.8: the failsafe current begins at 6 A, so silence opens it.
    Case(
        id="Webasto NEXT",
        model="webasto_next",
        profile="webasto_next",
        lock=LockQuality.DETECT_AND_BILL,
        alone=Alone.SHARE,
        stranger_alone=True,
        reboot_closed=False,
        requests=2,
        serial=False,
        card=UID,
    ),
    # 2.8: silence closes the socket and applies the failsafe current; no new connection until its time is over.
    Case(
        id="Webasto Unite, Vestel",
        model="vestel_evc04",
        profile="vestel_evc04",
        lock=LockQuality.HELD,
        alone=Alone.SHARE,
        stranger_alone=False,
        reboot_closed=False,
        requests=3,
        card=UID,
        resolution_wh=None,
        lockout_s=45,  # up to 20 s until it misses the life bit, and 20 s more
    ),
    Case(
        id="Peblar Modbus",
        model="peblar_modbus",
        profile="peblar_modbus",
        counts=False,
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=2,
    ),
    Case(
        id="NRGkick Modbus",
        model="nrgkick_gen2_modbus",
        profile="nrgkick_gen2_modbus",
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=3,
    ),
    # 2.11: its own Modbus table has no default to boot with.
    Case(
        id="WARP Modbus",
        model="warp_modbus",
        profile="warp_modbus",
        lock=LockQuality.HELD,
        alone=Alone.GOES_ON,
        stranger_alone=False,
        reboot_closed=False,
        requests=3,
        card=UID,
        serial=False,
    ),
)
