"""Nothing that others named reaches a terminal as a command."""

from __future__ import annotations

import json
import sys

import pexpect
import pytest

from tests.cli.conftest import Program
from tui_downloads.cli.text import duration, fit, plain, size, width

EVIL = "a\x1b]0;title\x07\x9b31m\u202e\x7f.bin"


def test_controls_are_made_visible() -> None:
    """C0, DEL, C1, bidi overrides, line separators, lone surrogates."""
    assert plain("ok ü 気") == "ok ü 気"
    assert plain("\x1b\x7f\x9b\u202e\u2028\udc80") == "\\u001b\\u007f\\u009b\\u202e\\u2028\\udc80"


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["list", "--json"], ["history"], ["history", "--json"], ["history", "--export", "csv", "-"],
     ["history", "--export", "json", "-"], ["export", "-s", "cancelled"], ["errors"]],
    ids=" ".join,
)  # fmt: skip
def test_no_escape_reaches_a_terminal(program: Program, arguments: list[str]) -> None:
    """On a real pseudo-terminal a hostile name and folder come out as text."""
    wish = {"url": "http://127.0.0.1:1/x", "name": EVIL, "folder": str(program.cwd / EVIL), "paused": True}
    program("import", "-", given=json.dumps([wish]))
    program("cancel", "--all")
    child = pexpect.spawn(
        sys.executable, ["-m", "tui_downloads", *arguments], cwd=str(program.cwd), env=program.environment, timeout=60
    )
    seen = child.read().decode()
    child.close()
    assert child.exitstatus == 0
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\x7f"} & set(seen), seen


def test_figures_for_people() -> None:
    """Sizes, durations, and names cut in the middle."""
    assert (size(None), size(1536), duration(None), duration(185), duration(90_000)) == (
        "?",
        "1.5 KiB",
        "-",
        "3m05s",
        "1d01h",
    )
    assert width("気象") == 4 and width(fit("気象データ-2026年秋.parquet", 12)) <= 12
    assert fit("short", 8) == "short   "
