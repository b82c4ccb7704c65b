"""Commands about the service itself: settings, tokens, remotes, completion."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Program, until
from tui_downloads.cli.completion import SHELLS, script

ROOT = Path(__file__).parents[2]
FILES = {"bash": "tui-downloads.bash", "zsh": "_tui-downloads", "fish": "tui-downloads.fish"}


def test_config_set_show_check_and_path(program: Program) -> None:
    """A value is checked, written with its comments kept, shown, and taken out again."""
    path = Path(program("config", "path").stdout.strip())
    program("config", "set", "rate", "10M")
    path.write_text("# mine\n" + path.read_text())
    program("config", "set", "downloads", "7")
    assert "# mine" in path.read_text() and program.json("config", "show", "rate") == {"rate": 10 << 20}
    program("config", "check")
    program("config", "set", "--unset", "rate")
    assert program.json("config", "show", "rate") == {"rate": 0}


def test_config_mistakes(program: Program) -> None:
    """Unknown keys suggest the nearest, wrong values change nothing, a wrong file is told with its line."""
    assert "Did you mean downloads" in program("config", "set", "downlods", "7", code=2).stderr
    program("config", "set", "downloads", "many", code=2)
    path = Path(program("config", "path").stdout.strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("downloads = 5\nrat = 7\n")
    assert "config.toml:2" in program("config", "check", code=2).stdout
    assert program.json("config", "check", code=2)["problems"][0]["message"]
    assert "config.toml:2" in program("list", code=2).stderr


def test_config_edit_opens_the_editor_and_checks(program: Program) -> None:
    """The editor gets the file; what it leaves is checked."""
    program.env["VISUAL"] = 'sh -c \'echo "nonsense = 1" >> "$0"\''
    assert "nonsense" in program("config", "edit", code=2).stderr


def test_secret_settings_are_never_shown(program: Program) -> None:
    """Set or not, and no more."""
    program("config", "set", "endpoint.aria2_secret", "canary77")
    assert "canary77" not in program("config", "show").stdout + json.dumps(program.json("config", "show"))


def test_token_create_prints_the_token_and_nothing_else(program: Program) -> None:
    """One line on stdout; the list shows no secret, rotation gives another, revocation ends it."""
    done = program("token", "create", "ann", "--scope", "read", "--types", "url", "--quota", "1G", "--expires", "30d")
    assert done.stdout.startswith("td_") and len(done.stdout.split()) == 1 and done.stderr == ""
    shown = program.json("token", "list")
    assert shown[0]["name"] == "ann" and shown[0]["quota_bytes"] == 1 << 30 and "digest" not in shown[0]
    assert program("token", "rotate", "ann").stdout != done.stdout
    program("token", "create", "ann", code=12)
    program("token", "revoke", "ann")
    program("token", "revoke", "ann", code=3)
    stored = (program.home / "state/tokens.json").read_text()
    assert done.stdout.strip() not in stored


def test_a_saved_remote_with_its_token_file(program: Program, tmp_path: Path) -> None:
    """A service on TCP is used through its name; a wrong token is refused with 6, read-only refuses changes."""
    (tmp_path / "token").write_text(program("token", "create", "me", "--scope", "admin", "--private").stdout)
    (tmp_path / "wrong").write_text("td_wrong_wrong_wrong_wrong\n")
    child = program.start("serve", "--listen", "127.0.0.1:0")
    said: list[str] = []

    def listening() -> str:
        assert child.stderr is not None
        said.append(child.stderr.readline())
        return said[-1].partition("Listening at ")[2].strip()

    address = until(listening, "the address")
    other = Program(tmp_path / "elsewhere", program.cwd)
    other("remote", "add", "box", address, "--token-file", str(tmp_path / "token"))
    other("remote", "add", "box", address, code=12)
    other("remote", "add", "look", address, "--token-file", str(tmp_path / "token"), "--read-only")
    other("remote", "add", "bad", address, "--token-file", str(tmp_path / "wrong"))
    assert set(other.json("remote", "list")) == {"box", "look", "bad"}
    assert other.json("list", "--remote", "box")["items"] == []
    other("list", "--remote", "bad", code=6)
    other("add", "-r", "look", "http://127.0.0.1:1/x", code=11)
    id = other("add", "-r", "box", "--paused", "http://127.0.0.1:1/x").stdout.strip()
    assert [item["id"] for item in program.json("list")["items"]] == [id]
    other("remote", "remove", "box")
    assert "saved remote" in other("list", "-r", "box", code=3).stderr
    assert (tmp_path / "elsewhere/config/remotes.toml").stat().st_mode & 0o777 == 0o600


def test_remote_mistakes(program: Program) -> None:
    """What is no address, no destination, no pin."""
    program("remote", "add", "x", "ftp://host", code=2)
    program("remote", "add", "x", "ssh://-oProxyCommand=x", code=2)
    program("remote", "add", "../x", "host:1", code=2)
    program("list", "-r", "http://127.0.0.1:1", "--token-file", "missing", code=2)


def test_serve_twice_says_who_holds_it(service: Program) -> None:
    """10, with the process."""
    assert "process" in service("serve", code=10).stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_are_packaged_and_parse(program: Program, shell: str) -> None:
    """What the command prints is what is shipped, and the shell understands it."""
    text = program("completion", shell).stdout
    assert text == script(shell) == (ROOT / "packaging/completions" / FILES[shell]).read_text()
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=text, text=True, check=True)


def test_completion_answers(program: Program) -> None:
    """Commands, options and values are completed."""
    program.env |= {"_TUI_DOWNLOADS_COMPLETE": "bash_complete", "COMP_CWORD": "1", "COMP_WORDS": "tui-downloads pa"}
    assert program().stdout.split() == ["plain,pause"]
    program.env |= {"COMP_CWORD": "2", "COMP_WORDS": "tui-downloads list --so"}
    assert program().stdout.split() == ["plain,--sort"]
    program.env |= {"COMP_CWORD": "2", "COMP_WORDS": "tui-downloads config s"}
    assert program().stdout.split() == ["plain,set", "plain,show"]
    program.env |= {"COMP_CWORD": "3", "COMP_WORDS": "tui-downloads get -i x"}
    assert program().stdout.split() == ["file,x"]
    program.env |= {"COMP_CWORD": "3", "COMP_WORDS": "tui-downloads list --state qu"}
    assert program().stdout.split() == ["plain,queued"]
    # A complaint would land in the line that is typed.
    program.env |= {"COMP_CWORD": "2", "COMP_WORDS": "tui-downloads nope "}
    assert program().stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "step"),
    [
        (("token", "revoke", "nobody"), 3, "token list"),
        (("token", "create", "ann"), 12, "another name"),
        (("remote", "add", "box", "http://127.0.0.1:1"), 12, "--replace"),
        (("show", "x"), 3, "first column"),
    ],
)
def test_the_next_step_is_about_what_was_asked(program: Program, words, code, step) -> None:
    """Who asks for a token is not sent to the list of downloads."""
    program("token", "create", "ann")
    program("remote", "add", "box", "http://127.0.0.1:1")
    said = program(*words, code=code).stderr
    assert step in said and "downloads to see" not in said and "the download that is there" not in said


def test_serve_daemon_passes_on_what_the_service_says(program: Program) -> None:
    """Where it listens and where the first token is; and why it did not start, in one line."""
    said = program("serve", "--daemon", "--listen", "127.0.0.1:0").stderr
    assert "Listening at http://127.0.0.1:" in said
    assert "Made an administrator's token; it is in " in said
    pid = program.json("status")["owner"]["pid"]
    os.kill(pid, signal.SIGTERM)
    until(lambda: program.json("status")["owner"] is None, "the end")
    assert "--allow-remote" in program("serve", "--daemon", "--listen", "0.0.0.0:0", code=2).stderr
    assert "no certificate" in program("serve", "--daemon", "--tls-key", "key.pem", code=2).stderr
    taken = socket.create_server(("127.0.0.1", 0))
    with taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"Can't listen at {place}" in program("serve", "--daemon", "--listen", place, code=10).stderr


@pytest.mark.skipif(os.name == "nt", reason="Unix signals")
def test_serve_daemon_outlives_its_starter(program: Program) -> None:
    """It answers when the command returns, and SIGTERM ends it."""
    program("serve", "--daemon")
    owner = program.json("status")["owner"]
    os.kill(owner["pid"], signal.SIGTERM)
    until(lambda: program.json("status")["owner"] is None, "the end")
