"""`change`: another name, folder, link, header, limit, priority or checksum for a download that is not complete."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import replace

from tui_downloads.core.errors import Code, RequestError, TuiDownloadsError
from tui_downloads.core.link_list import parse_header
from tui_downloads.core.spec import Change
from tui_downloads.engine.base import Outcome
from tui_downloads.engine.layout import chosen

from . import printed
from .chosen import resolve
from .faces import HELP, json_option, where_of, where_options
from .limit import Rate
from .link_options import absolute
from .moments import Span
from .reach import Reached, run


@click.command("change", context_settings=HELP)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("-o", "--name", metavar="NAME", help="Name of the file.")
@click.option("-d", "--dir", "--folder", "folder", metavar="DIR", help="Folder; the part moves along.")
@click.option("--url", metavar="URL", help="A fresh link of the same file.")
@click.option("--mirror", "mirrors", multiple=True, metavar="URL", help="Other links of the same file.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'K: V'", help="Header fields, in place of the old.")
@click.option("-u", "--user", metavar="USER[:PASSWORD]", help="Login.")
@click.option("--limit", type=Rate(), metavar="RATE", help="Bytes a second; none is no limit.")
@click.option("--priority", type=click.IntRange(-1000, 1000), metavar="N", help="Higher goes first.")
@click.option("-x", "--connections", type=click.IntRange(1, 64), metavar="N", help="Connections.")
@click.option("--checksum", metavar="ALGO:HEX", help="Digest it must have; empty drops it.")
@click.option("--max-time", type=Span(), metavar="S", help="Seconds in all.")
@click.option("--select", multiple=True, metavar="WHICH", help="Of a package only these: number, path or glob.")
@json_option
@where_options
def command(ids: tuple[str, ...], as_json: bool, **values: Any) -> int:
    """Change downloads that are not complete, whatever they are doing."""
    where = where_of(values)
    if len(ids) > 1 and (values["name"] or values["url"]):
        raise click.UsageError("A name or a link goes with one download only.")
    user, colon, password = (values.pop("user") or "").partition(":")
    mirrors, headers, select = values.pop("mirrors"), values.pop("headers"), values.pop("select")
    if values["folder"] and not where.remote:
        values["folder"] = absolute(values["folder"])
    change = Change(
        **values,
        mirrors=mirrors or None,
        headers=tuple(parse_header(text) for text in headers) or None,
        user=user or None,
        password=password if colon else None,
    )
    if change == Change() and not select:
        raise click.UsageError("Say what to change; see: tui-downloads change --help")

    async def work(reached: Reached) -> int:
        found = []
        for id in await resolve(reached.engine, ids):
            try:
                wanted = replace(change, selected=await _selected(reached, id, select)) if select else change
                found.append(Outcome(id, None, await reached.engine.change(id, wanted)))
            except TuiDownloadsError as error:
                found.append(Outcome(id, error))
        return printed.outcomes(found, as_json=as_json)

    return run(where, work)


async def _selected(reached: Reached, id: str, select: tuple[str, ...]) -> frozenset[str]:
    """Give the ids of a package's files that are chosen by number, path or glob, as `--select` of `add` chooses.

    Raises:
        RequestError: none is.
    """
    files = (await reached.engine.get(id)).files
    found = frozenset(file.id for file in files if chosen(select, file.id, file.path.partition("/")[2] or file.path))
    if not found:
        said = "Its files are not known yet" if not files else "None of its files is called so"
        raise RequestError(Code.INVALID_OPTION, f"{said}; see: tui-downloads show {id[:8]}")
    return found
