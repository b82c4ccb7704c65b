"""From the words of a command line to wishes."""

from __future__ import annotations

import os

import click
import pytest
from click.testing import CliRunner

from tui_downloads.cli import link_options as module
from tui_downloads.cli.link_options import link_options, requests_of
from tui_downloads.core.spec import AddRequest

LINK = "https://files.example/a"


def wishes(*arguments: str, given: str = "") -> list[AddRequest]:
    """Read a command line as `get` does."""
    found: list[AddRequest] = []

    @click.command()
    @click.argument("urls", nargs=-1)
    @link_options
    def command(urls: tuple[str, ...], **values: object) -> None:
        found.extend(requests_of(urls, values, AddRequest(url="")))

    CliRunner().invoke(command, arguments, input=given, catch_exceptions=False, standalone_mode=False)
    return found


def test_ftp_with_tls_only():
    """--ftp-tls, and curl's word for it, make the same of a link as if it had been written so."""
    for word in ("--ftp-tls", "--ssl-reqd"):
        (made,) = wishes(word, "--mirror", "FTP://b.example/a", "ftp://a.example/a")
        assert (made.url, made.mirrors) == ("ftpes://a.example/a", ("ftpes://b.example/a",))
    assert wishes("--ftp-tls", LINK)[0].url == LINK


def test_files_are_named_for_every_working_folder(tmp_path, monkeypatch):
    """A service that takes the wish over stands somewhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    options = wishes("--cacert", "ca.pem", "--cert", "c/x.pem", "--key", "/k", "--known-hosts", "~/h", LINK)[0].options
    assert (options.cacert, options.cert) == (os.path.join(tmp_path, "ca.pem"), os.path.join(tmp_path, "c/x.pem"))
    assert (options.key, options.known_hosts) == ("/k", "/home/me/h")


def test_logins_stay_apart():
    """The server's, the proxy's and the key's."""
    secrets = wishes("-u", "me:a:b", "--proxy-user", "you:c", "--pass", "d", LINK)[0].credentials
    assert (secrets.user, secrets.password) == ("me", "a:b")
    assert (secrets.proxy_user, secrets.proxy_password, secrets.key_password) == ("you", "c", "d")


@pytest.mark.parametrize(("user", "asked"), [("me", ["Password for me"]), ("me:", []), ("me:x", [])])
def test_a_password_that_is_left_out_is_asked_for(monkeypatch, user, asked):
    """On a terminal only, and not where a colon says that there is none."""
    questions = []
    monkeypatch.setattr(module.click, "prompt", lambda text, *_, **__: questions.append(text) or "typed")
    assert wishes("-u", user, LINK)[0].credentials.password in ("", "x")
    assert questions == []
    monkeypatch.setattr(module, "_has_terminal", lambda: True)
    made = wishes("-u", user, LINK)[0].credentials
    assert questions == asked
    assert made.password == ("typed" if asked else user[3:])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps its devices elsewhere")
def test_a_device_is_no_name_for_a_file():
    """`-o /dev/null` would make a file beside the device; the bytes go there by the shell."""
    values = {"output": "/dev/null", "folder": None}
    with pytest.raises(click.UsageError, match="is a device: /dev/null; -o - > /dev/null"):
        module.place(values)


def test_a_missing_choice_is_asked_for_in_one_line(program):
    """click puts each choice on a line of its own, after a tab."""
    said = program("completion", code=2).stderr
    assert len(said.splitlines()) == 1 and "bash, zsh, fish" in said
