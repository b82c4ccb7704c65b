"""`wait`: until downloads have ended, with an exit code that says how."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import click

from tui_downloads.core.errors import Code, Exit, NotFound, RequestError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Query
from tui_downloads.engine.base import Engine

from . import printed
from .chosen import SHORT, UNFINISHED, pages, resolve
from .faces import HELP, json_option, where_of, where_options
from .moments import Span
from .reach import START, Reached, run

LOOK = 0.2
"""Seconds between two looks at the live copy of what the service tells; a look asks nobody."""
LOST = 30.0
"""Seconds without a service after which waiting is given up."""
STILL = ENDED | {State.PAUSED}
"""States that do not end by themselves."""


@click.command("wait", context_settings=HELP)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--any", "first", is_flag=True, help="Until the first has ended.")
@click.option("--all", "everything", is_flag=True, help="Until all have ended. [this is what it does]")
@click.option("--timeout", type=Span(), metavar="S", help="Give up after that; exit code 5.")
@json_option
@where_options
def command(
    ids: tuple[str, ...], first: bool, everything: bool, timeout: float | None, as_json: bool, **values: Any
) -> int:
    """Wait until downloads have ended; without ids, all that are unfinished at the time.

    The exit code is that of the worst end: 0 all complete, 7 for one that was paused or cancelled, else the cause.
    """
    if first and everything:
        raise click.UsageError("--any and --all exclude each other.")

    async def work(reached: Reached) -> int:
        engine = reached.engine
        chosen = await resolve(engine, ids) if ids else [v.id async for v in pages(engine, Query(states=UNFINISHED))]
        ended, code = await _wait(reached, chosen, first=first, timeout=timeout)
        if as_json:
            printed.print_json({"items": list(ended.values()), "timeout": code == Exit.TIMEOUT})
        else:
            for view in ended.values():
                why = f"  {view.error.code}: {view.error.message}" if view.error else ""
                printed.line(f"{view.id[:SHORT]}  {view.state.value:<12}  {printed.label(view)}{why}")
        return code or printed.worst(printed.cause(view) for view in ended.values())

    return run(where_of(values), work, follow=True)


async def _wait(
    reached: Reached, ids: list[str], *, first: bool, timeout: float | None
) -> tuple[dict[str, DownloadView], int]:
    """Give what ended, and an exit code where time or service ran out."""
    ended: dict[str, DownloadView] = {}
    pending = list(ids)
    began = heard = time.monotonic()
    while True:
        for id in list(pending):
            view = await _view(reached.engine, id)
            if view.state in STILL:
                ended[id] = view
                pending.remove(id)
        if not pending or (first and ended):
            return ended, Exit.OK
        now = time.monotonic()
        if reached.idle:
            raise RequestError(
                Code.NO_SERVICE, f"No service runs, so {len(pending)} downloads do not go on.", next_step=START
            )
        if timeout is not None and now - began >= timeout:
            printed.talk(f"{len(pending)} have not ended in time.")
            return ended, Exit.TIMEOUT
        heard = heard if reached.engine.snapshot().info.stale else now
        if now - heard > LOST:
            raise RequestError(Code.NO_SERVICE, "The service does not answer any more.", next_step=START)
        await asyncio.sleep(LOOK)


async def _view(engine: Engine, id: str) -> DownloadView:
    """Look into the live copy; what is not there ended long ago, or is gone."""
    view = engine.snapshot().downloads.get(id)
    if view is not None:
        return view
    try:
        return (await engine.get(id)).download
    except NotFound:
        raise NotFound(f"The download {id[:SHORT]} was removed.") from None
