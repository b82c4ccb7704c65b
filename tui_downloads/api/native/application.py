"""The native application and its endpoints, read off its own routes so that none can be forgotten."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, Response

from tui_downloads import __version__, wire
from tui_downloads.core.errors import Conflict
from tui_downloads.engine.caller import READ

from .. import problem
from ..dialect import Context, Dialect, Endpoint, install
from ..problem import Problem
from ..serve_file import NotServable
from . import docs, downloads, files, history, system
from .describe import Words, gives
from .queries import only_known
from .settings import SafeSettings

DESCRIPTION = (
    "Downloads, their files, history and news. Send the header Authorization: Bearer TOKEN; the socket needs none. "
    "Units are bytes, seconds and epoch seconds. Errors are problem details (RFC 9457) with a stable code and the next "
    "step. Lists are paged by cursor. Everybody sees their own downloads; administrators see all."
)


def render(scope: MutableMapping[str, Any], found: Problem) -> Response:
    """Tell a problem as problem details."""
    return problem.render(found)


async def on_unfinished(request: Request, exc: Exception) -> Response:
    """Tell that a file is not finished as a conflict: the download is there, and the file may come."""
    assert isinstance(exc, NotServable)
    if exc.unfinished:
        return problem.render(problem.of_error(Conflict(exc.message)))
    return problem.render(problem.of_error(exc))


def make(context: Context, safe: SafeSettings) -> Dialect:
    """Make the native dialect."""
    app = FastAPI(
        title="tui_downloads",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(only_known)],
    )
    install(app, render)
    app.add_exception_handler(NotServable, on_unfinished)
    for routes in (
        downloads.router(context),
        files.router(context),
        history.router(context),
        system.router(context, safe),
    ):
        # `include_router` would wrap them, and the table is read off plain routes.
        app.router.routes.extend(routes.routes)
    _document(app)
    return Dialect("native", app, endpoints(app), render, owns=("/v1",))


def _document(app: FastAPI) -> None:
    """Add the OpenAPI document and the page made from it."""
    words = Words()
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(_openapi(app, words))
        return made

    # FastAPI's own method is replaced, as its documentation says, to add what annotations can't tell.
    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/v1/openapi.json", responses=gives({"type": "object"}), summary="This document", tags=["service"])
    async def openapi_document(request: Request) -> Response:
        return Response(wire.to_bytes(openapi()), media_type="application/json")

    @app.get("/v1/docs", responses=gives({"type": "string"}, kind="text/html"), summary="This page", tags=["service"])
    async def documentation(request: Request) -> Response:
        return HTMLResponse(docs.page(openapi()), headers={"content-security-policy": docs.POLICY})


def _openapi(app: FastAPI, words: Words) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
    )
    components = found.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **words.schemas.components}
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    return found


def endpoints(app: FastAPI) -> tuple[Endpoint, ...]:
    """Read the endpoints off the routes."""
    out = []
    for route in app.routes:
        if not isinstance(route, APIRoute):
            continue
        extra = route.openapi_extra or {}
        for method in sorted(route.methods or ()):
            scope = extra.get("x-scope", "")
            exempt = extra.get("x-exempt", "")
            out.append(Endpoint(method, route.path, READ if exempt else scope, exempt))
    return tuple(out)
