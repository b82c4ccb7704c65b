"""The root of the command line: finds the command's file and imports nothing else."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem

from tui_downloads import __version__
from tui_downloads.cli.streams import flushed, mute, tell
from tui_downloads.core.errors import Exit, TuiDownloadsError

COMMANDS = {
    "get": "Download links in the foreground.",
    "add": "Put downloads on the list.",
    "list": "Show downloads.",
    "show": "Show everything about downloads.",
    "pause": "Pause downloads; what is here stays.",
    "resume": "Let paused downloads go on.",
    "cancel": "End downloads; parts stay.",
    "retry": "Queue failed and cancelled downloads again.",
    "remove": "Take downloads off the list, with or without files.",
    "move": "Change the order of the queue.",
    "change": "Change name, folder, link or options of downloads.",
    "limit": "See and change limits.",
    "wait": "Wait until downloads have ended.",
    "watch": "Follow what happens.",
    "status": "Say who runs, how much and how fast.",
    "history": "Show, export and forget what has ended.",
    "errors": "Show what failed, why, and what to do.",
    "export": "Write the list as JSON.",
    "import": "Add the downloads of a JSON list.",
    "bundle": "Zip finished downloads into one file.",
    "pull": "Fetch finished files of a service elsewhere.",
    "serve": "Run engine and API without a screen.",
    "attach": "Open the screen on a running service.",
    "remote": "Save services elsewhere under a name.",
    "token": "Say who may use the service, and for what.",
    "config": "See, check and change the settings.",
    "aria2": "Run with aria2's own options.",
    "completion": "Print the completion script of a shell.",
    "demo": "Open the screen on a practice server.",
}
"""Commands and what they do; each is the function `command` of the module of its name."""


class _ReaderLeft(Exception):
    """Nobody reads what a command still has to say."""


class Root(click.Group):
    """Imports a command when it is called; a first argument that is a link opens the screen."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        # `import` is a word of Python's.
        module = importlib.import_module(f"tui_downloads.cli.{'import_' if cmd_name == 'import' else cmd_name}")
        found: click.Command = module.command
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderLeft from error  # click would end the program with 1

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The short helps stand in the table, so that --help imports no command.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return names or click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        # While a shell completes, a complaint would land in the line that is typed.
        if name not in COMMANDS and "://" not in name and not ctx.resilient_parsing:
            near = _near(name)
            hint = f" Did you mean {near}?" if near else " See: tui-downloads --help"
            ctx.fail(f"There is no command {click.format_filename(name)!r}.{hint}")
        found = super().resolve_command(ctx, args)
        if ctx.resilient_parsing and found[1] is not None:
            from tui_downloads.cli.completing import teach

            teach(found[1])
        return found


def _near(name: str) -> str:
    import difflib

    found = difflib.get_close_matches(name, COMMANDS, 1)
    return found[0] if found else ""


@click.command(cls=Root, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="tui-downloads", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context) -> int | None:
    """A terminal download manager.

    Without a command it opens the screen; with links it opens the screen and adds them:

        tui-downloads [URL]...
    """
    if ctx.invoked_subcommand is None:
        from tui_downloads.cli.screen import open_screen

        return open_screen(())
    return None


def run(args: list[str]) -> int:
    """Run a command line and give its exit code; every failure is one clear line on stderr."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal can't show is no failure
    code, complaint = flushed(_run(args))
    if complaint:
        say(complaint)
    return code


def _run(args: list[str]) -> int:
    try:
        if _for_screen(args):
            from tui_downloads.cli.screen import command

            code = command.main(args, prog_name="tui-downloads", standalone_mode=False)
        else:
            code = root.main(args, prog_name="tui-downloads", standalone_mode=False)
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except click.UsageError as error:
        say(_usage(error))
        return Exit.USAGE
    except click.ClickException as error:
        say(error.format_message())
        return Exit.USAGE
    except click.Abort:
        return Exit.INTERRUPTED
    except TuiDownloadsError as error:
        say(f"{error.message} {error.next_step}".rstrip())
        return error.exit
    except _ReaderLeft:
        mute()
        return Exit.OK
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except OSError as error:
        say(f"{error.strerror or 'The system refused'}{f': {error.filename}' if error.filename else ''}.")
        return Exit.DISK
    except Exception as error:
        return _failed(error)
    return int(code or 0) if isinstance(code, int) else 0


def _usage(error: click.UsageError) -> str:
    """Say what is wrong with a command line; where click found it, also where to look."""
    # click puts the choices of an argument on lines of their own.
    text = " ".join(error.format_message().split())
    for word, meant in (("integer range", "whole number"), ("float range", "number"), ("integer", "whole number")):
        text = text.replace(f"is not a valid {word}", f"is not a {meant}")
    found_by_click = type(error) is not click.UsageError or text.startswith("Got unexpected")
    return f"{text} See: {error.ctx.command_path} --help" if error.ctx is not None and found_by_click else text


def _for_screen(args: list[str]) -> bool:
    """Say whether a command line means the screen: it begins with a link, or with the switch of the endpoint."""
    return bool(args) and (args[0] == "--api" or ("://" in args[0] and not args[0].startswith("-")))


def _failed(error: Exception) -> int:
    """Tell a mistake of ours in one line; the whole of it for those who ask."""
    if os.environ.get("TUI_DOWNLOADS_DEBUG"):
        raise error
    say(f"Something went wrong inside ({type(error).__name__}). TUI_DOWNLOADS_DEBUG=1 shows where; please report it.")
    return Exit.INTERNAL


def say(message: str) -> None:
    """Write a line of talk to stderr, with controls made visible."""
    from tui_downloads.cli.text import plain

    tell("tui-downloads: " + "\n".join(plain(line) for line in message.splitlines()) + "\n")
