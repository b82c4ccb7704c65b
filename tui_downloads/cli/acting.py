"""The commands that move downloads from state to state; each has its own file and differs in what is said here."""

from __future__ import annotations

from typing import Any

import click

from tui_downloads.core.lifecycle import State

from . import printed
from .chosen import choose
from .faces import HELP, json_option, where_of, where_options, which_options
from .reach import Reached, run


def acting(
    name: str, method: str, text: str, sensible: frozenset[State], *, needs_service: bool = False
) -> click.Command:
    """Make a command that calls one method of the engine for many downloads."""

    @click.command(name, help=text, context_settings=HELP)
    @which_options
    @json_option
    @where_options
    def command(ids: tuple[str, ...], everything: bool, state: tuple[str, ...], as_json: bool, **values: Any) -> int:
        async def work(reached: Reached) -> int:
            chosen = await choose(reached.engine, ids, everything=everything, state=state, sensible=sensible)
            found = await getattr(reached.engine, method)(chosen) if chosen else []
            code = printed.outcomes(found, as_json=as_json)
            if needs_service and found and reached.idle:
                printed.talk(printed.IDLE)
            return code

        return run(where_of(values), work)

    return command
