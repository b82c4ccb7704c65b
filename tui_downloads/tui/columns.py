"""The columns of a table of downloads: what each shows, how wide it is, and which give way on a narrow terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from rich.cells import cell_len, set_cell_size

from tui_downloads.core.lifecycle import ENDED, RUNNING, State
from tui_downloads.core.links import raw_name
from tui_downloads.core.snapshots import DownloadView

from . import figures
from .advice import next_step
from .glyphs import Glyphs
from .safe_text import elide, pad, visible

Cell = tuple[str, str]
"""Text exactly as wide as its column, and the name of its style."""
GAP = 1
SMALLEST_NAME = 16
GOOD_NAME = 26
"""Cells that most names need to be told apart; what matters less makes room for them."""
CHEAP = 5
"""Columns of this rank and above matter less than a name that can be read."""
SHORTEST_CAUSE = 20
"""Cells below which the beginning of a cause says nothing."""

STATE_STYLES = {
    State.QUEUED: "muted",
    State.RESOLVING: "accent",
    State.TRANSFERRING: "accent",
    State.WAITING: "warning",
    State.PAUSING: "muted",
    State.PAUSED: "muted",
    State.VERIFYING: "accent",
    State.COMPLETE: "success",
    State.FAILED: "error",
    State.CANCELLED: "muted",
}


class Context(Struct, frozen=True):
    """What a cell needs besides the download."""

    now: float
    glyphs: Glyphs
    place: int = 0
    """Which row of the queue it is, from 1; 0 where rows stand in another order."""


class Column(Struct, frozen=True):
    """One column. Columns with a lower `rank` stay longer when the terminal is narrow."""

    key: str
    title: str
    width: int
    rank: int
    text: Callable[[DownloadView, Context], str]
    style: Callable[[DownloadView], str] = lambda view: ""
    right: bool = False
    flexible: int = 0
    """Share of the space that is left over; 0 keeps `width`."""
    sort: str = ""
    """What a click on the title sorts by."""


class Placed(Struct, frozen=True):
    """A column with the width it got and where it begins."""

    column: Column
    start: int
    width: int


def _state(view: DownloadView, context: Context) -> str:
    glyph = context.glyphs.states[view.state]
    return f"{glyph} {view.state.value}" if glyph else view.state.value


def shown_name(view: DownloadView) -> str:
    """Give what a download is called before the server has named it, too; safe to draw."""
    return visible(view.name or view.title or raw_name(view.url) or view.url)


def _eta(view: DownloadView, context: Context) -> str:
    if view.state is State.WAITING and view.waiting is not None and view.waiting.until is not None:
        return figures.duration(max(0.0, view.waiting.until - context.now))
    return figures.duration(view.eta) if view.state is State.TRANSFERRING else ""


def _size(view: DownloadView, context: Context) -> str:
    if view.size is None:
        return figures.size(view.done) + "+" if view.done else ""
    return figures.size(view.size)


def _percent(view: DownloadView, context: Context) -> str:
    if view.state is State.COMPLETE:
        return "100%"
    fraction = view.progress
    if fraction is None:
        return "?" if view.state is State.TRANSFERRING else ""
    return figures.percent(fraction) if fraction or view.state in RUNNING else ""


def _cause(view: DownloadView, context: Context) -> str:
    if view.error is not None:
        return visible(view.error.message)
    return visible(view.waiting.reason) if view.waiting else ""


def _retry(view: DownloadView, context: Context) -> str:
    if view.waiting is not None:
        until = view.waiting.until
        return "by itself" if until is None else f"in {figures.duration(max(0.0, until - context.now))}"
    if view.error is None:
        return ""
    return "resumes" if view.error.resumable and view.done else "restarts"


def _start(view: DownloadView, context: Context) -> str:
    if view.start_at is not None and view.start_at > context.now:
        return f"at {figures.moment(view.start_at, context.now)}"
    return "when free"


def _ended_style(view: DownloadView) -> str:
    return "muted" if view.state in ENDED else ""


COLUMNS: dict[str, Column] = {
    column.key: column
    for column in (
        Column("place", "#", 5, 2, lambda v, c: str(c.place or ""), right=True,
               style=lambda v: "muted", sort="position"),
        Column("state", "State", 14, 0, _state, style=lambda v: STATE_STYLES[v.state], sort="state"),
        Column("name", "Name", SMALLEST_NAME, 0, lambda v, c: shown_name(v), flexible=8, sort="name"),
        Column("size", "Size", 9, 4, _size, right=True, style=_ended_style, sort="size"),
        Column("bar", "Progress", 12, 6, lambda v, c: "", flexible=1, sort="done"),
        Column("percent", "Done", 4, 1, _percent, right=True, sort="done"),
        Column("speed", "Speed", 10, 2, lambda v, c: figures.speed(v.speed), right=True, sort="speed"),
        Column("eta", "ETA", 6, 3, _eta, right=True, style=lambda v: "muted", sort="eta"),
        Column("connections", "Conn", 4, 7, lambda v, c: str(v.connections or "") if v.state in RUNNING else "",
               right=True, style=lambda v: "muted"),
        Column("host", "Host", 16, 8, lambda v, c: visible(v.host), flexible=1, style=lambda v: "muted", sort="host"),
        Column("priority", "Prio", 4, 5, lambda v, c: f"{v.priority:+d}" if v.priority else "", right=True,
               sort="priority"),
        Column("start", "Starts", 15, 6, _start, style=lambda v: "muted"),
        Column("added", "Added", 12, 9, lambda v, c: figures.moment(v.created_at, c.now), right=True,
               style=lambda v: "muted", sort="created"),
        Column("ended", "Ended", 12, 3, lambda v, c: figures.moment(v.finished_at, c.now), right=True,
               style=lambda v: "muted", sort="finished"),
        Column("folder", "Folder", 20, 10, lambda v, c: visible(v.folder), flexible=3, style=lambda v: "muted"),
        Column("code", "Cause", 21, 3, lambda v, c: v.error.code.lower().replace("_", " ") if v.error else "waiting",
               style=lambda v: "error" if v.error else "warning"),
        Column("message", "What happened", 24, 6, _cause, flexible=3, style=lambda v: "muted"),
        Column("fault", "Fault", 8, 5, lambda v, c: v.error.fault if v.error else "", style=lambda v: "muted"),
        Column("retry", "Retry", 10, 4, _retry, style=lambda v: "muted"),
        Column("category", "Category", 12, 11, lambda v, c: visible(v.category), style=lambda v: "muted"),
        Column("proof", "Proof", 18, 12, lambda v, c: "" if v.proof == "none" else v.proof.value.replace("-", " "),
               style=lambda v: "muted"),
    )
}  # fmt: skip

ACTIVE = ("state", "name", "size", "bar", "percent", "speed", "eta", "connections", "host")
QUEUE = ("place", "name", "size", "priority", "start", "host", "added")
HISTORY = ("state", "name", "size", "ended", "host", "folder")
ERRORS = ("code", "name", "size", "percent", "fault", "retry", "ended", "host")


def _least_important(chosen: Sequence[Column]) -> Column | None:
    """Give the column that a name is worth more than."""
    return max((column for column in chosen if column.rank >= CHEAP), key=lambda column: column.rank, default=None)


def _room_for_name(chosen: Sequence[Column], width: int, gap: int) -> int:
    name = COLUMNS["name"]
    if name not in chosen:
        return width
    spare = width - sum(column.width + gap for column in chosen) + gap
    return name.width + spare * name.flexible // sum(column.flexible for column in chosen)


def place(keys: Sequence[str], width: int, glyphs: Glyphs, gap: int = GAP) -> list[Placed]:
    """Choose which columns fit and how wide each is; the least important give way first."""
    chosen = [COLUMNS[key] for key in keys if key in COLUMNS]
    if not glyphs.graphs:
        chosen = [column for column in chosen if column.key != "bar"]
    while len(chosen) > 1 and sum(column.width + gap for column in chosen) - gap > width:
        chosen.remove(max(chosen, key=lambda column: column.rank))
    while (least := _least_important(chosen)) is not None and _room_for_name(chosen, width, gap) < GOOD_NAME:
        chosen.remove(least)
    spare = width - sum(column.width + gap for column in chosen) + gap
    shares = sum(column.flexible for column in chosen)
    placed, at = [], 0
    for column in chosen:
        extra = spare * column.flexible // shares if shares and spare > 0 else 0
        placed.append(Placed(column, at, column.width + extra))
        at += column.width + extra + gap
    # What rounding left over goes to the first flexible column, so that the last one ends at the edge.
    rest = width - (at - gap)
    if rest > 0 and shares:
        first = next(index for index, entry in enumerate(placed) if entry.column.flexible)
        grown = placed[first]
        placed[first] = Placed(grown.column, grown.start, grown.width + rest)
        placed[first + 1 :] = [Placed(e.column, e.start + rest, e.width) for e in placed[first + 1 :]]
    return placed


def cells(view: DownloadView, placed: Sequence[Placed], context: Context) -> tuple[Cell, ...]:
    """Give every cell of a row. Equal tuples look equal, so this is what decides about repainting."""
    made = []
    for entry in placed:
        column, width = entry.column, entry.width
        if column.key == "bar":
            made.append((bar(view.progress, width, context.glyphs), f"bar-{STATE_STYLES[view.state]}"))
            continue
        text = column.text(view, context)
        if len(text) > width or not text.isascii():
            text = elide(text, width, dots=context.glyphs.dots)
        made.append((pad(text, width, right=column.right), column.style(view)))
    return tuple(made)


def bar(fraction: float | None, width: int, glyphs: Glyphs) -> str:
    """Draw a bar in half cells; unknown progress is an empty one."""
    halves = int((fraction or 0.0) * width * 2)
    full, half = divmod(halves, 2)
    if not half or glyphs.half == glyphs.full:
        return glyphs.full * full + glyphs.empty * (width - full)
    return glyphs.full * full + glyphs.half + glyphs.empty * (width - full - 1)


def _cause_and_step(cause: str, step: str, width: int, glyphs: Glyphs) -> str:
    """Join both; the next step is what the reader needs, and the cause is named above, so the cause gives way first."""
    joint = glyphs.joint if cause and step else ""
    room = width - cell_len(step) - len(joint)
    if cell_len(cause) <= room:
        return cause + joint + step
    if room < SHORTEST_CAUSE:
        return step
    return set_cell_size(cause, room - len(glyphs.dots)).rstrip() + glyphs.dots + joint + step


def second_line(view: DownloadView, width: int, context: Context) -> str:
    """Give the lower line of a comfortable row: why it stands still, or where it comes from and goes to."""
    cause = _cause(view, context)
    if cause:
        text = _cause_and_step(cause, next_step(view.error) if view.error else "", width, context.glyphs)
    else:
        text = context.glyphs.joint.join(part for part in (visible(view.host), visible(view.folder)) if part)
    return pad(elide(text, width, dots=context.glyphs.dots), width)
