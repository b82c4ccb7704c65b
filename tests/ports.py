"""Ports for server programs that can't be told to take any."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST = 20_000


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens at.

    It is none of those that the system gives to outgoing connections and to port 0, so that none of them takes it
    before the server does.
    """
    try:
        highest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        highest = 49_152
    while True:
        port = random.SystemRandom().randrange(min(LOWEST, highest // 2), highest)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
