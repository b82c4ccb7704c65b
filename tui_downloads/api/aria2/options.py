"""aria2's options, kebab-case texts, from and to what the engine is asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from msgspec.structs import replace

from tui_downloads.core.digests import parse_checksum
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.link_list import parse_header, parse_size
from tui_downloads.core.snapshots import DetailView, Limits
from tui_downloads.core.spec import AddRequest, Change, OnConflict

from .protocol import RpcError

MOST_CONNECTIONS = 64
LIMITS = frozenset({"max-concurrent-downloads", "max-overall-download-limit"})
"""Options that are about everything and not about one download."""
HASHES = {"sha1": "sha-1", "sha224": "sha-224", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
PROXIES = ("all-proxy", "http-proxy", "https-proxy", "ftp-proxy")
LOGINS = ("http", "ftp")

DEFAULTS: dict[str, str] = {
    "allow-overwrite": "false", "always-resume": "true", "auto-file-renaming": "true", "check-certificate": "true",
    "check-integrity": "false", "conditional-get": "false", "connect-timeout": "60", "continue": "true",
    "daemon": "false", "disable-ipv6": "false", "disk-cache": "0", "download-result": "default", "dry-run": "false",
    "enable-http-keep-alive": "true", "enable-http-pipelining": "false", "enable-rpc": "true",
    "file-allocation": "none", "follow-metalink": "true", "follow-torrent": "false", "force-save": "false",
    "ftp-pasv": "true", "http-accept-gzip": "false", "http-no-cache": "false",
    "keep-unfinished-download-result": "true",
    "log-level": "notice", "lowest-speed-limit": "0", "max-connection-per-server": "8", "max-download-limit": "0",
    "max-download-result": "1000", "max-file-not-found": "0", "max-overall-upload-limit": "0", "max-tries": "5",
    "max-upload-limit": "0", "min-split-size": "1048576", "no-netrc": "true", "optimize-concurrent-downloads": "false",
    "parameterized-uri": "false", "piece-length": "1048576", "proxy-method": "get", "remote-time": "true",
    "remove-control-file": "false", "retry-wait": "0", "reuse-uri": "true", "rpc-max-request-size": "2097152",
    "save-not-found": "true", "save-session-interval": "0", "split": "8", "summary-interval": "0", "timeout": "60",
    "uri-selector": "feedback", "use-head": "false",
}  # fmt: skip
"""What getGlobalOption tells besides what is set; how this engine behaves, in aria2's words."""

NAMED = frozenset(
    {
        "dir", "out", "gid", "pause", "split", "max-connection-per-server", "max-download-limit", "header",
        "user-agent", "referer", "checksum", "timeout", "connect-timeout", "max-tries", "lowest-speed-limit",
        "allow-overwrite", "auto-file-renaming", *PROXIES,
        *(f"{name}-{part}" for name in PROXIES for part in ("user", "passwd")),
        *(f"{name}-{part}" for name in LOGINS for part in ("user", "passwd")),
    }
)  # fmt: skip
"""Options that change something here; others are accepted and ignored, as aria2's clients expect."""
OF_ONE = frozenset({"out", "gid", "pause", "checksum"})
"""Options that make no sense as a default for all."""
SECRETS = frozenset(name for name in NAMED if name.endswith(("-passwd", "-user"))) | {"header"}


def texts(options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Read an object of options: each value a text or a list of texts."""
    found: dict[str, list[str]] = {}
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        found[name] = [_text(item) for item in values if isinstance(item, (str, int, float))]
    return found


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def bad(name: str) -> RpcError:
    """Refuse an option's value, in aria2's words."""
    return RpcError(f"We encountered a problem while processing the option '--{name}'.")


def to_request(base: AddRequest, options: Mapping[str, Any]) -> AddRequest:
    """Put options over a wish; unknown ones are ignored.

    Raises:
        RpcError: a value makes no sense.
    """
    found = texts(options)
    request = base
    for name, values in found.items():
        if name not in NAMED or not values:
            continue
        try:
            request = _put(request, name, values)
        except (ValueError, OverflowError, TuiDownloadsError):
            raise bad(name) from None
    connections = _connections(found, 1 + len(base.mirrors))
    if connections is not None:
        request = replace(request, options=replace(request.options, connections=connections))
    return request


def _connections(found: Mapping[str, list[str]], links: int) -> int | None:
    """Give how many connections are wanted: no more than split, and so many for each server."""
    wanted = []
    for name in ("split", "max-connection-per-server"):
        if found.get(name):
            number = whole(name, found[name][-1], least=1)
            wanted.append(number if name == "split" else number * links)
    return min(MOST_CONNECTIONS, *wanted) if wanted else None


def whole(name: str, text: str, *, least: int = 0) -> int:
    """Read a whole number.

    Raises:
        RpcError: it is none, or too small.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= least):
        raise bad(name)
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise bad(name)
    return text == "true"


