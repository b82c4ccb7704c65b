"""Those who come from curl, wget and aria2 are told what they look for."""

from __future__ import annotations

import pytest

from tui_downloads.cli import foreign
from tui_downloads.cli.get import command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-O"], "-o NAME"),
        (["-C", "-"], "goes on by itself"),
        (["-k"], "--cacert"),
        (["-fsSL"], "leave it out"),
        (["-fsSLO"], "leave it out"),
        (["-nc"], "--on-conflict"),
        (["--split=4"], "-x N"),
        (["--limit-rate", "10k"], "--limit RATE"),
        (["-t", "3"], "--retries N"),
        (["--output-document=x"], "-o NAME"),
        (["--bt-max-peers=3"], "torrents"),
        (["-x", "http://proxy:3128"], "--proxy URL"),
        (["-X", "POST"], "nothing is sent"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_foreign_switch_is_answered_with_ours(capsys, words: list[str], said: str) -> None:
    """One line names the switch and what does the same here; 2."""
    from tui_downloads.cli.main import run

    assert run(["get", *words, "http://127.0.0.1:1/x"]) == 2
    out, told = capsys.readouterr()
    assert out == "" and len(told.splitlines()) == 1 and said in told and words[0].split("=")[0] in told


@pytest.mark.parametrize("words", [["-c"], ["--continue"], ["-L"], ["--location"]])
def test_what_is_done_anyway_is_accepted(words: list[str]) -> None:
    """Going on, and following redirects, need no switch and have one."""
    assert command.make_context("get", [*words, "http://a.example/x"]).params["urls"] == ("http://a.example/x",)


def test_no_switch_of_ours_is_called_foreign() -> None:
    """The table holds no switch that the command takes."""
    ours = {name for option in command.params for name in option.opts}
    assert not ours & foreign._MEANT.keys()


def test_an_unknown_switch_says_where_to_look(capsys) -> None:
    """What nobody knows is named, with the place of the help."""
    from tui_downloads.cli.main import run

    assert run(["get", "--frobnicate", "http://127.0.0.1:1/x"]) == 2
    assert "See: tui-downloads get --help" in capsys.readouterr().err
