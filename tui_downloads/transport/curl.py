"""The transport over libcurl."""

from __future__ import annotations

import asyncio
import os
import re
import socket

import pycurl
from msgspec.structs import replace

from tui_downloads.core.addresses import parse_address
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import Link, parse_link
from tui_downloads.core.policy import check_link
from tui_downloads.core.redirects import Hop, next_hop
from tui_downloads.core.resource import Head
from tui_downloads.core.spec import Policy

from .base import Answer, Ended, Features, Reach, Request, Sink, Transport
from .cookies import Jar
from .errors_map import Trouble, translate
from .exchange import FILE, HEAD, SKIP, Exchange
from .multi import Driver
from .options import use_method, use_proxy, use_request
from .proxies import choose_proxy
from .remote_files import (
    Cut,
    answers_as_file,
    asks_for_all,
    came_whole,
    does_not_resume,
    past_the_end,
    spoken,
    start_file,
)
from .routes import Route, without_secrets
from .trust import Trust, check_readable

_MAX_ROUTES = 256
_PLAIN = re.compile(
    r"https?://[a-z0-9\-]+(?:\.[a-z0-9\-]+)*(?::[0-9]{1,5})?/(?!.*/\.)[A-Za-z0-9._~!$&'()*+,;=:@/?%\-]*"
)
"""Links that mean the same to every parser."""


