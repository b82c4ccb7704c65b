"""`import`: add what `export` wrote, or any JSON list of downloads."""

from __future__ import annotations

from typing import Any

import click

from tui_downloads import wire
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.links import redact
from tui_downloads.core.spec import AddRequest

from . import printed
from .faces import HELP, json_option, where_of, where_options
from .link_options import lines_of
from .reach import Reached, run

LARGEST = 256 << 20


@click.command("import", context_settings=HELP)
@click.argument("file", metavar="FILE")
@click.option("--paused", is_flag=True, help="Do not start them.")
@json_option
@where_options
def command(file: str, paused: bool, as_json: bool, **values: Any) -> int:
    """Add the downloads of a JSON list; - is stdin.

    It is what export writes, or a list of objects with url and the fields of the native API. What is on the list
    already, with the same link and place, is not added twice.
    """
    requests = [request.with_(paused=paused or request.paused, duplicate="existing") for request in _read(file)]

    async def work(reached: Reached) -> int:
        found = await reached.engine.add(requests) if requests else []
        if as_json:
            printed.outcomes(found, as_json=True)
        for request, item in zip(requests, found, strict=True):
            if item.error is not None and not as_json:
                printed.refused(redact(request.url) or "(no link)", item.error)
            elif not as_json:
                printed.line(item.id)
        if reached.idle and any(item.ok for item in found):
            printed.talk(printed.IDLE)
        return printed.worst(item.error.exit for item in found if item.error is not None)

    return run(where_of(values), work)


def _read(path: str) -> list[AddRequest]:
    text = "".join(lines_of(path))
    if len(text) > LARGEST:
        raise RequestError(Code.INVALID_OPTION, "The list is too large.", next_step="Split it.")
    found = wire.parse(text.encode("utf-8", "surrogateescape"))
    if isinstance(found, dict):
        if found.get("version", wire.VERSION) != wire.VERSION:
            raise RequestError(Code.INVALID_OPTION, "The list was written by another version.", next_step="Update.")
        found = found.get("downloads")
    if not isinstance(found, list):
        raise RequestError(
            Code.INVALID_OPTION, "This is no list of downloads.", next_step="Write one with: export -o FILE"
        )
    entries = [{"url": item} if isinstance(item, str) else item for item in found]
    return [wire.load(AddRequest, item, at=f"downloads[{n}]") for n, item in enumerate(entries)]
