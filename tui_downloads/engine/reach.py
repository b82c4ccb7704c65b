"""How a download reaches its servers: options over settings, with its secrets and its policy."""

from __future__ import annotations

from urllib.parse import unquote

from msgspec.structs import replace

from tui_downloads.core.spec import AddRequest
from tui_downloads.transport.base import Reach

from .services import Defaults


class Reaches:
    """Makes a Reach of a request; downloads that were asked for alike share one, and its connections."""

    # Mutable state: the last request's options, policy and way, and the Reach they made.
    def __init__(self, defaults: Defaults) -> None:
        self.defaults = defaults
        self._last: tuple[object, object, str | None, Reach] | None = None

    def change(self, defaults: Defaults) -> None:
        """Take other settings."""
        self.defaults, self._last = defaults, None

    def of(self, request: AddRequest, url: str | None = None) -> Reach:
        """Give the Reach of a request, or of another link of it."""
        plain = not request.credentials
        last, usual = self._last, self._usual(request.url if url is None else url)
        if plain and last is not None and last[:3] == (request.options, request.policy, usual):
            return last[3]
        reach = self._make(request, usual)
        if plain:
            self._last = (request.options, request.policy, usual, reach)
        return reach

    def _usual(self, url: str) -> str | None:
        """Give the proxy that the settings name for a link, or None where they leave it to the environment."""
        for scheme, proxy in self.defaults.proxies:
            if url[: len(scheme) + 1].lower() == f"{scheme}:":
                return proxy
        return self.defaults.proxy

    def _make(self, request: AddRequest, usual: str | None) -> Reach:
        options, secrets, defaults = request.options, request.credentials, self.defaults
        chosen = options.proxy if request.policy.may_choose_proxy else None
        user, password = secrets.proxy_user, secrets.proxy_password
        if chosen is None and usual:
            # The operator's login belongs to the operator's proxy, and to no other.
            usual, user, password = _apart(usual)
        reach = Reach(
            policy=request.policy,
            proxy=usual if chosen is None else chosen,
            no_proxy=defaults.no_proxy,
            proxy_user=user,
            proxy_password=password,
            proxy_filters=defaults.proxy_filters,
            user=secrets.user,
            password=secrets.password,
            cookies=secrets.cookies,
            netrc=options.netrc,
            user_agent=options.user_agent or defaults.user_agent,
            cacert=options.cacert,
            cert=options.cert,
            key=options.key,
            key_password=secrets.key_password,
            ip_version=options.ip_version,
            interface=options.interface,
            known_hosts=options.known_hosts,
        )
        return replace(
            reach,
            connect_timeout=options.connect_timeout or defaults.connect_timeout,
            stall_timeout=options.timeout or defaults.timeout,
        )


def _apart(proxy: str) -> tuple[str, str, str]:
    """Take the login out of a proxy's link."""
    scheme, mark, place = proxy.rpartition("://")
    login, at, where = place.rpartition("@")
    if not at:
        return proxy, "", ""
    user, _, password = login.partition(":")
    return f"{scheme}{mark}{where}", unquote(user), unquote(password)


def stranger(reach: Reach) -> Reach:
    """Give a reach to servers that the user did not name: no login, no client certificate; cookies stay by domain."""
    if not (reach.user or reach.password or reach.cert or reach.key or reach.key_password):
        return reach
    return replace(reach, user="", password="", cert=None, key=None, key_password="")
