"""Where a redirect leads, and what may not go there with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urljoin

from .disposition import raw_text
from .errors import Code, DownloadError
from .links import Link, parse_link
from .resource import Head
from .secrecy import Guarded

STATUSES = frozenset({300, 301, 302, 303, 307, 308})
"""With a Location; 300 names in it what the server would choose (RFC 9110, section 15.4.1)."""
LIMIT = 20
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HIGH = re.compile(r"[\x80-\xff]")


class Hop(Guarded, frozen=True):
    """The next request of a chain of redirects."""

    hidden = frozenset({"headers"})

    url: str
    """Canonical, without userinfo and fragment."""
    keep_secrets: bool
    """Every link of the chain has one origin: user, password, cookies given by hand and Referer may go on."""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    """The caller's own fields that still go; none once the origin has changed."""
    keep_body: bool = False


def is_redirect(head: Head) -> bool:
    """Say whether an answer sends the client elsewhere."""
    return head.status in STATUSES


def next_hop(
    url: str,
    head: Head,
    request_headers: Sequence[tuple[str, str]] = (),
    hops: Sequence[str] = (),
    limit: int = LIMIT,
    *,
    method: str = "GET",
) -> Hop:
    """Decide where an answer sends the request for `url`; `hops` are the links that came before it.

    Raises:
        DownloadError: REDIRECT_ERROR for a loop, too many hops, no target or a scheme that may not be followed.
    """
    target = _target(url, head)
    visited = [parse_link(link) for link in (*hops, url)]
    if len(visited) > limit:
        raise _refused(f"The server redirected more than {limit} times.", head)
    # A server that sets a cookie may send the client to the same link once more, to see it come back.
    seen = sum(1 for link in visited if link.url_without_userinfo == target.url_without_userinfo)
    if seen > (1 if "set-cookie" in head.headers else 0):
        raise _refused("The server redirects in a circle.", head)
    keep = all(link.origin == target.origin for link in visited)
    becomes_get = head.status == 303 or (head.status in (301, 302) and method == "POST")
    return Hop(
        target.url_without_userinfo,
        keep,
        "GET" if becomes_get and method != "HEAD" else method,
        tuple(request_headers) if keep else (),
        not becomes_get,
    )


def _target(url: str, head: Head) -> Link:
    raw = head.headers.get("location")
    if not raw:
        raise _refused("The server redirects without saying where to.", head)
    if _CONTROL.search(raw):
        raise _refused("The server redirects to a link with a control character in it.", head)
    # Bytes that are no UTF-8 are sent back as they came.
    text = raw_text(raw)
    if text is raw and not raw.isascii():
        text = _HIGH.sub(lambda match: f"%{ord(match[0]):02X}", raw)
    base = parse_link(url)
    try:
        target = parse_link(text if _ABSOLUTE.match(text) else urljoin(base.url_without_userinfo, text))
    except (DownloadError, ValueError):
        raise _refused("The server redirects to something that is no usable link.", head) from None
    if target.scheme not in ("http", "https") or base.scheme not in ("http", "https"):
        raise _refused(f"The server redirects to {target.scheme}://, which is not followed.", head)
    return target


def _refused(message: str, head: Head) -> DownloadError:
    return DownloadError(Code.REDIRECT_ERROR, message, status=head.status)
