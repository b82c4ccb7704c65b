"""`export`: the list as JSON that `import` reads back; logins, headers and cookies are not in it."""

from __future__ import annotations

from typing import Any

import click

from tui_downloads import wire
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import public, redact, secret_query
from tui_downloads.core.snapshots import DetailView, Kind
from tui_downloads.core.spec import AddRequest, OnConflict, Options

from . import printed
from .chosen import UNFINISHED, choose
from .faces import HELP, where_of, where_options, which_options
from .reach import Reached, run
from .rows import written

FORM = "tui-downloads list"


@click.command("export", context_settings=HELP)
@which_options
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to; - is stdout. [-]")
@click.option("--secrets", is_flag=True, help="Keep secret parameters of links, such as signatures.")
@where_options
def command(ids: tuple[str, ...], output: str, secrets: bool, **values: Any) -> int:
    """Write the list as JSON: by default everything unfinished.

    Logins, headers and cookies never leave the store. Secret parameters of links are hidden unless --secrets is given.
    """
    everything, state = values.pop("everything"), values.pop("state")
    if not (ids or everything or state):
        state = tuple(word.value for word in UNFINISHED)

    async def work(reached: Reached) -> int:
        engine = reached.engine
        chosen = await choose(engine, ids, everything=everything, state=state, sensible=frozenset(State))
        entries, hidden = [], 0
        for id in chosen:
            detail = await engine.get(id)
            if detail.download.kind in (Kind.BUNDLE, Kind.EXPORT):
                continue
            entry = wire.dump_request(request_of(detail, secrets=secrets))
            hidden += not secrets and secret_query(detail.download.url)
            entries.append(entry)
        with written(output) as file:
            file.write(wire.to_bytes({"form": FORM, "version": wire.VERSION, "downloads": entries}) + b"\n")
        if hidden:
            printed.talk(f"The secrets of {hidden} links were hidden, so they may not work; --secrets keeps them.")
        return 0

    return run(where_of(values), work)


def request_of(detail: DetailView, *, secrets: bool) -> AddRequest:
    """Make the wish that would add a download again."""
    view = detail.download
    known = {name: value for name, value in detail.options.items() if name in Options.__struct_fields__}
    if isinstance(known.get("on_conflict"), str):
        known["on_conflict"] = OnConflict(known["on_conflict"])
    tell = public if secrets else redact
    return AddRequest(
        url=tell(view.url),
        kind=view.kind,
        mirrors=tuple(tell(url) for url in view.mirrors),
        folder=view.folder or None,
        name=view.name or None,
        options=Options(**known),
        priority=view.priority,
        paused=view.state is State.PAUSED,
        start_at=view.start_at,
    )
