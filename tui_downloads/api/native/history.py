"""Routes of what has ended: history and errors, searched, paged and exported in constant memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi import Query as Param
from msgspec.structs import replace
from pydantic import StringConstraints
from starlette.responses import Response, StreamingResponse

from tui_downloads import wire
from tui_downloads.core import links
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Query
from tui_downloads.engine.base import Engine

from ..dialect import Context, session_of
from .describe import gives, named
from .downloads import answer
from .queries import Stamp, choice, filters, only_known, read_page

NOBODY = "00000000-0000-0000-0000-000000000000"
"""An id that no download has; the version bits of ours are never zero."""
COLUMNS = (
    "id", "state", "name", "folder", "url", "host", "size", "done", "created_at", "started_at", "finished_at",
    "attempts", "checksum", "proof", "error", "message", "owner", "category",
)  # fmt: skip
"""Of an export, in this order, in both forms."""

FORGOTTEN = {"type": "object", "required": ["forgotten"], "properties": {"forgotten": {"type": "integer"}}}


EndedWord = Annotated[str, StringConstraints(pattern="^(complete|failed|cancelled)(,(complete|failed|cancelled))*$")]


class Form(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON = "json"


def row(view: DownloadView) -> dict[str, Any]:
    """Give what an export says of a download; links lose user, password, query and fragment."""
    special = {
        "url": links.bare(view.url),
        "error": view.error.code if view.error else "",
        "message": view.error.message if view.error else "",
    }
    return {name: special[name] if name in special else wire.dump(getattr(view, name)) for name in COLUMNS}


def csv_cell(value: Any) -> Any:
    """Give a cell that a spreadsheet takes for text and not for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return "" if value is None else value


async def export(engine: Engine, query: Query, form: Form) -> AsyncIterator[bytes]:
    """Write everything a query finds, page by page."""
    first = True
    if form is Form.CSV:
        yield (",".join(COLUMNS) + "\r\n").encode()
    cursor: str | None = None
    while True:
        page = await engine.page(replace(query, limit=500, cursor=cursor))
        if form is Form.CSV:
            text = io.StringIO()
            csv.writer(text).writerows([csv_cell(cell) for cell in row(view).values()] for view in page.items)
            yield text.getvalue().encode("utf-8", "replace")
        else:
            parts = [wire.to_bytes(row(view)) for view in page.items]
            yield (b"[\n" if first else b",\n" if parts else b"") + b",\n".join(parts)
        first = False
        cursor = page.cursor
        if cursor is None:
            break
    if form is Form.JSON:
        yield b"\n]\n"


def ended(query: Query, states: frozenset[State]) -> Query:
    """Narrow a query to ended downloads; one that asks for others only finds nothing."""
    if query.states and not query.states & states:
        return replace(query, states=states, ids=(NOBODY,))
    return replace(query, states=query.states & states or states)


def router(context: Context) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["history"], dependencies=[Depends(only_known)])
    text = gives({"type": "string"}, kind="text/csv")
    text[200]["content"]["application/json"] = {"schema": {"type": "array", "items": {"type": "object"}}}

    def add(path: str, states: frozenset[State], what: str) -> None:
        async def show(request: Request, query: Annotated[Query, Depends(filters)]) -> Response:
            return answer(await read_page(context.engine_for(session_of(request)), ended(query, states)))

        async def write(
            request: Request, query: Annotated[Query, Depends(filters)], format: Form = Form.JSON
        ) -> Response:
            engine = context.engine_for(session_of(request))
            kind = "text/csv; charset=utf-8" if format is Form.CSV else "application/json"
            name = {"content-disposition": f'attachment; filename="{what}.{format.value}"'}
            return StreamingResponse(
                export(engine, replace(ended(query, states), cursor=None), format), 200, name, kind
            )

        routes.add_api_route(
            path, show, responses=gives(named("Page")), summary=f"Search the {what}", name=f"list_{what}"
        )
        routes.add_api_route(
            f"{path}/export", write, responses=text, summary=f"Export the {what}", name=f"export_{what}"
        )

    add("/v1/history", ENDED, "history")
    add("/v1/errors", frozenset({State.FAILED}), "errors")

    @routes.delete("/v1/history", responses=gives(FORGOTTEN), summary="Drop ended downloads, never files")
    async def forget(
        request: Request,
        before: Stamp = None,
        state: Annotated[list[EndedWord], Param(max_length=20)] = [],  # noqa: B006
    ) -> Response:
        states = choice(State, state, "state")
        if not states <= ENDED:
            raise RequestError(Code.INVALID_OPTION, f"state: expected some of {', '.join(sorted(ENDED))}.")
        names = sorted(word.value for word in states)
        return answer({"forgotten": await context.engine_for(session_of(request)).forget(before=before, states=names)})

    return routes
