"""What a dialect is, and what it gets: the promise between `api.app` and every application it mounts.

A dialect is an ASGI application of its own with a table of its endpoints and a renderer for its errors. The table is
what is matched, authorised and walked by tests; the application behind it only sees requests that were let in. It finds
the caller with `session_of(request)` and the engine for that caller with `Context.engine_for(session)`; it never uses
`Context.engine` for a caller. Every error, from validation to 500, goes through its renderer (`install`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from msgspec import Struct, field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from tui_downloads.core.errors import Code, Conflict, TuiDownloadsError
from tui_downloads.core.snapshots import DownloadView
from tui_downloads.engine.base import Engine
from tui_downloads.engine.caller import CONTROL, READ, Caller
from tui_downloads.engine.owned import OwnedEngine
from tui_downloads.engine.owners import Owners

from .auth import DOORS, Auth, Door, Session
from .links import LinkSigner
from .problem import Problem, of_error, of_status
from .settings import ApiSettings

log = logging.getLogger(__name__)

Renderer = Callable[[MutableMapping[str, Any], Problem], Response]
"""From the ASGI scope and a problem to the answer in the dialect's shape; must send the problem's headers."""

SESSION = "tui_downloads.session"
DOOR = "tui_downloads.door"
HEAD = "tui_downloads.head"
"""Keys in the ASGI scope: the Session (absent on exempt endpoints), the Door, and whether the request was a HEAD."""


class Endpoint(Struct, frozen=True):
    """One method and path template of a dialect."""

    method: str
    """An HTTP method, or WEBSOCKET. HEAD comes with GET."""
    path: str
    """As if the dialect were mounted at the root; `{name}` is one component, `{name:path}` the rest."""
    scope: str = ""
    """read, control or admin; empty is read for GET and control for everything else."""
    exempt: str = ""
    """A key of `auth.EXEMPT` when no token in a header is needed."""
    query: frozenset[str] = frozenset()
    """The endpoint is meant only when one of these is in the query; empty is always."""
    unsafe: bool = False
    """A GET that changes state: refused for browser navigations and foreign pages."""
    any_type: bool = False
    """A body of any Content-Type is taken; else it must be JSON."""

    @property
    def needs(self) -> str:
        """Give the scope that is needed."""
        return self.scope or (READ if self.method in ("GET", "HEAD") and not self.unsafe else CONTROL)


class Dialect(Struct, frozen=True):
    """One application with its endpoints and its way to tell errors."""

    name: str
    """As in `--listen …,dialect=NAME`."""
    app: ASGIApp
    endpoints: tuple[Endpoint, ...]
    render: Renderer
    prefix: str = ""
    """Where the strict mount lives, such as `/hoody`; empty for none."""
    owns: tuple[str, ...] = ()
    """Path prefixes at the combined root where what is not defined is this dialect's 404 or 405."""
    basic: bool = False
    """`Authorization: Basic` carries tokens too."""
    ticket_query: str = ""
    """The query parameter that may carry a ticket on GET endpoints in `ticket_paths` (Alfresco's `alf_ticket`)."""
    ticket_paths: tuple[str, ...] = ()
    combined: bool = True
    """Its endpoints are at the combined root too."""


class Context(Struct, frozen=True):
    """What a dialect may use."""

    engine: Engine
    """The whole engine; for a caller use `engine_for`."""
    auth: Auth
    settings: ApiSettings
    links: LinkSigner
    now: Callable[[], float] = time.time
    news: Any = None
    """The shared `api.native.news.News`; `aria2` follows it for notifications."""
    audit: Callable[..., None] = field(default=lambda *_, **__: None)
    """audit(action, user, peer, **facts); the facts hold no secrets."""
    owners: Owners | None = None
    _engines: dict[Caller, OwnedEngine] = field(default_factory=dict)

    def engine_for(self, who: Session | Caller) -> OwnedEngine:
        """Give the engine as a caller may use it."""
        caller = who.caller if isinstance(who, Session) else who
        found = self._engines.get(caller)
        if found is None:
            if len(self._engines) >= 1024:
                self._engines.clear()
            found = self._engines[caller] = OwnedEngine(self.engine, caller, self.owners)
        return found

    def sign(self, session: Session, view: DownloadView, file: str) -> str:
        """Make a signed link to a file that a caller may see.

        Who comes in by the Unix socket sees everything without a token; their links speak for the owner, and reach no
        further than the owner does.

        Raises:
            Conflict: the owner's token is gone, and with it whom a link could speak for.
        """
        user = view.owner if session.via in DOORS else session.user
        if self.auth.generation(user) is None:
            raise Conflict("Its owner has no token, so there is nobody whom a link could speak for.")
        return self.links.sign(user, view.id, file)


def session_of(connection: HTTPConnection) -> Session:
    """Give who is asking.

    Raises:
        KeyError: the endpoint is exempt and nobody was let in.
    """
    session: Session = connection.scope[SESSION]
    return session


def door_of(connection: HTTPConnection) -> Door:
    """Give the door a request came in by."""
    return connection.scope.get(DOOR) or Door()


def base_url(connection: HTTPConnection) -> str:
    """Give what generated links begin with: the mount's prefix, without scheme and host."""
    prefix: str = connection.scope.get("root_path", "")
    return prefix.rstrip("/")


def install(app: FastAPI, render: Renderer) -> None:
    """Send every error of an application through a dialect's renderer; no framework default is left."""

    async def on_validation(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, RequestValidationError)
        return render(request.scope, validation_problem(exc))

    async def on_http(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        detail = exc.detail if isinstance(exc.detail, str) and exc.status_code < 500 else ""
        return render(request.scope, of_status(exc.status_code, detail, exc.headers))

    async def on_ours(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, TuiDownloadsError)
        if exc.code is Code.INTERNAL:
            log.error(
                "internal error on %s", request.scope.get("path", "")[:200].encode("unicode_escape"), exc_info=exc
            )
        return render(request.scope, of_error(exc))

    async def on_any(request: Request, exc: Exception) -> Response:
        # The server's own middleware raises it on to the root, which writes the log.
        return render(request.scope, of_status(500, "Something went wrong inside."))

    app.router.redirect_slashes = False
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(TuiDownloadsError, on_ours)
    app.add_exception_handler(Exception, on_any)


def validation_problem(exc: RequestValidationError) -> Problem:
    """Say in one sentence what is wrong with a request; values that were sent are not repeated."""
    errors = exc.errors()
    parts = [_place(error) for error in errors[:3]]
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    return Problem(422, Code.INVALID_OPTION, "; ".join(parts) + more + ".")


def _place(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error.get("loc", ())[1:]) or "body"
    return f"{where[:100]}: {str(error.get('msg', 'not valid'))[:200]}"


Handler = Callable[[Request], Awaitable[Response]]
