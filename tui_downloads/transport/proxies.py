"""Which proxy a request goes through: the caller's, the environment's, or none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import unquote

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.late import late
from tui_downloads.core.secrecy import Guarded

KINDS = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}
_SHAPE = late(r"(?:([a-z0-9]+)://)?(?:([^@/]*)@)?(\[[0-9a-f:.]+\]|[^:@/\s]+)(?::([0-9]{1,5}))?/?", re.IGNORECASE)


class Proxy(Guarded, frozen=True):
    """A proxy and what it asks for."""

    hidden = frozenset({"user", "password"})

    kind: str
    host: str
    """IPv6 in brackets."""
    port: int
    user: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        """Its link, without credentials."""
        return f"{self.kind}://{self.host}:{self.port}"


def parse_proxy(text: str, user: str = "", password: str = "") -> Proxy:
    """Read a proxy's URL; one without a scheme is an http proxy.

    Raises:
        DownloadError: INVALID_OPTION.
    """
    match = _SHAPE.fullmatch(text.strip())
    kind = (match[1] or "http").lower() if match else ""
    if match is None or kind not in KINDS or int(match[4] or 1) not in range(1, 65536):
        raise DownloadError(
            Code.INVALID_OPTION,
            "The proxy is not understood.",
            next_step=f"Write it as KIND://HOST:PORT, where KIND is one of {', '.join(KINDS)}.",
        )
    if match[2] and not user:
        name, _, secret = match[2].partition(":")
        user, password = unquote(name), unquote(secret)
    return Proxy(kind, match[3], int(match[4] or _PORTS.get(kind, 1080)), user, password)


def choose_proxy(
    scheme: str,
    host: str,
    port: int,
    *,
    configured: str | None,
    no_proxy: str | None,
    user: str = "",
    password: str = "",
    environ: Mapping[str, str],
) -> Proxy | None:
    """Decide for one link. `configured` is None (the environment decides), empty (none) or a URL.

    `user` and `password` go to the configured proxy only, never to one from the environment.
    """
    skipped = no_proxy if no_proxy is not None else _variable(environ, "no_proxy")
    if configured is not None:
        if not configured or (no_proxy and bypasses(no_proxy, host, port)):
            return None
        return parse_proxy(configured, user, password)
    found = environment_proxy(scheme, environ)
    if not found or bypasses(skipped, host, port):
        return None
    return parse_proxy(found)


def environment_proxy(scheme: str, environ: Mapping[str, str]) -> str:
    """Give what the environment says for a scheme.

    HTTP_PROXY in capitals may be a header of a CGI client, so it is not read.
    """
    scheme = "ftp" if scheme == "ftpes" else scheme
    own = environ.get("http_proxy", "") if scheme == "http" else _variable(environ, f"{scheme}_proxy")
    return own or _variable(environ, "all_proxy")


def environment_has_proxies(environ: Mapping[str, str]) -> bool:
    """Say whether any variable may name a proxy."""
    return any(name.lower().endswith("_proxy") and name.lower() != "no_proxy" and environ[name] for name in environ)


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper(), "")


def bypasses(rules: str, host: str, port: int) -> bool:
    """Say whether a NO_PROXY list names a host: `*`, names and what is below them, addresses, networks; `:PORT` too."""
    host = host.lower().rstrip(".").partition("%")[0]
    return any(_matches(rule, host, port) for rule in re.split(r"[,\s]+", rules.lower()) if rule)


def _matches(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    name, rule_port = _split_port(rule)
    if rule_port is not None and rule_port != port:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        name = name.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith("." + name))
    try:
        network = ip_network(name, strict=False)
    except ValueError:
        return False
    return address.version == network.version and address in network


def _split_port(rule: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"\[([0-9a-f:.]+)\](?::([0-9]+))?|([^:]*):([0-9]+)", rule)
    if match is None:
        return rule, None
    port = match[2] or match[4]
    return match[1] or match[3] or "", int(port) if port else None