class CurlTransport(Transport):
    """Moves bytes with libcurl on the running selector loop; one CurlMulti for each policy."""

    def __init__(self) -> None:
        self.features = Features(
            frozenset({"http", "https", "ftp", "ftps", "ftpes", "sftp"}), version=f"libcurl/{pycurl.version_info()[1]}"
        )
        self._loop = asyncio.get_running_loop()
        self._trust = Trust()
        # Mutable state: the multis, the routes by reach (the least used first), and the jars by their text.
        self._drivers: dict[tuple[Policy, bool], Driver] = {}
        self._routes: dict[Reach, Route] = {}
        self._jars: dict[str, Jar] = {}
        self._closed = False

    async def fetch(self, request: Request, sink: Sink) -> Answer:
        if "@" in request.url:
            request = _with_userinfo(request)
        url, current = request.url, request
        hops: tuple[str, ...] = ()
        route = self._routes.get(request.reach) or self._open_route(request.reach)
        exchange = route.take()
        try:
            while True:
                code = await self._send(route, exchange, current, url, hops, sink)
                if does_not_resume(exchange, current, code):
                    # As a server of HTTP without ranges does: the whole file, which the sink judges.
                    current = replace(current, start=None, end=None, if_range="")
                    continue
                if exchange.phase != SKIP or exchange.failure is not None:
                    return await self._finish(route, exchange, current, code)
                hop = self._hop(exchange, current, url, hops)
                hops = (*hops, exchange.url)
                url = hop.url
                if not hop.keep_secrets:
                    route, exchange = self._leave(route, exchange)
                current = _follow(current, hop)
        finally:
            route.give_back(exchange)

    async def close(self) -> None:
        self._closed = True
        for driver in self._drivers.values():
            driver.close()
        for route in self._routes.values():
            route.close()
        self._routes.clear()
        self._jars.clear()
        self._trust.close()

    async def _send(
        self, route: Route, exchange: Exchange, request: Request, url: str, hops: tuple[str, ...], sink: Sink
    ) -> int:
        """Send one request and wait for its end; gives libcurl's code."""
        if route.checks_links or route.has_proxy or _PLAIN.fullmatch(url) is None:
            link = parse_link(url)
            url = link.url_without_userinfo
            self._check(route, exchange, link)
        else:
            link = None
            exchange.proxied = False
        if link is not None and asks_for_all(link.scheme, exchange):
            request = replace(request, start=None, end=None, if_range="")
        use_request(exchange, request, url, request.headers)
        if request.method != "GET" or request.body is not None or "method" in exchange.set:
            use_method(exchange, request.method, request.body)
        if link is not None and answers_as_file(link.scheme, exchange):
            exchange.begin(sink, url, hops, request.header_limit, FILE)
            start_file(exchange, request)
        else:
            exchange.begin(sink, url, hops, request.header_limit, HEAD)
        route.driver.add(exchange)
        return await exchange.future

    def _check(self, route: Route, exchange: Exchange, link: Link) -> None:
        """Apply the policy to a link and choose its proxy."""
        reach = route.reach
        if route.checks_links:
            check_link(link, reach.policy)
            _check_same_host(link)
        proxy = None
        if route.has_proxy:
            proxy = choose_proxy(
                link.scheme,
                link.host,
                link.port,
                configured=reach.proxy,
                no_proxy=reach.no_proxy,
                user=reach.proxy_user,
                password=reach.proxy_password,
                environ=os.environ,
            )
        if proxy is not None and not reach.policy.private and not reach.proxy_filters:
            raise DownloadError(
                Code.ADDRESS_BLOCKED,
                "Behind the proxy it can't be told whether the link leads to a private address.",
                next_step="Ask the operator to set proxy_filters = true if the proxy refuses private addresses.",
            )
        if proxy is None and reach.ip_version is not None:
            _check_version(link, reach.ip_version)
        use_proxy(exchange, proxy, link.scheme)

    def _hop(self, exchange: Exchange, request: Request, url: str, hops: tuple[str, ...]) -> Hop:
        assert exchange.head is not None
        return next_hop(
            exchange.url, exchange.head, request.headers, hops, request.max_redirects, method=request.method
        )

    def _leave(self, route: Route, exchange: Exchange) -> tuple[Route, Exchange]:
        """Change to a handle that knows no secrets; cookies go along, scoped by their domains."""
        bare = without_secrets(route.reach)
        if bare == route.reach:
            return route, exchange
        cookies = []
        if exchange.cookies_came and not route.reach.cookies:
            cookies = exchange.curl.getinfo(pycurl.INFO_COOKIELIST)
        other = self._routes.get(bare) or self._open_route(bare)
        fresh = other.take()
        route.give_back(exchange)
        for cookie in cookies:
            fresh.curl.setopt(pycurl.COOKIELIST, cookie)
            fresh.cookies_came = True
        return other, fresh

    async def _finish(self, route: Route, exchange: Exchange, request: Request, code: int) -> Answer:
        """Give the answer of an exchange that has ended.

        Raises:
            DownloadError: what libcurl found, or what a callback said.
        """
        if code == 0 and exchange.failure is None:
            exchange.finish_head()
        elif exchange.failure is None and (came_whole(exchange, code) or past_the_end(exchange, request, code)):
            code = 0
        if exchange.failure is not None:
            raise exchange.failure
        curl, head = exchange.curl, exchange.head
        if code and not exchange.enough:
            raise await self._error(exchange, code, route)
        if head is None:
            raise DownloadError(Code.PROTOCOL_ERROR, "The server closed the connection without an answer.")
        ended = Ended.COMPLETE
        if exchange.enough and code:
            ended = Ended.ENOUGH
        elif curl.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T) < 0 and _is_bare(head, request):
            ended = Ended.CLOSED
        if isinstance(exchange.cut, Cut):
            return exchange.cut.answer(exchange, ended)
        return Answer(
            head,
            exchange.received,
            ended,
            curl.getinfo(pycurl.NUM_CONNECTS) == 0,
            curl.getinfo(pycurl.STARTTRANSFER_TIME_T) / 1e6,
        )

    async def _error(self, exchange: Exchange, code: int, route: Route) -> DownloadError:
        """Find out why libcurl gave up."""
        link = parse_link(exchange.url)
        if exchange.blocked is not None:
            return exchange.blocked
        refused = exchange.host_keys.error(link.host, link.port) if link.scheme == "sftp" else None
        if refused is not None:
            return refused
        curl = exchange.curl
        error = translate(
            Trouble(
                code,
                exchange.message,
                exchange.failed_errno or int(curl.getinfo(pycurl.OS_ERRNO)),
                exchange.proxied,
                int(curl.getinfo(pycurl.HTTP_CONNECTCODE)),
                exchange.asked,
                exchange.tls_proxy,
                exchange.head is not None,
                link.scheme in ("https", "ftps", "ftpes"),
                route.reach.connect_timeout,
            )
        )
        if error.code is Code.DNS_ERROR:
            return await self._name_error(link.host, error)
        return error

    async def _name_error(self, host: str, error: DownloadError) -> DownloadError:
        """Tell a name that does not exist from a resolver that is out of reach."""
        try:
            await self._loop.getaddrinfo(host, None)
        except socket.gaierror as exc:
            if exc.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
                return DownloadError(Code.DNS_ERROR, f"There is no server named {host}.", retry=False)
            return DownloadError(Code.DNS_ERROR, f"The name {host} can't be looked up at the moment.", retry=True)
        except OSError:
            pass
        return error

    def _open_route(self, reach: Reach) -> Route:
        if self._closed:
            raise DownloadError(Code.INTERRUPTED, "The transport is closed.")
        check_readable(reach.cert, "client certificate")
        check_readable(reach.key, "private key")
        driver = self._drivers.get((reach.policy, reach.proxy_filters))
        if driver is None:
            driver = self._drivers[reach.policy, reach.proxy_filters] = Driver(self._loop)
        jar = None
        if reach.cookies:
            jar = self._jars.get(reach.cookies)
            if jar is None:
                jar = self._jars[reach.cookies] = Jar(reach.cookies)
        if len(self._routes) >= _MAX_ROUTES:
            self._forget_routes()
        route = self._routes[reach] = Route(reach, driver, self._loop, self._trust.bundle(reach.cacert), jar)
        return route

    def _forget_routes(self) -> None:
        """Drop the routes without a running request, and the jars that none of the others uses."""
        for reach, route in list(self._routes.items()):
            if not route.out:
                route.close()
                del self._routes[reach]
        used = {reach.cookies for reach in self._routes}
        self._jars = {text: jar for text, jar in self._jars.items() if text in used}
        drivers = {(reach.policy, reach.proxy_filters) for reach in self._routes}
        for key in [key for key in self._drivers if key not in drivers]:
            self._drivers.pop(key).close()


