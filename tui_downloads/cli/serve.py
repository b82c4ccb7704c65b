"""`serve`: engine and API without a screen."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import click

from tui_downloads.core.errors import Exit

from .house import House
from .streams import tell
from .text import plain


@click.command("serve", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDR:PORT[,no-auth][,dialect=NAME]",
    help="Listen on TCP too; may be repeated. Our port is 7878. The Unix socket is always there.",
)
@click.option("--allow-remote", is_flag=True, help="Allow addresses beyond loopback; they need a token.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="Answer under this host name too.")
@click.option("--allow-download", is_flag=True, help="Let the strict Hoody mount start downloads by GET.")
@click.option("--tls-cert", metavar="FILE", default="", help="Certificate for TCP listeners.")
@click.option("--tls-key", metavar="FILE", default="", help="Its key.")
@click.option("--daemon", is_flag=True, help="Go to the background once it answers.")
def command(**values: Any) -> int:
    """Run the engine and its API without a screen.

    SIGTERM ends it with a checkpoint, SIGHUP reads the settings again.
    """
    from tui_downloads.daemon import set_up_logs, spawn

    house = House.open()
    if values["daemon"]:
        arguments = ["serve", *(word for text in values["listen"] for word in ("--listen", text))]
        arguments += ["--allow-remote"] if values["allow_remote"] else []
        arguments += [word for name in values["allow_host"] for word in ("--allow-host", name)]
        arguments += ["--allow-download"] if values["allow_download"] else []
        for name in ("tls_cert", "tls_key"):
            # The service begins in another folder.
            arguments += [f"--{name.replace('_', '-')}", os.path.abspath(values[name])] if values[name] else []
        owner = spawn(arguments, house.paths.lock, say=_passed_on)
        _say(f"Serving in the background: {owner}. Socket: {owner.socket}")
        return Exit.OK
    plan = house.plan(
        values["listen"],
        what="serve",
        allow_remote=values["allow_remote"],
        allow_hosts=values["allow_host"],
        allow_download=values["allow_download"],
        tls=(values["tls_cert"], values["tls_key"]),
    )
    log = house.settings.log
    set_up_logs(house.paths.state, file=log.file, level=log.level)
    _say(f"Socket: {plan.socket}")
    asyncio.run(house.daemon(plan, say=_say).run())
    return Exit.OK


def _passed_on(text: str) -> None:
    """Say what the service said; where its socket is comes with the rest."""
    if not text.startswith("Socket: "):
        _say(text)


def _say(text: str) -> None:
    tell(plain(text) + "\n")
