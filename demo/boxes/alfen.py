"""Alfen Eve Single and Double on a stand (connectors.md 2.3; connectors.yaml ``alfen_eve``).

Two masters at most, and a connection without requests is closed after 60 s. With ``points=2`` it is a Double: sockets
at units 1 and 2, one station at 200.
"""

from demo.boxes.model import Box, BoxModel, Kind, Manners, Site, Stranger
from demo.connectors.alfen import STATION_UNIT, VALIDITY_S, Alfen, Settings, SocketUnit, StationUnit
from demo.modbus import RegisterUnit

MAX_CLIENTS = 2
IDLE_CLOSE_S = 60
_MIN_VALIDITY_S, _MAX_VALIDITY_S = 10, 300
_BIG, _LITTLE, _LITTLE_ALL = "big", "little", "little_all"


def _settings(site: Site) -> Settings:
    options = site.options
    validity_s, word_order = options.number("validity_s"), options.word("word_order")
    if not _MIN_VALIDITY_S <= validity_s <= _MAX_VALIDITY_S:
        raise ValueError(f"options: validity_s is {validity_s}; accepted are {_MIN_VALIDITY_S} to {_MAX_VALIDITY_S}")
    if word_order not in (_BIG, _LITTLE, _LITTLE_ALL):
        raise ValueError(f"options: word_order is {word_order!r}; accepted are {_BIG!r}, {_LITTLE!r}, {_LITTLE_ALL!r}")
    return Settings(
        safe_current_a=options.number("safe_current_a"),
        validity_s=validity_s,
        phase_switching=options.flag("phase_switching"),
        availability_writable=options.flag("availability_writable"),
        low_word_first=word_order != _BIG,
        low_word_first_64=word_order == _LITTLE_ALL,
    )


def _eve(site: Site) -> Box:
    settings = _settings(site)
    sockets = [Alfen(outlet.plan, settings) for outlet in site.outlets]
    units: dict[int, RegisterUnit] = {
        number: SocketUnit(socket, outlet)
        for number, (socket, outlet) in enumerate(zip(sockets, site.outlets, strict=True), start=1)
    }
    units[STATION_UNIT] = StationUnit(site.serial)
    return Box(
        wallboxes=sockets,
        units=units,
        manners=Manners(stranger=Stranger.GATEWAY, max_clients=MAX_CLIENTS, idle_close_s=IDLE_CLOSE_S),
    )


MODELS = (
    BoxModel(
        id="alfen_eve",
        name="Alfen Eve Pro-line",
        kind=Kind.MODBUS_TCP,
        build=_eve,
        serial="ACE0200001",
        unit_id=1,
        max_points=2,
        options={
            "safe_current_a": 6,
            "validity_s": VALIDITY_S,
            "phase_switching": False,
            "availability_writable": False,
            # "little": 32-bit values low word first (manual of 05/2025), the 64-bit energy still high word first, as a
            # bus trace shows it; "little_all": that too.
            "word_order": _BIG,
        },
    ),
)
