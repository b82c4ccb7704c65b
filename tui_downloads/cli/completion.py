"""`completion`: what a shell needs to complete commands, options and values."""

from __future__ import annotations

import re

import click
from click.shell_completion import get_completion_class

from .faces import HELP

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "tui-downloads"
VARIABLE = "_TUI_DOWNLOADS_COMPLETE"


@click.command("completion", context_settings=HELP)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    bash:  tui-downloads completion bash > ~/.local/share/bash-completion/completions/tui-downloads
    zsh:   tui-downloads completion zsh > "${fpath[1]}/_tui-downloads"
    fish:  tui-downloads completion fish > ~/.config/fish/completions/tui-downloads.fish
    """
    click.echo(script(shell), nl=False)
    return 0


def script(shell: str) -> str:
    """Give the completion script of a shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    # Not `source()`: for bash that runs the bash of this machine, and the script is for any.
    made = kind(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    text = kind.source_template % made.source_vars()
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
