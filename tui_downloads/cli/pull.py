"""`pull`: fetch finished files of a service elsewhere to here, in verified parallel ranges."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from tui_downloads.core.errors import Conflict, TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DetailView

from . import printed
from .chosen import choose
from .faces import HELP, json_option, where_of, where_options, which_options
from .link_options import absolute
from .reach import Reached, run
from .text import fit, size

if TYPE_CHECKING:
    from tui_downloads.remote.client import Client
    from tui_downloads.remote.pull import Pulled

REDRAW = 0.2


@click.command("pull", context_settings=HELP)
@which_options
@click.option("-d", "--dir", "folder", default=".", metavar="DIR", help="Folder here. [where you are]")
@click.option("-o", "--output", default="", metavar="NAME", help="Name here, one file only.")
@click.option("--file", "file", default="", metavar="N", help="Only this file of a download with several.")
@click.option("-x", "--connections", type=click.IntRange(1, 16), default=4, metavar="N", help="Connections. [4]")
@json_option
@where_options
def command(
    ids: tuple[str, ...], folder: str, output: str, file: str, connections: int, as_json: bool, **values: Any
) -> int:
    """Fetch finished files of a service elsewhere (--remote) to here.

    Every file is held against the digest of the service before it gets its name; nothing here is overwritten.
    """
    everything, state = values.pop("everything"), values.pop("state")

    async def work(reached: Reached) -> int:
        from tui_downloads.remote.client import Client

        assert reached.address is not None  # a service was asked for
        ready = frozenset({State.COMPLETE})
        chosen = await choose(reached.engine, ids, everything=everything, state=state, sensible=ready)
        if output and len(chosen) != 1:
            raise click.UsageError("-o goes with one file only.")
        client = Client(reached.address)
        codes = []
        try:
            for id in chosen:
                try:
                    await _fetch(
                        client, await reached.engine.get(id), absolute(folder), file, output, connections, as_json
                    )
                except TuiDownloadsError as error:
                    printed.refused(id, error)
                    codes.append(error.exit)
        finally:
            await client.close()
        return printed.worst(codes)

    return run(where_of(values), work, service=True)


async def _fetch(
    client: Client, detail: DetailView, folder: str, file: str, output: str, connections: int, as_json: bool
) -> None:
    """Fetch the files of one download; those of a package keep their folders."""
    from tui_downloads.remote.pull import pull

    if detail.download.state is not State.COMPLETE:
        step = f"Wait for it with: tui-downloads wait {detail.download.id[:8]}"
        raise Conflict(f"It is {detail.download.state.value}; only complete downloads can be fetched.", next_step=step)
    wanted = [item for item in detail.files if (item.id == file if file else item.state in ("complete", "skipped"))]
    if output and len(wanted) > 1:
        raise click.UsageError("-o goes with one file only; choose one with --file.")
    for item in wanted or detail.files[:1]:
        bar = _Bar(output or item.name)
        got = await pull(
            client, detail, folder, file=item.id, name=output, connections=connections, progress=bar.progress
        )
        bar.end()
        _tell(detail, got, as_json)


def _tell(detail: DetailView, got: Pulled, as_json: bool) -> None:
    if as_json:
        told = {"id": detail.download.id, "path": str(got.path), "size": got.size, "sha256": got.sha256}
        printed.print_json(told)
    else:
        printed.line(str(got.path))


class _Bar:
    """One line on a terminal that says how far it is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0.0
        self._shown = False

    def progress(self, done: int, whole: int) -> None:
        if not sys.stderr.isatty() or time.monotonic() < self._next:
            return
        self._next, self._shown = time.monotonic() + REDRAW, True
        sys.stderr.write(f"\r{fit(self._name, 40)} {size(done)} of {size(whole)}\x1b[K")
        sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
