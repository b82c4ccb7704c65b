"""`attach`: the full screen on an engine that runs elsewhere, or in another process here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tui_downloads.config import paths as folders
from tui_downloads.config.load import load
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.engine.lock import held_by

from .faces import HELP
from .reach import START, Where, address_of

if TYPE_CHECKING:
    from tui_downloads.remote.address import Address

NO_TERMINAL = "The screen needs a terminal. In scripts use --remote with list, add, wait and the other commands."


@click.command("attach", context_settings=HELP)
@click.argument("remote", required=False, default="", metavar="[NAME|URL|ssh://[USER@]HOST]")
@click.option("--read-only", is_flag=True, help="Look and touch nothing.")
@click.option("--token-file", metavar="FILE", default="", help="File that holds the token.")
@click.option("--pin", metavar="SHA256", default="", help="The server's certificate, for https.")
def command(remote: str, read_only: bool, token_file: str, pin: str) -> int:
    """Open the screen on a service elsewhere, or on the process that holds the state here.

    What it does goes on when the screen closes.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RequestError(Code.INVALID_OPTION, NO_TERMINAL, next_step=" ")
    if remote:
        with address_of(Where(remote, token_file, pin, read_only)) as address:
            return _screen(address)
    owner = held_by(folders.find().lock)
    if owner is None or not owner.socket:
        raise RequestError(Code.NO_SERVICE, "No service runs here.", next_step=START)
    from tui_downloads.remote.address import Address

    return _screen(Address(socket=owner.socket, read_only=read_only))


def _screen(address: Address) -> int:
    from tui_downloads.remote.engine import RemoteEngine

    from .screen import show

    settings = load(folders.find().settings_file)
    # Whoever asked for the screen gets it: what is wrong stands in its banner, and goes when it is mended.
    return show(RemoteEngine(address, patient=True), settings, read_only=address.read_only)
