"""`move`: change the order of the queue."""

from __future__ import annotations

from typing import Any

import click

from . import printed
from .chosen import resolve
from .faces import HELP, json_option, where_of, where_options
from .reach import Reached, run

WHERES = ("up", "down", "top", "bottom")


@click.command("move", context_settings=HELP)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.argument("place", metavar="up|down|top|bottom|N")
@json_option
@where_options
def command(ids: tuple[str, ...], place: str, as_json: bool, **values: Any) -> int:
    """Move queued downloads up, down, to the top, to the bottom, or to a place from 0."""
    if place not in WHERES and not (place.isascii() and place.isdigit() and len(place) < 10):
        raise click.UsageError(f"Where to? The last word is {', '.join(WHERES)} or a place from 0.")
    goal = place if place in WHERES else int(place)

    async def work(reached: Reached) -> int:
        found = await reached.engine.move(await resolve(reached.engine, ids), goal)
        return printed.outcomes(found, as_json=as_json)

    return run(where_of(values), work)
