"""The next step is something that can be done on the screen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tui_downloads.core.errors import Code
from tui_downloads.core.snapshots import ErrorView
from tui_downloads.engine.fake_stage import error_view
from tui_downloads.tui.advice import next_step


def step(code: Code) -> ErrorView:
    return error_view(code, "It failed.", 0.0)


@pytest.mark.parametrize("code", list(Code))
def test_no_step_names_an_option_of_a_command(code):
    """Nobody at the screen can write one."""
    assert " --" not in next_step(step(code)) and " -d" not in next_step(step(code))


def test_a_step_written_for_this_failure_stays():
    """It knows more."""
    error = replace(step(Code.STALLED), next_step="Ask the operator\x1b[2J.")
    assert next_step(error) == "Ask the operator␛[2J."
