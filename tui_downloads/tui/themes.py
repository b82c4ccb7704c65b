"""Our two themes, and the few shades that every theme needs here: muted, faint, lines and cursor."""

from __future__ import annotations

from textual.color import Color
from textual.theme import Theme

DARK = Theme(
    name="tui-dark",
    primary="#6cb6d9",
    secondary="#8a93a3",
    accent="#6cb6d9",
    foreground="#d5d9e0",
    background="#14161b",
    surface="#1b1e25",
    panel="#232731",
    success="#8fbf7a",
    warning="#d9b25f",
    error="#e0787a",
    dark=True,
    variables={"input-cursor-background": "#d5d9e0", "border": "#3a4150", "border-blurred": "#2a2f3a"},
)
LIGHT = Theme(
    name="tui-light",
    primary="#1c6f96",
    secondary="#5d6673",
    accent="#1c6f96",
    foreground="#242931",
    background="#fcfcfa",
    surface="#f3f3f0",
    panel="#e9e9e5",
    success="#3d7a2a",
    warning="#8f6400",
    error="#b3373b",
    dark=False,
    variables={"input-cursor-background": "#242931", "border": "#b9bcc2", "border-blurred": "#d3d5d9"},
)
SHORT = {"dark": DARK.name, "light": LIGHT.name}


def shades(theme: Theme) -> dict[str, str]:
    """Derive our own shades from any theme's foreground, background and accent."""
    dark = theme.dark
    background = _color(theme.background, "#121212" if dark else "#ffffff")
    foreground = _color(theme.foreground, "#e0e0e0" if dark else "#202020")
    accent = _color(theme.accent or theme.primary, "#6cb6d9")
    return {
        "tui-muted": background.blend(foreground, 0.62).hex,
        "tui-faint": background.blend(foreground, 0.2).hex,
        "tui-line": background.blend(foreground, 0.06).hex,
        "tui-cursor": background.blend(accent, 0.24).hex,
        "tui-cursor-idle": background.blend(foreground, 0.1).hex,
        "tui-chosen": background.blend(accent, 0.24).hex,
        "tui-chosen-text": foreground.blend(accent, 0.25).hex,
        "tui-dialog": background.blend(foreground, 0.045).hex,
        "tui-field": background.blend(foreground, 0.12).hex,
        "tui-field-focus": background.blend(accent, 0.22).hex,
        "tui-graph": background.blend(accent, 0.62).hex,
    }


def _color(value: str | None, otherwise: str) -> Color:
    if not value or value.startswith(("auto", "ansi")):
        return Color.parse(otherwise)
    return Color.parse(value)