def _with_userinfo(request: Request) -> Request:
    """Move a link's user and password to where those of a download are, so that they obey the same rules."""
    link = parse_link(request.url)
    reach = request.reach
    if (link.user or link.password) and not (reach.user or reach.password):
        reach = replace(reach, user=link.user, password=link.password)
    return replace(request, url=link.url_without_userinfo, reach=reach)


def _follow(request: Request, hop: Hop) -> Request:
    """Give the request of the next hop."""
    if hop.keep_secrets and hop.method == request.method and hop.keep_body:
        return request
    return Request(
        hop.url,
        request.start,
        request.end,
        request.if_range,
        hop.headers,
        request.referer if hop.keep_secrets else "",
        hop.method,
        request.body if hop.keep_body and hop.keep_secrets else None,
        request.reach,
        request.fresh,
        request.header_limit,
        request.max_redirects,
    )


def _is_bare(head: Head, request: Request) -> bool:
    """Say whether nothing but the close of a plain connection ended a body without a length."""
    if head.scheme != "http" or request.method == "HEAD" or head.status in (204, 304):
        return False
    return "chunked" not in head.headers.get("transfer-encoding").lower()


def _check_version(link: Link, version: int) -> None:
    """Refuse an address of the other version, which libcurl would connect to all the same."""
    address = parse_address(link.host)
    if address is not None and address.version != version:
        raise DownloadError(Code.INVALID_OPTION, f"The address {link.host} is not one of IPv{version}.")


def _check_same_host(link: Link) -> None:
    """Refuse a link in which libcurl sees another host than we do."""
    try:
        host = pycurl.CurlUrl(spoken(link.url_without_userinfo)).host or ""
    except pycurl.error as exc:
        raise DownloadError(Code.INVALID_URL, "The link is not usable.") from exc
    if host.strip("[]").lower() != link.host.partition("%")[0].lower():
        raise DownloadError(Code.INVALID_URL, "The link's host is ambiguous.")
