"""`status`: who runs, how much, how fast."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import asdict, fields

from tui_downloads.core.snapshots import Totals

from . import printed
from .faces import HELP, json_option, where_of, where_options
from .reach import Reached, run
from .text import size


@click.command("status", context_settings=HELP)
@json_option
@where_options
def command(as_json: bool, **values: Any) -> int:
    """Say who runs, how much is there and how fast it goes."""

    async def work(reached: Reached) -> int:
        snapshot = reached.engine.snapshot()
        address = reached.address
        if as_json:
            printed.print_json(
                {
                    "service": None if address is None else address.label,
                    "owner": asdict(reached.owner) if reached.owner else None,
                    "totals": snapshot.totals,
                    "limits": snapshot.limits,
                    "info": snapshot.info,
                    "engine": dict(await reached.engine.describe()),
                }
            )
            return 0
        who = f"{reached.owner}, {address.label}" if reached.owner and address else address.label if address else "none"
        printed.line(f"service      {who}")
        for field in fields(Totals):
            value = getattr(snapshot.totals, field.name)
            printed.line(f"{field.name:<12} {size(value) + '/s' if field.name == 'speed' else value}")
        printed.line(f"folder       {snapshot.info.folder}")
        if snapshot.info.free is not None:
            printed.line(f"free         {size(snapshot.info.free)}")
        return 0

    return run(where_of(values), work)
