"""Bridge: downloads of permitted types, polled until done, fetched by a redirect to a signed link."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tui_downloads.core.errors import Forbidden, NotFound
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import bare
from tui_downloads.core.names import safe_name
from tui_downloads.core.snapshots import DetailView, DownloadView, Kind
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.caller import Caller
from tui_downloads.engine.owned import OwnedEngine

from ..auth import Session
from ..dialect import Context, Dialect, Endpoint, base_url, install, session_of
from ..links import PATH as SIGNED
from ..problem import Problem
from ..serve_file import FileAnswer, find, open_download
from ._listing import gather
from ._requests import answer, bare_app, is_id, json_object

NAME, PREFIX = "bridge", "/bridge"
ALL = "/api/downloads"
ONE = f"{ALL}/{{id}}"
FILE = f"{ONE}/file"
LINK = f"{SIGNED}/{{id}}/{{file}}"
ENDPOINTS = (
    Endpoint("POST", ALL),
    Endpoint("GET", ONE),
    Endpoint("GET", FILE),
    # Where the redirect leads: the mount has no other place that serves bytes.
    Endpoint("GET", LINK, scope="read", exempt="signed-link"),
)

STATE: dict[State, str] = {
    State.QUEUED: "pending",
    State.RESOLVING: "processing",
    State.TRANSFERRING: "processing",
    State.WAITING: "processing",
    State.VERIFYING: "processing",
    State.PAUSING: "processing",
    State.PAUSED: "processing",
    State.COMPLETE: "done",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}
TYPES: dict[str, Kind] = {"url": Kind.LINK, "archive": Kind.BUNDLE, "history": Kind.EXPORT}
TYPE_OF: dict[Kind, str] = {
    Kind.LINK: "url",
    Kind.PACKAGE: "url",
    Kind.MEDIA: "media",
    Kind.BUNDLE: "archive",
    Kind.EXPORT: "history",
}
FORMATS = ("csv", "json")


class Unusable(Exception):
    """A body that is JSON and can't be made a download of."""


