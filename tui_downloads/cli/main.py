"""The root of the command line: finds the command's file and imports nothing else."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from tui_downloads import __version__
from tui_downloads.core.errors import Exit, TuiDownloadsError

COMMANDS = {
    "get": "Download links in the foreground.",
    "demo": "Open the screen on the practice server.",
}
"""Commands and what they do; each is the function `command` of the module of its name."""


class Root(click.Group):
    """Imports a command when it is called; a first argument that is a link opens the screen."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tui_downloads.cli.{cmd_name.replace('-', '_')}")
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The short helps stand in the table, so that --help imports no command.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and "://" not in name:
            near = _near(name)
            hint = f" Did you mean {near}?" if near else " See: tui-downloads --help"
            ctx.fail(f"There is no command {click.format_filename(name)!r}.{hint}")
        return super().resolve_command(ctx, args)


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
    try:
        if args and "://" in args[0] and not args[0].startswith("-"):
            from tui_downloads.cli.screen import command

            code = command.main(args, prog_name="tui-downloads", standalone_mode=False)
        else:
            code = root.main(args, prog_name="tui-downloads", standalone_mode=False)
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except click.UsageError as error:
        hint = f"\n{error.ctx.get_usage()}" if error.ctx is not None else ""
        say(f"{error.format_message()}{hint}")
        return Exit.USAGE
    except click.ClickException as error:
        say(error.format_message())
        return Exit.USAGE
    except click.Abort:
        return Exit.INTERRUPTED
    except TuiDownloadsError as error:
        say(f"{error.message} {error.next_step}".rstrip())
        return error.exit
    except BrokenPipeError:
        sys.stderr.close()
        return Exit.OK
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return int(code or 0) if isinstance(code, int) else 0


def say(message: str) -> None:
    """Write a line of talk to stderr, with controls made visible."""
    from tui_downloads.cli.text import plain

    sys.stderr.write("tui-downloads: " + "\n".join(plain(line) for line in message.splitlines()) + "\n")
