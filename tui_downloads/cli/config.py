"""`config`: see, check and change the settings."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import Any

import click

from tui_downloads.config import document, edit
from tui_downloads.config import paths as folders
from tui_downloads.config.load import examine, load, nearest
from tui_downloads.config.settings import LISTS
from tui_downloads.core.errors import Code, Exit, RequestError

from . import printed
from .faces import HELP, json_option

TEMPLATE = "# Settings of tui-downloads; every one is explained by: tui-downloads config show --explain\n"


@click.group("config", context_settings=HELP)
def command() -> None:
    """See, check and change the settings."""


@command.command("path", context_settings=HELP)
def path() -> int:
    """Print where the settings file is, whether it is there or not."""
    printed.line(folders.find().settings_file)
    return 0


@command.command("show", context_settings=HELP)
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--explain", is_flag=True, help="Say what each setting does.")
@json_option
def show(keys: tuple[str, ...], explain: bool, as_json: bool) -> int:
    """Print settings as they are in force: the file, the environment over it. Secrets are told as set or not."""
    settings = load(folders.find().settings_file)
    entries = [entry for entry in document.documentation() if entry.section not in LISTS]
    known = {entry.key for entry in entries}
    for key in keys:
        if key not in known and not any(name.startswith(key + ".") for name in known):
            raise _unknown(key, known)
    entries = [entry for entry in entries if not keys or any(entry.key == key or entry.section == key for key in keys)]
    if as_json:
        printed.print_json({entry.key: _value(settings, entry) for entry in entries})
        return 0
    for entry in entries:
        if explain:
            printed.line(f"# {entry.explanation}{'' if entry.live else ' Takes effect at the next start.'}")
        printed.line(f"{entry.key} = {document.shown_setting(settings, entry)}")
    return 0


def _value(settings: Any, entry: document.Entry) -> Any:
    if entry.secret:
        return document.shown_setting(settings, entry)
    return edit.value_of(settings, entry.key)


def _unknown(key: str, known: set[str]) -> RequestError:
    near = nearest(key, known)
    step = f"Did you mean {near}?" if near else "See: tui-downloads config show"
    return RequestError(Code.INVALID_OPTION, f"There is no setting {key[:64]!r}.", next_step=step)


@command.command("check", context_settings=HELP)
@json_option
def check(as_json: bool) -> int:
    """Say everything that is wrong with the settings; exit code 2 when something is."""
    where = folders.find().settings_file
    _, problems = examine(where)
    if as_json:
        printed.print_json(
            {
                "path": where,
                "problems": [{"place": p.place, "message": p.message, "next_step": p.next_step} for p in problems],
            }
        )
    else:
        for problem in problems:
            printed.line(f"{problem.place}: {problem.message} {problem.next_step}")
        if not problems:
            printed.talk(f"All is well: {where}")
    return Exit.USAGE if problems else Exit.OK


@command.command("set", context_settings=HELP)
@click.argument("key")
@click.argument("value", required=False)
@click.option("--unset", is_flag=True, help="Take the key out of the file.")
def set_(key: str, value: str | None, unset: bool) -> int:
    """Check a value and write it into the file; comments stay.

    A secret value is better given by: tui-downloads config edit, since arguments can be seen by others.
    """
    if (value is None) != unset:
        raise click.UsageError("Give a value, or --unset.")
    edit.write(folders.find().settings_file, key, value)
    printed.talk("Written. A running service takes it in with SIGHUP.")
    return 0


@command.command("edit", context_settings=HELP)
def edit_() -> int:
    """Open the settings file in $VISUAL or $EDITOR, and check it afterwards."""
    where = folders.find().settings_file
    if not os.path.exists(where):
        folders.make_private(os.path.dirname(where))
        with open(os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(TEMPLATE)
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        code = subprocess.run([*words, where]).returncode
    except OSError as error:
        raise RequestError(
            Code.DEPENDENCY_MISSING, f"The editor {words[0]!r} can't be run: {error.strerror}.", next_step="Set EDITOR."
        ) from None
    if code != 0:
        raise RequestError(Code.INVALID_OPTION, f"The editor ended with {code}.", next_step="Look at the file.")
    _, problems = examine(where)
    for problem in problems:
        printed.talk(f"{problem.place}: {problem.message} {problem.next_step}")
    return Exit.USAGE if problems else Exit.OK
