"""The page about the screen names every key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui_downloads.tui.actions import ACTIONS, ELSEWHERE, shown_keys

PAGE = Path(__file__).parent.parent.parent / "docs" / "screen.md"


@pytest.mark.parametrize("action", [*ACTIONS, *ELSEWHERE], ids=lambda action: action.id)
def test_every_action_is_on_the_page(action):
    """With its keys, its words and its id."""
    keys = " ".join(f"`{key}`" for key in shown_keys(action, {}))
    assert f"| {keys} | {action.title} | `{action.id}` |" in PAGE.read_text()
