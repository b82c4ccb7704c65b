"""What the preview says of a download: the lines of the details, chosen and cut so that they fill what there is."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from textual.content import Content

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DetailView, FileView

from . import detail_text, figures
from .glyphs import Glyphs
from .safe_text import elide, visible, words

GAP = 3
"""Cells between the two halves below a table."""
LEAST_LOG = 4
LEAST_PICTURES = 12
"""Lines below which map, connections and graph say too little; the map alone takes fewer."""
LEAST_MAP = 5
FIRST = {"transferring": 0, "failed": 1, "queued": 2}
"""What is shown first of a package's files: what moves, what went wrong, what is still to come."""

News = Sequence[tuple[float, str]]


def beside(detail: DetailView, news: News, now: float, width: int, height: int, glyphs: Glyphs) -> list[Content]:
    """Give one column: where it stands, facts, pictures or files, and the newest of the log."""
    lines = [*detail_text.heading(detail.download, width, glyphs), Content("")]
    # What went wrong comes first, and the other facts are not to be fewer for it.
    trouble = detail.download.error is not None or detail.download.waiting is not None
    lines += detail_text.facts(detail, now, width, glyphs)[: height // 2 if trouble else max(6, height // 3)]
    log = detail_text.log(detail, news, width, now)
    room = height - len(lines) - 1
    kept = min(len(log), 6) + 2 if room >= LEAST_PICTURES + LEAST_LOG + 4 else 0
    lines += _block(_body(detail, width, room - kept, glyphs))
    return _with_log(lines, log, height)


def below(detail: DetailView, news: News, now: float, width: int, height: int, glyphs: Glyphs) -> list[Content]:
    """Give two halves: facts and log at the left, pictures or files at the right."""
    half = (width - GAP) // 2
    left = [*detail_text.heading(detail.download, half, glyphs), Content("")]
    left += detail_text.facts(detail, now, half, glyphs)[: height - len(left)]
    left = _with_log(left, detail_text.log(detail, news, half, now), height)
    right = _body(detail, half, height, glyphs)
    lines = []
    for at in range(max(len(left), len(right))):
        line = left[at] if at < len(left) else Content("")
        if at < len(right):
            line = Content("").join([line, Content(" " * (half + GAP - line.cell_length)), right[at]])
        lines.append(line)
    return lines


def _block(lines: list[Content]) -> list[Content]:
    return [Content(""), *lines] if lines else []


def _with_log(lines: list[Content], log: list[Content], height: int) -> list[Content]:
    """Fill what is left with the newest lines of the log, if some fit."""
    room = height - len(lines)
    if room >= LEAST_LOG:
        lines = [*lines, Content(""), detail_text.title("Log"), *log[: room - 2]]
    return lines[:height]


def _body(detail: DetailView, width: int, height: int, glyphs: Glyphs) -> list[Content]:
    """Give the files of a package, or the pictures of a single file, as far as they say something."""
    if len(detail.files) > 1:
        return files(detail.files, width, height) if height >= 3 else []
    view = detail.download
    if not view.done and not any(detail.speeds) and not detail.connections:
        return []
    if view.state in ENDED and not any(detail.speeds):
        # What has come of a file that stopped half-way is worth a map; a whole one is not.
        shown = view.state is not State.COMPLETE and view.done and height >= 6
        return detail_text.segments(detail, width, max(1, min(4, height - 2)), glyphs) if shown else []
    if height < LEAST_PICTURES:
        return detail_text.segments(detail, width, min(3, height - 2), glyphs) if height >= LEAST_MAP else []
    return detail_text.pictures(detail, width, height, glyphs)


def files(views: Sequence[FileView], width: int, height: int) -> list[Content]:
    """Give as many files as fit, what moves first, and say how many more there are."""
    whole = sum(1 for view in views if view.state == "complete")
    lines = [detail_text.title("Files", f"{whole:,} of {len(views):,} are here", width)]
    room = max(0, height - 1)
    if len(views) > room:
        room = max(0, room - 1)
    for view in heapq.nsmallest(room, views, key=_rank):
        lines.append(_file(view, width))
    if len(views) > room:
        lines.append(words((f"{len(views) - room:,} more; enter, then 3, lists them.", "$tui-muted")))
    return lines[:height]


def _rank(view: FileView) -> int:
    return FIRST.get(view.state, 3) if view.selected else 4


def _file(view: FileView, width: int) -> Content:
    part = figures.percent(view.done / view.size) if view.size else ""
    state = view.state if view.selected else "left out"
    head = f"{figures.size(view.size):>9} {'100%' if view.state == 'complete' else part:>5}  "
    head += f"{state:<13}" if width >= 50 else ""
    style = {"failed": "$error", "transferring": "$accent"}.get(view.state, "$tui-muted")
    return words((head, style), elide(visible(view.path or view.original), max(8, width - len(head))))
