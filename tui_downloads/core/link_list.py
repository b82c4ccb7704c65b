"""Lists of links: one on a line, mirrors after tabs, options indented below as in aria2's input files."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from .digests import parse_checksum
from .errors import Code, DownloadError, TuiDownloadsError
from .spec import AddRequest, Credentials, OnConflict, Options

LONGEST = 64 * 1024
FOR_EVER = 1000
"""Tries where aria2 has no end of them."""
PROXIES = ("all-proxy", "http-proxy", "https-proxy", "ftp-proxy")
TAKEN = frozenset(
    {
        "out", "dir", "pause", "gid", "header", "checksum", "max-connection-per-server", "split", "max-download-limit",
        "lowest-speed-limit", "timeout", "connect-timeout", "max-tries", "user-agent", "referer", "http-user",
        "ftp-user", "http-passwd", "ftp-passwd", "allow-overwrite", "auto-file-renaming", *PROXIES,
        *(f"{name}-{part}" for name in PROXIES for part in ("user", "passwd")),
    }
)  # fmt: skip
"""Options that mean something here."""
PASSED_OVER = frozenset(
    {
        "allow-piece-length-change", "always-resume", "async-dns", "bt-enable-hook-after-hash-check",
        "bt-enable-lpd", "bt-exclude-tracker", "bt-external-ip", "bt-force-encryption", "bt-hash-check-seed",
        "bt-load-saved-metadata", "bt-max-peers", "bt-metadata-only", "bt-min-crypto-level", "bt-prioritize-piece",
        "bt-remove-unselected-file", "bt-request-peer-speed-limit", "bt-require-crypto", "bt-save-metadata",
        "bt-seed-unverified", "bt-stop-timeout", "bt-tracker", "bt-tracker-connect-timeout", "bt-tracker-interval",
        "bt-tracker-timeout", "check-integrity", "conditional-get", "content-disposition-default-utf8", "continue",
        "dry-run", "enable-http-keep-alive", "enable-http-pipelining", "enable-mmap", "enable-peer-exchange",
        "file-allocation", "follow-metalink", "follow-torrent", "force-save", "ftp-pasv", "ftp-reuse-connection",
        "ftp-type", "hash-check-only", "http-accept-gzip", "http-auth-challenge", "http-no-cache", "index-out",
        "max-file-not-found", "max-mmap-limit", "max-resume-failure-tries", "max-upload-limit", "metalink-base-uri",
        "metalink-enable-unique-protocol", "metalink-language", "metalink-location", "metalink-os",
        "metalink-preferred-protocol", "metalink-version", "min-split-size", "no-file-allocation-limit", "no-netrc",
        "no-proxy", "no-want-digest-header", "parameterized-uri", "pause-metadata", "piece-length", "proxy-method",
        "realtime-chunk-checksum", "remote-time", "remove-control-file", "retry-wait", "reuse-uri",
        "rpc-save-upload-metadata", "seed-ratio", "seed-time", "select-file", "ssh-host-key-md",
        "stream-piece-selector", "uri-selector", "use-head",
    }
)  # fmt: skip
"""Options of aria2's input files without a meaning here."""


class Entry(Struct):
    """One link of a list and what stands below it."""

    line: int
    urls: list[str]
    options: list[tuple[str, str]] = field(default_factory=list)
    option_lines: list[int] = field(default_factory=list)
    """Where the options stand, where that is known."""

    def place(self, n: int) -> int:
        """Give the line of an option."""
        return self.option_lines[n] if n < len(self.option_lines) else self.line


def read(lines: Iterable[str]) -> list[Entry]:
    """Read a list; blank lines and those that begin with `#` are passed over.

    Raises:
        DownloadError: INVALID_OPTION, naming the line.
    """
    entries: list[Entry] = []
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n").removeprefix("\ufeff")
        if len(line) > LONGEST:
            raise DownloadError(Code.INVALID_OPTION, f"Line {number} of the list is too long for a link.")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t":
            name, found, value = line.strip().partition("=")
            if not found or not entries:
                raise DownloadError(Code.INVALID_OPTION, f"Line {number} of the list is neither a link nor an option.")
            entries[-1].options.append((name.strip().lower(), value.strip()))
            entries[-1].option_lines.append(number)
        else:
            entries.append(Entry(number, [part.strip() for part in line.split("\t") if part.strip()]))
    return entries


