"""What `get` and `add` take for each link: the options, and how wishes are made of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec.structs import replace

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.link_list import parse_header, parse_size, read, to_request
from tui_downloads.core.links import parse_link, redact
from tui_downloads.core.spec import AddRequest, Credentials, OnConflict, Options

from . import foreign, package_options

F = TypeVar("F", bound=Callable[..., Any])

_POSITIVE = click.FloatRange(0, min_open=True)
_OPTIONS: list[Callable[[Any], Any]] = [
    click.option("-o", "--output", metavar="NAME", help="Name of the file, one link only."),
    click.option("-d", "--dir", "--folder", "folder", metavar="DIR", help="Folder, made when missing."),
    click.option("-i", "--input-file", multiple=True, metavar="FILE", help="List of links, one a line; - is stdin."),
    click.option("-P", "--patterns", is_flag=True, help="Read [001-100], [a-f] and {one,two} in links as many links."),
    click.option("-x", "--connections", type=click.IntRange(1, 64), metavar="N", help="Connections for one download."),
    click.option("--mirror", multiple=True, metavar="URL", help="Another link of the same file; may be repeated."),
    click.option("--checksum", metavar="ALGO:HEX", help="Digest the file must have, such as sha256:…."),
    click.option("-H", "--header", multiple=True, metavar="'K: V'", help="Header field for the server of the link."),
    click.option("-u", "--user", metavar="USER[:PASSWORD]", help="Login for the server of the link."),
    click.option("--ftp-tls", "--ssl-reqd", "ftp_tls", is_flag=True, help="FTP with TLS only, as ftpes:// does."),
    click.option("--cookies", metavar="FILE", help="Netscape cookie file."),
    click.option("--netrc", is_flag=True, help="Take logins from ~/.netrc."),
    click.option("--user-agent", metavar="TEXT", help="User-Agent field."),
    click.option("--referer", metavar="URL", help="Referer field."),
    click.option("--proxy", metavar="URL", help="http, https, socks4a or socks5h proxy; empty for none."),
    click.option("--proxy-user", metavar="USER[:PASSWORD]", help="Login for the proxy."),
    click.option("--cacert", metavar="FILE", help="Trust these certificate authorities too."),
    click.option("--cert", metavar="FILE", help="Client certificate."),
    click.option("--key", metavar="FILE", help="Private key: the client certificate's, or for SFTP."),
    click.option("--pass", "key_password", metavar="PASSWORD", help="Password of the private key."),
    click.option("--known-hosts", metavar="FILE", help="Host keys to believe over SFTP. [~/.ssh/known_hosts]"),
    click.option("-4", "--ipv4", is_flag=True, help="IPv4 only."),
    click.option("-6", "--ipv6", is_flag=True, help="IPv6 only."),
    click.option("--interface", metavar="NAME", help="Network interface or source address."),
    click.option("--limit", metavar="RATE", help="Bytes a second for each download, such as 500K or 10M."),
    click.option("--timeout", type=_POSITIVE, metavar="S", help="Seconds without a byte. [60]"),
    click.option("--connect-timeout", type=_POSITIVE, metavar="S", help="Seconds to connect. [30]"),
    click.option("--max-time", type=_POSITIVE, metavar="S", help="Seconds in all for a download."),
    click.option("--retries", type=click.IntRange(0), metavar="N", help="Tries after a failure without progress. [5]"),
    click.option(
        "--on-conflict", type=click.Choice([item.value for item in OnConflict]), help="When the name is taken."
    ),
]


def link_options(function: F) -> F:
    """Give a command the options of a link."""
    function = foreign.accepted(function)
    for option in reversed([*_OPTIONS, *package_options.OPTIONS]):
        function = option(function)
    return function


def options_of(values: dict[str, Any]) -> Options:
    """Make the options of a download."""
    return Options(
        connections=values["connections"],
        checksum=values["checksum"],
        timeout=values["timeout"],
        connect_timeout=values["connect_timeout"],
        max_time=values["max_time"],
        retries=values["retries"],
        on_conflict=OnConflict(values["on_conflict"]) if values["on_conflict"] else None,
        limit=parse_size(values["limit"]) if values["limit"] else 0,
        proxy=values["proxy"],
        user_agent=values["user_agent"],
        referer=values["referer"],
        cacert=_file(values["cacert"]),
        cert=_file(values["cert"]),
        key=_file(values["key"]),
        known_hosts=_file(values["known_hosts"]),
        ip_version=4 if values["ipv4"] else 6 if values["ipv6"] else None,
        interface=values["interface"],
        netrc=values["netrc"],
    )


def credentials_of(values: dict[str, Any]) -> Credentials:
    """Make the secrets of a download.

    Raises:
        DownloadError: INVALID_OPTION for a file that can't be read or a header that is none.
    """
    user, password = _login(values["user"], "Password")
    proxy_user, proxy_password = _login(values["proxy_user"], "Password of the proxy")
    cookies = ""
    if values["cookies"]:
        try:
            cookies = Path(values["cookies"]).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise DownloadError(Code.INVALID_OPTION, f"The cookie file can't be read: {error.strerror}.") from None
    return Credentials(
        headers=tuple(parse_header(header) for header in values["header"]),
        user=user,
        password=password,
        cookies=cookies,
        proxy_user=proxy_user,
        proxy_password=proxy_password,
        key_password=values["key_password"] or "",
    )


def _login(text: str | None, question: str) -> tuple[str, str]:
    """Read USER:PASSWORD; a password that is left out altogether is asked for on a terminal."""
    user, colon, password = (text or "").partition(":")
    if user and not colon and _has_terminal():
        password = click.prompt(f"{question} for {user}", "", hide_input=True, show_default=False, err=True)
    return user, password


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def lines_of(path: str) -> Iterator[str]:
    """Read the lines of a file, or of stdin for `-`.

    Raises:
        DownloadError: INVALID_OPTION; it can't be read.
    """
    try:
        if path == "-":
            yield from map(_text, sys.stdin)
            return
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            yield from map(_text, file)
    except OSError as error:
        raise DownloadError(Code.INVALID_OPTION, f"The list {path} can't be read: {error.strerror}.") from None


def _text(line: str) -> str:
    if "\0" in line:
        raise DownloadError(Code.INVALID_OPTION, "The list is not text in UTF-8.", next_step="Save it as such.")
    return line


def requests_of(urls: Sequence[str], values: dict[str, Any], base: AddRequest) -> list[AddRequest]:
    """Make the wishes of a command line; `base` holds what goes for all of them.

    Raises:
        click.UsageError: options that do not go together.
        DownloadError: INVALID_OPTION or INVALID_URL.
    """
    if values["ipv4"] and values["ipv6"]:
        raise click.UsageError("-4 and -6 exclude each other; give one of them.")
    for mirror in values["mirror"]:
        _check_mirror(mirror)
    name = None if values["output"] in (None, "-") else values["output"]
    base = replace(
        base,
        name=name,
        mirrors=tuple(values["mirror"]),
        options=replace(options_of(values), category=base.options.category),
        credentials=credentials_of(values),
    )
    base = package_options.with_package(base, values)
    spelt = urls
    if values["patterns"]:
        from tui_downloads.core.patterns import expand

        spelt = [link for url in urls for link in expand(url)]
    requests = [replace(base, url=url) for url in spelt]
    for path in values["input_file"]:
        requests += [to_request(entry, replace(base, name=None, mirrors=())) for entry in read(lines_of(path))]
    requests += package_options.listed(replace(base, mirrors=()), values["list_file"])
    if values["ftp_tls"]:
        requests = [
            replace(one, url=_with_tls(one.url), mirrors=tuple(map(_with_tls, one.mirrors))) for one in requests
        ]
    if len(requests) > 1 and (values["output"] is not None or values["mirror"]):
        raise click.UsageError("-o and --mirror go with one link only.")
    if values["checksum"] and len(requests) > 1:
        raise click.UsageError("--checksum goes with one link; in a list write it below each link.")
    return requests


def _check_mirror(url: str) -> None:
    try:
        parse_link(url)
    except DownloadError as error:
        raise DownloadError(error.code, f"The mirror {redact(url)}: {error.message}") from None


def _with_tls(url: str) -> str:
    return f"ftpes{url[3:]}" if url[:6].lower() == "ftp://" else url


def _file(path: str | None) -> str | None:
    """Give a file's absolute path: a service, and a later run, stand in other folders."""
    return absolute(path) if path else None


