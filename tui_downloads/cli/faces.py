"""What commands have in common on the command line: where they work, JSON or tables, and which downloads are meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .reach import Where

F = TypeVar("F", bound=Callable[..., Any])

HELP = {"help_option_names": ["-h", "--help"]}
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
_WHERE = [
    click.option(
        "-r", "--remote", metavar="NAME|URL", default="", help="A service elsewhere: saved name, URL or ssh://."
    ),
    click.option("--token-file", metavar="FILE", default="", help="File with the token for it."),
    click.option("--pin", metavar="SHA256", default="", help="Its certificate, when no authority vouches for it."),
]
_WHICH = [
    click.option("-a", "--all", "everything", is_flag=True, help="All downloads for which this makes sense."),
    click.option("-s", "--state", multiple=True, metavar="STATE", help="All in this state; may be repeated."),
]


def where_options(function: F) -> F:
    """Give a command the options that say which service is meant."""
    for option in reversed(_WHERE):
        function = option(function)
    return function


def which_options(function: F) -> F:
    """Give a command its ids and what may stand in their place."""
    for option in reversed(_WHICH):
        function = option(function)
    return click.argument("ids", nargs=-1, metavar="[ID]...")(function)


def where_of(values: dict[str, Any]) -> Where:
    """Take the options of `where_options` out of a command's values."""
    return Where(values.pop("remote"), values.pop("token_file"), values.pop("pin"))
