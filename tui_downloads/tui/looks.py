"""The looks of what draws its own lines, by name, made from the theme once for all widgets.

Textual's component classes say the same with a rule and a node for each name of each widget; matching those rules
anew at every change of style was a third of the time to the first picture.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.widget import Widget


class Look(Struct, frozen=True):
    """A foreground, and perhaps a background, by the names of the theme."""

    color: str = ""
    background: str = ""
    bold: bool | None = None


LOOKS: Mapping[str, Look] = {
    "row": Look("foreground", "background"),
    "text": Look("foreground"),
    "strong": Look("foreground", bold=True),
    "muted": Look("tui-muted"),
    "faint": Look("tui-faint"),
    "accent": Look("accent"),
    "graph": Look("tui-graph"),
    "key": Look("accent", bold=True),
    "marked": Look("accent", bold=True),
    "success": Look("success"),
    "warning": Look("warning"),
    "error": Look("error"),
    "alarm": Look("error", bold=True),
    "cursor": Look(background="tui-cursor"),
    "cursor-idle": Look(background="tui-cursor-idle"),
    "chosen": Look("tui-chosen-text", "tui-chosen", bold=True),
}


class Palette:
    """The styles of one widget by name, made when they are first asked for."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str, Style] = {}

    def clear(self) -> None:
        """Forget what was made; the theme is another one."""
        self._styles.clear()

    def __getitem__(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._make(LOOKS.get(name) or LOOKS["row"])
        return style

    def _make(self, look: Look) -> Style:
        variables = self._widget.app.theme_variables
        return Style(
            color=_color(variables, look.color) if look.color else None,
            bgcolor=_color(variables, look.background) if look.background else None,
            bold=look.bold,
        )


def _color(variables: Mapping[str, str], name: str) -> RichColor | None:
    try:
        return Color.parse(variables.get(name, "")).rich_color
    except ColorParseError:
        return None
