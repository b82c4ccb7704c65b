"""What some settings must be besides their type: a rule that can never hold protects nobody, so it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

from tui_downloads.core.errors import TuiDownloadsError

_PROXY = re.compile(
    r"(?:(?:https?|socks4a?|socks5h?)://)?(?:[^@/]*@)?(?:\[[0-9a-f:.]+\]|[^:@/\s]+)(?::[0-9]{1,5})?/?", re.IGNORECASE
)
_PLACE = re.compile(r"[^\s/@,]+", re.ASCII)


def domains(value: tuple[str, ...]) -> None:
    # Imported here and below: a run without such a setting does not pay for it.
    from tui_downloads.core.policy import check_pattern

    for pattern in value:
        try:
            check_pattern(pattern)
        except TuiDownloadsError:
            raise ValueError("domains such as example.org or *.example.org, without scheme, port or path") from None


def proxy(value: str) -> None:
    if value and value != "direct" and not _PROXY.fullmatch(value.strip()):
        raise ValueError("KIND://HOST:PORT, where KIND is http, https, socks4a or socks5h, or direct")


def places(value: tuple[str, ...]) -> None:
    for place in value:
        try:
            if "/" in place:
                ip_network(place, strict=False)
            elif not _PLACE.fullmatch(place.strip()):
                raise ValueError(place)
        except ValueError:
            raise ValueError("hosts and networks such as .example.org or 10.0.0.0/8") from None


def addresses(value: tuple[str, ...]) -> None:
    from tui_downloads.core.links import parse_link

    for text in value:
        try:
            web = parse_link(text).scheme in ("http", "https")
        except TuiDownloadsError:
            web = False
        if not web:
            raise ValueError("links that begin with http:// or https://")


def template(value: str) -> None:
    from tui_downloads.core.names import FIELDS, check_template

    try:
        check_template(value)
    except TuiDownloadsError:
        known = ", ".join(f"{{{name}}}" for name in sorted(FIELDS))
        raise ValueError(f"a text whose fields are among {known}") from None


CHECKS: Mapping[str, Callable[[Any], None]] = {
    "policy.allowed": domains,
    "policy.blocked": domains,
    "proxy.http": proxy,
    "proxy.https": proxy,
    "proxy.all": proxy,
    "proxy.no_proxy": places,
    "hooks.webhooks": addresses,
    "name_template": template,
}
"""By key; each raises ValueError with what is expected. Empty values say nothing and are not looked at."""
