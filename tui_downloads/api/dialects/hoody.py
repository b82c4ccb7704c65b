"""Hoody files: start by GET, the active downloads of a directory or of all, and the history."""

from __future__ import annotations

import asyncio
import os
import re
import uuid
from collections.abc import MutableMapping
from typing import Any

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tui_downloads.core.errors import Code, DownloadError, TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.links import bare, parse_link
from tui_downloads.core.policy import check_link
from tui_downloads.core.snapshots import DownloadView, Kind
from tui_downloads.core.spec import AddRequest, Options, Policy
from tui_downloads.engine.base import Outcome
from tui_downloads.engine.caller import contains

from ..auth import Session
from ..dialect import HEAD, Context, Dialect, Endpoint, install, session_of
from ..problem import Problem
from . import _hoody as words
from ._hoody import InvalidPath, Refusal, Refusals, Viewer
from ._listing import gather
from ._requests import answer, at_combined_root, bare_app
from ._shared_list import combined_list

NAME, PREFIX = "hoody", "/hoody"
TIMEOUT = 300
LONGEST = 10 * 365 * 86400
HISTORY = 1000
"""Ended downloads in one answer, the newest."""
RESERVED = frozenset({"v1", "api", "alfresco", "jsonrpc", "healthz", "hoody", "bridge", "offlinetube", "masv"})
"""First components that are no directories at the combined root."""

ERRORS: dict[int, str] = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    403: words.FORBIDDEN,
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "BODY_TOO_LARGE",
    414: "URL_TOO_LONG",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "INVALID_REQUEST",
    429: "TOO_MANY_REQUESTS",
    431: "HEADER_TOO_LARGE",
    503: "SERVICE_UNAVAILABLE",
    507: "INSUFFICIENT_STORAGE",
}
"""Codes of refusals that are about the request and not about a download."""

_PATH = "/{directory:path}"
_NUMBER = re.compile(r"[0-9]{1,10}")
ENDPOINTS = (
    Endpoint("GET", "/api/v1/downloads"),
    Endpoint("GET", "/", query=frozenset({"download_history"})),
    # The state-changing one is first: where `downloads` is in the query too, this is what is authorised and done.
    Endpoint("GET", _PATH, query=frozenset({"download"}), unsafe=True),
    Endpoint("GET", _PATH, query=frozenset({"downloads"})),
)


