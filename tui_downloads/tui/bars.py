"""What the three lines around a pane say: tabs above, status and keys below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tui_downloads.core.filters import Filter
from tui_downloads.core.snapshots import EngineInfo, Snapshot

from . import figures, graphs
from .actions import ACTIONS, Action, shown_keys
from .glyphs import Glyphs
from .line_bar import Part
from .panes import KEYS, TITLES
from .safe_text import elide, visible

SPARK = 16
LOW = 1 << 30
"""Free bytes below which the figure is red."""


def tab_parts(pane: str, counts: Mapping[str, int], facts: Sequence[tuple[str, str]]) -> list[Part]:
    """Give the tabs with their counts, and at the right what is special about the view: (text, style)."""
    parts = [Part(" ")]
    for number, key in enumerate(KEYS, 1):
        chosen = key == pane
        # On a narrow terminal the titles of the other panes go first, from the right; the numbers stay.
        rank = 0 if chosen else 1 + number
        parts.append(Part(f" {number} ", "chosen" if chosen else "key", f"pane_{key}"))
        count = counts.get(key, 0)
        style = "chosen" if chosen else "muted"
        alarm = key == "errors" and count and not chosen
        parts.append(Part(f"{TITLES[key]} ", style, f"pane_{key}", rank))
        if count:
            # News of which there are many are only many; everything else is counted.
            shown = "99+" if key == "log" and count > 99 else str(count)
            parts.append(Part(f"{shown} ", "error" if alarm else style, f"pane_{key}", rank=8))
        parts.append(Part(" ", rank=9))
    for at, (text, style) in enumerate(facts):
        parts.append(Part(f"  {text} " if at else f"{text} ", style, rank=12 + at, right=True))
    return parts


def facts(chosen: Filter, info: EngineInfo, *, marked: int, ranging: bool, read_only: bool) -> list[tuple[str, str]]:
    """Say what is special about the view, then where the engine is and whether others reach it: (text, style)."""
    said: list[tuple[str, str]] = []
    if chosen.problems:
        said.append((visible(str(chosen.problems[0])), "warning"))
    if chosen.text:
        said.append((f"filter: {visible(chosen.text)} ", "accent"))
    if marked:
        said.append((f"{marked} marked ", "accent"))
    if ranging:
        said.append(("range: v ends it ", "accent"))
    may = " read-only" if read_only else ""
    if info.name == "remote":
        said.append((f"attached to {elide(visible(info.endpoint), 40)}{may}", "muted"))
        return said
    said.append((f"{'own engine' if info.name == 'embedded' else visible(info.name)}{may}", "muted"))
    said.append((f"http {visible(info.endpoint)}" if info.endpoint else "http off", "muted"))
    return said


def status_parts(snapshot: Snapshot, speeds: Iterable[float], glyphs: Glyphs, *, frozen: bool) -> list[Part]:
    """Give the status line: speed, counts, limit, free space, engine and endpoint."""
    totals, limits, info = snapshot.totals, snapshot.limits, snapshot.info
    dot = glyphs.joint
    rate = figures.speed(totals.speed) or "0 B/s"
    arrow = "↓ " if glyphs.frame else ""
    parts = [Part(f" {arrow}{rate:<10} ", "strong" if totals.speed >= 1 else "muted", "limits_edit")]
    if glyphs.graphs:
        parts.append(Part(graphs.sparkline(list(speeds), SPARK, glyphs) + "  ", "graph", rank=8))
    counts = [
        (totals.active, "active", "text"), (totals.queued, "queued", "muted"), (totals.waiting, "waiting", "warning"),
        (totals.paused, "paused", "muted"),
    ]  # fmt: skip
    shown = [(f"{number} {word}", style) for number, word, style in counts if number or word == "active"]
    for at, (text, style) in enumerate(shown):
        if at:
            parts.append(Part(dot, "muted", rank=4 + at))
        parts.append(Part(text, style, rank=4 + at if at else 2))
    if frozen:
        parts.append(Part("  FROZEN", "warning", "view_freeze"))
    if limits.rate:
        after = "" if info.free is not None and not dot.startswith(" ") else " "
        rate = f"limit {figures.speed(float(limits.rate))}{after}"
        parts.append(Part(rate, "warning", "limits_edit", 3, right=True))
    if info.free is not None:
        if limits.rate:
            parts.append(Part(dot.lstrip(), "muted", "", 9, right=True))
        parts.append(
            Part(f"free {figures.size(info.free)} ", "error" if info.free < LOW else "muted", "", 9, right=True)
        )
    return parts


def hints(keys: Iterable[tuple[str, str, str]]) -> list[Part]:
    """Give keys that stay, with what they do and the action of a click."""
    parts = [Part(" ")]
    for key, label, action in keys:
        parts += [Part(key, "key", action), Part(f" {label}  ", "muted", action)]
    return parts


def key_parts(possible: Iterable[Action], keymap: Mapping[str, str]) -> list[Part]:
    """Give the keys that do something here and now; what is used less gives way first."""
    parts = [Part(" ")]
    order = [action for action in ACTIONS if action.short]
    allowed = {action.id for action in possible}
    # Help and quit stay longest, so that nobody is ever stuck.
    always = {"app.help", "app.quit"}
    for place, action in enumerate(order):
        if action.id not in allowed:
            continue
        key = shown_keys(action, keymap)[0]
        # Key and word go together: equal ranks are dropped at once.
        rank = 0 if action.id in always else 1 + place
        parts.append(Part(key, "key", action.method, rank))
        parts.append(Part(f" {action.short}  ", "muted", action.method, rank))
    return parts
