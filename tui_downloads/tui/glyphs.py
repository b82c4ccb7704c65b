"""The signs that stand beside words: one set for Unicode terminals, one for ASCII, one for screen readers."""

from __future__ import annotations

from msgspec import Struct

from tui_downloads.core.lifecycle import State


class Glyphs(Struct, frozen=True):
    """Everything the screen draws that is not a word."""

    states: dict[State, str]
    cursor: str
    mark: str
    full: str
    half: str
    empty: str
    dots: str
    up: str
    down: str
    dot: str
    """Between two facts."""
    blocks: str
    """Eight heights of a bar, the lowest first."""
    shades: str
    """Five fillings, from nothing to all."""
    frame: bool = True
    graphs: bool = True

    @property
    def joint(self) -> str:
        """What joins two facts of a line, with the blanks it wants."""
        return f"{self.dot} " if self.dot == "," else f" {self.dot} "


UNICODE = Glyphs(
    states={
        State.QUEUED: "◌",
        State.RESOLVING: "◔",
        State.TRANSFERRING: "↓",
        State.WAITING: "◷",
        State.PAUSING: "◫",
        State.PAUSED: "‖",
        State.VERIFYING: "≡",
        State.COMPLETE: "✓",
        State.FAILED: "✗",
        State.CANCELLED: "○",
    },
    cursor="▌",
    mark="●",
    full="━",
    half="╸",
    empty="─",
    dots="…",
    up="▲",
    down="▼",
    dot="·",
    blocks="▁▂▃▄▅▆▇█",
    shades=" ░▒▓█",
)
_ASCII_STATES = {
    State.QUEUED: ".",
    State.RESOLVING: "?",
    State.TRANSFERRING: ">",
    State.WAITING: "~",
    State.PAUSING: "|",
    State.PAUSED: "=",
    State.VERIFYING: "%",
    State.COMPLETE: "+",
    State.FAILED: "!",
    State.CANCELLED: "x",
}
ASCII = Glyphs(
    states=_ASCII_STATES,
    cursor=">",
    mark="*",
    full="#",
    half="#",
    empty="-",
    dots="..",
    up="^",
    down="v",
    dot="|",
    blocks="__..--==",
    shades=" .:+#",
    frame=False,
)
PLAIN = Glyphs(
    states=dict.fromkeys(State, ""),
    cursor=">",
    mark="*",
    full="",
    half="",
    empty="",
    dots="...",
    up="(ascending)",
    down="(descending)",
    dot=",",
    blocks="",
    shades="",
    frame=False,
    graphs=False,
)


def choose(*, ascii: bool, plain: bool) -> Glyphs:
    """Give the set that fits the terminal and the reader."""
    if plain:
        return PLAIN
    return ASCII if ascii else UNICODE
