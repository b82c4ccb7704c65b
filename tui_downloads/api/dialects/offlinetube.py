"""OfflineTube's dialect: videos and audio by one POST, a bare list to poll, the file under its original title."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from tui_downloads import wire
from tui_downloads.core import links
from tui_downloads.core.errors import Code, Conflict, NotFound, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.names import NEUTRAL, content_type, split_extension
from tui_downloads.core.snapshots import DetailView, DownloadView, FileView, Kind, Query
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.owned import OwnedEngine

from ..dialect import Context, Dialect, Endpoint, install, session_of
from ..problem import Problem
from ..serve_file import FileAnswer, NotServable, open_download
from . import _spanish as spanish

NAME = "offlinetube"
QUALITIES = ("best", "2160p", "1440p", "1080p", "720p", "480p", "360p", "240p")
MOST_LISTED = 10_000
"""The newest downloads in one list."""
LONGEST_FORMAT = 200

STATUS: dict[State, str] = {
    State.QUEUED: "pending",
    State.RESOLVING: "pending",
    State.TRANSFERRING: "downloading",
    State.WAITING: "downloading",
    State.VERIFYING: "processing",
    State.PAUSING: "pending",
    State.PAUSED: "pending",
    State.COMPLETE: "completed",
    State.FAILED: "error",
    State.CANCELLED: "cancelled",
}

ENDPOINTS = (
    Endpoint("POST", "/api/download"),
    Endpoint("GET", "/api/downloads"),
    Endpoint("GET", "/api/download/{id}/file"),
    Endpoint("DELETE", "/api/downloads/{id}"),
    Endpoint("DELETE", "/api/downloads/{id}/remove"),
)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(wire.to_bytes(body), status, dict(headers or {}), media_type="application/json")


def refuse(status: int, detail: str) -> Response:
    """Answer with an error in a sentence of the document."""
    return answer({"detail": detail}, status)


def render(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    """Tell a problem as `{"detail": "…"}`."""
    status = 400 if problem.code is Code.INVALID_URL else problem.status
    return answer({"detail": spanish.sentence(status, problem.code)}, status, problem.headers)


def make(context: Context) -> Dialect:
    """Make the dialect."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    install(app, render)

    def engine(request: Request) -> OwnedEngine:
        return context.engine_for(session_of(request))

    @app.post("/api/download", response_model=None)
    async def start(request: Request) -> Response:
        session = session_of(request)
        wanted = read_start(await request.body())
        if isinstance(wanted, str):
            return refuse(400 if wanted == spanish.BAD_JSON else 422, wanted)
        outcome = (await engine(request).add([wanted]))[0]
        url = links.bare(wanted.url)
        context.audit("add", session.user, session.peer, url=url, id=outcome.id, ok=outcome.ok)
        if outcome.error is not None:
            raise outcome.error
        return answer({"download_id": outcome.id, "id": outcome.id})

    @app.get("/api/downloads", response_model=None)
    async def list_downloads(request: Request) -> Response:
        user = session_of(request).user
        return answer([record(view, user) for view in await newest(engine(request))])

    @app.get("/api/download/{id}/file", response_model=None)
    async def get_file(request: Request, id: str) -> Response:
        session = session_of(request)
        try:
            detail = await engine(request).get(id)
            if detail.download.state is not State.COMPLETE:
                return refuse(404, spanish.NOT_READY)
            file = choose(detail, request.query_params.get("file", ""))
            opened = await open_download(detail, file.id, name=offered_name(detail.download, file))
        except NotServable as problem:
            return refuse(404, spanish.FILE_GONE if problem.gone else spanish.NOT_READY)
        except NotFound:
            return refuse(404, spanish.NOT_READY)
        except Conflict:
            return refuse(409, spanish.SEVERAL)
        alive = context.auth.alive
        return FileAnswer(opened, render=render, alive=lambda: alive(session), max_ranges=context.settings.max_ranges)

    @app.delete("/api/downloads/{id}", response_model=None)
    async def cancel(request: Request, id: str) -> Response:
        mine = engine(request)
        try:
            state = (await mine.get(id)).download.state
            outcome = (await mine.cancel([id]))[0] if state is not State.CANCELLED else None
        except NotFound:
            return refuse(404, spanish.NOT_FOUND)
        error = outcome.error if outcome else None
        if isinstance(error, NotFound):
            return refuse(404, spanish.NOT_FOUND)
        if isinstance(error, Conflict):
            return refuse(409, spanish.ENDED)
        if error is not None:
            raise error
        return answer({"message": spanish.CANCELLED})

    @app.delete("/api/downloads/{id}/remove", response_model=None)
    async def remove(request: Request, id: str) -> Response:
        error = (await engine(request).remove([id], files=True))[0].error
        if isinstance(error, NotFound):
            return refuse(404, spanish.NOT_FOUND)
        if error is not None:
            raise error
        return answer({"message": spanish.REMOVED})

    return Dialect(NAME, app, ENDPOINTS, render, prefix=f"/{NAME}", owns=("/api/download",))


