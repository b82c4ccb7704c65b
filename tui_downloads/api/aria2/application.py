"""aria2's JSON-RPC at /jsonrpc: POST, GET and WebSocket, over the engine of whoever the token belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from tui_downloads import wire

from ..auth import Session
from ..dialect import SESSION, Context, Dialect, Endpoint, door_of, install
from ..guard import headers_of, peer_of
from ..problem import Problem
from . import protocol
from .calls import Calls, Desk, Sender
from .methods import METHODS
from .protocol import SCRIPT, TYPE, RpcError
from .sockets import Connection

NAME = "aria2"
PATH = "/jsonrpc"

ENDPOINTS = (
    Endpoint("POST", PATH, exempt="aria2", any_type=True),
    # A GET may change everything here, so no page and no link may send one.
    Endpoint("GET", PATH, exempt="aria2", unsafe=True),
    Endpoint("WEBSOCKET", PATH, exempt="aria2"),
)


def render(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    """Tell a problem as an error of JSON-RPC."""
    code = protocol.INVALID_REQUEST if problem.status in (400, 408, 413, 414, 415, 422, 431) else 1
    body = protocol.failure(None, RpcError(problem.detail, code))
    return Response(wire.to_bytes(body), problem.status, dict(problem.headers), media_type=TYPE)


def make(
    context: Context,
    *,
    session_file: Path | None = None,
    stop: Callable[[bool], None] | None = None,
    drop_in: bool = False,
    given: Mapping[str, list[str]] | None = None,
) -> Dialect:
    """Make the dialect.

    `session_file` is where saveSession writes, `stop(force)` ends the service, and `drop_in` says that the no-auth
    door stands for a whole aria2. What was `given` holds for new downloads that do not say otherwise.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    install(app, render)
    calls = Calls(Desk(context, session_file, stop, drop_in, given=given or {}), METHODS)

    async def answer(request: Request, read: Callable[[], bytes], callback: str = "") -> Response:
        try:
            body = read()
            if len(body) > protocol.LARGEST:
                raise RpcError("The request is too large.", protocol.INVALID_REQUEST, 413)
            found, status = await calls.run(protocol.read(body), sender_of(context, request))
        except RpcError as error:
            found, status = protocol.failure(None, error), error.status
        text = wire.to_bytes(found)
        if callback:
            return Response(callback.encode() + b"(" + text + b")", status, media_type=SCRIPT)
        return Response(text, status, media_type=TYPE)

    @app.post(PATH, response_model=None)
    async def post(request: Request) -> Response:
        body = await request.body()
        return await answer(request, lambda: body)

    @app.get(PATH, response_model=None)
    async def get(request: Request) -> Response:
        query = dict(request.query_params)
        try:
            callback = protocol.callback_of(query)
        except RpcError as error:
            return Response(wire.to_bytes(protocol.failure(None, error)), error.status, media_type=TYPE)
        return await answer(request, lambda: protocol.from_query(query), callback)

    async def connect(socket: WebSocket) -> None:
        await Connection(context, calls, socket, sender_of(context, socket)).run()

    app.router.routes.append(WebSocketRoute(PATH, connect))
    return Dialect(NAME, app, ENDPOINTS, render, owns=(PATH,))


def sender_of(context: Context, connection: HTTPConnection) -> Sender:
    """Say who asks, as far as door and header tell; a token in the parameters goes over both."""
    peer = peer_of(connection.scope)
    found = connection.scope.get(SESSION)
    if found is None and "authorization" in connection.headers:
        found = context.auth.check(door_of(connection), headers_of(connection.scope), peer)
    return Sender(found if isinstance(found, Session) else None, peer)
