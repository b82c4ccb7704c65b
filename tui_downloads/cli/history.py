"""`history`: what has ended; searched, exported, forgotten."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from tui_downloads.core.lifecycle import ENDED
from tui_downloads.core.snapshots import DownloadView

from . import listing, printed
from .chosen import SHORT, states_of
from .faces import HELP, json_option, where_of, where_options
from .moments import Span
from .reach import Reached, Where, run
from .rows import FORMS, write_rows
from .text import size


@click.command("history", context_settings=HELP)
@listing.list_options("finished")
@click.option(
    "--export", type=(click.Choice(FORMS), str), metavar="csv|json FILE", help="Write all that is found; - is stdout."
)
@click.option("--forget", is_flag=True, help="Drop ended downloads from the history, never files.")
@click.option(
    "--older", type=Span(), metavar="DURATION", help="With --forget: those that ended before that, such as 30d."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@where_options
def command(
    export: tuple[str, str] | None, forget: bool, older: float | None, yes: bool, as_json: bool, **values: Any
) -> int:
    """Show what has ended, the latest first; export it; forget it."""
    where = where_of(values)
    if older is not None and not forget:
        raise click.UsageError("--older goes with --forget.")
    if forget:
        return _forget(where, values, older, yes=yes, as_json=as_json)
    query, found = listing.wanted(values, ENDED)

    async def work(reached: Reached) -> int:
        if export is None:
            listing.show(await listing.find(reached.engine, query, found, values["limit"]), table, as_json=as_json)
            return 0
        form, path = export
        count = await write_rows(reached.engine, query, found, form, path)
        printed.talk(f"{count} downloads written{'' if path == '-' else f' to {path}'}.")
        return 0

    return run(where, work)


def table(views: Sequence[DownloadView]) -> None:
    """Write ended downloads for people."""
    rows = [
        (view.id[:SHORT], printed.moment(view.finished_at), view.state.value, size(view.size), printed.label(view))
        for view in views
    ]
    if rows:
        printed.table(("ID", "ENDED", "STATE", "SIZE", "NAME"), rows)


def _forget(where: Where, values: dict[str, Any], older: float | None, *, yes: bool, as_json: bool) -> int:
    if values["words"] or values["host"] or values["text"]:
        raise click.UsageError("--forget takes --state and --older only.")
    states = sorted(state.value for state in states_of(values["state"])) if values["state"] else []
    if not set(states) <= {state.value for state in ENDED}:
        raise click.UsageError("Only ended downloads can be forgotten: complete, failed, cancelled.")
    if not yes and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm("Forget these ended downloads? Files stay.", abort=True, err=True)

    async def work(reached: Reached) -> int:
        before = None if older is None else time.time() - older
        count = await reached.engine.forget(before=before, states=states)
        if as_json:
            printed.print_json({"forgotten": count})
        else:
            printed.line(str(count))
        return 0

    return run(where, work)