def render(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    """Tell a problem in Hoody's shape."""
    code = ERRORS.get(problem.status, "INVALID_REQUEST" if problem.status < 500 else "INTERNAL_ERROR")
    return refusal(problem.status, code, problem.detail, dict(problem.headers))


def refusal(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """Answer with a refusal that is not about one download."""
    return answer({"success": False, "error": code, "message": message}, status, headers)


def make(context: Context) -> Dialect:
    """Make the dialect."""
    app = bare_app()
    install(app, render)
    hoody = Hoody(context)
    for path, handler in (
        ("/api/v1/downloads", hoody.everywhere),
        ("/", hoody.root),
        (_PATH, hoody.directory),
    ):
        app.add_api_route(path, handler, methods=["GET"], response_model=None)

    async def rooted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") and scope["path"] == scope.get("root_path"):
            # `/hoody?download_history=` is the root, which the framework's router knows only with its slash.
            scope = {**scope, "path": scope["path"] + "/"}
        if "\n" in scope.get("path", ""):
            # The framework's router would find no directory in it.
            await _invalid_path()(scope, receive, send)
            return
        await app(scope, receive, send)

    return Dialect(NAME, rooted, ENDPOINTS, render, prefix=PREFIX)


class Wish(Struct, frozen=True):
    """A download that is asked for, its parameters understood."""

    directory: str
    url: str
    filename: str
    timeout: int


class Refused(Exception):
    """A parameter that can't be used."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class Hoody:
    """The handlers."""

    # Mutable state: the refused attempts, and a lock under which a free name is chosen and taken.
    def __init__(self, context: Context) -> None:
        self._context = context
        self._refusals = Refusals()
        self._naming = asyncio.Lock()

    async def everywhere(self, request: Request) -> Response:
        """List every active download."""
        if at_combined_root(request):
            return await combined_list(self._context, request)
        if "download" in request.query_params:
            return refusal(400, words.INVALID_PATH, "This path lists downloads; none can be started in it.")
        session = session_of(request)
        viewer = await self._viewer(session)
        views = await self._readable(session, await self._active(session))
        return answer({"downloads": [viewer.active(view) for view in views]})

    async def root(self, request: Request) -> Response:
        """Answer for `/`: the history, or what a directory answers."""
        if "download_history" in request.query_params:
            return await self._history(request)
        return await self.directory(request)

    async def directory(self, request: Request) -> Response:
        """Answer for a directory: start a download, or list the active ones."""
        if "download" in request.query_params:
            return await self._start(request)
        if "downloads" not in request.query_params:
            raise HTTPException(404)
        session = session_of(request)
        viewer = await self._viewer(session)
        try:
            directory = self._directory(request)
            folder = os.path.normpath(await asyncio.to_thread(words.folder_of, viewer.root, directory))
        except InvalidPath as exc:
            return _invalid_path(str(exc))
        views = await self._readable(session, await self._active(session))
        here = [viewer.active(view) for view in views if os.path.normpath(view.folder) == folder]
        return answer({"downloads": here})

    async def _history(self, request: Request) -> Response:
        session = session_of(request)
        viewer = await self._viewer(session)
        views = await gather(self._context.engine_for(session), ENDED, most=HISTORY)
        entries = [viewer.past(view) for view in await self._readable(session, views)]
        entries += [viewer.refused(attempt) for attempt in self._refusals.of(session.user)]
        entries.sort(key=lambda entry: (entry["start_time"], entry["end_time"]))
        return answer({"history": entries})

    # -- starting

    async def _start(self, request: Request) -> Response:
        if request.scope.get(HEAD):
            # HEAD must change nothing, and this GET does.
            raise HTTPException(405, "Start a download with GET.", {"allow": "GET"})
        settings = self._context.settings
        if not (settings.allow_download if at_combined_root(request) else settings.strict_hoody_download):
            return answer({"success": False, "error": words.FORBIDDEN}, 403)
        session = session_of(request)
        viewer = await self._viewer(session)
        try:
            wish = self._wish(request)
            folder = await asyncio.to_thread(words.folder_of, viewer.root, wish.directory)
        except InvalidPath as exc:
            return _invalid_path(str(exc))
        except Refused as refused:
            return refusal(400, refused.code, refused.message)
        if self._full():
            headers = {"retry-after": "10"}
            return refusal(429, "TOO_MANY_DOWNLOADS", "Too many downloads are running; try again later.", headers)
        return await self._add(session, viewer.root, folder, wish)

    def _wish(self, request: Request) -> Wish:
        """Read the parameters.

        Raises:
            InvalidPath: the directory is none.
            Refused: a parameter makes no sense.
        """
        directory = self._directory(request)
        if not directory:
            raise Refused(words.INVALID_PATH, "Name a directory to download into: GET /{directory}?download=URL.")
        given = request.query_params
        for name in ("download", "filename", "timeout"):
            if len(given.getlist(name)) > 1:
                raise Refused("INVALID_REQUEST", f"{name} is there twice.")
        text = given.get("timeout", str(TIMEOUT))
        if not _NUMBER.fullmatch(text) or not 0 < int(text) <= LONGEST:
            raise Refused("INVALID_TIMEOUT", "timeout is a whole number of seconds from 1.")
        url = given["download"]
        try:
            words.clean_name(given.get("filename", ""), url)
        except ValueError:
            raise Refused("INVALID_FILENAME", "filename is a name without folders.") from None
        return Wish(directory, url, given.get("filename", ""), int(text))

    async def _add(self, session: Session, root: str, folder: str, wish: Wish) -> Response:
        """Ask the engine for the download, under a name that stays."""
        error: TuiDownloadsError | None = _judge(wish.url, session)
        name = words.clean_name(wish.filename, wish.url)
        if error is None:
            async with self._naming:
                queued = words.unfinished_names(self._context.engine.snapshot().downloads.values(), folder)
                name = await asyncio.to_thread(words.free_name, folder, name, queued)
                outcome = await self._ask(session, root, folder, name, wish)
            error = outcome.error
        if error is not None:
            return self._refuse(session, wish, name, error)
        self._context.audit("add", session.user, session.peer, url=bare(wish.url), id=outcome.id, ok=True)
        view = outcome.download
        name = (view.name if view is not None else "") or name
        return answer(_started(outcome.id, wish.directory, name, None), 201)

    async def _ask(self, session: Session, root: str, folder: str, name: str, wish: Wish) -> Outcome:
        request = AddRequest(
            wish.url,
            kind=Kind.LINK,
            folder=folder,
            name=name,
            options=Options(max_time=float(wish.timeout)),
            # The engine looks at the real folder again when it opens it; a link put there meanwhile leads nowhere.
            policy=Policy(folders=(root,)),
            owner=session.user,
            dialect=NAME,
        )
        return (await self._context.engine_for(session).add([request]))[0]

    def _refuse(self, session: Session, wish: Wish, name: str, error: TuiDownloadsError) -> Response:
        code = words.CODES[error.code]
        if code in (words.INVALID_URL, words.DOMAIN_BLOCKED):
            id = str(uuid.uuid4())
            refused = Refusal(id, name, wish.directory, wish.url[:1024], code, self._context.now())
            self._refusals.add(session.user, refused)
            return answer(_started(id, wish.directory, name, code), 400)
        if code == words.FORBIDDEN:
            return refusal(403, words.FORBIDDEN, error.message)
        if code == words.INVALID_PATH:
            return _invalid_path()
        raise error

    def _full(self) -> bool:
        most = self._context.settings.hoody_max_running
        if most <= 0:
            return False
        views = self._context.engine.snapshot().downloads.values()
        return sum(1 for view in views if view.dialect == NAME and view.state not in ENDED) >= most

    # -- looking

    def _directory(self, request: Request) -> str:
        """Give the directory of a request.

        Raises:
            InvalidPath: it is none, or is a route of the service's.
        """
        path: str = request.path_params.get("directory", "")
        raw: bytes = request.scope.get("raw_path") or b""
        directory = words.directory_of(path, raw.partition(b"?")[0])
        if at_combined_root(request) and directory.partition("/")[0] in RESERVED:
            raise InvalidPath("This path is one of the service's own; name the directory below /hoody.")
        return directory

    async def _viewer(self, session: Session) -> Viewer:
        folder = self._context.engine.snapshot().info.folder
        return Viewer(session.caller, await asyncio.to_thread(words.root_for, session.caller, folder))

    async def _active(self, session: Session) -> list[DownloadView]:
        return await gather(self._context.engine_for(session), frozenset(State) - ENDED)

    @staticmethod
    async def _readable(session: Session, views: list[DownloadView]) -> list[DownloadView]:
        """Leave out what lies in folders that the caller's token does not reach."""
        folders = session.caller.folders
        if not folders:
            return views

        def reached() -> set[str]:
            return {folder for folder in {view.folder for view in views} if contains(folders, folder)}

        inside = await asyncio.to_thread(reached)
        return [view for view in views if view.folder in inside]


def _judge(url: str, session: Session) -> DownloadError | None:
    """Say what is wrong with a link before anything is asked of the engine."""
    try:
        link = parse_link(url)
        if link.scheme not in ("http", "https"):
            return DownloadError(Code.INVALID_URL, "Only http:// and https:// links are taken here.")
        check_link(link, session.caller.policy(Policy()))
    except DownloadError as error:
        return error
    return None


def _started(id: str, directory: str, name: str, error: str | None) -> dict[str, Any]:
    return {
        "download_id": id,
        "filename": name,
        "path": f"{directory}/{name}",
        "success": error is None,
        "message": "Download failed" if error else "Download started",
        "error": error,
    }


def _invalid_path(why: str = "") -> Response:
    usual = "The directory is not usable: name one below the download folder, without . and .. in it."
    return refusal(400, words.INVALID_PATH, why or usual)
