"""`get` in the foreground: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Program, until
from tui_downloads.demo.content import digest
from tui_downloads.files import claim

MB = 1_000_000


def content_digest(path: Path, name: str, size: int) -> bool:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest() == digest(name, size, "sha256")


def test_get_writes_the_file_where_one_is(program: Program, practice) -> None:
    """The file has its name and its bytes, and nothing lies beside it."""
    program("get", practice.file(3 * MB, "one.bin"))
    assert content_digest(program.cwd / "one.bin", "one.bin", 3 * MB)
    assert os.listdir(program.cwd) == ["one.bin"]


def test_get_makes_the_folder_and_takes_the_name(program: Program, practice) -> None:
    """-d makes the folder, -o names the file."""
    program("get", "-d", "new/deep", "-o", "mine.bin", practice.file(1000, "one.bin"))
    assert (program.cwd / "new/deep/mine.bin").stat().st_size == 1000


def test_get_takes_a_path_as_the_name(program: Program, practice) -> None:
    """-o with folders writes there, counted from -d, as curl and aria2 do; a folder is no name."""
    program("get", "-d", "base", "-o", "deep/mine.bin", practice.file(1000, "one.bin"))
    assert (program.cwd / "base/deep/mine.bin").stat().st_size == 1000
    program("get", "-d", "base", "-o", f"{program.cwd}/whole/mine.bin", practice.file(1000, "one.bin"))
    assert (program.cwd / "whole/mine.bin").stat().st_size == 1000
    for folder in ("", ".", "new/", "base"):
        assert "-o " in program("get", "-o", folder, "http://127.0.0.1:1/x", code=2).stderr


def test_get_pours_into_stdout(program: Program, practice) -> None:
    """-o - writes the file to stdout and leaves nothing."""
    found = program("get", "-q", "-o", "-", practice.file(1000, "text.txt", type="text/plain"), code=0)
    assert len(found.stdout.encode("utf-8", "surrogateescape")) == 1000
    assert os.listdir(program.cwd) == []


def test_json_events_end_with_complete(program: Program, practice) -> None:
    """--json writes one event a line, from added to complete, and nothing else."""
    lines = program("get", "--json", practice.file(1000, "one.bin")).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert {"seq", "at", "type", "id", "state"} <= events[0].keys()
    assert events[0]["type"] == "added"
    assert events[-1]["state"] == "complete" and events[-1]["path"] == str(program.cwd / "one.bin")


def test_quiet_says_nothing_when_all_is_well(program: Program, practice) -> None:
    """-q is silent."""
    done = program("get", "-q", practice.file(1000, "one.bin"))
    assert (done.stdout, done.stderr) == ("", "")


def test_list_from_stdin_with_options_below(program: Program, practice) -> None:
    """-i - reads links, one a line, and what stands indented below them."""
    given = f"# a list\n{practice.file(1000, 'a.bin')}\n  out=first.bin\n\n{practice.file(2000, 'b.bin')}\n"
    program("get", "-q", "-i", "-", given=given)
    assert {path.name: path.stat().st_size for path in program.cwd.iterdir()} == {"first.bin": 1000, "b.bin": 2000}


def test_patterns_are_read_when_asked_for(program: Program, practice) -> None:
    """-P spells [1-3] out; without it the brackets are taken as they are."""
    link = practice.file(1000, "part-NUMBER.bin").replace("NUMBER", "[1-3]")
    program("get", "-q", "-P", link)
    assert sorted(path.name for path in program.cwd.iterdir()) == ["part-1.bin", "part-2.bin", "part-3.bin"]


def test_ctrl_c_then_the_same_command_goes_on(program: Program, practice) -> None:
    """Interrupted it ends with 7 and says how to go on; the same command fetches only what is missing."""
    link = practice.file(8 * MB, "big.bin", rate=2 * MB)
    child = program.start("get", "-x", "1", link)
    until(lambda: any(path.stat().st_size for path in program.cwd.glob("*.part")), "the first bytes")
    until(lambda: practice.asked_for(practice_path(link)), "the request")
    _after_bytes(program.cwd)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 7 and "Run the same command again" in said
    program("get", "-q", "-x", "1", link)
    assert content_digest(program.cwd / "big.bin", "big.bin", 8 * MB)
    assert any(request.headers.get("range", "bytes=0-") != "bytes=0-" for request in practice.requests)


def practice_path(link: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(link).path


def _after_bytes(folder: Path) -> None:
    """Wait until a good piece is on the disk."""
    until(lambda: sum(path.stat().st_blocks for path in folder.glob("*.part")) * 512 > 2 * MB, "two megabytes")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only a day later")
def test_what_a_killed_get_left_half_named_is_cleared_away(program: Program, practice) -> None:
    """The next one in that folder does it; what belongs to a process that lives stays."""
    script = "from tui_downloads.files import claim; print(claim.temporary())"
    left = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    living = claim.temporary()
    for name in (left, living):
        (program.cwd / name).write_bytes(b"half")
    program("get", practice.file(1000, "one.bin"))
    assert sorted(os.listdir(program.cwd)) == sorted(["one.bin", living])


def test_two_gets_at_once_do_not_share_a_part(program: Program, practice) -> None:
    """The second is told that the file is in use, or takes another name; both files that exist are right."""
    link = practice.file(6 * MB, "both.bin", rate=3 * MB)
    first = program.start("get", "-q", link)
    until(lambda: list(program.cwd.glob("*.part")), "the first part")
    second = program("get", "-q", link, code=None)
    assert first.wait(60) == 0
    assert second.returncode in (0, 10)
    for path in program.cwd.iterdir():
        assert content_digest(path, "both.bin", 6 * MB)


def table() -> list[tuple[str, dict[str, object], list[str], int]]:
    return [
        ("not found", {"status": 404}, [], 3),
        ("refused", {"status": 401}, [], 6),
        ("server error", {"status": 500}, ["--retries", "0"], 4),
        ("silence", {"stall": 100}, ["--timeout", "0.5", "--retries", "0"], 5),
        ("wrong checksum", {}, ["--checksum", "sha256:" + "0" * 64], 8),
        ("too long", {"rate": 20_000}, ["--max-time", "1"], 5),
    ]


@pytest.mark.parametrize(("what", "fault", "more", "code"), table(), ids=[row[0] for row in table()])
def test_exit_code_says_the_cause(program: Program, practice, what, fault, more, code) -> None:
    """Each cause has its code, one line on stderr, and a next step."""
    done = program("get", "-q", *more, practice.file(100_000, "x.bin", **fault), code=code)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("Failed: ")


def test_no_server_is_a_network_error(program: Program) -> None:
    """Nobody listens: 4."""
    program("get", "-q", "--retries", "0", "http://127.0.0.1:1/x", code=4)


@pytest.mark.parametrize("link", ["nothing", "file:///etc/passwd", "http://", "gopher://x/y"])
def test_what_is_no_link_is_a_usage_error(program: Program, link: str) -> None:
    """2, and a sentence."""
    assert program("get", link, code=2).stderr.strip()


def test_several_causes_give_the_first_in_order(program: Program, practice) -> None:
    """Not found comes before network."""
    program("get", "-q", "--retries", "0", practice.file(9, "a", status=500), practice.file(9, "b", status=404), code=3)


def test_unknown_option_is_named(program: Program) -> None:
    """2, with the option and where to look."""
    done = program("get", "--nope", "http://x/", code=2)
    assert "--nope" in done.stderr and "See: tui-downloads get --help" in done.stderr


def test_unwritable_folder_is_a_disk_error(program: Program, practice) -> None:
    """A file stands where the folder should be: 9."""
    (program.cwd / "file").write_text("x")
    program("get", "-q", "-d", "file/below", practice.file(1000, "a.bin"), code=9)
    assert (program.cwd / "file").read_text() == "x"


def test_skip_counts_as_complete(program: Program, practice) -> None:
    """--on-conflict skip leaves what is there and ends with 0."""
    (program.cwd / "a.bin").write_text("mine")
    program("get", "-q", "--on-conflict", "skip", practice.file(1000, "a.bin"))
    assert (program.cwd / "a.bin").read_text() == "mine"
    assert "skipped" in program("get", "--on-conflict", "skip", practice.file(1000, "a.bin")).stderr


def test_a_full_disk_ends_with_nine(program: Program, practice, tmp_path: Path) -> None:
    """On a file system of 1 MB a file of 5 MB fails with the disk's code and nothing is named complete."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        program("get", "-q", "--retries", "0", "-d", str(small), practice.file(5 * MB, "big.bin"), code=9)
        assert not (small / "big.bin").exists()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_history_that_cant_be_written_is_no_failure(program: Program, practice) -> None:
    """The file is there: 0, with a line that says what is missing."""
    program.env["TUI_DOWNLOADS_HOME"] = "/proc/nowhere"
    done = program("get", practice.file(1000, "a.bin"))
    assert (program.cwd / "a.bin").stat().st_size == 1000 and "history" in done.stderr


def test_a_list_that_is_no_text_is_one_mistake(program: Program) -> None:
    """Another encoding is named once, not line by line."""
    (program.cwd / "list").write_bytes("http://a.example/1\nhttp://a.example/2\n".encode("utf-16"))
    said = program("get", "-i", "list", code=2).stderr
    assert "UTF-8" in said and len(said.splitlines()) == 1


def test_a_hostile_name_reaches_no_terminal(program: Program, practice) -> None:
    """Escapes and bidi overrides of a name are made visible on stderr and stdout."""
    done = program("get", practice.file(1000, "a%1b%5d0%3bevil%07\u202egpj.bin"), code=None)
    assert "\x1b" not in done.stderr + done.stdout and "\u202e" not in done.stderr + done.stdout


def test_options_that_do_not_go_together(program: Program) -> None:
    """-o goes with one link."""
    assert "one link" in program("get", "-o", "x", "http://a/1", "http://a/2", code=2).stderr