def absolute(folder: str) -> str:
    """Give a path of this machine as an absolute path.

    Raises:
        DownloadError: FOLDER_UNUSABLE; where we are is gone.
    """
    try:
        return os.path.abspath(os.path.expanduser(folder))
    except FileNotFoundError:
        step = "Go to another one, or give a whole path."
        raise DownloadError(Code.FOLDER_UNUSABLE, "The folder you are in was removed.", next_step=step) from None


def place(values: dict[str, Any], *, here: bool = True) -> None:
    """Take a path that was given as the name apart: its folder counts from that of -d.

    Raises:
        click.UsageError: it names no file; `here` says that the folders are of this machine.
    """
    output = values["output"]
    if output is None or output == "-":
        return
    if not output:
        raise click.UsageError("-o needs a name.")
    folder, name = os.path.split(output)
    whole = os.path.join(values["folder"] or "", folder)
    there = os.path.join(absolute(whole), name) if here else ""
    if name in ("", ".", "..") or (here and os.path.isdir(there)):
        shown = click.format_filename(output)
        raise click.UsageError(f"-o names a file, and this is a folder: {shown}; the folder goes with -d DIR.")
    if here and os.path.exists(there) and not os.path.isfile(there):
        shown = click.format_filename(output)
        raise click.UsageError(f"-o names a file, and this is a device: {shown}; -o - > {shown} writes into it.")
    if folder:
        values["folder"], values["output"] = whole, name
