"""A `Reach` and a `Request` as libcurl's options."""

from __future__ import annotations

from pathlib import Path

import pycurl

from tui_downloads import __version__
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.late import late

from .base import Reach, Request
from .exchange import Exchange
from .proxies import Proxy

USER_AGENT = f"tui-downloads/{__version__}"
_PROTO_SFTP = 1 << 5
"""CURLPROTO_SFTP, which pycurl has no name for."""
_SCHEMES = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS | pycurl.PROTO_FTP | pycurl.PROTO_FTPS | _PROTO_SFTP
_BUFFER = 512 * 1024
_TOKEN = late(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
PLAIN_FIELDS = (b"Accept-Encoding: identity",)
"""Asked of every server that the caller has no other wish for: a coded body can't be cut into segments."""
LOGIN = pycurl.HTTPAUTH_BASIC | pycurl.HTTPAUTH_DIGEST
_SSH_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_PROXY_TYPES = {
    "http": pycurl.PROXYTYPE_HTTP,
    "https": 2,  # CURLPROXY_HTTPS, which pycurl has no name for
    "socks4": pycurl.PROXYTYPE_SOCKS4,
    "socks4a": pycurl.PROXYTYPE_SOCKS4A,
    "socks5": pycurl.PROXYTYPE_SOCKS5,
    "socks5h": pycurl.PROXYTYPE_SOCKS5_HOSTNAME,
}


def prepare(exchange: Exchange, reach: Reach, bundle: str) -> None:
    """Set what is the same for every request of a reach."""
    curl = exchange.curl
    setopt = curl.setopt
    setopt(pycurl.NOSIGNAL, 1)
    setopt(pycurl.PROTOCOLS, _SCHEMES)
    setopt(pycurl.FOLLOWLOCATION, 0)
    setopt(pycurl.BUFFERSIZE, _BUFFER)
    setopt(pycurl.TCP_NODELAY, 1)
    setopt(pycurl.TCP_KEEPALIVE, 1)
    # One connection for each segment is the point; HTTP/2 would put them all into one, at 8 KiB a callback.
    setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    setopt(pycurl.HTTP09_ALLOWED, 0)
    setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(reach.connect_timeout * 1000)) if reach.connect_timeout > 0 else 0)
    setopt(pycurl.FTP_RESPONSE_TIMEOUT, max(1, int(reach.stall_timeout)))
    setopt(pycurl.FTP_FILEMETHOD, pycurl.FTPMETHOD_SINGLECWD)
    setopt(pycurl.SSL_VERIFYPEER, 1)
    setopt(pycurl.SSL_VERIFYHOST, 2)
    setopt(pycurl.PROXY_SSL_VERIFYPEER, 1)
    setopt(pycurl.PROXY_SSL_VERIFYHOST, 2)
    if bundle:
        setopt(pycurl.CAINFO, bundle)
        setopt(pycurl.PROXY_CAINFO, bundle)
    setopt(pycurl.USERAGENT, USER_AGENT if reach.user_agent is None else reach.user_agent)
    setopt(pycurl.HTTPHEADER, list(PLAIN_FIELDS))
    # Environment variables are read in `proxies`, by one rule for the check and the fetch.
    setopt(pycurl.PROXY, "")
    setopt(pycurl.NOPROXY, "")
    _prepare_identity(curl, reach)
    exchange.httpauth = LOGIN
    exchange.patience = max(0.0, reach.stall_timeout)


def _prepare_identity(curl: pycurl.Curl, reach: Reach) -> None:
    setopt = curl.setopt
    setopt(pycurl.HTTPAUTH, LOGIN)
    setopt(pycurl.PROXYAUTH, LOGIN)
    if reach.user or reach.password:
        setopt(pycurl.USERNAME, _text(reach.user, "user"))
        setopt(pycurl.PASSWORD, _text(reach.password, "password"))
    setopt(pycurl.NETRC, pycurl.NETRC_OPTIONAL if reach.netrc else pycurl.NETRC_IGNORED)
    _prepare_ssh(curl, reach)
    if reach.cert:
        setopt(pycurl.SSLCERT, reach.cert)
    if reach.key:
        setopt(pycurl.SSLKEY, reach.key)
    # Never left unset: OpenSSL would ask the terminal, and everything would wait for its answer.
    setopt(pycurl.KEYPASSWD, _text(reach.key_password, "key's password"))
    if reach.ip_version is not None:
        setopt(pycurl.IPRESOLVE, pycurl.IPRESOLVE_V6 if reach.ip_version == 6 else pycurl.IPRESOLVE_V4)
    if reach.interface:
        setopt(pycurl.INTERFACE, reach.interface)


