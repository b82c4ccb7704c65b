"""The drop-in for aria2's program: its options, its exit codes, its RPC, its session."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from typing import Any

import click
import pytest

from tests.cli.conftest import Program, until
from tests.ports import free_port
from tui_downloads.cli.aria2_words import read_words
from tui_downloads.demo.paths import file_path

MB = 1_000_000


def call(port: int, method: str, *params: Any) -> Any:
    """Ask the RPC; None while nobody listens."""
    body = json.dumps({"jsonrpc": "2.0", "id": "1", "method": method, "params": params}).encode()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/jsonrpc", body, timeout=60) as answer:
            return json.load(answer)["result"]
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)["error"]["message"]
    except OSError:
        return None


def test_words_of_every_shape() -> None:
    """Long, short, joined, switched, separated."""
    words = read_words(
        [
            "--dir=/d",
            "--out",
            "name",
            "-x4",
            "-s",
            "5",
            "-cq",
            "--enable-rpc",
            "--daemon=false",
            "http://a/",
            "--",
            "-b",
        ]
    )
    assert (words.get("dir"), words.get("out"), words.get("split")) == ("/d", "name", "5")
    assert words.on("quiet") and words.on("enable-rpc") and not words.on("daemon")
    assert words.links == ["http://a/", "-b"] and words.number("max-connection-per-server", 0) == 4


def test_words_that_are_not_known_are_named() -> None:
    """Unknown ones are listed, harmless ones are not; a value that is missing is refused."""
    assert read_words(["--bt-tracker=x", "--file-allocation=none"]).ignored == {"--bt-tracker"}
    with pytest.raises(click.UsageError):
        read_words(["--dir"])
    with pytest.raises(click.UsageError):
        read_words(["--quiet=perhaps"])


def test_the_command_line_goes_over_the_file(tmp_path) -> None:
    """--conf-path is read below it."""
    (tmp_path / "conf").write_text("# mine\ndir=/file\nsplit=3\n")
    words = read_words(["--dir=/line", f"--conf-path={tmp_path / 'conf'}"])
    assert (words.get("dir"), words.get("split")) == ("/line", "3")


def test_a_detached_run_carries_no_secret() -> None:
    """Arguments can be seen by others."""
    found = read_words(["--rpc-secret=canary", "--daemon", "--enable-rpc", "--dir=x"]).detached()
    assert "canary" not in " ".join(found) and any(word.startswith("--dir=/") for word in found)


def test_links_of_one_line_are_mirrors(program: Program, practice) -> None:
    """Two links make one file, as in aria2; -Z makes two."""
    links = [practice.file(100_000, "a.bin"), practice.file(100_000, "a.bin", etag="none")]
    program("aria2", "-q", "-d", "one", "-o", "b.bin", "-x2", links[0], links[1], code=None)
    assert (program.cwd / "one/b.bin").stat().st_size == 100_000
    program("aria2", "-q", "-Z", "-d", "two", practice.file(10, "c.bin"), practice.file(20, "d.bin"))
    assert sorted(path.name for path in (program.cwd / "two").iterdir()) == ["c.bin", "d.bin"]


@pytest.mark.parametrize(("fault", "more", "code"), [
    ({"status": 404}, [], 3),
    ({"status": 401}, [], 24),
    ({}, ["--checksum=sha-256=" + "0" * 64], 32),
])  # fmt: skip
def test_exit_codes_are_those_of_aria2(program: Program, practice, fault, more, code) -> None:
    """3 not found, 24 login, 32 checksum."""
    program("aria2", "-q", *more, practice.file(1000, "a.bin", **fault), code=code)


def test_rpc_session_and_shutdown(program: Program, practice) -> None:
    """It listens, wants the secret, fetches into --dir, and leaves a session that it can read back."""
    port = free_port()
    program.cwd.joinpath("start.txt").write_text(f"{practice.file(400 * MB, 'slow.bin', rate=MB)}\n  pause=true\n")
    flags = [
        "--enable-rpc=true", f"--rpc-listen-port={port}", "--rpc-secret=s3cret", f"--dir={program.cwd}", "--quiet",
        "--file-allocation=none", "--save-session=session.txt",
    ]  # fmt: skip
    child = program.start("aria2", *flags, "--input-file=start.txt")
    until(lambda: call(port, "aria2.getVersion", "token:s3cret") or child.poll() is not None, "the RPC")
    assert call(port, "aria2.getVersion") == "Unauthorized"
    gid = call(port, "aria2.addUri", "token:s3cret", [practice.file(1000, "a.bin")])
    until(lambda: call(port, "aria2.tellStatus", "token:s3cret", gid)["status"] == "complete", "the file")
    assert (program.cwd / "a.bin").stat().st_size == 1000
    assert call(port, "aria2.shutdown", "token:s3cret") == "OK"
    assert child.wait(60) == 0
    saved = (program.cwd / "session.txt").read_text()
    assert "slow.bin" in saved and "pause=true" in saved and "a.bin?" not in saved


def test_sigterm_saves_the_session_too(program: Program, practice) -> None:
    """A session that is not there yet is an empty one, and is written at the end."""
    port = free_port()
    flags = ["--enable-rpc", f"--rpc-listen-port={port}", "-i", "s.txt", "--save-session", "s.txt", "-q"]
    child = program.start("aria2", *flags)
    until(lambda: call(port, "aria2.getVersion") or child.poll() is not None, "the RPC")
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 0 and (program.cwd / "s.txt").exists()


def test_options_of_the_command_line_hold_for_what_the_rpc_adds(program: Program, practice) -> None:
    """Proxy, header fields and tries are meant for every download, and are told by getGlobalOption without secrets."""
    port, proxy = free_port(), practice.url().removeprefix("http://").rstrip("/")
    flags = [
        "--enable-rpc", f"--rpc-listen-port={port}", "--rpc-secret=s3cret", "-q", f"--all-proxy={proxy}",
        "--user-agent=me/1", "--header=X-A: canary", "--max-tries=3",
    ]  # fmt: skip
    child = program.start("aria2", *flags)
    until(lambda: call(port, "aria2.getVersion", "token:s3cret") or child.poll() is not None, "the RPC")
    link = "http://files.example.com" + file_path(1000, "through.bin")
    gid = call(port, "aria2.addUri", "token:s3cret", [link])
    until(lambda: call(port, "aria2.tellStatus", "token:s3cret", gid)["status"] == "complete", "the file")
    (request,) = [one for one in practice.requests if "through.bin" in one.target and one.method == "GET"][:1]
    assert (request.headers["user-agent"], request.headers["x-a"]) == ("me/1", "canary")
    assert request.target == link
    told = call(port, "aria2.getGlobalOption", "token:s3cret")
    assert (told["max-tries"], told["user-agent"]) == ("3", "me/1") and "canary" not in str(told)
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == 0


def test_options_that_make_no_sense_are_refused_before_anything_runs(program: Program) -> None:
    """In aria2's words."""
    done = program("aria2", "--enable-rpc", f"--rpc-listen-port={free_port()}", "--max-tries=often", code=2)
    assert "--max-tries" in done.stderr and len(done.stderr.splitlines()) == 1
