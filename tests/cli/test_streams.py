"""Standard streams that are missing, full, or read by nobody."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from tests.cli.conftest import PATIENCE, Program
from tui_downloads.demo.content import digest

needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


def shell(program: Program, line: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which `"$@"` is the program with its arguments."""
    return subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, "-m", "tui_downloads", *arguments],
        capture_output=True,
        cwd=program.cwd,
        env=program.environment,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_download_needs_no_standard_streams(program: Program, practice, closed: str) -> None:
    """A job that was started without them downloads, and nothing that is printed gets into the file."""
    done = shell(program, f'"$@" {closed}', "get", practice.file(3_000_000, "a.bin"))
    assert done.returncode == 0, done.stderr
    found = hashlib.sha256((program.cwd / "a.bin").read_bytes()).hexdigest()
    assert found == digest("a.bin", 3_000_000, "sha256")


@pytest.mark.parametrize("arguments", [["list"], ["get", "--help"]])
def test_talk_without_stdout_is_no_mistake_of_ours(program: Program, arguments: list[str]) -> None:
    """Nobody listens, and that is all."""
    assert shell(program, '"$@" >&-', *arguments).returncode == 0


@needs_full
@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"]])
def test_a_full_stdout_is_told_once_with_the_code_of_the_disk(program: Program, arguments: list[str]) -> None:
    """Python's own complaint at the end, and its code 120, are not ours."""
    program("add", "http://a.example/1")
    done = shell(program, '"$@" > /dev/full', *arguments)
    assert done.returncode == 9
    assert done.stderr.count(b"No space left") == 1 and b"Exception" not in done.stderr


@needs_full
def test_a_full_stderr_stops_no_download(program: Program, practice) -> None:
    """Talk that nobody can take is dropped; the files and the code are right."""
    links = [practice.file(1000, "a.bin"), practice.file(1000, "b.bin")]
    assert shell(program, '"$@" 2> /dev/full', "get", *links).returncode == 0
    assert {path.name for path in program.cwd.iterdir()} == {"a.bin", "b.bin"}


@needs_full
def test_a_full_stdout_of_get_is_told_with_the_next_step(program: Program, practice) -> None:
    """`-o -` into what is full: 9."""
    done = shell(program, '"$@" > /dev/full', "get", "-o", "-", practice.file(1000, "a.bin"))
    assert done.returncode == 9 and b"Make room" in done.stderr


def test_names_are_written_where_the_locale_can_not(program: Program, practice) -> None:
    """An ASCII locale holds every name, and every name can be listed."""
    program.env.update(LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    link = practice.file(1000, "hä気.bin")
    program("get", "-q", link)
    assert os.listdir(os.fsencode(program.cwd)) == ["hä気.bin".encode()]
    program("add", link, "-o", "hä気.bin")
    assert "h\\xe4\\u6c17.bin" in program("list").stdout


def test_a_reader_that_leaves_interrupts_get(program: Program, practice) -> None:
    """What was read is right; the code says that it was not all."""
    line = '"$@" | head -c 10 | wc -c; exit ${PIPESTATUS[0]}'
    done = shell(program, line, "get", "-o", "-", practice.file(3_000_000, "a.bin"))
    assert (done.returncode, done.stdout.split()) == (7, [b"10"])
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_a_list_is_content(program: Program) -> None:
    """Looking at the first lines of something is no failure."""
    program("add", *(f"http://a.example/{number}-{'x' * 200}" for number in range(1000)))
    done = shell(program, '"$@" | head -1; exit ${PIPESTATUS[0]}', "list", "-n", "0")
    assert (done.returncode, done.stderr) == (0, b"")
