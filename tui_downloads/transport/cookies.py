"""Cookies, scoped by libcurl's jar."""

from __future__ import annotations

import pycurl

from tui_downloads.core.errors import Code, DownloadError

_MAX_LINES = 5000


class Jar:
    """A jar that the handles of one caller share, filled from a Netscape cookie file's text."""

    def __init__(self, text: str) -> None:
        self._lines = cookie_lines(text)
        self._share = pycurl.CurlShare()
        self._share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_COOKIE)
        self._filled = False

    def use(self, curl: pycurl.Curl) -> None:
        """Let a handle send and keep the jar's cookies."""
        curl.setopt(pycurl.SHARE, self._share)
        curl.setopt(pycurl.COOKIEFILE, "")
        if not self._filled:
            self._filled = True
            for line in self._lines:
                curl.setopt(pycurl.COOKIELIST, line)


def cookie_lines(text: str) -> list[str]:
    """Read a Netscape cookie file's text; comments and blank lines are left out, `#HttpOnly_` lines are kept.

    Raises:
        DownloadError: INVALID_OPTION, a line is no cookie.
    """
    lines = []
    for raw in text.splitlines():
        line = raw.strip("\r\n")
        if not line.strip() or (line.startswith("#") and not line.startswith("#HttpOnly_")):
            continue
        parts = line.split("\t")
        if len(parts) == 6:
            parts.append("")  # a cookie without a value, whose last tab an editor took away
        if len(parts) != 7 or not parts[0] or parts[1] not in ("TRUE", "FALSE") or not parts[4].lstrip("-").isdigit():
            raise DownloadError(
                Code.INVALID_OPTION,
                "The cookies are not in the Netscape format.",
                next_step="Export them as a cookies.txt file: seven fields a line, separated by tabs.",
            )
        lines.append("\t".join(parts))
        if len(lines) > _MAX_LINES:
            raise DownloadError(Code.INVALID_OPTION, f"There are more than {_MAX_LINES} cookies.")
    return lines
