"""How a download reaches its servers: options over settings, with its secrets and its policy."""

from __future__ import annotations

from dataclasses import replace

from tui_downloads.core.spec import AddRequest
from tui_downloads.transport.base import Reach

from .services import Defaults


class Reaches:
    """Makes a Reach of a request; downloads that were asked for alike share one, and its connections."""

    # Mutable state: the last request's options and policy, and the Reach they made.
    def __init__(self, defaults: Defaults) -> None:
        self.defaults = defaults
        self._last: tuple[object, object, Reach] | None = None

    def of(self, request: AddRequest) -> Reach:
        """Give the Reach of a request."""
        plain = not request.credentials
        last = self._last
        if plain and last is not None and last[0] == request.options and last[1] == request.policy:
            return last[2]
        reach = self._make(request)
        if plain:
            self._last = (request.options, request.policy, reach)
        return reach

    def _make(self, request: AddRequest) -> Reach:
        options, secrets, defaults = request.options, request.credentials, self.defaults
        chosen = options.proxy if request.policy.may_choose_proxy else None
        reach = Reach(
            policy=request.policy,
            proxy=defaults.proxy if chosen is None else chosen,
            no_proxy=defaults.no_proxy,
            proxy_user=secrets.proxy_user,
            proxy_password=secrets.proxy_password,
            proxy_filters=defaults.proxy_filters,
            user=secrets.user,
            password=secrets.password,
            cookies=secrets.cookies,
            netrc=options.netrc,
            user_agent=options.user_agent or defaults.user_agent,
            cacert=options.cacert,
            cert=options.cert,
            key=options.key,
            ip_version=options.ip_version,
            interface=options.interface,
            known_hosts=options.known_hosts,
        )
        return replace(
            reach,
            connect_timeout=options.connect_timeout or defaults.connect_timeout,
            stall_timeout=options.timeout or defaults.timeout,
        )


def stranger(reach: Reach) -> Reach:
    """Give a reach to servers that the user did not name: no login, no client certificate; cookies stay by domain."""
    if not (reach.user or reach.password or reach.cert or reach.key):
        return reach
    return replace(reach, user="", password="", cert=None, key=None)
