"""Handles by reach: made once, prepared once, used again."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

import pycurl
from msgspec.structs import replace

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.policy import check_address

from .base import Reach
from .cookies import Jar
from .exchange import Exchange
from .hostkeys import HostKeys
from .multi import Driver
from .options import prepare
from .proxies import environment_has_proxies

_MAX_FREE = 64
"""Handles that a route keeps for later."""


class Route:
    """A reach, the multi it runs on and the handles that are free for it."""

    def __init__(
        self,
        reach: Reach,
        driver: Driver,
        loop: asyncio.AbstractEventLoop,
        bundle: str,
        jar: Jar | None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.reach = reach
        self.driver = driver
        self.has_login = bool(reach.user or reach.password or reach.netrc)
        self.has_proxy = bool(reach.proxy) if reach.proxy is not None else environment_has_proxies(environ)
        policy = reach.policy
        self.checks_links = bool(policy.allowed or policy.blocked or not policy.private or reach.ip_version)
        self._loop = loop
        self._bundle = bundle
        self._jar = jar
        # Mutable state: the free handles, and how many are out.
        self._free: list[Exchange] = []
        self.out = 0

    def take(self) -> Exchange:
        """Give a handle that is ready for a request."""
        self.out += 1
        return self._free.pop() if self._free else self._make()

    def give_back(self, exchange: Exchange) -> None:
        """Take a handle back, clean; one that is still running loses its connection."""
        self.out -= 1
        if exchange.running:
            self.driver.end(exchange, pycurl.E_ABORTED_BY_CALLBACK)
        if "method" in exchange.set or len(self._free) >= _MAX_FREE:
            exchange.curl.close()
            return
        if self._jar is None and exchange.cookies_came:
            # What one download was given is nothing to the next one.
            exchange.cookies_came = False
            exchange.curl.setopt(pycurl.COOKIELIST, "ALL")
        exchange.release()
        self._free.append(exchange)

    def close(self) -> None:
        """Close the free handles."""
        for exchange in self._free:
            exchange.curl.close()
        self._free.clear()

    def _make(self) -> Exchange:
        exchange = Exchange(self.driver, self._loop)
        exchange.has_login = self.has_login
        prepare(exchange, self.reach, self._bundle)
        exchange.host_keys = HostKeys(self.reach.known_hosts)
        exchange.host_keys.use(exchange.curl)
        if self._jar is None:
            exchange.curl.setopt(pycurl.COOKIEFILE, "")
        else:
            self._jar.use(exchange.curl)
        if not self.reach.policy.private:
            self._guard(exchange)
        return exchange

    def _guard(self, exchange: Exchange) -> None:
        """Check the address before connecting, and before each request on a connection that is there already."""
        policy = self.reach.policy

        def check(address: str) -> None:
            if not exchange.proxied:
                check_address(address, policy)

        def open_socket(purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
            family, kind, protocol, place = address
            try:
                if family not in (socket.AF_INET, socket.AF_INET6):
                    return int(pycurl.SOCKET_BAD)
                check(place[0])
                made = socket.socket(family, kind, protocol)
                # pycurl duplicates what is returned, so this one is ours to close.
                self._loop.call_soon(made.close)
                return made
            except DownloadError as exc:
                exchange.blocked = exc
            except OSError as exc:
                exchange.failed_errno = exc.errno or 0
            return int(pycurl.SOCKET_BAD)

        exchange.check = check
        exchange.curl.setopt(pycurl.OPENSOCKETFUNCTION, open_socket)


def without_secrets(reach: Reach) -> Reach:
    """Give the reach for a link of another origin; the jar goes along, since it is scoped by domain."""
    return replace(reach, user="", password="", netrc=False, cert=None, key=None, key_password="")
