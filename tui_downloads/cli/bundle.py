"""`bundle`: zip finished downloads into one file, as a download of its own."""

from __future__ import annotations

from typing import Any

import click

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest

from . import printed
from .chosen import choose
from .faces import HELP, json_option, where_of, where_options, which_options
from .link_options import absolute
from .reach import Reached, run


@click.command("bundle", context_settings=HELP)
@which_options
@click.option("-o", "--output", metavar="NAME", help="Name of the zip.")
@click.option("-d", "--dir", "folder", metavar="DIR", help="Folder, made when missing.")
@json_option
@where_options
def command(ids: tuple[str, ...], output: str | None, folder: str | None, as_json: bool, **values: Any) -> int:
    """Zip finished downloads into one file; prints the id of the zip, which can be waited for and pulled."""
    everything, state = values.pop("everything"), values.pop("state")
    where = where_of(values)
    folder = absolute(folder) if folder and not where.remote else folder

    async def work(reached: Reached) -> int:
        ready = frozenset({State.COMPLETE})
        chosen = await choose(reached.engine, ids, everything=everything, state=state, sensible=ready)
        if not chosen:
            return printed.outcomes([], as_json=as_json)
        wish = AddRequest(url="", kind=Kind.BUNDLE, name=output, folder=folder, source={"ids": chosen})
        found = await reached.engine.add([wish])
        if as_json:
            return printed.outcomes(found, as_json=True)
        for item in found:
            if item.error is not None:
                raise item.error
            printed.line(item.id)
        if reached.idle:
            printed.talk(printed.IDLE)
        return 0

    return run(where, work)
