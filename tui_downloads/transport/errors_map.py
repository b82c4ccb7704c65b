"""What libcurl's codes mean: one table, and the few cases that need more than the code."""

from __future__ import annotations

import errno
import os
import re

from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import redact_text

_BROKEN = (Code.NETWORK_ERROR, "The connection broke")
_OPTION = (Code.INVALID_OPTION, "An option can't be used")
_OURS = (Code.INTERNAL, "The transfer library was used wrongly")
_FTP = (Code.PROTOCOL_ERROR, "The FTP server's answer makes no sense")
_TLS = (Code.TLS_ERROR, "The secure connection failed")
_REFUSED = (Code.HTTP_REFUSED, "The server refused the request")
_GONE = (Code.REMOTE_FILE_NOT_FOUND, "The file is not on the server")

# Every E_* number of pycurl, except 0 and those of the multi interface, which are negative or a caller's mistake.
TABLE: dict[int, tuple[Code, str]] = {
    1: (Code.INVALID_URL, "The link's kind is not supported, or the answer is not HTTP"),
    2: _OURS,
    3: (Code.INVALID_URL, "The link is not usable"),
    4: (Code.INVALID_OPTION, "The transfer library was built without what this needs"),
    5: (Code.PROXY_ERROR, "The proxy's name was not found"),
    6: (Code.DNS_ERROR, "The server's name was not found"),
    7: (Code.NETWORK_ERROR, "The server could not be reached"),
    8: (Code.PROTOCOL_ERROR, "The server's answer makes no sense"),
    9: (Code.HTTP_REFUSED, "The server denied access"),
    10: _FTP,
    11: _FTP,
    12: (Code.STALLED, "The FTP server did not open its data connection in time"),
    13: _FTP,
    14: _FTP,
    15: _FTP,
    16: (Code.PROTOCOL_ERROR, "The HTTP/2 connection failed"),
    17: _FTP,
    18: (Code.TRUNCATED, "The file ended too early"),
    19: _GONE,
    20: _FTP,
    21: _REFUSED,
    22: _REFUSED,
    23: (Code.INTERNAL, "The bytes could not be taken"),
    24: _OURS,
    25: _REFUSED,
    26: _OURS,
    27: (Code.INTERNAL, "There is not enough memory"),
    28: (Code.STALLED, "The server did not answer in time"),
    29: _FTP,
    30: _FTP,
    31: (Code.PROTOCOL_ERROR, "The FTP server does not resume transfers"),
    32: _FTP,
    33: (Code.PROTOCOL_ERROR, "The server does not serve parts of files"),
    34: _REFUSED,
    35: _TLS,
    36: (Code.PROTOCOL_ERROR, "The file is shorter than what is here"),
    37: _OURS,
    38: _OURS,
    39: _OURS,
    40: _OURS,
    41: (Code.INTERNAL, "The transfer library lacks a function"),
    42: (Code.INTERRUPTED, "The transfer was stopped"),
    43: _OURS,
    44: _OURS,
    45: (Code.INVALID_OPTION, "The network interface can't be used"),
    46: _OURS,
    47: (Code.AUTH_REQUIRED, "The server asks for the login again and again"),
    48: _OPTION,
    49: _OPTION,
    50: _OURS,
    51: _TLS,
    52: (Code.PROTOCOL_ERROR, "The server closed the connection without an answer"),
    53: (Code.INVALID_OPTION, "The TLS engine was not found"),
    54: (Code.INVALID_OPTION, "The TLS engine can't be used"),
    55: _BROKEN,
    56: _BROKEN,
    57: _OURS,
    58: (Code.INVALID_OPTION, "The client certificate or its key can't be used"),
    59: _TLS,
    60: (Code.TLS_ERROR, "The server's certificate is not trusted"),
    61: (Code.PROTOCOL_ERROR, "The body's coding is broken"),
    62: (Code.INVALID_URL, "The link is not usable"),
    63: (Code.PROTOCOL_ERROR, "The answer is larger than allowed"),
    64: (Code.TLS_ERROR, "The server does not encrypt FTP"),
    65: _BROKEN,
    66: (Code.INVALID_OPTION, "The TLS engine can't be used"),
    67: (Code.AUTH_REQUIRED, "The server refused the login"),
    68: _GONE,
    69: (Code.HTTP_REFUSED, "The server denied access"),
    70: (Code.SERVER_ERROR, "The server's disk is full"),
    71: _REFUSED,
    72: _REFUSED,
    73: _REFUSED,
    74: (Code.AUTH_REQUIRED, "The server does not know the user"),
    75: _OURS,
    76: _OURS,
    77: (Code.TLS_ERROR, "The file of certificate authorities can't be read"),
    78: _GONE,
    79: (Code.NETWORK_ERROR, "The SSH connection failed"),
    80: _TLS,
    81: _BROKEN,
    82: (Code.INVALID_OPTION, "The revocation list can't be read"),
    83: (Code.TLS_ERROR, "The certificate's issuer is not the expected one"),
    84: _FTP,
    85: _OURS,
    86: _OURS,
    87: _FTP,
    88: _OURS,
    89: (Code.NETWORK_ERROR, "There is no free connection"),
    90: _TLS,
    91: (Code.TLS_ERROR, "The certificate is revoked or its status is unknown"),
    92: (Code.PROTOCOL_ERROR, "The HTTP/2 stream failed"),
    93: _OURS,
    94: (Code.AUTH_REQUIRED, "The login failed"),
    95: (Code.PROTOCOL_ERROR, "The HTTP/3 connection failed"),
    96: (Code.PROTOCOL_ERROR, "The QUIC connection failed"),
    97: (Code.PROXY_ERROR, "The proxy refused or failed"),
    98: (Code.TLS_ERROR, "The server asks for a client certificate"),
    99: _BROKEN,
    100: (Code.PROTOCOL_ERROR, "The answer's header is too large"),
    101: _TLS,
    99999: _OURS,  # pycurl's own: the transfer is complete
}

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PROXY_CODES = {7, 28, 52, 55, 56}
"""Codes that are the proxy's fault while the way through it is not open yet."""
_TLS_CODES = {35, 60}
_NO_LOGIN = ("rejected by the SOCKS", "authentication method", "user-ID", "identd")
"""What libcurl says where a SOCKS proxy wants another login."""

