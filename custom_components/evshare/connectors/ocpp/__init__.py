"""Boxes that speak only OCPP: an embedded central system, a transport like Modbus or HTTP.

The box is the client: it calls us over a WebSocket, with its name and password. What a version of OCPP says stands in
its dialect (`dialect16.py`); everything else (cards, transactions, limits, meter values) knows no version, so that
2.0.1 is one dialect more. Where the door (`door.py`) stands, and whether it is open, says Home Assistant's room
(`building/ocpp_listener.py`). Facts: OCPP 1.6 and OCPP-J 1.6 (reference ocpi-ocpp.md, section 10), the enums of the
`ocpp` package.
"""

from .central import IDENTITY, PASSWORD, Central, Claim, Entrance
from .configuration import OCPP_PORTS
from .connector import OcppConnector, OcppSettings
from .dialect16 import SUBPROTOCOL

__all__ = [
    "IDENTITY",
    "OCPP_PORTS",
    "PASSWORD",
    "SUBPROTOCOL",
    "Central",
    "Claim",
    "Entrance",
    "OcppConnector",
    "OcppSettings",
]