def _seconds(name: str, text: str) -> float | None:
    return float(whole(name, text)) or None


def _put(request: AddRequest, name: str, values: list[str]) -> AddRequest:  # one arm for each option
    value, options, secrets = values[-1], request.options, request.credentials
    match name:
        case "dir":
            return replace(request, folder=value or None)
        case "out":
            return replace(request, name=value or None)
        case "gid":
            return replace(request, gid=value.lower())
        case "pause":
            return replace(request, paused=_flag(name, value))
        case "header":
            fields = tuple(parse_header(text) for text in values if text)
            return replace(request, credentials=replace(secrets, headers=fields))
        case "max-download-limit":
            options = replace(options, limit=parse_size(value))
        case "lowest-speed-limit":
            options = replace(options, min_rate=parse_size(value))
        case "user-agent":
            options = replace(options, user_agent=value or None)
        case "referer":
            options = replace(options, referer=value or None)
        case "timeout":
            options = replace(options, timeout=_seconds(name, value))
        case "connect-timeout":
            options = replace(options, connect_timeout=_seconds(name, value))
        case "max-tries":
            tries = whole(name, value)
            options = replace(options, retries=tries - 1 if tries else 1000)
        case "checksum":
            options = replace(options, checksum=str(parse_checksum(value.replace("=", ":", 1))) if value else None)
        case "allow-overwrite":
            options = replace(options, on_conflict=OnConflict.OVERWRITE if _flag(name, value) else options.on_conflict)
        case "auto-file-renaming":
            if not _flag(name, value) and options.on_conflict is None:
                options = replace(options, on_conflict=OnConflict.SKIP)
        case "split" | "max-connection-per-server":
            return request  # taken together, by `_connections`
        case _:
            return _login(request, name, value)
    return replace(request, options=options)


def _login(request: AddRequest, name: str, value: str) -> AddRequest:
    """Put a proxy, or a user or password of a server or proxy."""
    options, secrets = request.options, request.credentials
    if name in PROXIES:
        address, user, password = split_proxy(value)
        secrets = replace(
            secrets, proxy_user=user or secrets.proxy_user, proxy_password=password or secrets.proxy_password
        )
        return replace(request, options=replace(options, proxy=address), credentials=secrets)
    which, _, part = name.rpartition("-")
    if which in PROXIES:
        secrets = replace(secrets, proxy_user=value) if part == "user" else replace(secrets, proxy_password=value)
    else:
        secrets = replace(secrets, user=value) if part == "user" else replace(secrets, password=value)
    return replace(request, credentials=secrets)


def split_proxy(text: str) -> tuple[str, str, str]:
    """Split a proxy into address, user and password; a bare host and port is an HTTP proxy.

    Raises:
        ValueError: it is no address.
    """
    if not text:
        return "", "", ""
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if not parts.hostname:
        raise ValueError("no host")
    host = parts.netloc.rpartition("@")[2]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return urlunsplit((parts.scheme, host, "", "", "")), user, password


def to_change(options: Mapping[str, Any], links: int = 1) -> Change:
    """Make a change of options; those that can't be changed later are ignored.

    Raises:
        RpcError: a value makes no sense.
    """
    known = texts(options)
    request = to_request(AddRequest(""), options)
    given = known.keys() & NAMED
    secrets = request.credentials
    return Change(
        name=request.name if "out" in given else None,
        folder=request.folder if "dir" in given else None,
        headers=secrets.headers if "header" in given else None,
        user=secrets.user if given & {"http-user", "ftp-user"} else None,
        password=secrets.password if given & {"http-passwd", "ftp-passwd"} else None,
        limit=request.options.limit if "max-download-limit" in given else None,
        connections=_connections(known, links),
        checksum=(request.options.checksum or "") if "checksum" in given else None,
    )


