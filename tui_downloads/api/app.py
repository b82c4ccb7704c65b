"""The combined root: guard, table, authorisation, and then the dialect the request belongs to.

`build` makes it from an engine; `Root.open(door)` gives the ASGI application of one listener. A request is matched on
its decoded path once, and what was matched is what is authorised and what the dialect's application sees.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tui_downloads.engine.base import Engine
from tui_downloads.engine.owners import Owners

from . import guard
from .auth import Auth, Door, Refused, Session, audit
from .dialect import DOOR, HEAD, SESSION, Context, Dialect, Endpoint
from .links import LinkSigner
from .native.application import make as make_native
from .native.news import News
from .native.settings import SafeSettings
from .problem import Problem, of_status
from .settings import ApiSettings
from .table import Found, Table, query_names

log = logging.getLogger(__name__)

DialectFactory = Callable[[Context], Dialect]


class Call(Struct):
    """One request on its way."""

    scope: Scope
    headers: guard.Headers
    door: Door
    found: Found
    session: Session | None = None


class Root:
    """Every dialect behind one door."""

    def __init__(self, context: Context, dialects: Sequence[Dialect]) -> None:
        self.context = context
        self.dialects = tuple(dialects)
        native = self.dialects[0]
        self.combined = Table([d for d in dialects if d.combined], native)
        self._strict = {d.name: Table([d], d) for d in dialects}
        self._prefixes = {d.prefix: self._strict[d.name] for d in dialects if d.prefix}

    def open(self, door: Door) -> ASGIApp:
        """Give the application of one listener.

        Raises:
            KeyError: there is no dialect of the door's name.
        """
        if door.dialect:
            self._strict[door.dialect]

        async def entrance(scope: Scope, receive: Receive, send: Send) -> None:
            scope[DOOR] = door
            await self(scope, receive, send)

        return entrance

    def refusal(self, door: Door) -> Callable[[Problem], Response]:
        """Give how a listener tells what is wrong where no request can be told from what came.

        Raises:
            KeyError: there is no dialect of the door's name.
        """
        dialect = (self._strict[door.dialect] if door.dialect else self.combined).default
        return lambda problem: dialect.render({}, problem)

    async def close(self) -> None:
        """End every event stream."""
        await self.context.news.close()

    def find(self, scope: Scope, door: Door) -> tuple[Found, str]:
        """Find what a request means, and the prefix its dialect is mounted at."""
        method = "WEBSOCKET" if scope["type"] == "websocket" else scope["method"]
        path, query = scope["path"], scope["query_string"]
        if door.dialect:
            return self._strict[door.dialect].find(method, path, query), ""
        for prefix, table in self._prefixes.items():
            if path == prefix or path.startswith(prefix + "/"):
                return table.find(method, path[len(prefix) :] or "/", query), prefix
        return self.combined.find(method, path, query), ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        door = scope.get(DOOR) or Door()
        headers = guard.headers_of(scope)
        settings = self.context.settings
        if scope["type"] == "http":
            send = guard.dressed(send, headers, settings)
        found, prefix = self.find(scope, door)
        call = Call(scope, headers, door, found)
        problem = guard.check(scope, headers, door, settings)
        if problem is not None:
            await self._refuse(call, problem, receive, send)
            return
        if scope["type"] == "http":
            answer = guard.preflight(scope, headers, settings)
            if answer is not None:
                await send({"type": "http.response.start", "status": 204, "headers": answer})
                await send({"type": "http.response.body", "body": b""})
                return
        if found.endpoint is None:
            await self._refuse(call, _missing(found), receive, send)
            return
        problem = await self._let_in(call, found.endpoint)
        if problem is not None:
            await self._refuse(call, problem, receive, send)
            return
        await self._forward(call, found.endpoint, prefix, receive, send)

    async def _let_in(self, call: Call, endpoint: Endpoint) -> Problem | None:
        """Authorise on what was matched."""
        scope, headers, dialect = call.scope, call.headers, call.found.dialect
        method = scope.get("method", "GET")
        if not guard.browser_allowed(headers, method, self.context.settings, unsafe=endpoint.unsafe):
            return of_status(403, "A web page may not do this.")
        peer = guard.peer_of(scope)
        if endpoint.exempt:
            call.session = self.context.auth.local(call.door, peer)
            return None
        result = self._session(call, dialect, endpoint, peer)
        if isinstance(result, Refused):
            await asyncio.sleep(result.delay)
            extra = {"www-authenticate": 'Bearer realm="tui-downloads"'}
            if result.retry_after:
                extra["retry-after"] = str(result.retry_after)
            return of_status(401, result.detail, extra)
        call.session = result
        if not result.caller.may(endpoint.needs):
            return of_status(403, f"This needs the scope {endpoint.needs}.")
        return None

    def _session(self, call: Call, dialect: Dialect, endpoint: Endpoint, peer: str) -> Session | Refused:
        auth = self.context.auth
        query = call.scope["query_string"]
        if (
            dialect.ticket_query
            and endpoint.path in dialect.ticket_paths
            and call.scope.get("method") in ("GET", "HEAD")
            and "authorization" not in call.headers
            and dialect.ticket_query in query_names(query)
        ):
            ticket = _query_value(query, dialect.ticket_query)
            return auth.by_ticket(ticket, peer) or auth.failed(peer, "The ticket is not valid.")
        return auth.check(call.door, call.headers, peer, basic=dialect.basic)

    async def _forward(self, call: Call, endpoint: Endpoint, prefix: str, receive: Receive, send: Send) -> None:
        scope = dict(call.scope)
        settings = self.context.settings
        if scope["type"] == "http":
            if guard.has_body(scope, call.headers):
                if not endpoint.any_type and not guard.json_type(call.headers):
                    text = "The body must be JSON: send Content-Type: application/json."
                    await self._refuse(call, of_status(415, text), receive, send)
                    return
                body = await guard.read_body(receive, call.headers, settings)
                if isinstance(body, Problem):
                    await self._refuse(call, body, receive, send)
                    return
                receive = guard.replayed(body, receive)
            if scope["method"] == "HEAD" and endpoint.method == "GET":
                scope["method"], scope[HEAD] = "GET", True
                send = _headless(send)
        if call.session is not None:
            scope[SESSION] = call.session
        scope["root_path"] = scope.get("root_path", "") + prefix
        await self._run(call, endpoint, scope, receive, send)

    async def _run(self, call: Call, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await call.found.dialect.app(scope, receive, watched)
        except Exception as exc:
            mark = uuid.uuid4().hex[:12]
            log.error("%s %s failed (%s)", endpoint.method, endpoint.path, mark, exc_info=exc)
            if status:
                abort(scope)
                return
            await self._refuse(
                call, of_status(500, f"Something went wrong inside; the log has it as {mark}."), receive, send
            )
            status = 500
        finally:
            if endpoint.needs != "read" and call.session is not None:
                self._note(call, endpoint, status)

    def _note(self, call: Call, endpoint: Endpoint, status: int) -> None:
        session = call.session
        assert session is not None
        facts = {"path": call.scope["path"][:300], "dialect": call.found.dialect.name, "status": status}
        audit(f"{endpoint.method} {endpoint.path}", session.user, session.peer, via=session.via, **facts)

    async def _refuse(self, call: Call, problem: Problem, receive: Receive, send: Send) -> None:
        if call.scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": problem.detail[:100]})
            return
        if guard.has_body(call.scope, call.headers) and "connection" not in problem.headers:
            # The body is still to come and nobody will read it.
            problem = replace(problem, headers={**problem.headers, "connection": "close"})
        answer = call.found.dialect.render(call.scope, problem)
        if call.scope["method"] == "HEAD":
            send = _headless(send)
        await answer(call.scope, receive, send)


def _missing(found: Found) -> Problem:
    if found.allow:
        return of_status(405, "The method is not allowed here.", {"allow": ", ".join(found.allow)})
    return of_status(404, "There is nothing here.")


def _headless(send: Send) -> Send:
    """Drop bodies."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return wrapped


def _query_value(query: bytes, name: str) -> str:
    return parse_qs(query.decode("latin-1"), keep_blank_values=True).get(name, [""])[-1]


def abort(scope: MutableMapping[str, Any]) -> None:
    """Cut a connection whose answer can't be finished, where the server lets us."""
    cut = scope.get("extensions", {}).get("tui_downloads.abort")
    if cut is not None:
        cut()


def build(
    engine: Engine,
    *,
    auth: Auth,
    settings: ApiSettings | None = None,
    key: bytes,
    dialects: Sequence[DialectFactory] = (),
    safe_settings: SafeSettings | None = None,
    now: Callable[[], float] = time.time,
) -> Root:
    """Make the combined root over an engine; `key` signs file links.

    `dialects` are factories in order: where two have the same endpoint at the combined root, the earlier owns it.
    """
    settings = settings or auth.settings
    owners = Owners(engine)
    links = LinkSigner(key, now, auth.generation, settings.link_seconds)
    news = News(engine, owners, settings)
    context = Context(engine, auth, settings, links, now, news, audit, owners)
    made = [make_native(context, safe_settings or SafeSettings(engine))]
    made += [factory(context) for factory in dialects]
    return Root(context, made)
