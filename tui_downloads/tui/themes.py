"""Our two themes, and the few shades that every theme needs here: muted, faint, lines and cursor."""

from __future__ import annotations

from collections.abc import Sequence

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


CONTRAST = 4.5
"""Between text and what it stands on, at least: what WCAG asks for."""
SPOKEN = ("accent", "success", "warning", "error")
"""Colours of a theme that words are written in."""


def shades(theme: Theme) -> dict[str, str]:
    """Derive our own shades from any theme's colours; what words are written in can be read on all they stand on."""
    dark = theme.dark
    background = _color(theme.background, "#121212" if dark else "#ffffff")
    foreground = _color(theme.foreground, "#e0e0e0" if dark else "#202020")
    accent = _color(theme.accent or theme.primary, "#6cb6d9")
    cursor = background.blend(accent, 0.2)
    field, focused = background.blend(foreground, 0.1), background.blend(accent, 0.2)
    line, idle = background.blend(foreground, 0.06), background.blend(foreground, 0.1)
    grounds = (background, cursor, field, focused, line, idle)
    far = Color.parse("#ffffff" if background.brightness < 0.5 else "#000000")
    made = {
        "tui-muted": _readable(background.blend(foreground, 0.62), far, grounds).hex,
        "tui-faint": background.blend(foreground, 0.2).hex,
        "tui-line": line.hex,
        "tui-cursor": cursor.hex,
        "tui-cursor-idle": idle.hex,
        "tui-chosen": cursor.hex,
        "tui-chosen-text": _readable(foreground.blend(accent, 0.25), far, grounds).hex,
        "tui-dialog": background.blend(foreground, 0.045).hex,
        "tui-field": field.hex,
        "tui-field-focus": focused.hex,
        "tui-graph": background.blend(accent, 0.62).hex,
    }
    for name in SPOKEN:
        value = getattr(theme, name)
        if value and not value.startswith(("auto", "ansi")):
            made[name] = _readable(Color.parse(value), far, grounds).hex
    return made


def contrast(one: Color, other: Color) -> float:
    """Give how well two colours can be told apart, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def _readable(color: Color, far: Color, grounds: Sequence[Color]) -> Color:
    """Move a colour away from its grounds, no further than needed."""
    for step in range(20):
        moved = color.blend(far, step / 20)
        if all(contrast(moved, ground) >= CONTRAST for ground in grounds):
            return moved
    return far


def _color(value: str | None, otherwise: str) -> Color:
    if not value or value.startswith(("auto", "ansi")):
        return Color.parse(otherwise)
    return Color.parse(value)
