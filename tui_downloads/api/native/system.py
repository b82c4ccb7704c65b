"""Routes of the service itself: events, snapshot, stats, limits, hosts, settings, health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi import Query as Param
from msgspec.structs import fields
from starlette.responses import Response, StreamingResponse

from tui_downloads import __version__, wire
from tui_downloads.core.snapshots import Limits, Snapshot, Totals
from tui_downloads.engine.caller import ADMIN

from ..dialect import Context, session_of
from .describe import gives, named, needs, takes
from .downloads import answer
from .news import EventStream
from .queries import only_known
from .settings import SafeSettings

OBJECT: dict[str, Any] = {"type": "object"}
ROWS = 500
"""Downloads in one piece of a snapshot; the loop is free between two."""

HELP = {
    "speed": ("tui_downloads_speed_bytes", "Bytes a second."),
    "connections": ("tui_downloads_connections", "Open connections."),
}


def router(context: Context, safe: SafeSettings) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["service"], dependencies=[Depends(only_known)])
    _health(routes, context)
    _news(routes, context)
    _facts(routes, context)
    _limits(routes, context)
    _settings(routes, safe)
    return routes


def _health(routes: APIRouter, context: Context) -> None:
    @routes.get(
        "/healthz",
        responses=gives(OBJECT),
        openapi_extra=needs(exempt="health"),
        summary="Say that the service is alive",
    )
    async def health() -> Response:
        return answer({"status": "ok"})

    @routes.get("/metrics", responses=gives({"type": "string"}, kind="text/plain"), summary="Prometheus metrics")
    async def metrics(request: Request) -> Response:
        engine = context.engine_for(session_of(request))
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(metrics_text(engine.snapshot(), len(context.news.subscribers)), media_type=kind)


def _news(routes: APIRouter, context: Context) -> None:
    @routes.get("/v1/events", responses=gives({"type": "string"}, kind="text/event-stream"), summary="Follow the news")
    async def events(
        request: Request,
        last_event_id: Annotated[str | None, Header(max_length=64)] = None,
        after: Annotated[str | None, Param(max_length=64, description="As Last-Event-ID.")] = None,
    ) -> Response:
        session = session_of(request)
        subscriber = context.news.subscribe(session, last_event_id if last_event_id is not None else after)
        return EventStream(context.news, subscriber, lambda: context.auth.alive(session), context.settings)

    @routes.get(
        "/v1/snapshot", responses=gives(OBJECT), summary="Everything unfinished and lately ended, at one moment"
    )
    async def snapshot(request: Request) -> Response:
        context.news.start()
        place = context.news.id(context.news.seq)
        view = context.engine_for(session_of(request)).snapshot()
        return StreamingResponse(snapshot_body(view, place), media_type="application/json")


def _facts(routes: APIRouter, context: Context) -> None:
    @routes.get("/v1/info", responses=gives(OBJECT), summary="Which service this is, and who you are")
    async def info(request: Request) -> Response:
        session = session_of(request)
        engine = context.engine_for(session)
        facts = dict(await engine.describe())
        caller = session.caller
        me = {"name": caller.name, "scope": caller.scope, "kinds": sorted(caller.kinds), "private": caller.private}
        return answer(
            {"version": __version__, "api": wire.VERSION, "boot": context.news.boot, "me": me, "engine": facts}
        )

    @routes.get("/v1/stats", responses=gives(OBJECT), summary="Counts and speeds")
    async def stats(request: Request) -> Response:
        engine = context.engine_for(session_of(request))
        view = engine.snapshot()
        figures = {"at": view.at, "totals": view.totals, "limits": view.limits, "info": view.info}
        return answer({**figures, "subscribers": len(context.news.subscribers)})

    @routes.get("/v1/hosts", responses=gives({"type": "array", "items": named("HostView")}), summary="What hosts bear")
    async def hosts(request: Request) -> Response:
        return answer(await context.engine_for(session_of(request)).hosts())


def _limits(routes: APIRouter, context: Context) -> None:
    @routes.get("/v1/limits", responses=gives(named("Limits")), summary="What may be used at once")
    async def get_limits(request: Request) -> Response:
        return answer(context.engine_for(session_of(request)).snapshot().limits)

    @routes.put(
        "/v1/limits",
        responses=gives(named("Limits")),
        openapi_extra=takes(named("LimitsInput"), scope=ADMIN),
        summary="Change what may be used at once",
        description="Fields that are left out take their defaults.",
    )
    async def set_limits(request: Request) -> Response:
        limits = wire.load(Limits, wire.parse(await request.body()))
        await context.engine_for(session_of(request)).set_limits(limits)
        return answer(limits)


def _settings(routes: APIRouter, safe: SafeSettings) -> None:
    known = {"limits": named("LimitsInput"), **safe.schemas}
    body = {"type": "object", "properties": known, "additionalProperties": False}

    @routes.get(
        "/v1/settings", responses=gives(OBJECT), openapi_extra=needs(ADMIN), summary="Settings that are safe to see"
    )
    async def get_settings() -> Response:
        return answer(safe.read())

    @routes.patch(
        "/v1/settings",
        responses=gives(OBJECT),
        openapi_extra=takes(body, scope=ADMIN),
        summary="Change safe settings",
    )
    async def set_settings(request: Request) -> Response:
        return answer(await safe.write(wire.parse(await request.body())))


async def snapshot_body(view: Snapshot, place: str) -> AsyncIterator[bytes]:
    """Write a snapshot in pieces; `event` is the id after which its news begin."""
    head = {
        "event": place,
        "revision": view.revision,
        "at": view.at,
        "totals": wire.dump(view.totals),
        "limits": wire.dump(view.limits),
        "info": wire.dump(view.info),
    }
    yield wire.to_bytes(head)[:-1] + b',"downloads":['
    views = list(view.downloads.values())
    for at in range(0, len(views), ROWS):
        piece = b",".join(wire.encode(item) for item in views[at : at + ROWS])
        yield (b"," if at else b"") + piece
        await asyncio.sleep(0)
    yield b"]}"


def metrics_text(view: Snapshot, subscribers: int) -> str:
    """Write metrics in Prometheus' text form."""
    lines = ["# HELP tui_downloads_downloads Downloads by state.", "# TYPE tui_downloads_downloads gauge"]
    totals = view.totals
    for field in fields(Totals):
        if field.name not in HELP:
            lines.append(f'tui_downloads_downloads{{state="{field.name}"}} {getattr(totals, field.name)}')
    for name, (metric, words) in HELP.items():
        lines += [f"# HELP {metric} {words}", f"# TYPE {metric} gauge", f"{metric} {getattr(totals, name):g}"]
    lines += [
        "# HELP tui_downloads_subscribers Readers of the event stream.",
        "# TYPE tui_downloads_subscribers gauge",
        f"tui_downloads_subscribers {subscribers}",
        "# HELP tui_downloads_free_bytes Bytes free where downloads go.",
        "# TYPE tui_downloads_free_bytes gauge",
    ]
    if view.info.free is not None:
        lines.append(f"tui_downloads_free_bytes {view.info.free}")
    return "\n".join(lines) + "\n"
