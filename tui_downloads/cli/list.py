"""`list`: show downloads."""

from __future__ import annotations

from typing import Any

import click

from . import listing, printed
from .faces import HELP, json_option, where_of, where_options
from .reach import Reached, run


@click.command("list", context_settings=HELP)
@listing.list_options("created")
@json_option
@where_options
def command(as_json: bool, **values: Any) -> int:
    """Show downloads, the newest first.

    A filter has words and terms such as state:failed, host:example, size>1g, age<2d; all have to hold, - turns one
    round.
    """
    where = where_of(values)
    query, found = listing.wanted(values)

    async def work(reached: Reached) -> int:
        listing.show(
            await listing.find(reached.engine, query, found, values["limit"]), printed.downloads, as_json=as_json
        )
        return 0

    return run(where, work)