def render(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    """Tell a problem in Bridge's shape."""
    errors = [{"title": problem.title, "detail": problem.detail}]
    return answer({"errors": errors}, problem.status, dict(problem.headers))


def make(context: Context) -> Dialect:
    """Make the dialect."""
    app = bare_app()
    install(app, render)
    bridge = Bridge(context)
    for method, path, handler in (
        ("POST", ALL, bridge.create),
        ("GET", ONE, bridge.show),
        ("GET", FILE, bridge.file),
        ("GET", LINK, bridge.signed),
    ):
        app.add_api_route(path, handler, methods=[method], response_model=None)
    return Dialect(NAME, app, ENDPOINTS, render, prefix=PREFIX, owns=(ALL,), basic=True)


class Bridge:
    """The handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def create(self, request: Request) -> Response:
        """Create a download."""
        session = session_of(request)
        body = await json_object(request)
        try:
            type, info = _asked(body)
            kind = TYPES[type]
            if not permits(session.caller, kind):
                raise Forbidden(f"You may not create downloads of the type {type}.")
            wish = await self._wish(session, kind, info)
        except Unusable as exc:
            raise HTTPException(422, str(exc)) from None
        outcome = (await self._context.engine_for(session).add([wish]))[0]
        self._context.audit("add", session.user, session.peer, url=bare(wish.url), id=outcome.id, ok=outcome.ok)
        if outcome.error is not None:
            if isinstance(outcome.error, Forbidden):
                raise outcome.error
            raise HTTPException(422, outcome.error.message)
        view = outcome.download or (await self._context.engine_for(session).get(outcome.id)).download
        return answer({"download": record(view, base_url(request))}, 201)

    async def show(self, request: Request) -> Response:
        """Show a download."""
        detail = await self._find(session_of(request), request.path_params["id"])
        return answer({"download": record(detail.download, base_url(request))})

    async def file(self, request: Request) -> Response:
        """Redirect to a short-lived link to the file."""
        session = session_of(request)
        detail = await self._find(session, request.path_params["id"])
        view = detail.download
        if not single(view):
            raise HTTPException(404, "The download is a folder of several files; make an archive of it.")
        number = find(detail, "").id if len(detail.files) == 1 else "1"
        # Opened to learn that it is still there, before anybody is sent to it.
        (await open_download(detail, number)).close()
        location = base_url(request) + self._context.sign(session, view, number)
        return Response(status_code=302, headers={"location": location})

    async def signed(self, request: Request) -> Response:
        """Send the bytes to whoever has a signed link."""
        id, number = request.path_params["id"], request.path_params["file"]
        link = self._context.links.verify(id, number, dict(request.query_params))
        session = self._context.auth.by_user(link.user) if link else None
        if session is None:
            raise Forbidden("The link is not valid, or its time has run out.")
        detail = await self._find(session, id)
        alive = self._context.auth.alive
        return FileAnswer(
            await open_download(detail, number),
            render=render,
            alive=lambda: alive(session),
            max_ranges=self._context.settings.max_ranges,
        )

    async def _find(self, session: Session, id: str) -> DetailView:
        """Give a download that the caller may see.

        Raises:
            NotFound: there is none.
            Forbidden: it is somebody else's, or of a type that is not the caller's to see.
        """
        if not is_id(id):
            raise NotFound("There is no such download.")
        try:
            detail = await self._context.engine_for(session).get(id)
        except NotFound:
            # The document tells what is not there from what is somebody else's. Only the difference is told.
            await self._context.engine.get(id)
            raise Forbidden("This download is somebody else's.") from None
        if not permits(session.caller, detail.download.kind):
            raise Forbidden("You may not see downloads of this type.")
        return detail

    async def _wish(self, session: Session, kind: Kind, info: dict[str, Any]) -> AddRequest:
        if kind is Kind.LINK:
            return _link(info).with_(owner=session.user)
        if kind is Kind.EXPORT:
            format = info.get("format", FORMATS[0])
            if format not in FORMATS:
                raise Unusable(f"info.format is one of {', '.join(FORMATS)}.")
            source: dict[str, Any] = {"format": format}
        else:
            source = {"ids": await self._finished(session, info.get("ids"))}
        return AddRequest("", kind=kind, source=source, owner=session.user, dialect=NAME)

    async def _finished(self, session: Session, ids: Any) -> list[str]:
        """Give the finished downloads an archive is to hold."""
        engine = self._context.engine_for(session)
        if ids is None:
            return await _all_finished(engine, session.user)
        if not isinstance(ids, list) or not ids or not all(isinstance(id, str) for id in ids):
            raise Unusable("info.ids is a list of ids with at least one.")
        if len(ids) > self._context.settings.max_bulk or len(set(ids)) != len(ids):
            raise Unusable(f"info.ids has at most {self._context.settings.max_bulk} ids, each once.")
        for id in ids:
            try:
                view = (await engine.get(id)).download
            except NotFound:
                raise Unusable(f"info.ids: there is no download {id[:64]}.") from None
            if view.state is not State.COMPLETE:
                raise Unusable(f"info.ids: the download {view.id} is not done.")
        return ids


async def _all_finished(engine: OwnedEngine, user: str) -> list[str]:
    """List what a user has downloaded; archives of archives would grow without end, so they are left out."""
    views = await gather(engine, {State.COMPLETE}, owner=user)
    ids = [view.id for view in views if view.kind not in (Kind.BUNDLE, Kind.EXPORT)]
    if not ids:
        raise Unusable("There is no finished download to archive.")
    return ids


def _asked(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Read the type and the parameters."""
    download = body.get("download")
    if not isinstance(download, dict):
        raise Unusable("download is required: an object with download_type and info.")
    type = download.get("download_type")
    if not isinstance(type, str) or type not in TYPES:
        raise Unusable(f"download_type is one of {', '.join(TYPES)}.")
    info = download.get("info")
    if info is None:
        info = {}
    if not isinstance(info, dict):
        raise Unusable("info is an object.")
    return type, info


def _link(info: dict[str, Any]) -> AddRequest:
    url, name = info.get("url"), info.get("filename")
    if not isinstance(url, str) or not url:
        raise Unusable("info.url is required: the link to download.")
    if name is not None:
        if not isinstance(name, str) or not name or "/" in name or "\\" in name or name in (".", ".."):
            raise Unusable("info.filename is a name without folders.")
        name = safe_name(name)
    # A link is one file here: the answer has one address for it.
    return AddRequest(url, kind=Kind.LINK, name=name, dialect=NAME)


def permits(caller: Caller, kind: Kind) -> bool:
    """Say whether a caller may make and see downloads of a kind."""
    return not caller.kinds or kind in caller.kinds


def single(view: DownloadView) -> bool:
    """Say whether a download ends as one file."""
    return view.kind in (Kind.BUNDLE, Kind.EXPORT) or view.files_total == 1


def record(view: DownloadView, prefix: str) -> dict[str, Any]:
    """Give a download as Bridge tells it."""
    done = view.state is State.COMPLETE and single(view)
    return {
        "id": view.id,
        "download_type": TYPE_OF[view.kind],
        "user_id": view.owner,
        "state": STATE[view.state],
        "url": f"{prefix}{ALL}/{view.id}/file" if done else None,
    }
