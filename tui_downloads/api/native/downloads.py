"""Routes of downloads: list, add, look, change, act."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi import Query as Param
from starlette.responses import Response

from tui_downloads import wire
from tui_downloads.core import links
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Query
from tui_downloads.core.spec import AddRequest, Change
from tui_downloads.engine.base import Outcome
from tui_downloads.engine.caller import READ
from tui_downloads.engine.owned import OwnedEngine

from ..dialect import Context, session_of
from .describe import ACTION, ACTIONS, ADD, MOVE, gives, named, takes
from .idempotency import Idempotency
from .queries import Sort, choice, filters, only_known, read_page

LONGEST_ID = 64
DUPLICATES = ("allow", "existing", "refuse")
Id = Annotated[str, Path(max_length=LONGEST_ID)]
BATCH = 200
"""Downloads between two chances for others to run."""
WHERES = ("up", "down", "top", "bottom")


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(wire.encode(value), status, headers, media_type="application/json")


def outcome_body(outcome: Outcome) -> dict[str, Any]:
    """Tell how a command went for one id."""
    error = wire.dump_error(outcome.error) if outcome.error else None
    return {"id": outcome.id, "ok": outcome.ok, "error": error, "download": wire.dump(outcome.download)}


async def outcomes(found: Sequence[Outcome]) -> Response:
    """Tell how a command went for many ids, without holding the loop for thousands of them."""
    parts = []
    for at in range(0, len(found), BATCH):
        parts += [wire.to_bytes(outcome_body(outcome)) for outcome in found[at : at + BATCH]]
        await asyncio.sleep(0)
    return Response(b'{"outcomes":[' + b",".join(parts) + b"]}", media_type="application/json")


def only(found: Sequence[Outcome]) -> Outcome:
    """Give the one outcome of a command for one id.

    Raises:
        TuiDownloadsError: it was refused.
    """
    outcome = found[0]
    if outcome.error is not None:
        raise outcome.error
    return outcome


Engines = Callable[[Request], OwnedEngine]
"""Gives the engine as who asks may use it."""


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["downloads"], dependencies=[Depends(only_known)])

    def engine(request: Request) -> OwnedEngine:
        return context.engine_for(session_of(request))

    _looking(routes, engine)
    _adding(routes, engine, context)
    _changing(routes, engine)
    _acting(routes, engine, context)
    return routes


def _looking(routes: APIRouter, engine: Engines) -> None:
    @routes.get("/v1/downloads", responses=gives(named("Page")), summary="List downloads")
    async def list_downloads(request: Request, query: Annotated[Query, Depends(filters)]) -> Response:
        return answer(await read_page(engine(request), query))

    @routes.post(
        "/v1/query",
        responses=gives(named("Page")),
        openapi_extra=takes(named("QueryInput"), scope=READ),
        summary="List downloads by a query in the body, for long lists of ids",
    )
    async def query_downloads(request: Request) -> Response:
        query = wire.load(Query, wire.parse(await request.body()))
        if query.sort not in tuple(Sort):
            raise RequestError(Code.INVALID_OPTION, f"sort: expected one of {', '.join(Sort)}.")
        return answer(await read_page(engine(request), query))

    @routes.get("/v1/downloads/{id}", responses=gives(named("DetailView")), summary="Look at one download")
    async def get_download(request: Request, id: Id) -> Response:
        return answer(await engine(request).get(id))


def _adding(routes: APIRouter, engine: Engines, context: Context) -> None:
    once = Idempotency(
        context.now, seconds=context.settings.idempotency_seconds, keys=context.settings.idempotency_keys
    )

    @routes.post(
        "/v1/downloads",
        responses={**gives(named("Outcomes")), 201: gives(named("DownloadView"))[200]},
        openapi_extra=takes(ADD),
        summary="Add one download, or many",
        description="One: an object; the answer is 201 with the download. Many: `{downloads: […]}`; the answer is 200 "
        "with an outcome for each. The header `Idempotency-Key` makes it safe to send again.",
    )
    async def add_downloads(request: Request) -> Response:
        body = await request.body()
        session = session_of(request)

        async def act() -> Response:
            return await add(engine(request), wire.parse(body), context, request)

        return await once.once(session.user, request.headers.get("idempotency-key"), body, act)


def _changing(routes: APIRouter, engine: Engines) -> None:
    @routes.patch(
        "/v1/downloads/{id}",
        responses=gives(named("DownloadView")),
        openapi_extra=takes(named("ChangeInput")),
        summary="Change a download",
    )
    async def change_download(request: Request, id: Id) -> Response:
        change = wire.load(Change, wire.parse(await request.body()))
        return answer(await engine(request).change(id, change))

    @routes.delete("/v1/downloads/{id}", responses=gives(named("Outcome")), summary="Remove a download")
    async def remove_download(
        request: Request,
        id: Id,
        files: Annotated[bool, Param(description="Delete the files that were made for it, too.")] = False,
    ) -> Response:
        return answer(outcome_body(only(await engine(request).remove([id], files=files))))

    @routes.post(
        "/v1/downloads/{id}/move",
        responses=gives(named("Outcome")),
        openapi_extra=takes(MOVE),
        summary="Move a download in the queue",
    )
    async def move_download(request: Request, id: Id) -> Response:
        body = wire.parse(await request.body())
        if not isinstance(body, dict) or set(body) != {"where"}:
            raise RequestError(Code.INVALID_OPTION, "Expected an object with the field where.")
        return answer(outcome_body(only(await engine(request).move([id], where(body["where"])))))


def _acting(routes: APIRouter, engine: Engines, context: Context) -> None:
    def command(name: str, summary: str) -> None:
        async def run(request: Request, id: Id) -> Response:
            return answer(outcome_body(only(await getattr(engine(request), name)([id]))))

        routes.add_api_route(
            f"/v1/downloads/{{id}}/{name}",
            run,
            methods=["POST"],
            responses=gives(named("Outcome")),
            summary=summary,
            name=f"{name}_download",
        )

    command("pause", "Pause a download")
    command("resume", "Queue a paused download again")
    command("cancel", "End a download; its part stays")
    command("retry", "Queue a failed or cancelled download again")
    command("restore", "Undo a removal without files, within 60 seconds")

    @routes.post(
        "/v1/actions",
        responses=gives(named("Outcomes")),
        openapi_extra=takes(ACTION),
        summary="Act on many downloads, by ids or by states",
    )
    async def act_on_many(request: Request) -> Response:
        body = wire.parse(await request.body())
        return await outcomes(await run_action(engine(request), body, context.settings.max_bulk))


async def add(engine: OwnedEngine, body: Any, context: Context, request: Request) -> Response:
    """Add what a body asks for."""
    session = session_of(request)
    many = isinstance(body, dict) and "downloads" in body
    if many:
        items = body["downloads"]
        if len(body) != 1 or not isinstance(items, list) or not items:
            raise RequestError(Code.INVALID_OPTION, "Expected an object with one field, downloads, a list of them.")
        if len(items) > context.settings.max_bulk:
            raise RequestError(Code.INVALID_OPTION, f"At most {context.settings.max_bulk} downloads at once.")
        wanted = []
        for n, item in enumerate(items):
            if n % BATCH == 0:
                await asyncio.sleep(0)
            wanted.append(wire.load(AddRequest, item, at=f"downloads[{n}]"))
    else:
        wanted = [wire.load(AddRequest, body)]
    for request_ in wanted:
        if request_.duplicate not in DUPLICATES:
            raise RequestError(Code.INVALID_OPTION, f"duplicate: expected one of {', '.join(DUPLICATES)}.")
    found = await engine.add(wanted)
    for asked, outcome in zip(wanted, found, strict=True):
        context.audit("add", session.user, session.peer, url=links.bare(asked.url), id=outcome.id, ok=outcome.ok)
    if many:
        return await outcomes(found)
    outcome = only(found)
    return answer(outcome.download, 201, {"location": f"/v1/downloads/{outcome.id}"})


def where(value: Any) -> str | int:
    """Read a place in the queue.

    Raises:
        RequestError: INVALID_OPTION.
    """
    if isinstance(value, str) and value in WHERES:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000_000:
        return value
    raise RequestError(Code.INVALID_OPTION, f"where: expected {', '.join(WHERES)} or a place from 0.")


async def run_action(engine: OwnedEngine, body: Any, most: int) -> list[Outcome]:
    """Run a command on many downloads; a body that is not understood whole does nothing.

    Raises:
        RequestError: INVALID_OPTION.
    """
    if not isinstance(body, dict) or not body.keys() <= {"action", "ids", "states", "where", "files"}:
        raise RequestError(Code.INVALID_OPTION, "Expected an object with action, and ids or states.")
    name = body.get("action")
    if name not in ACTIONS:
        raise RequestError(Code.INVALID_OPTION, f"action: expected one of {', '.join(ACTIONS)}.")
    if ("where" in body) != (name == "move") or ("files" in body and name != "remove"):
        raise RequestError(Code.INVALID_OPTION, "where belongs to move and files to remove.")
    files = body.get("files", False)
    if not isinstance(files, bool):
        raise RequestError(Code.INVALID_OPTION, "files: expected true or false.")
    place = where(body["where"]) if name == "move" else 0
    ids = await _targets(engine, body, most)
    if not ids:
        return []
    if name == "move":
        return await engine.move(ids, place)
    if name == "remove":
        return await engine.remove(ids, files=files)
    found: list[Outcome] = await getattr(engine, name)(ids)
    return found


async def _targets(engine: OwnedEngine, body: dict[str, Any], most: int) -> list[str]:
    """Give the ids a bulk command is for."""
    if ("ids" in body) == ("states" in body):
        raise RequestError(Code.INVALID_OPTION, "Give either ids or states.")
    words = body.get("ids", body.get("states"))
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise RequestError(Code.INVALID_OPTION, "ids, or states, is a list of texts with at least one.")
    if "ids" in body and any(len(word) > LONGEST_ID for word in words):
        raise RequestError(Code.INVALID_OPTION, f"An id has at most {LONGEST_ID} characters.")
    if len(words) > most:
        raise RequestError(Code.INVALID_OPTION, f"At most {most} at once.")
    if "ids" in body:
        return words
    states = choice(State, words, "states")
    ids: list[str] = []
    cursor = None
    while len(ids) < most:
        page = await engine.page(Query(states=states, limit=1000, cursor=cursor))
        ids += [view.id for view in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    return ids[:most]
