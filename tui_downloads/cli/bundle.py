"""`bundle`: zip finished downloads into one file, as a download of its own."""

from __future__ import annotations

from typing import Any

import click

from tui_downloads.core.lifecycle import State
from tui_downloads.core.link_list import parse_size
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest

from . import printed
from .chosen import choose
from .faces import HELP, json_option, where_of, where_options, which_options
from .link_options import absolute
from .moments import Span
from .reach import Reached, run


@click.command("bundle", context_settings=HELP)
@which_options
@click.option("-o", "--output", metavar="NAME", help="Name of the zip.")
@click.option("-d", "--dir", "folder", metavar="DIR", help="Folder, made when missing.")
@click.option("--compress", is_flag=True, help="Deflate the files instead of storing them as they are.")
@click.option("--max-size", metavar="SIZE", help="Refuse when the files have more together, such as 2G.")
@click.option("--keep", type=Span(), metavar="TIME", help="Remove the zip after this time, such as 7d or 12h.")
@json_option
@where_options
def command(
    ids: tuple[str, ...], output: str | None, folder: str | None, compress: bool, max_size: str | None,
    keep: float | None, as_json: bool, **values: Any,
) -> int:  # fmt: skip
    """Zip finished downloads into one file; prints the id of the zip, which can be waited for and pulled."""
    everything, state = values.pop("everything"), values.pop("state")
    where = where_of(values)
    folder = absolute(folder) if folder and not where.remote else folder
    how: dict[str, Any] = {"compress": True} if compress else {}
    if max_size is not None:
        how["max_bytes"] = parse_size(max_size)
    if keep is not None:
        how["keep"] = keep

    async def work(reached: Reached) -> int:
        ready = frozenset({State.COMPLETE})
        chosen = await choose(reached.engine, ids, everything=everything, state=state, sensible=ready)
        if not chosen:
            return printed.outcomes([], as_json=as_json)
        wish = AddRequest(url="", kind=Kind.BUNDLE, name=output, folder=folder, source={"ids": chosen, **how})
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
