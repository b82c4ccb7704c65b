"""MASV Agent: packages and other links into folders, with pause, resume, and deletion by states."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tui_downloads.core.errors import Code, Conflict, DownloadError, TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import bare, parse_link
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest, Credentials
from tui_downloads.engine.base import Outcome
from tui_downloads.engine.owned import OwnedEngine

from ..dialect import Context, Dialect, Endpoint, install, session_of
from ..problem import Problem
from . import _masv as words
from ._listing import gather
from ._requests import answer, at_combined_root, bare_app, is_id, json_object
from ._shared_list import combined_list, states_asked

NAME, PREFIX = "masv", "/masv"
ALL = "/api/v1/downloads"
ONE = f"{ALL}/{{id}}"
ENDPOINTS = (
    Endpoint("GET", ALL),
    Endpoint("POST", ALL),
    Endpoint("DELETE", ALL),
    Endpoint("GET", ONE),
    Endpoint("DELETE", ONE),
    Endpoint("POST", f"{ONE}/pause"),
    Endpoint("POST", f"{ONE}/resume"),
)
PACKAGE_HOSTS = frozenset({"get.massive.app", "get.massive.io"})
FIELDS = ("url", "dst_folder", "password")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def render(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    """Tell a problem in MASV's shape; what can't be understood is 400 there, never 422."""
    status = 400 if problem.status == 422 else problem.status
    return answer({"code": status, "message": problem.detail}, status, dict(problem.headers))


def make(context: Context) -> Dialect:
    """Make the dialect."""
    app = bare_app()
    install(app, render)
    masv = Masv(context)
    for method, path, handler in (
        ("GET", ALL, masv.everything),
        ("POST", ALL, masv.create),
        ("DELETE", ALL, masv.delete_many),
        ("GET", ONE, masv.show),
        ("DELETE", ONE, masv.delete),
        ("POST", f"{ONE}/pause", masv.pause),
        ("POST", f"{ONE}/resume", masv.resume),
    ):
        app.add_api_route(path, handler, methods=[method], response_model=None)
    return Dialect(NAME, app, ENDPOINTS, render, prefix=PREFIX, owns=(ALL,))


class Masv:
    """The handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def everything(self, request: Request) -> Response:
        """List every download, narrowed by `?states=`."""
        if at_combined_root(request):
            return await combined_list(self._context, request)
        views = await gather(self._engine(request), states_asked(request))
        return answer({"downloads": [words.record(view) for view in views]})

    async def create(self, request: Request) -> Response:
        """Start a download."""
        session = session_of(request)
        wish = _wish(await json_object(request)).with_(owner=session.user)
        outcome = (await self._engine(request).add([wish]))[0]
        self._context.audit("add", session.user, session.peer, url=bare(wish.url), id=outcome.id, ok=outcome.ok)
        if outcome.error is not None:
            raise outcome.error
        return answer({"download_id": outcome.id})

    async def show(self, request: Request) -> Response:
        """Give the full details of a download."""
        return answer(words.detail(await self._engine(request).get(_id(request))))

    async def pause(self, request: Request) -> Response:
        """Pause a download."""
        id = _id(request)
        engine = self._engine(request)
        state = (await engine.get(id)).download.state
        if words.STATE[state] != words.TRANSFERRING:
            raise Conflict(f"The download is {words.STATE[state]}; only a transferring one can be paused.")
        return _done(await engine.pause([id]))

    async def resume(self, request: Request) -> Response:
        """Resume a paused download, or one whose error allows it."""
        id = _id(request)
        engine = self._engine(request)
        view = (await engine.get(id)).download
        if view.state in (State.PAUSED, State.PAUSING):
            return _done(await engine.resume([id]))
        error = words.error(view)
        if error is None:
            raise Conflict(f"The download is {words.STATE[view.state]}; only a paused one can be resumed.")
        if not error["recoverable"]:
            raise Conflict(f"The download can't be resumed: {error['message']}")
        return _done(await engine.retry([id]))

    async def delete(self, request: Request) -> Response:
        """Delete a download in whatever state it is."""
        files = _remove_files(request, ("remove_files",))
        return _done(await self._engine(request).remove([_id(request)], files=files))

    async def delete_many(self, request: Request) -> Response:
        """Delete all downloads, or those in some states; a request not understood whole deletes nothing."""
        files = _remove_files(request, ("remove_files", "states"))
        states = states_asked(request)
        engine = self._engine(request)
        seen: set[str] = set()
        while fresh := [view.id for view in await gather(engine, states) if view.id not in seen]:
            seen.update(fresh)
            _raise_first(await engine.remove(fresh, files=files))
        return answer({})

    def _engine(self, request: Request) -> OwnedEngine:
        return self._context.engine_for(session_of(request))


def _id(request: Request) -> str:
    id: str = request.path_params["id"]
    if not is_id(id):
        raise HTTPException(404, "There is no such download.")
    return id


def _wish(body: dict[str, Any]) -> AddRequest:
    """Read what is to be downloaded.

    Raises:
        HTTPException: 400, naming the field.
    """
    unknown = [name for name in body if name not in FIELDS]
    if unknown:
        raise HTTPException(400, f"{unknown[0][:40]!r} is not a field; there are {', '.join(FIELDS)}.")
    url, folder, password = body.get("url"), body.get("dst_folder"), body.get("password")
    if not isinstance(url, str) or not url:
        raise HTTPException(400, "url is required: the full download link.")
    if not isinstance(folder, str) or not os.path.isabs(folder) or _CONTROL.search(folder):
        raise HTTPException(400, "dst_folder is required: the absolute path of a folder.")
    if password is not None and (not isinstance(password, str) or _CONTROL.search(password)):
        raise HTTPException(400, "password is one line of text.")
    try:
        package = parse_link(url).host in PACKAGE_HOSTS
    except DownloadError as error:
        raise HTTPException(400, error.message) from None
    secrets = Credentials(extra={"password": password}) if password else Credentials()
    kind = Kind.PACKAGE if package else None
    return AddRequest(url, kind=kind, folder=os.path.normpath(folder), credentials=secrets, dialect=NAME)


def _remove_files(request: Request, known: Sequence[str]) -> bool:
    """Read `remove_files`, and refuse parameters that are misspelt before anything is deleted.

    Raises:
        HTTPException: 400.
    """
    given = request.query_params
    unknown = [name for name in given if name not in known]
    if unknown:
        raise HTTPException(400, f"{unknown[0][:40]!r} is not a parameter; there are {', '.join(known)}.")
    values = given.getlist("remove_files")
    if len(values) > 1 or any(value not in ("true", "false") for value in values):
        raise HTTPException(400, "remove_files is true or false.")
    return values == ["true"]


def _done(outcomes: Sequence[Outcome]) -> Response:
    if outcomes[0].error is not None:
        raise outcomes[0].error
    return answer({})


def _raise_first(outcomes: Sequence[Outcome]) -> None:
    """Raise the first error; what is gone already was to be gone."""
    errors: list[TuiDownloadsError] = [outcome.error for outcome in outcomes if outcome.error is not None]
    for error in errors:
        if error.code is not Code.NOT_FOUND:
            raise error
