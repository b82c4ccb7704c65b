"""The screen on this machine's engine; links given on the command line are added to it."""

from __future__ import annotations

import click


def open_screen(urls: tuple[str, ...]) -> int:
    """Open the screen and give its exit code."""
    from tui_downloads.config import paths as folders
    from tui_downloads.config.load import load
    from tui_downloads.engine.embedded import EmbeddedEngine
    from tui_downloads.tui.run import run

    from .setup import embedded_setup

    paths = folders.find()
    settings = load(paths.settings_file)
    folders.make_private(paths.state)
    engine = EmbeddedEngine(embedded_setup(settings, paths))
    return run(engine, settings=settings.screen, links=urls)


@click.command("tui-downloads")
@click.argument("urls", nargs=-1, required=True)
def command(urls: tuple[str, ...]) -> int:
    """Open the screen and add these links."""
    return open_screen(urls)
