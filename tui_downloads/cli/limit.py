"""`limit`: see and change what may be used at once, for everything or for single downloads."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import fields, replace

from tui_downloads.config import paths as folders
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.link_list import parse_size
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import Change
from tui_downloads.engine.base import Outcome

from . import printed
from .chosen import resolve
from .faces import HELP, json_option, where_of, where_options
from .reach import Reached, Where, run
from .text import size

WORDS = {
    "downloads": "downloads at once",
    "connections": "connections in all",
    "per_host": "connections for a host",
    "per_download": "connections for a download",
    "rate": "rate of everything",
    "rate_per_host": "rate for a host",
    "rate_per_download": "rate for a download",
}


class Rate(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """Bytes a second: `500K`, `10M`; `none` is no limit."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return 0 if str(value).lower() in ("none", "off", "0") else parse_size(str(value))
        except TuiDownloadsError as error:
            self.fail(error.message.replace("size", "rate"), param, ctx)


@click.command("limit", context_settings=HELP)
@click.argument("rate", type=Rate(), required=False, metavar="[RATE]")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--downloads", type=click.IntRange(1, 1000), metavar="N", help="Downloads at once.")
@click.option("--connections", type=click.IntRange(1, 4096), metavar="N", help="Connections in all.")
@click.option("--per-host", type=click.IntRange(1, 256), metavar="N", help="Connections for one host.")
@click.option("--per-download", type=click.IntRange(1, 64), metavar="N", help="Connections for one download.")
@click.option("--rate-per-host", type=Rate(), metavar="RATE", help="Bytes a second for each host.")
@click.option("--rate-per-download", type=Rate(), metavar="RATE", help="Bytes a second for each download.")
@click.option("--save", is_flag=True, help="Write it into the settings too.")
@json_option
@where_options
def command(rate: int | None, ids: tuple[str, ...], save: bool, as_json: bool, **values: Any) -> int:
    """See or change limits.

    RATE is for everything, or with ids for each of these downloads: 500K, 10M, or none. Without a running service the
    limits are written into the settings.
    """
    where = where_of(values)
    changes = {name: value for name, value in {"rate": rate, **values}.items() if value is not None}
    if ids and (len(changes) > 1 or save):
        raise click.UsageError("Downloads take a rate and nothing else here.")
    if save and where.remote:
        raise click.UsageError("--save writes the settings of this machine; use it there.")

    async def work(reached: Reached) -> int:
        if ids:
            return await _each(reached, ids, rate or 0, as_json=as_json)
        return await _all(reached, where, changes, save=save, as_json=as_json)

    return run(where, work)


async def _each(reached: Reached, ids: tuple[str, ...], rate: int, *, as_json: bool) -> int:
    found = []
    for id in await resolve(reached.engine, ids):
        try:
            found.append(Outcome(id, None, await reached.engine.change(id, Change(limit=rate))))
        except TuiDownloadsError as error:
            found.append(Outcome(id, error))
    return printed.outcomes(found, as_json=as_json)


async def _all(reached: Reached, where: Where, changes: dict[str, int], *, save: bool, as_json: bool) -> int:
    limits = replace(reached.engine.snapshot().limits, **changes)
    if changes and not reached.idle:
        await reached.engine.set_limits(limits)
    if changes and (save or reached.idle):
        _write(changes)
    if as_json:
        printed.print_json(limits)
    else:
        for field in fields(Limits):
            value = getattr(limits, field.name)
            shown = (f"{size(value)}/s" if value else "none") if field.name.startswith("rate") else str(value)
            printed.line(f"{field.name:<18} {shown:<12} {WORDS[field.name]}")
    return 0


def _write(changes: dict[str, int]) -> None:
    from tui_downloads.config import edit

    path = folders.find().settings_file
    for name, value in changes.items():
        edit.write(path, name, value)
    printed.talk(f"Written to {path}.")
