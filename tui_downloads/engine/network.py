"""Is there a network at all? Asked only after something failed, and without sending a packet."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from tui_downloads.core.errors import Code, DownloadError

SUSPECT = frozenset({Code.DNS_ERROR, Code.NETWORK_ERROR, Code.STALLED})
"""Errors that a missing network shows as."""
FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2600::"))
"""Addresses far away: whoever has a route to one of them has a network."""
AGAIN = 60.0
"""Seconds after which a download without a network tries all the same: a probe may be wrong."""


def has_route(host: str) -> bool:
    """Say whether the system knows a way to a host, or for a name to anywhere; nothing is sent and no name is asked."""
    host = _name(host)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return any(_route(family, far) for family, far in FAR)
    return _route(socket.AF_INET if address.version == 4 else socket.AF_INET6, str(address))


def _name(host: str) -> str:
    """Take the port off `host:port`."""
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() and name else host).strip("[]").lower()


def _route(family: int, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


class Network:
    """Tells a fault of the network from a fault of the server."""

    def __init__(self, probe: Callable[[str], bool] = has_route) -> None:
        self.probe = probe

    def down(self, error: DownloadError, host: str) -> bool:
        """Say whether an error comes from having no network."""
        return error.code in SUSPECT and error.status is None and error.retry and not self.probe(host)
