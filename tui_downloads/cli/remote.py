"""`remote`: names for services elsewhere."""

from __future__ import annotations

import click
from msgspec.structs import asdict

from tui_downloads.remote.address import parse_address

from . import printed
from .faces import HELP, json_option
from .link_options import absolute
from .remotes import Remote, Remotes


@click.group("remote", context_settings=HELP)
def command() -> None:
    """Save services elsewhere under a name, for attach and --remote."""


@command.command("add", context_settings=HELP)
@click.argument("name")
@click.argument("address", metavar="URL|HOST:PORT|ssh://[USER@]HOST")
@click.option("--token-file", metavar="FILE", default="", help="File that holds the token; it is read when needed.")
@click.option("--pin", metavar="SHA256", default="", help="The server's certificate, for https.")
@click.option("--read-only", is_flag=True, help="Look and touch nothing.")
@click.option("--replace", is_flag=True, help="In place of the one of this name.")
def add(name: str, address: str, token_file: str, pin: str, read_only: bool, replace: bool) -> int:
    """Save a service under a name."""
    if address.startswith("ssh:"):
        from tui_downloads.remote.ssh import parse_destination

        parse_destination(address)
        if token_file or pin:
            raise click.UsageError("Over ssh there is neither a token nor a certificate.")
    else:
        pin = parse_address(address, pin=pin).pin
    remote = Remote(address, absolute(token_file) if token_file else "", pin, read_only)
    Remotes().add(name, remote, replace=replace)
    return 0


@command.command("list", context_settings=HELP)
@json_option
def list_(as_json: bool) -> int:
    """Show the saved remotes."""
    found = Remotes().all()
    if as_json:
        printed.print_json({name: asdict(remote) for name, remote in found.items()})
    elif found:
        rows = [
            (name, item.address, item.token_file, "pinned" if item.pin else "", "read-only" if item.read_only else "")
            for name, item in found.items()
        ]
        printed.table(("NAME", "ADDRESS", "TOKEN FILE", "PIN", "MODE"), rows, gives_way=2)
    else:
        printed.talk("No remotes are saved; save one with: tui-downloads remote add NAME URL")
    return 0


@command.command("remove", context_settings=HELP)
@click.argument("name")
def remove(name: str) -> int:
    """Forget a remote; its token file stays."""
    Remotes().remove(name)
    return 0
