"""`GET /api/v1/downloads` at the combined root, where two documents meant the same path for different lists.

One object serves both: every download, each record with Hoody's fields and words (`status`) and MASV's (`state`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import bare, redact

from ..dialect import Context, session_of
from . import _hoody, _masv
from ._listing import gather
from ._requests import answer


def states_asked(request: Request) -> frozenset[State]:
    """Give the states in `?states=`; all without it.

    Raises:
        HTTPException: 400.
    """
    given = request.query_params.getlist("states")
    if not given:
        return frozenset(State)
    if len(given) > 1:
        raise HTTPException(400, "states is there twice; separate the states by commas.")
    try:
        return _masv.states_of(given[0])
    except ValueError as exc:
        raise HTTPException(400, str(exc)) from None


async def combined_list(context: Context, request: Request) -> Response:
    """Answer with every download of the caller's, narrowed by `?states=`."""
    session = session_of(request)
    states = states_asked(request)
    folder = context.engine.snapshot().info.folder
    viewer = _hoody.Viewer(session.caller, await asyncio.to_thread(_hoody.root_for, session.caller, folder))
    records: list[dict[str, Any]] = []
    for view in await gather(context.engine_for(session), states):
        # Each document has a rule for the one field that both have; the record keeps to both.
        url = redact(view.url) if session.caller.admin else bare(view.url)
        records.append({**_masv.record(view), **viewer.active(view), "url": url})
    return answer({"downloads": records})
