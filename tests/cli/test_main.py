"""The root of the command line: what it imports, where it leads, and how it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Program
from tui_downloads.cli.main import COMMANDS, Root, _for_screen

SCRIPT = """
import sys
sys.argv = ["tui-downloads", *{arguments!r}]
from tui_downloads.__main__ import main
try:
    main()
finally:
    costly = {{"textual", "fastapi", "starlette", "uvicorn", "yt_dlp", "httpx", "aiosqlite", "pycurl"}}
    print("HEAVY", *(costly & set(sys.modules)))
"""


def heavy(program: Program, *arguments: str) -> set[str]:
    """Run a command in a fresh interpreter and give the costly libraries it imported."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=list(arguments))],
        capture_output=True,
        text=True,
        cwd=program.cwd,
        env=program.environment,
    )
    last = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("HEAVY"))
    return set(last.split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["config", "path"], ["list", "--help"]])
def test_talk_imports_nothing_costly(program: Program, arguments: list[str]) -> None:
    """Help and version pay for none of the libraries."""
    assert heavy(program, *arguments) == set()


def test_list_pays_for_what_it_needs(program: Program) -> None:
    """No screen, no HTTP kit, no media extractors."""
    assert not heavy(program, "list") & {"textual", "fastapi", "starlette", "uvicorn", "yt_dlp", "httpx"}


def test_list_through_a_service_needs_no_engine(service: Program) -> None:
    """It talks, and carries neither libcurl nor SQLite."""
    assert heavy(service, "list") == {"httpx"}


def test_get_pays_for_libcurl_only(program: Program, practice) -> None:
    """The first byte does not wait for httpx, SQLite, the screen or the HTTP kit."""
    assert heavy(program, "get", "-q", practice.file(10, "a.bin")) == {"pycurl"}


def test_every_command_of_the_table_can_be_called(program: Program) -> None:
    """Each has a module, and its help says something."""
    root = Root("tui-downloads")
    for name in COMMANDS:
        command = root.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None and command.name == name and command.help


def test_an_unknown_command_suggests_the_nearest(program: Program) -> None:
    """2, with what was probably meant."""
    assert "Did you mean pause" in program("pasue", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "screen"),
    [
        (["http://x/y"], True),
        (["--api"], True),
        (["--api", "http://x/"], True),
        (["get", "http://x/"], False),
        ([], False),
    ],
)
def test_links_and_the_switch_lead_to_the_screen(arguments: list[str], screen: bool) -> None:
    """A first argument that is a link, or --api."""
    assert _for_screen(arguments) is screen


@pytest.mark.parametrize("arguments", [[], ["--api"], ["http://127.0.0.1:1/x"], ["attach"], ["demo"]])
def test_without_a_terminal_the_screen_says_what_to_do(program: Program, arguments: list[str]) -> None:
    """2 and one line."""
    done = program(*arguments, code=2)
    assert "terminal" in done.stderr and done.stdout == ""


def test_output_into_a_closed_pipe_is_no_failure(program: Program) -> None:
    """`config show | head -1` says nothing on stderr."""
    command = f"'{sys.executable}' -m tui_downloads config show --explain | head -1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=program.cwd, env=program.environment
    )
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_can_not_be_written_is_told(program: Program) -> None:
    """9, one line and no traceback."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tui_downloads", "config", "path"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=program.cwd, env=program.environment,
        )  # fmt: skip
    assert done.returncode == 9 and len(done.stderr.splitlines()) == 1


def test_ctrl_c_while_modules_are_read_leaves_no_traceback(program: Program) -> None:
    """Until there is something to end in order, the signal ends the program as it ends any."""
    script = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'tui_downloads.cli.main':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['tui-downloads', 'status']\n"
        "from tui_downloads.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=program.environment, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


def test_a_get_spares_the_tls_of_asyncio_and_nobody_misses_it(program: Program) -> None:
    """What needs TLS of Python's own later on imports it as ever."""
    script = (
        "import sys\n"
        "sys.argv = ['tui-downloads', 'get', '--help']\n"
        "from tui_downloads.__main__ import main\n"
        "main()\n"
        "print('SPARED', 'ssl' not in sys.modules)\n"
        "import ssl\n"
        "print('THERE', ssl.create_default_context().check_hostname)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=program.environment)
    assert done.stdout.splitlines()[-2:] == ["SPARED True", "THERE True"]
