"""What an HTTP status means for a download that wanted a file and got none."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from .errors import Code, DownloadError
from .retries import parse_retry_after


class Refusal(NamedTuple):
    """Why there is no file, and how another attempt has to be made; `error.retry` says whether one may be."""

    error: DownloadError
    fresh: bool = False
    once: bool = False


class _Rule(NamedTuple):
    code: Code
    message: str = "The server answered {status}."
    retry: bool = False
    fresh: bool = False
    once: bool = False


PERHAPS_THE_RANGE = frozenset({400, 403, 405, 406, 409, 412, 413, 417, 422, 501})
"""Refusals that some servers and firewalls give to a Range field alone."""
_NO_FILE = frozenset({202, 204, 205, 206, 207, 208})
"""Statuses of success whose body is not the file, or only a part of it."""

_RULES = {
    202: _Rule(Code.SERVER_ERROR, "The server has not made the file yet ({status}).", retry=True),
    204: _Rule(Code.NOT_A_FILE, "The server answered {status}: there is nothing to download."),
    205: _Rule(Code.NOT_A_FILE, "The server answered {status}: there is nothing to download."),
    304: _Rule(Code.NOT_A_FILE, "The server answered {status} to a question that was not asked."),
    401: _Rule(Code.AUTH_REQUIRED, "The server wants a login ({status})."),
    403: _Rule(Code.AUTH_REQUIRED, "The server refuses access ({status})."),
    404: _Rule(Code.REMOTE_FILE_NOT_FOUND, "The file is not there ({status}).", retry=True),
    407: _Rule(Code.PROXY_AUTH_REQUIRED, "The proxy wants a login ({status})."),
    408: _Rule(Code.SERVER_ERROR, "The server gave up waiting ({status}).", retry=True, fresh=True),
    410: _Rule(Code.REMOTE_FILE_NOT_FOUND, "The file is gone ({status}).", retry=True),
    421: _Rule(Code.SERVER_ERROR, retry=True, fresh=True, once=True),
    425: _Rule(Code.SERVER_ERROR, "The server wants the request later ({status}).", retry=True),
    429: _Rule(Code.RATE_LIMITED, "The server gets too many requests ({status}).", retry=True),
    451: _Rule(Code.HTTP_REFUSED, "The server may not give the file for legal reasons ({status})."),
    501: _Rule(Code.HTTP_REFUSED),
    503: _Rule(Code.SERVER_ERROR, "The server is busy ({status}).", retry=True),
    505: _Rule(Code.HTTP_REFUSED),
}
_CLASSES = {
    2: _Rule(Code.NOT_A_FILE, "The server answered {status}, which brings no file."),
    3: _Rule(Code.REDIRECT_ERROR, "The server answered {status}, which can't be followed."),
    4: _Rule(Code.HTTP_REFUSED),
    5: _Rule(Code.SERVER_ERROR, retry=True),
}
_SENSELESS = _Rule(Code.PROTOCOL_ERROR, "The server answered with the senseless status {status}.")
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def brings_a_file(status: int) -> bool:
    """Say whether an answer's body is the whole file: an unknown success means 200 (RFC 9110, section 15)."""
    return 200 <= status < 300 and status not in _NO_FILE


def refusal(status: int, retry_after: str = "", now: float = 0.0) -> Refusal:
    """Say what a status means that brings no file; not for 206 and 416."""
    rule = _RULES.get(status) or _CLASSES.get(status // 100, _SENSELESS)
    phrase = _PHRASES.get(status, "")
    shown = f"{status} {phrase}" if phrase else str(status)
    wait = parse_retry_after(retry_after, now) if retry_after and rule.retry else None
    error = DownloadError(
        rule.code,
        rule.message.format(status=shown),
        retry=rule.retry,
        retry_after=wait,
        status=status,
    )
    return Refusal(error, rule.fresh, rule.once)
