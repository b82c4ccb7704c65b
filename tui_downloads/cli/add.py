"""`add`: put downloads on the list of the service, or on the list itself when none runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import replace

from tui_downloads.core.curl_command import looks_like_curl, parse_curl
from tui_downloads.core.link_list import parse_size
from tui_downloads.core.links import redact
from tui_downloads.core.spec import AddRequest, Options

from . import printed
from .faces import HELP, json_option, where_of, where_options
from .foreign import Welcoming
from .link_options import absolute, link_options, place, requests_of
from .moments import Moment
from .reach import Reached, Where, run

DUPLICATES = ("allow", "existing", "refuse")
LOCAL_FILES = ("cacert", "cert", "key")


@click.command("add", cls=Welcoming, context_settings=HELP)
@click.argument("urls", nargs=-1, metavar="[URL]...")
@link_options
@click.option(
    "--curl", "curls", multiple=True, metavar="TEXT", help="A browser's “Copy as cURL”; - reads it from stdin."
)
@click.option("--paused", is_flag=True, help="Do not start them.")
@click.option("--start-at", type=Moment(), metavar="TIME", help="Not before: 22:00, +1h30m, 2026-01-31 22:00.")
@click.option("--priority", type=click.IntRange(-1000, 1000), default=0, metavar="N", help="Higher goes first. [0]")
@click.option("--top", is_flag=True, help="Before everything of their priority.")
@click.option("--category", default="", metavar="NAME", help="Category, which may say the folder.")
@click.option(
    "--duplicate", type=click.Choice(DUPLICATES), default="allow", help="When it is on the list already. [allow]"
)
@json_option
@where_options
def command(urls: tuple[str, ...], curls: tuple[str, ...], as_json: bool, **values: Any) -> int:
    """Put downloads on the list.

    Prints the id of each, in the order given. A relative folder counts from where you are; for a service elsewhere,
    from its download folder.
    """
    where = where_of(values)
    requests = _requests(urls, curls, values, where)
    if not requests:
        raise click.UsageError("Give at least one link, a list with -i, or --curl.")

    async def work(reached: Reached) -> int:
        found = await reached.engine.add(requests)
        if as_json:
            printed.outcomes(found, as_json=True)
        for request, item in zip(requests, found, strict=True):
            if item.error is not None and not as_json:
                printed.refused(redact(request.url) or "(no link)", item.error)
            elif item.error is None and not as_json:
                printed.line(item.id)
        if reached.idle and any(item.ok for item in found):
            printed.talk(printed.IDLE)
        return printed.worst(item.error.exit for item in found if item.error is not None)

    return run(where, work)


def _requests(urls: Sequence[str], curls: Sequence[str], values: dict[str, Any], where: Where) -> list[AddRequest]:
    """Make the wishes: links, lists and curl commands, those that were pasted as a link among them."""
    if values["output"] == "-":
        raise click.UsageError("-o - is for get; a service writes files.")
    place(values, here=not where.remote)
    folder = values["folder"]
    if not where.remote:
        folder = None if folder is None else absolute(folder)
        values.update({name: absolute(values[name]) for name in LOCAL_FILES if values[name]})
    base = AddRequest(
        url="",
        folder=folder,
        options=Options(category=values["category"]),
        priority=values["priority"],
        paused=values["paused"],
        start_at=values["start_at"],
        duplicate=values["duplicate"],
        top=values["top"],
    )
    pasted = [*curls, *(url for url in urls if looks_like_curl(url))]
    links = [url for url in urls if not looks_like_curl(url)]
    requests = [_placed(request, where) for request in requests_of(links, values, base)]
    return requests + [_of_curl(sys.stdin.read() if text == "-" else text, values, base) for text in pasted]


def _placed(request: AddRequest, where: Where) -> AddRequest:
    """A list's own folders count from here too, unless the service is elsewhere."""
    if where.remote or request.folder is None:
        return request
    return replace(request, folder=absolute(request.folder))


def _of_curl(text: str, values: dict[str, Any], base: AddRequest) -> AddRequest:
    found = parse_curl(text)
    made = requests_of([found.url], {**values, "input_file": (), "patterns": False}, base)[0]
    secrets = made.credentials
    return replace(
        made,
        name=made.name or found.name or None,
        options=replace(
            made.options,
            proxy=made.options.proxy if made.options.proxy is not None else found.proxy or None,
            limit=made.options.limit or (parse_size(found.limit) if found.limit else 0),
            max_time=made.options.max_time or (float(found.max_time) if found.max_time else None),
        ),
        credentials=replace(
            secrets,
            headers=(*found.headers, *secrets.headers),
            user=secrets.user or found.user,
            password=secrets.password or found.password,
        ),
    )
