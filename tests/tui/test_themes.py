"""Words can be read in every theme, on everything they stand on."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from tui_downloads.tui.themes import CONTRAST, DARK, LIGHT, SPOKEN, contrast, shades

THEMES = [DARK, LIGHT, *(theme for name, theme in BUILTIN_THEMES.items() if not name.startswith("ansi"))]
GROUNDS = (
    "tui-line", "tui-dialog", "tui-cursor", "tui-cursor-idle", "tui-chosen", "tui-field", "tui-field-focus",
)  # fmt: skip


@pytest.mark.parametrize("theme", THEMES, ids=[theme.name for theme in THEMES])
def test_words_stand_out(theme):
    """At least 4.5 to 1, the one colour of the theme's own text excepted, which is as its author wanted it."""
    made = {name: Color.parse(value) for name, value in shades(theme).items()}
    grounds = [made[name] for name in GROUNDS]
    words = [name for name in (*SPOKEN, "tui-muted", "tui-chosen-text") if name in made]
    weak = [name for name in words if any(contrast(made[name], ground) < CONTRAST for ground in grounds)]
    assert not weak


def test_contrast_is_measured_as_wcag_does():
    """Black on white is 21, a colour on itself 1."""
    black, white = Color.parse("#000000"), Color.parse("#ffffff")
    assert (round(contrast(black, white), 2), contrast(white, white)) == (21.0, 1.0)
    assert round(contrast(Color.parse("#777777"), white), 2) == 4.48
