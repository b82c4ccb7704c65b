"""`token`: who may use the service, and for what."""

from __future__ import annotations

import time

import click

from tui_downloads.api.tokens import Tokens
from tui_downloads.config import paths as folders
from tui_downloads.core.link_list import parse_size

from . import printed
from .faces import HELP, json_option
from .moments import Span

SCOPES = ("read", "control", "admin")


@click.group("token", context_settings=HELP)
def command() -> None:
    """Say who may use the service over TCP, and for what. A running service takes changes in at once."""


@command.command("create", context_settings=HELP)
@click.argument("name")
@click.option("--scope", type=click.Choice(SCOPES), default="control", help="What they may do. [control]")
@click.option("--types", metavar="LIST", default="", help="Kinds of download, such as url,archive; empty is every one.")
@click.option("--folder", "folders_", multiple=True, metavar="DIR", help="Where they may write; may be repeated.")
@click.option("--allow", multiple=True, metavar="DOMAIN", help="Only these domains; may be repeated.")
@click.option("--block", multiple=True, metavar="DOMAIN", help="Not these domains; may be repeated.")
@click.option("--private", is_flag=True, help="May reach private and loopback addresses.")
@click.option("--may-choose-proxy", is_flag=True, help="May choose a proxy.")
@click.option("--quota", metavar="SIZE", default="0", help="Bytes in all; 0 is no limit. [0]")
@click.option(
    "--max-queued", type=click.IntRange(0), default=0, metavar="N", help="Unfinished downloads; 0 is no limit. [0]"
)
@click.option("--expires", type=Span(), metavar="DURATION", help="Ends after that, such as 30d.")
def create(
    name: str,
    scope: str,
    types: str,
    folders_: tuple[str, ...],
    allow: tuple[str, ...],
    block: tuple[str, ...],
    private: bool,
    may_choose_proxy: bool,
    quota: str,
    max_queued: int,
    expires: float | None,
) -> int:
    """Make a token for a user and print it, and nothing else. It is shown this once."""
    printed.line(
        _tokens().create(
            name,
            scope=scope,
            types=tuple(word.strip() for word in types.split(",") if word.strip()),
            folders=folders_,
            allowed=allow,
            blocked=block,
            private=private,
            may_choose_proxy=may_choose_proxy or None,
            quota_bytes=parse_size(quota),
            quota_queued=max_queued,
            expires_at=None if expires is None else time.time() + expires,
        )
    )
    return 0


@command.command("list", context_settings=HELP)
@json_option
def list_(as_json: bool) -> int:
    """Show who has a token; the tokens themselves are not kept."""
    found = _tokens().list()
    if as_json:
        printed.print_json([token.described() for token in found])
    elif found:
        rows = [
            (
                token.name,
                token.scope,
                printed.moment(token.created_at),
                printed.moment(token.expires_at) or "never",
                ", ".join(token.types) or "all",
                ", ".join(token.folders) or "all",
            )
            for token in found
        ]
        printed.table(("NAME", "SCOPE", "MADE", "EXPIRES", "TYPES", "FOLDERS"), rows)
    else:
        printed.talk("There are no tokens; make one with: tui-downloads token create NAME")
    return 0


@command.command("revoke", context_settings=HELP)
@click.argument("name")
def revoke(name: str) -> int:
    """Drop a token; its sessions end."""
    _tokens().revoke(name)
    printed.talk("Revoked.")
    return 0


@command.command("rotate", context_settings=HELP)
@click.argument("name")
def rotate(name: str) -> int:
    """Replace a token and print the new one, and nothing else; sessions of the old one end."""
    printed.line(_tokens().rotate(name))
    return 0


def _tokens() -> Tokens:
    paths = folders.find()
    folders.make_private(paths.state)
    return Tokens(paths.tokens)
