"""What a shell is told of values while a line is typed: files, folders and states, by what the help calls them."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from tui_downloads.core.filters import GROUPS
from tui_downloads.core.lifecycle import State


class States(click.ParamType[str]):
    """A state or a group of states."""

    name = "state"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(word) for word in (*State, *GROUPS) if word.startswith(incomplete)]


KINDS: dict[str, click.ParamType[str]] = {
    "FILE": click.Path(),
    "DIR": click.Path(file_okay=False),
    "STATE": States(),
}


def teach(command: click.Command) -> None:
    """Let a command complete its values; nothing is run after that, so what they are read as does not matter."""
    for param in command.params:
        if param.metavar in KINDS:
            param.type = KINDS[param.metavar]
    if isinstance(command, click.Group):
        for found in command.commands.values():
            teach(found)