def _prepare_ssh(curl: pycurl.Curl, reach: Reach) -> None:
    """Log in by the given key, by the password, or by a key where ssh keeps them."""
    if reach.key:
        curl.setopt(pycurl.SSH_PRIVATE_KEYFILE, reach.key)
    elif not reach.password:
        for name in _SSH_KEYS:
            path = Path("~/.ssh").expanduser() / name
            if path.exists():
                curl.setopt(pycurl.SSH_PRIVATE_KEYFILE, str(path))
                break


def use_proxy(exchange: Exchange, proxy: Proxy | None, scheme: str) -> None:
    """Set the proxy of the next request."""
    exchange.proxied = proxy is not None
    exchange.tls_proxy = proxy is not None and proxy.kind == "https"
    key = None if proxy is None else (proxy, scheme)
    if exchange.set.get("proxy") == key:
        return
    exchange.set["proxy"] = key
    curl = exchange.curl
    if proxy is None:
        curl.setopt(pycurl.PROXY, "")
        return
    curl.setopt(pycurl.PROXYTYPE, _PROXY_TYPES[proxy.kind])
    curl.setopt(pycurl.PROXY, proxy.url)
    curl.setopt(pycurl.PROXYUSERNAME, _text(proxy.user, "proxy user"))
    curl.setopt(pycurl.PROXYPASSWORD, _text(proxy.password, "proxy password"))
    # An http proxy is asked for FTP files as it is for HTTP; libcurl does not do so with an https proxy.
    exchange.tunnel = scheme != "http" and (scheme != "ftp" or proxy.kind != "http")
    socks = proxy.kind.startswith("socks")
    curl.setopt(pycurl.HTTPPROXYTUNNEL, int(exchange.tunnel and not socks))


def use_request(exchange: Exchange, request: Request, url: str, extra: tuple[tuple[str, str], ...]) -> None:
    """Set what differs from the request before on the same handle."""
    curl, known = exchange.curl, exchange.set
    curl.setopt(pycurl.URL, url)
    span = "" if request.start is None else f"{request.start}-{'' if request.end is None else request.end - 1}"
    if known.get("range", "") != span:
        known["range"] = span
        if span:
            curl.setopt(pycurl.RANGE, span)
        else:
            curl.unsetopt(pycurl.RANGE)
    wanted = fields(extra, request.if_range if span else "", bool(span), request.referer)
    if known.get("fields", PLAIN_FIELDS) != wanted:
        known["fields"] = wanted
        curl.setopt(pycurl.HTTPHEADER, list(wanted))
    if known.get("fresh", False) != request.fresh:
        known["fresh"] = request.fresh
        curl.setopt(pycurl.FRESH_CONNECT, int(request.fresh))


def use_method(exchange: Exchange, method: str, body: bytes | None) -> None:
    """Set another method than GET; the handle is then not used for a plain request again."""
    curl = exchange.curl
    exchange.set["method"] = method
    curl.setopt(pycurl.HTTPGET, 1)
    curl.unsetopt(pycurl.CUSTOMREQUEST)
    if method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
        return
    curl.setopt(pycurl.NOBODY, 0)
    if body is not None or method == "POST":
        curl.setopt(pycurl.POST, 1)
        curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(body or b""))
        curl.setopt(pycurl.COPYPOSTFIELDS, body or b"")
    else:
        curl.setopt(pycurl.HTTPGET, 1)
    if method not in ("GET", "POST") or (method == "GET" and body is not None):
        curl.setopt(pycurl.CUSTOMREQUEST, method)


def fields(own: tuple[tuple[str, str], ...], if_range: str, ranged: bool, referer: str) -> tuple[bytes, ...]:
    """Give the header lines of a request; ours win over the caller's Range, and stand back for everything else.

    Raises:
        DownloadError: INVALID_OPTION, a field is not one.
    """
    if not own and not if_range and not referer:
        return PLAIN_FIELDS
    lines: list[bytes] = []
    names: set[str] = set()
    for name, value in own:
        low = name.lower()
        if not _TOKEN.fullmatch(name) or any(char in value for char in "\r\n\0"):
            raise DownloadError(Code.INVALID_OPTION, "A header field has a character in it that is not allowed.")
        if ranged and low in ("range", "if-range"):
            continue
        names.add(low)
        lines.append(f"{name}: {value}".encode("utf-8", "surrogateescape") if value.strip() else f"{name};".encode())
    if if_range:
        lines.append(f"If-Range: {_text(if_range, 'If-Range')}".encode("latin-1", "replace"))
    if referer and "referer" not in names:
        lines.append(f"Referer: {_text(referer, 'referer')}".encode("utf-8", "surrogateescape"))
    if "accept-encoding" not in names:
        lines.extend(PLAIN_FIELDS)
    if "expect" not in names:
        lines.append(b"Expect:")
    return tuple(lines)


def _text(value: str, what: str) -> str:
    if any(char in value for char in "\r\n\0"):
        raise DownloadError(Code.INVALID_OPTION, f"The {what} has a line break in it.")
    return value
