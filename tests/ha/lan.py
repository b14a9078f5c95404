"""The network of a house, at the outermost edge of tests: which box answers at which address.

Sockets are real, and on loopback; only where an address leads is decided here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import errno
from ipaddress import ip_address
import socket
from typing import Any
from unittest.mock import patch

import aiohappyeyeballs
from homeassistant.helpers.service_info.dhcp import DhcpServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

_start_connection = aiohappyeyeballs.start_connection


class Lan:
    """Boxes by IP address."""

    def __init__(self) -> None:
        self._ports: dict[str, int] = {}

    def put(self, ip: str, port: int | None) -> None:
        """The box that serves this port of ours has this address from now on; None: nobody has."""
        self._ports.pop(ip, None)
        if port is not None:
            self._ports[ip] = port

    @contextmanager
    def rules(self) -> Iterator[Lan]:
        """Be the network of whoever speaks HTTP."""
        with patch("aiohttp.connector.aiohappyeyeballs.start_connection", self._connect):
            yield self

    async def _connect(self, addr_infos: Any, **options: Any) -> socket.socket:
        kind, protocol, name, (ip, *_) = addr_infos[0][1:]
        if ip == "127.0.0.1":
            return await _start_connection(addr_infos, **options)
        if ip not in self._ports:
            raise OSError(errno.EHOSTUNREACH, "no route to host")
        there = (socket.AF_INET, kind, protocol, name, ("127.0.0.1", self._ports[ip]))
        return await _start_connection([there], **options)


def asks_for_address(ip: str, mac: str, hostname: str) -> DhcpServiceInfo:
    """What Home Assistant's DHCP integration tells of a box."""
    return DhcpServiceInfo(ip=ip, hostname=hostname.lower(), macaddress=mac.lower().replace(":", ""))


def announces(ip: str, name: str, kind: str, **properties: str) -> ZeroconfServiceInfo:
    """What Home Assistant's mDNS integration tells of a box."""
    return ZeroconfServiceInfo(
        ip_address=ip_address(ip),
        ip_addresses=[ip_address(ip)],
        port=80,
        hostname=f"{name.lower()}.local.",
        type=kind,
        name=f"{name}.{kind}",
        properties=properties,
    )
