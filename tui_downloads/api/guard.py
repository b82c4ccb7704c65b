"""What stands before every dialect: hosts, origins, sizes, deadlines and headers. Pure ASGI, no routing, no tokens.

`check` looks at the head of a request, before anybody knows who asks; `read_body` takes the body once the caller is
known, so that strangers can't make us hold megabytes. Nothing here looks at X-Forwarded-*.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.types import Message, Receive, Scope, Send

from tui_downloads.core.errors import Code

from .auth import Door
from .problem import Problem, of_status
from .settings import ApiSettings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(?::[0-9]{1,5})?")
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Added to every answer that does not say otherwise."""

CLOSE = {"connection": "close"}
"""Whoever sends such a thing may begin again on another connection."""

Headers = dict[str, str]


def headers_of(scope: Scope) -> Headers:
    """Give the header fields of a request; of repeated ones the last."""
    return {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}


def peer_of(scope: Scope) -> str:
    """Give the address of who is connected; what a proxy claims is not asked."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def check(scope: Scope, headers: Headers, door: Door, settings: ApiSettings) -> Problem | None:
    """Judge the head of a request."""
    raw = scope.get("raw_path") or scope["path"].encode()
    if len(raw) + len(scope["query_string"]) > settings.max_url:
        return of_status(414, "The URL is too long.", CLOSE)
    fields = scope["headers"]
    if len(fields) > settings.max_headers:
        return of_status(431, "There are too many header fields.", CLOSE)
    if sum(len(key) + len(value) for key, value in fields) > settings.max_header_bytes:
        return of_status(431, "The header is too large.", CLOSE)
    if "transfer-encoding" in headers and "content-length" in headers:
        # Two readers may see two different ends of such a body (RFC 9112, 6.1): request smuggling.
        return of_status(400, "The body has two lengths.", CLOSE)
    if not host_allowed(scope, door, settings):
        return of_status(403, "This host name is not allowed; add it with --allow-host.")
    if not origin_allowed(headers, settings):
        return of_status(403, "This web origin is not allowed.")
    return None


def host_allowed(scope: Scope, door: Door, settings: ApiSettings) -> bool:
    """Hold Host against the list; a page that points its own name at us (rebinding) does not know ours.

    The Unix socket is out of a browser's reach, so its clients may say what they like.
    """
    hosts = [value.decode("latin-1").lower() for key, value in scope["headers"] if key == b"host"]
    if door.kind == "socket":
        return True
    if len(hosts) != 1:
        return False
    found = _HOST.fullmatch(hosts[0])
    if found is None:
        return False
    name = found[1]
    known = {host.lower() for host in settings.allow_hosts}
    return name in LOOPBACK or name in known or hosts[0] in known or name in _own_names(scope, door)


def _own_names(scope: Scope, door: Door) -> set[str]:
    """Give the addresses of this very connection; a literal address can't be rebound."""
    server = scope.get("server")
    names = {door.host, str(server[0]) if server else ""} - {"", "0.0.0.0", "::"}  # noqa: S104
    return {f"[{name}]" if ":" in name else name.lower() for name in names}


def origin_allowed(headers: Headers, settings: ApiSettings) -> bool:
    """Hold Origin against the list; our own pages (the docs) have ours, which is Host's."""
    origin = headers.get("origin")
    if origin is None or origin in settings.allow_origins:
        return True
    if origin == "null":
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.netloc)
        and parts.netloc.lower() == headers.get("host", "").lower()
    )


def browser_allowed(headers: Headers, method: str, settings: ApiSettings, *, unsafe: bool) -> bool:
    """Refuse what a foreign page or a mere navigation makes a browser send, where it would change something."""
    if method in SAFE and not unsafe:
        return True
    site = headers.get("sec-fetch-site", "")
    if site in ("cross-site", "same-site"):
        return headers.get("origin", "null") in settings.allow_origins
    if unsafe and site:
        # Typed addresses, prefetches and links on our own pages are navigations too; only script calls may start one.
        return site == "same-origin" and headers.get("sec-fetch-mode") != "navigate" and "sec-purpose" not in headers
    return True


def preflight(scope: Scope, headers: Headers, settings: ApiSettings) -> list[tuple[bytes, bytes]] | None:
    """Give the answer's header to a CORS preflight of an allowed origin; None when the request is none."""
    if scope["method"] != "OPTIONS" or "access-control-request-method" not in headers:
        return None
    if headers.get("origin") not in settings.allow_origins:
        return None
    # `dressed` adds who may read it.
    return [
        (b"access-control-allow-methods", METHODS.encode()),
        (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Range"),
        (b"access-control-max-age", b"600"),
    ]


def cors(origin: str) -> list[tuple[bytes, bytes]]:
    """Give the fields that let a page of an allowed origin read an answer; never `*`, never with cookies."""
    exposed = b"Content-Disposition, Content-Range, ETag, Location, Retry-After"
    return [
        (b"access-control-allow-origin", origin.encode("latin-1", "replace")),
        (b"access-control-expose-headers", exposed),
        (b"vary", b"Origin"),
    ]


def dressed(send: Send, headers: Headers, settings: ApiSettings) -> Send:
    """Wrap `send` so that every answer carries the security fields."""
    origin = headers.get("origin", "")
    extra = cors(origin) if origin and origin in settings.allow_origins else []

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {key.lower() for key, _ in given}
            given += [(key, value) for key, value in HEADERS if key not in names]
            message = {**message, "headers": given + extra}
        await send(message)

    return wrapped


def has_body(scope: Scope, headers: Headers) -> bool:
    """Say whether a request announces a body."""
    return headers.get("content-length", "0").strip() != "0" or "transfer-encoding" in headers


def json_type(headers: Headers) -> bool:
    """Say whether the body is said to be JSON."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def read_body(receive: Receive, headers: Headers, settings: ApiSettings) -> bytes | Problem:
    """Take the whole body, within its size and its time."""
    announced = headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > settings.max_body:
        return _too_large(settings)
    try:
        async with asyncio.timeout(settings.body_deadline):
            return await _collect(receive, settings)
    except TimeoutError:
        return of_status(408, "The body took too long.", CLOSE)


async def _collect(receive: Receive, settings: ApiSettings) -> bytes | Problem:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return Problem(499, Code.INTERRUPTED, "The client went away.")
        size += len(message.get("body", b""))
        if size > settings.max_body:
            return _too_large(settings)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_large(settings: ApiSettings) -> Problem:
    text = f"The body is larger than {settings.max_body} bytes."
    return of_status(413, text, CLOSE)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Give a `receive` that hands out a body that was read, and then what comes after it."""
    told = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


Next = Callable[[Scope, Receive, Send], Awaitable[None]]