def read_start(body: bytes) -> AddRequest | str:
    """Read what is asked for, or say in a sentence what is wrong with it."""
    try:
        fields = wire.parse(body)
    except RequestError:
        return spanish.BAD_JSON
    if not isinstance(fields, dict):
        return spanish.BAD_JSON
    url = fields.get("url")
    quality, kind, form = fields.get("quality"), fields.get("download_type"), fields.get("format_id")
    if not isinstance(url, str) or not url.strip():
        return spanish.NO_URL
    quality = "720p" if quality is None or quality == "" else quality
    if quality not in QUALITIES:
        return spanish.BAD_QUALITY + ", ".join(QUALITIES)
    kind = "video" if kind is None else kind
    if kind not in ("video", "audio"):
        return spanish.BAD_TYPE
    form = "" if form is None else form
    if not isinstance(form, str) or len(form) > LONGEST_FORMAT or not form.isprintable():
        return spanish.BAD_FORMAT
    return AddRequest(
        url.strip(),
        kind=Kind.MEDIA,
        dialect=NAME,
        source={"quality": quality, "media_type": kind, "format_id": form},
        meta={"quality": quality, "download_type": kind, "format_id": form},
    )


async def newest(engine: OwnedEngine) -> list[DownloadView]:
    """Give the caller's downloads, the newest first."""
    found: list[DownloadView] = []
    cursor = None
    while len(found) < MOST_LISTED:
        page = await engine.page(Query(sort="created", reverse=True, limit=1000, cursor=cursor))
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    return found[:MOST_LISTED]


def record(view: DownloadView, user: str) -> dict[str, Any]:
    """Tell a download with every field of the document; a stranger's link loses what may be secret."""
    meta = view.meta
    several = is_playlist(view)
    moving = view.state is State.TRANSFERRING
    thumbnail = _text(meta, "thumbnail")
    return {
        "id": view.id,
        "url": view.url if view.owner == user else links.bare(view.url),
        "title": view.title or _text(meta, "title") or view.name,
        "thumbnail": thumbnail if thumbnail.startswith(("https://", "http://")) else "",
        "status": STATUS[view.state],
        "progress": progress(view),
        "speed": speed_text(view.speed) if moving else "",
        "eta": eta_text(view.eta) if moving else "",
        "filesize": view.size or 0,
        "downloaded_bytes": view.done,
        "format_note": _text(meta, "format_note"),
        "is_playlist": several,
        "playlist_index": _number(meta, "playlist_index", 0),
        "playlist_total": _number(meta, "playlist_total", view.files_total if several else 0),
        "filename": view.name,
        "quality": _text(meta, "quality"),
        "download_type": _text(meta, "download_type") or _kind_of(view),
        "error_message": view.error.message if view.error and view.state is State.FAILED else "",
        "created_at": iso(view.created_at),
        "completed_at": iso(view.finished_at) if view.state is State.COMPLETE else None,
    }


def is_playlist(view: DownloadView) -> bool:
    """Say whether a download is made of several; subtitles and pictures beside a video make it none."""
    if view.meta.get("is_playlist") or _number(view.meta, "playlist_total", 0) > 1:
        return True
    return view.files_total > 1 and view.kind is not Kind.MEDIA


def _text(meta: Mapping[str, Any], key: str) -> str:
    value = meta.get(key, "")
    return value if isinstance(value, str) else ""


def _number(meta: Mapping[str, Any], key: str, default: int) -> int:
    value = meta.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _kind_of(view: DownloadView) -> str:
    return "audio" if content_type(view.name).startswith("audio/") else "video"


def progress(view: DownloadView) -> float:
    """Give how much is done, from 0 to 100; 100 is only said of what is complete."""
    fraction = view.fraction
    if fraction is None:
        return 0
    if view.state is State.COMPLETE:
        return 100
    return min(99.9, round(fraction * 100, 1))


def speed_text(speed: float) -> str:
    """Write a speed as `5.2 MB/s`."""
    if speed <= 0:
        return ""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if speed >= factor:
            return f"{speed / factor:.1f} {unit}/s"
    return f"{speed:.0f} B/s"


def eta_text(seconds: float | None) -> str:
    """Write a time as `45s`, `2m 5s` or `1h 3m`."""
    if seconds is None or not 0 <= seconds < 1e9:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}m"


def iso(at: float | None) -> str | None:
    """Write a moment in ISO 8601, in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()


def choose(detail: DetailView, number: str) -> FileView:
    """Give the file that is meant; of a video with subtitles the video, which comes first.

    Raises:
        Conflict: there are several and none was named.
        NotServable: there is no such file.
    """
    files = [file for file in detail.files if file.selected]
    if number:
        files = [file for file in files if file.id == number]
    if not files:
        raise NotServable("There is no such file.")
    if len(files) > 1 and is_playlist(detail.download):
        raise Conflict("It has several files; ask for one of them.")
    return files[0]


def offered_name(view: DownloadView, file: FileView) -> str:
    """Give the original title with the extension the file has on disk."""
    main = file.id == "1" and not is_playlist(view)
    title = (view.title if main else "") or file.original or file.name
    extension = split_extension(file.name)[1]
    if not extension or title.lower().endswith(extension.lower()):
        return title
    if extension.endswith(NEUTRAL):
        # The neutral suffix keeps a desktop from launching the file wherever it is saved next.
        inner = extension.removesuffix(NEUTRAL)
        return (title if title.lower().endswith(inner.lower()) else title + inner) + NEUTRAL
    return title + extension
