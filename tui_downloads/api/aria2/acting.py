"""The methods that change something: pause, remove, order, links and options of downloads, and the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from tui_downloads.core.errors import Conflict, NotFound
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DetailView, DownloadView
from tui_downloads.core.spec import Change
from tui_downloads.engine.base import Outcome

from ..tokens import write_private
from . import gids, options, telling
from .adding import usable
from .calls import Turn
from .protocol import Params, RpcError, not_found

log = logging.getLogger(__name__)

OK = "OK"
VERSION = "1.37.0"
"""The aria2 whose RPC this is; clients decide by it what they may ask."""
FEATURES = ("Async DNS", "Firefox3 Cookie", "GZip", "HTTPS", "Message Digest", "Metalink", "SFTP")


def _done(outcome: Outcome, gid: str, otherwise: str) -> str:
    """Give the gid, or tell in aria2's words that the state does not allow it."""
    if outcome.error is None:
        return gid
    if isinstance(outcome.error, NotFound):
        raise not_found(gid)
    if isinstance(outcome.error, Conflict):
        raise RpcError(otherwise)
    raise outcome.error


async def remove(turn: Turn, params: Params) -> str:
    """End a download; it stays among the stopped ones as removed."""
    view = await gids.find(turn.engine, params.text(0))
    refusal = f"Active Download not found for GID#{view.gid}"
    if view.state in ENDED:
        raise RpcError(refusal)
    return _done((await turn.engine.cancel([view.id]))[0], view.gid, refusal)


async def pause(turn: Turn, params: Params) -> str:
    """Pause a download."""
    view = await gids.find(turn.engine, params.text(0))
    refusal = f"GID#{view.gid} cannot be paused now"
    if view.state in ENDED or view.state in (State.PAUSED, State.PAUSING):
        raise RpcError(refusal)
    return _done((await turn.engine.pause([view.id]))[0], view.gid, refusal)


async def unpause(turn: Turn, params: Params) -> str:
    """Queue a paused download again."""
    view = await gids.find(turn.engine, params.text(0))
    refusal = f"GID#{view.gid} cannot be unpaused now"
    if view.state not in (State.PAUSED, State.PAUSING):
        raise RpcError(refusal)
    return _done((await turn.engine.resume([view.id]))[0], view.gid, refusal)


def _ids(turn: Turn, wanted: Callable[[State], bool]) -> list[str]:
    return [view.id for view in turn.engine.snapshot().downloads.values() if wanted(view.state)]


async def pause_all(turn: Turn, params: Params) -> str:
    """Pause everything that is not."""
    paused = (State.PAUSED, State.PAUSING)
    # The queue first, or it would fill the seats that become free.
    ids = _ids(turn, lambda state: state is State.QUEUED) + _ids(
        turn, lambda state: state not in ENDED and state not in paused and state is not State.QUEUED
    )
    await turn.engine.pause(ids)
    return OK


async def unpause_all(turn: Turn, params: Params) -> str:
    """Queue everything that is paused."""
    await turn.engine.resume(_ids(turn, lambda state: state in (State.PAUSED, State.PAUSING)))
    return OK


async def change_position(turn: Turn, params: Params) -> int:
    """Move a download in the queue and give its new place."""
    view = await gids.find(turn.engine, params.text(0))
    places, how = params.integer(1), params.text(2)
    order = [other.id for other in telling.queued(turn)]
    if how not in ("POS_SET", "POS_CUR", "POS_END"):
        raise RpcError("Illegal argument.")
    refusal = f"GID#{view.gid} not found in the waiting queue."
    if view.id not in order:
        raise RpcError(refusal)
    start = {"POS_SET": 0, "POS_CUR": order.index(view.id), "POS_END": len(order) - 1}[how]
    target = max(0, min(start + places, len(order) - 1))
    _done((await turn.engine.move([view.id], target))[0], view.gid, refusal)
    return target


