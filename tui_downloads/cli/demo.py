"""`demo`: the screen on the practice server, in a home of its own; nothing here needs a network or keeps a trace."""

from __future__ import annotations

import os
import sys
import tempfile

import click

from tui_downloads.core.errors import Code, RequestError

from .faces import HELP


@click.command("demo", context_settings=HELP)
@click.option("--empty", is_flag=True, help="Add nothing; the links are printed to try them.")
def command(empty: bool) -> int:
    """Open the screen on a practice server of this machine, with good and faulty downloads.

    Settings, list and files are in a temporary folder that is removed at the end.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RequestError(
            Code.INVALID_OPTION, "The demo needs a terminal.", next_step="Without one: python -m tui_downloads.demo"
        )
    from tui_downloads.config.paths import HOME
    from tui_downloads.demo.catalog import demo_links
    from tui_downloads.demo.server import serve_in_thread

    from .screen import open_screen

    before = os.environ.get(HOME)
    with (
        tempfile.TemporaryDirectory(prefix="td-demo-", ignore_cleanup_errors=True) as folder,
        serve_in_thread() as server,
    ):
        os.environ[HOME] = folder
        try:
            links = [link.url for link in demo_links(server)]
            if empty:
                click.echo("\n".join(links), err=True)
            return open_screen(() if empty else links)
        finally:
            os.environ.pop(HOME)
            if before is not None:
                os.environ[HOME] = before
