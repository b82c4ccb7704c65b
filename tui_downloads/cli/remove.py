"""`remove`: take downloads off the list, with or without their files."""

from __future__ import annotations

import sys
from typing import Any

import click

from tui_downloads.core.lifecycle import State

from . import printed
from .chosen import choose
from .faces import HELP, json_option, where_of, where_options, which_options
from .reach import Reached, run


@click.command("remove", context_settings=HELP)
@which_options
@click.option("--files", is_flag=True, help="Delete what was made for them too, finished files included.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
@where_options
def command(ids: tuple[str, ...], files: bool, yes: bool, as_json: bool, **values: Any) -> int:
    """Take downloads off the list.

    Finished files stay unless --files is given. On a terminal it asks first where something would be lost.
    """
    everything, state = values.pop("everything"), values.pop("state")

    async def work(reached: Reached) -> int:
        chosen = await choose(reached.engine, ids, everything=everything, state=state, sensible=frozenset(State))
        if chosen and not (yes or _agreed(len(chosen), files, many=bool(everything or state))):
            printed.talk("Nothing was removed.")
            return 0
        found = await reached.engine.remove(chosen, files=files) if chosen else []
        return printed.outcomes(found, as_json=as_json, gone="removed")

    return run(where_of(values), work)


def _agreed(count: int, files: bool, *, many: bool) -> bool:
    """Ask on a terminal; a script has said what it wants."""
    if not (files or many) or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    what = "1 download" if count == 1 else f"{count} downloads"
    return click.confirm(f"Remove {what}{' and delete their files' if files else ''}?", err=True)