async def change_uri(turn: Turn, params: Params) -> list[int]:
    """Remove and add links of a download; give how many of each."""
    view = await gids.find(turn.engine, params.text(0))
    index = params.integer(1, least=1)
    gone, new = params.texts(2), params.texts(3)
    place = params.integer_or_none(4, least=0)
    if view.state in ENDED:
        raise RpcError(f"Cannot remove URIs from GID#{view.gid}")
    if index > 1:
        raise RpcError("fileIndex is out of range")
    urls = [view.url, *view.mirrors]
    removed = 0
    for url in gone:
        if url in urls:
            urls.remove(url)
            removed += 1
    added = [url for url in new if usable(url)]
    at = len(urls) if place is None else min(place, len(urls))
    urls[at:at] = added
    if not urls:
        raise RpcError("A download needs at least one URI.")
    if removed or added:
        first = urls[0] if urls[0] != view.url else None
        await turn.engine.change(view.id, Change(url=first, mirrors=tuple(urls[1:])))
    return [removed, len(added)]


async def change_option(turn: Turn, params: Params) -> str:
    """Change options of a download that has not ended."""
    view = await gids.find(turn.engine, params.text(0))
    change = options.to_change(params.struct(1, required=True), 1 + len(view.mirrors))
    refusal = f"Cannot change option for GID#{view.gid}"
    if view.state in ENDED:
        raise RpcError(refusal)
    if change != Change():
        try:
            await turn.engine.change(view.id, change)
        except Conflict:
            raise RpcError(refusal) from None
    return OK


async def change_global_option(turn: Turn, params: Params) -> str:
    """Change limits, and options for new downloads of this user."""
    chosen = params.struct(0, required=True)
    kept = options.defaults_of(chosen)
    if options.LIMITS & chosen.keys():
        now = turn.engine.snapshot().limits
        limits = options.to_limits(now, chosen)
        if limits != now:
            await turn.engine.set_limits(limits)
    if kept:
        turn.desk.defaults[turn.user] = {**turn.desk.defaults.get(turn.user, {}), **kept}
    return OK


async def purge_download_result(turn: Turn, params: Params) -> str:
    """Drop everything that has ended from the list."""
    await turn.engine.forget()
    return OK


async def remove_download_result(turn: Turn, params: Params) -> str:
    """Drop a download that has ended from the list."""
    view = await gids.find(turn.engine, params.text(0))
    refusal = f"Could not remove download result of GID#{view.gid}"
    if view.state not in ENDED:
        raise RpcError(refusal)
    _done((await turn.engine.remove([view.id]))[0], view.gid, refusal)
    return OK


async def get_version(turn: Turn, params: Params) -> dict[str, Any]:
    """Tell which aria2 is spoken."""
    return {"version": VERSION, "enabledFeatures": list(FEATURES)}


async def get_session_info(turn: Turn, params: Params) -> dict[str, str]:
    """Tell the id of this run."""
    return {"sessionId": turn.desk.session_id}


async def save_session(turn: Turn, params: Params) -> str:
    """Write what is unfinished or failed to the file the operator named."""
    path = turn.desk.session_file
    if path is None:
        raise RpcError("Filename is not given.")
    if not turn.session.caller.admin and turn.user != "local":
        raise RpcError("Only an administrator saves the session.")
    kept = [view for view in turn.engine.snapshot().downloads.values() if saved(view)]
    found: list[DetailView] = [
        await turn.engine.get(view.id) for view in sorted(kept, key=lambda view: (view.created_at, view.id))
    ]
    text = options.lines(found)
    try:
        await asyncio.to_thread(write_private, path, text.encode("utf-8", "replace"))
    except OSError as exc:
        log.warning("the session could not be saved: %s", exc.strerror)
        raise RpcError("Failed to serialize session.") from exc
    return OK


def saved(view: DownloadView) -> bool:
    """Say whether a download belongs into a saved session."""
    return bool(view.url) and (view.state not in ENDED or view.state is State.FAILED)


def _stop(turn: Turn, *, force: bool) -> str:
    if not turn.session.caller.admin:
        raise RpcError("Only an administrator ends the service.")
    if turn.desk.stop is None:
        raise RpcError("This service is not ended from here.")
    turn.desk.context.audit("shutdown", turn.user, turn.session.peer, force=force)
    # The answer goes out first.
    asyncio.get_running_loop().call_later(0.5 if not force else 0.1, turn.desk.stop, force)
    return OK


async def shutdown(turn: Turn, params: Params) -> str:
    """End the service when its work is at a safe point."""
    return _stop(turn, force=False)


async def force_shutdown(turn: Turn, params: Params) -> str:
    """End the service at once."""
    return _stop(turn, force=True)
