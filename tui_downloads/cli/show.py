"""`show`: everything about one download."""

from __future__ import annotations

from typing import Any

import click

from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import DetailView

from . import printed
from .chosen import resolve
from .faces import HELP, json_option, where_of, where_options
from .reach import Reached, run
from .text import duration, size

LOG = 20


@click.command("show", context_settings=HELP)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option
@where_options
def command(ids: tuple[str, ...], as_json: bool, **values: Any) -> int:
    """Show everything about downloads: state, files, proof, log."""

    async def work(reached: Reached) -> int:
        for number, id in enumerate(await resolve(reached.engine, ids)):
            detail = await reached.engine.get(id)
            if as_json:
                printed.print_json(detail)
            else:
                if number:
                    printed.line("")
                _print(detail)
        return 0

    return run(where_of(values), work)


def _print(detail: DetailView) -> None:
    view = detail.download
    for name, value in facts(detail):
        if value:
            printed.line(f"{name:<10} {value}")
    if len(detail.files) > 1:
        for file in detail.files:
            state = file.state if file.selected else "left out"
            printed.line(f"  file {file.id:<4} {state:<12} {size(file.size):>10}  {file.path}")
            if file.error is not None:
                printed.line(f"       {file.error.code}: {file.error.message}")
    for at, sentence in detail.log[-LOG:]:
        printed.line(f"  {printed.moment(at)}  {sentence}")
    if view.error is not None:
        printed.line(f"next step  {view.error.next_step}")


def facts(detail: DetailView) -> list[tuple[str, str]]:
    """List what people want to know; empty values are left out."""
    view = detail.download
    percent = "" if view.fraction is None else f" ({view.fraction * 100:.0f}%)"
    running = f"{size(view.speed)}/s, {duration(view.eta)} left, {view.connections} connections" if view.speed else ""
    waiting = view.waiting
    return [
        ("id", view.id),
        ("state", view.state.value),
        ("error", f"{view.error.code}: {view.error.message}" if view.error else ""),
        ("waits for", f"{waiting.reason} {printed.moment(waiting.until)}".strip() if waiting else ""),
        ("name", view.name),
        ("path", view.path if view.name else ""),
        ("folder", "" if view.name else view.folder),
        ("link", redact(view.url)),
        ("mirrors", ", ".join(redact(url) for url in view.mirrors)),
        ("kind", "" if view.kind.value == "link" else view.kind.value),
        ("size", f"{size(view.done)} of {size(view.size)}{percent}"),
        ("speed", running),
        ("proof", view.proof.value),
        ("checksum", view.checksum or ""),
        ("type", view.content_type),
        ("owner", "" if view.owner == "local" else view.owner),
        ("category", view.category),
        ("priority", str(view.priority) if view.priority else ""),
        ("limit", f"{size(view.limit)}/s" if view.limit else ""),
        ("options", ", ".join(f"{key}={value}" for key, value in detail.options.items())),
        ("added", printed.moment(view.created_at)),
        ("starts at", printed.moment(view.start_at)),
        ("started", printed.moment(view.started_at)),
        ("ended", printed.moment(view.finished_at)),
        ("attempts", str(view.attempts) if view.attempts > 1 else ""),
    ]
