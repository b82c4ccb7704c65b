"""`errors`: what failed, why, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView

from . import listing, printed
from .chosen import SHORT
from .faces import HELP, json_option, where_of, where_options
from .reach import Reached, run


@click.command("errors", context_settings=HELP)
@listing.list_options("finished")
@json_option
@where_options
def command(as_json: bool, **values: Any) -> int:
    """Show what failed, why, and what to do next."""
    where = where_of(values)
    query, found = listing.wanted(values, frozenset({State.FAILED}))

    async def work(reached: Reached) -> int:
        listing.show(await listing.find(reached.engine, query, found, values["limit"]), table, as_json=as_json)
        return 0

    return run(where, work)


def table(views: Sequence[DownloadView]) -> None:
    """Write failures for people: one line for each and one for what to do."""
    for view in views:
        error = view.error
        printed.line(f"{view.id[:SHORT]}  {printed.moment(view.finished_at)}  {printed.label(view)}")
        if error is not None:
            printed.line(f"          {error.code}: {error.message} {error.next_step}")