def of_download(detail: DetailView, limits: Limits) -> dict[str, str]:
    """Tell the options of a download; secrets are left out."""
    view, given = detail.download, detail.options
    found = {**DEFAULTS, **_of_limits(limits)}
    found.pop("enable-rpc")
    found |= {"dir": view.folder, "gid": view.gid, "max-download-limit": str(view.limit)}
    if view.name:
        found["out"] = view.name
    if view.checksum:
        algorithm, _, digits = view.checksum.partition(":")
        found["checksum"] = f"{HASHES.get(algorithm, algorithm)}={digits}"
    for ours, theirs in (("timeout", "timeout"), ("connect_timeout", "connect-timeout")):
        if given.get(ours) is not None:
            found[theirs] = str(int(given[ours]))
    for ours, theirs in (("user_agent", "user-agent"), ("referer", "referer"), ("proxy", "all-proxy")):
        if given.get(ours):
            found[theirs] = str(given[ours])
    if given.get("connections"):
        found["split"] = found["max-connection-per-server"] = str(given["connections"])
    if given.get("retries") is not None:
        found["max-tries"] = str(int(given["retries"]) + 1)
    if given.get("min_rate"):
        found["lowest-speed-limit"] = str(given["min_rate"])
    if given.get("on_conflict") == OnConflict.OVERWRITE:
        found["allow-overwrite"] = "true"
    elif given.get("on_conflict") == OnConflict.SKIP:
        found["auto-file-renaming"] = "false"
    return dict(sorted(found.items()))


def _of_limits(limits: Limits) -> dict[str, str]:
    each = str(limits.per_download)
    return {"split": each, "max-connection-per-server": each, "max-download-limit": str(limits.rate_per_download)}


def of_service(limits: Limits, folder: str, chosen: Mapping[str, Any]) -> dict[str, str]:
    """Tell the options that hold for new downloads; secrets are left out."""
    found = {
        **DEFAULTS,
        **_of_limits(limits),
        "dir": folder,
        "max-concurrent-downloads": str(limits.downloads),
        "max-overall-download-limit": str(limits.rate),
    }
    for name, values in texts(chosen).items():
        if values and name not in SECRETS and name not in PROXIES:
            found[name] = values[-1]
    return dict(sorted(found.items()))


def to_limits(limits: Limits, options: Mapping[str, Any]) -> Limits:
    """Put the options that are about everything over the limits.

    Raises:
        RpcError: a value makes no sense.
    """
    for name, values in texts(options).items():
        if name == "max-concurrent-downloads" and values:
            limits = replace(limits, downloads=min(1000, whole(name, values[-1], least=1)))
        elif name == "max-overall-download-limit" and values:
            try:
                limits = replace(limits, rate=parse_size(values[-1]))
            except TuiDownloadsError:
                raise bad(name) from None
    return limits


def defaults_of(options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give those of the options that can be defaults for new downloads.

    Raises:
        RpcError: a value makes no sense.
    """
    kept = {name: values for name, values in texts(options).items() if name in NAMED - OF_ONE}
    to_request(AddRequest(""), kept)
    return kept


def lines(found: Iterable[DetailView]) -> str:
    """Write an input file that can be read back: links after tabs, options indented below."""
    out = []
    for detail in found:
        view = detail.download
        urls = [url for url in (view.url, *view.mirrors) if url and url.isprintable() and "\t" not in url]
        if not urls:
            continue
        out.append("\t".join(urls))
        told = of_download(detail, Limits())
        for name in ("gid", "dir", "out", "checksum", "max-download-limit", "split", "user-agent", "referer"):
            value = told.get(name, "")
            if value and value != DEFAULTS.get(name) and value.isprintable():
                out.append(f" {name}={value}")
        if view.state.value in ("paused", "pausing"):
            out.append(" pause=true")
    return "\n".join(out) + "\n" if out else ""