_NO_KEY = ("private key", "client certificate", "PKCS12")
"""What libcurl says, with several codes, where a file of the user's own does not open."""


class Trouble(Struct, frozen=True):
    """All that is known of a transfer that libcurl ended with an error."""

    code: int
    message: str = ""
    errno: int = 0
    proxied: bool = False
    connect_status: int = 0
    """What the proxy said to CONNECT."""
    reached: bool = False
    """A connection to the server was there (with a proxy: through it)."""
    tls_proxy: bool = False
    """The way to the proxy itself is encrypted."""
    headers: bool = False
    """The answer's header had come."""
    tls: bool = False
    timeout: float = 0.0
    """The connect timeout in seconds."""


_LATE = "Check the address and the network, or allow a longer connect timeout (--connect-timeout)."
"""The next step where a connection took too long; --timeout is about bytes on one that is there."""


def translate(trouble: Trouble) -> DownloadError:
    """Give the error for a trouble, in one line without secrets."""
    code, sentence = TABLE.get(trouble.code, (Code.NETWORK_ERROR, "The transfer failed"))
    if _is_proxys(trouble):
        return _proxy_error(trouble)
    if trouble.code == 56 and trouble.headers and _is_eof(trouble):
        return _error(Code.TRUNCATED, "The server cut the secure connection before the file's end", "")
    if trouble.code == 1 and trouble.reached:
        return _error(Code.PROTOCOL_ERROR, "The server's answer is not HTTP", trouble.message)
    if trouble.code == 28 and not trouble.reached:
        return _error(code, f"No connection within {trouble.timeout:g} seconds", "", step=_LATE)
    if trouble.errno in _EXHAUSTED and trouble.code in (2, 7, 27):
        return _error(
            Code.NETWORK_ERROR, "There are no resources for a connection", os.strerror(trouble.errno), retry=True
        )
    if trouble.code == 47:
        return _error(code, sentence, "", status=401)  # no redirect is libcurl's here, so only challenges remain
    if any(words in trouble.message for words in _NO_KEY):
        return _key_error(trouble.message)
    if trouble.code == 9 and "directory" in trouble.message:
        return _error(Code.REMOTE_FILE_NOT_FOUND, "The folder is not on the server", "")
    detail = trouble.message
    if trouble.errno and trouble.code in (7, 55, 56):
        detail = os.strerror(trouble.errno)
    return _error(code, sentence, detail)


def _is_proxys(trouble: Trouble) -> bool:
    """Say whether a trouble lies between us and the proxy, or in the proxy."""
    if trouble.code in (5, 97):
        return True
    if not trouble.proxied or trouble.reached or trouble.connect_status == 200:
        return False
    return trouble.code in _PROXY_CODES or (trouble.tls_proxy and trouble.code in _TLS_CODES)


def _proxy_error(trouble: Trouble) -> DownloadError:
    if trouble.connect_status == 407 or any(words in trouble.message for words in _NO_LOGIN):
        return _error(Code.PROXY_AUTH_REQUIRED, "The proxy wants a login", "", status=407)
    if trouble.connect_status >= 300:
        sentence = f"The proxy refused to connect (status {trouble.connect_status})"
        return _error(Code.PROXY_ERROR, sentence, "", status=trouble.connect_status)
    if trouble.code == 28:
        sentence = f"No connection through the proxy within {trouble.timeout:g} seconds"
        return _error(Code.PROXY_ERROR, sentence, "", step=_LATE)
    sentence = TABLE[5][1] if trouble.code == 5 else "The proxy could not be reached or failed"
    return _error(Code.PROXY_ERROR, sentence, trouble.message)


def _key_error(message: str) -> DownloadError:
    return DownloadError(
        Code.INVALID_OPTION,
        f"{TABLE[58][1]}: {clean(message)}.",
        next_step="Check the files given by --cert and --key; the password of an encrypted key is given by --pass.",
    )


def _is_eof(trouble: Trouble) -> bool:
    return trouble.tls and ("eof" in trouble.message.lower() or "SSL_read" in trouble.message)


def _error(
    code: Code,
    sentence: str,
    detail: str,
    *,
    status: int | None = None,
    retry: bool | None = None,
    step: str | None = None,
) -> DownloadError:
    detail = clean(detail)
    message = f"{sentence}: {detail}." if detail else f"{sentence}."
    return DownloadError(code, message, status=status, retry=retry, next_step=step)


def clean(text: str) -> str:
    """Make a foreign message one short line without secrets."""
    text = "".join(char if char.isprintable() else " " for char in redact_text(text))
    return re.sub(r"\s+", " ", text).strip(" .")[:200]