def to_request(entry: Entry, base: AddRequest, *, strict: bool = True) -> AddRequest:
    """Make a wish of an entry: what stands below its link goes over `base`.

    Options of aria2's that have no meaning here are passed over, and unless `strict` those that nobody knows, too.

    Raises:
        DownloadError: INVALID_OPTION, naming the line and the option.
    """
    request = replace(base, url=entry.urls[0], mirrors=tuple(entry.urls[1:]))
    if not entry.options:
        return request
    headers = list(base.credentials.headers)
    for n, (name, value) in enumerate(entry.options):
        if name not in TAKEN:
            if strict and name not in PASSED_OVER:
                raise _unknown(entry.place(n), name)
            continue
        try:
            request = _with(request, name, value, headers)
        except (ValueError, TuiDownloadsError) as error:
            why = error if isinstance(error, TuiDownloadsError) else f"{value[:60]!r} makes no sense here"
            raise DownloadError(Code.INVALID_OPTION, f"Line {entry.place(n)} of the list, {name}: {why}") from None
    return replace(request, credentials=replace(request.credentials, headers=tuple(headers)))


def _unknown(line: int, name: str) -> DownloadError:
    import difflib  # lists with mistakes are rare, and every command would wait for it

    near = difflib.get_close_matches(name, TAKEN | PASSED_OVER, 1)
    hint = f"; did you mean {near[0]}?" if near else "."
    step = "Correct the line, or put # before it."
    sentence = f"Line {line} of the list: there is no option {name[:60]!r}{hint}"
    return DownloadError(Code.INVALID_OPTION, sentence, next_step=step)


def _with(request: AddRequest, name: str, value: str, headers: list[tuple[str, str]]) -> AddRequest:
    options: Options = request.options
    match name:
        case "out":
            return replace(request, name=value)
        case "dir":
            return replace(request, folder=value)
        case "pause":
            return replace(request, paused=value == "true")
        case "gid":
            return replace(request, gid=value)
        case "header":
            headers.append(parse_header(value))
            return request
        case "checksum":
            parse_checksum(value.replace("=", ":", 1))
            options = replace(options, checksum=value.replace("=", ":", 1))
        case "max-connection-per-server" | "split":
            options = replace(options, connections=max(1, min(64, int(value))))
        case "max-download-limit":
            options = replace(options, limit=parse_size(value))
        case "lowest-speed-limit":
            options = replace(options, min_rate=parse_size(value))
        case "timeout":
            options = replace(options, timeout=_seconds(value))
        case "connect-timeout":
            options = replace(options, connect_timeout=_seconds(value))
        case "max-tries":
            tries = int(value)
            options = replace(options, retries=max(0, tries - 1) if tries else FOR_EVER)
        case "user-agent":
            options = replace(options, user_agent=value)
        case "referer":
            options = replace(options, referer=value)
        case "allow-overwrite":
            if value == "true":
                options = replace(options, on_conflict=OnConflict.OVERWRITE)
        case "auto-file-renaming":
            if value == "false" and options.on_conflict is None:
                options = replace(options, on_conflict=OnConflict.SKIP)
        case _ if name in PROXIES:
            options = replace(options, proxy=value)
        case _:
            return replace(request, credentials=_login(request.credentials, name, value))
    return replace(request, options=options)


def _login(secrets: Credentials, name: str, value: str) -> Credentials:
    """Put a user or password of a server or of a proxy."""
    which, _, part = name.rpartition("-")
    if which in PROXIES:
        return replace(secrets, proxy_user=value) if part == "user" else replace(secrets, proxy_password=value)
    return replace(secrets, user=value) if part == "user" else replace(secrets, password=value)


def _seconds(text: str) -> float:
    """Read a time above zero.

    Raises:
        ValueError: it is none.
    """
    seconds = float(text)
    if not math.isfinite(seconds) or seconds <= 0:
        raise ValueError(text)
    return seconds


def parse_header(text: str) -> tuple[str, str]:
    """Read `Name: value`.

    Raises:
        DownloadError: INVALID_OPTION; header fields never hold line breaks.
    """
    name, found, value = text.partition(":")
    name, value = name.strip(), value.strip()
    token = bool(name) and all(char.isascii() and (char.isalnum() or char in "!#$%&'*+-.^_`|~") for char in name)
    if not found or not token:
        raise DownloadError(Code.INVALID_OPTION, "A header is written as 'Name: value'.")
    if any(char in "\r\n\0" for char in value):
        raise DownloadError(Code.INVALID_OPTION, f"The header {name} holds a line break.")
    return name, value


_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def parse_size(text: str) -> int:
    """Read bytes, with K, M, G or T for powers of 1024.

    Raises:
        DownloadError: INVALID_OPTION.
    """
    cleaned = text.strip().lower().removesuffix("/s").removesuffix("b").removesuffix("i")
    factor = _FACTORS.get(cleaned[-1:], 1) if cleaned[-1:].isalpha() else 1
    digits = cleaned[:-1] if cleaned[-1:].isalpha() else cleaned
    try:
        if cleaned[-1:].isalpha() and cleaned[-1:] not in _FACTORS:
            raise ValueError
        value = float(digits) * factor
        if not 0 <= value < 1 << 62:
            raise ValueError
    except ValueError:
        raise DownloadError(Code.INVALID_OPTION, f"{text!r} is not a size; write 500K, 10M or 2G.") from None
    return int(value)
