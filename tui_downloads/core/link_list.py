"""Lists of links: one on a line, mirrors after tabs, options indented below as in aria2's input files."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from .digests import parse_checksum
from .errors import Code, DownloadError, TuiDownloadsError
from .spec import AddRequest, Credentials, OnConflict, Options

LONGEST = 64 * 1024


class Entry(Struct):
    """One link of a list and what stands below it."""

    line: int
    urls: list[str]
    options: list[tuple[str, str]] = field(default_factory=list)


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
        else:
            entries.append(Entry(number, [part.strip() for part in line.split("\t") if part.strip()]))
    return entries


def to_request(entry: Entry, base: AddRequest) -> AddRequest:
    """Make a wish of an entry: what stands below its link goes over `base`; options we do not know are passed over.

    Raises:
        DownloadError: INVALID_OPTION, naming the line and the option.
    """
    if not entry.options:
        return replace(base, url=entry.urls[0], mirrors=tuple(entry.urls[1:]))
    request = replace(base, url=entry.urls[0], mirrors=tuple(entry.urls[1:]))
    headers = list(base.credentials.headers)
    for name, value in entry.options:
        try:
            request = _with(request, name, value, headers)
        except (ValueError, TuiDownloadsError) as error:
            raise DownloadError(Code.INVALID_OPTION, f"Line {entry.line} of the list, {name}: {error}") from None
    return replace(request, credentials=replace(request.credentials, headers=tuple(headers)))


def _with(request: AddRequest, name: str, value: str, headers: list[tuple[str, str]]) -> AddRequest:
    options: Options = request.options
    secrets: Credentials = request.credentials
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
        case "timeout":
            options = replace(options, timeout=float(value))
        case "connect-timeout":
            options = replace(options, connect_timeout=float(value))
        case "max-tries":
            options = replace(options, retries=max(0, int(value) - 1))
        case "user-agent":
            options = replace(options, user_agent=value)
        case "referer":
            options = replace(options, referer=value)
        case "all-proxy" | "http-proxy" | "https-proxy" | "ftp-proxy":
            options = replace(options, proxy=value)
        case "http-user" | "ftp-user":
            secrets = replace(secrets, user=value)
        case "http-passwd" | "ftp-passwd":
            secrets = replace(secrets, password=value)
        case "allow-overwrite" if value == "true":
            options = replace(options, on_conflict=OnConflict.OVERWRITE)
    return replace(request, options=options, credentials=secrets)


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
