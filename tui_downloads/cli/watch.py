"""`watch`: follow what happens, as lines of text or JSON."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import Any

import click

from tui_downloads.core.links import redact, redact_text
from tui_downloads.core.snapshots import Event

from . import printed
from .chosen import SHORT, resolve
from .faces import HELP, json_option, where_of, where_options
from .reach import Reached, run
from .text import size


@click.command("watch", context_settings=HELP)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--progress", is_flag=True, help="Progress too, not only what changes.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many events.")
@json_option
@where_options
def command(ids: tuple[str, ...], progress: bool, count: int | None, as_json: bool, **values: Any) -> int:
    """Follow what happens until Ctrl-C; with --json one event a line: {seq, at, type, id, state, …}."""

    async def work(reached: Reached) -> int:
        wanted = set(await resolve(reached.engine, ids))
        left = count
        printed.talk("Watching; Ctrl-C ends it.")
        async for event in reached.engine.events():
            if (wanted and event.id and event.id not in wanted) or (event.type == "progress" and not progress):
                continue
            _print(event, reached, as_json=as_json)
            left = None if left is None else left - 1
            if left == 0:
                break
        return 0

    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        return run(where_of(values), work, follow=True, service=True)
    return 0


def _print(event: Event, reached: Reached, *, as_json: bool) -> None:
    if as_json:
        head = {"seq": event.seq, "at": event.at, "type": event.type, "id": event.id, "state": event.state}
        printed.print_json(head | dict(event.data))
        return
    view = reached.engine.snapshot().downloads.get(event.id)
    name = printed.label(view) if view else redact(str(event.data.get("url", "")))
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    printed.line(f"{clock}  {event.id[:SHORT]:<8}  {event.state or event.type:<12}  {name}  {_more(event)}".rstrip())
    sys.stdout.flush()


def _more(event: Event) -> str:
    data = event.data
    if event.type == "progress":
        return f"{size(data.get('done'))} of {size(data.get('size'))}, {size(data.get('speed'))}/s"
    said = data.get("message") or data.get("reason") or ""
    return redact_text(str(said))
