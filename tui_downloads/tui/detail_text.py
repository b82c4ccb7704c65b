"""The pages about one download, as lines of Content made from its view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import ConnectionView, DetailView, DownloadView, Proof

from . import figures, graphs
from .advice import next_step
from .columns import STATE_STYLES, bar, shown_name
from .glyphs import Glyphs
from .safe_text import elide, elide_end, fold, pad, safe_text, visible, words

LABEL = 13
MOST_LINES = 4
"""Lines of one sentence about what went wrong."""
COLORS = {
    "muted": "$tui-muted", "accent": "$accent", "success": "$success", "warning": "$warning", "error": "$error",
    "": "$foreground",
}  # fmt: skip
PROOFS = {
    Proof.NONE: "length only",
    Proof.LENGTH_UNVERIFIED: "nothing: the server gave no length",
    Proof.UNPROVEN: "an overlap of two sessions agreed; no digest confirmed it",
    Proof.DIGEST: "the server's digest agreed",
    Proof.CHECKSUM: "your checksum agreed",
}


def heading(view: DownloadView, width: int, glyphs: Glyphs, split: int = 0) -> list[Content]:
    """Give two lines: the name, and where it stands; with `split` the bar begins there and takes the rest."""
    style = COLORS[STATE_STYLES[view.state]]
    state = f"{glyphs.states[view.state]} {view.state.value}".strip()
    facts = [state, figures.percent(view.progress), figures.speed(view.speed)]
    if view.state is State.TRANSFERRING and view.eta is not None:
        facts.append(f"{figures.duration(view.eta)} left")
    kept = [fact for fact in facts if fact]
    while len(kept) > 1 and len("   ".join(kept)) > width:
        kept.pop()
    said = "   ".join(kept)
    line = [words((said, style))]
    gap = max(3, split - len(said))
    room = width - len(said) - gap
    if glyphs.graphs and room >= 10:
        line += [Content(" " * gap), _bar(view.progress, room, glyphs, style)]
    return [words((elide(shown_name(view), width), "bold")), Content("").join(line)]


def _bar(fraction: float | None, width: int, glyphs: Glyphs, style: str) -> Content:
    drawn = bar(fraction, width, glyphs)
    cut = drawn.find(glyphs.empty)
    cut = len(drawn) if cut < 0 else cut
    return words((drawn[:cut], style), (drawn[cut:], "$tui-faint"))


def facts(detail: DetailView, now: float, width: int, glyphs: Glyphs) -> list[Content]:
    """Give what is known, one fact a line."""
    view = detail.download
    lines = list(_trouble(view, now, width))
    done = figures.size(view.done)
    size = f"{done} of {figures.size(view.size)}" if view.size is not None else f"{done}, size not known"
    pairs: list[tuple[str, str]] = [
        ("Link", redact(view.url)),
        ("Final link", redact(view.final_url) if view.final_url and view.final_url != view.url else ""),
        ("Path", view.path),
        ("Size", size),
        ("Type", view.content_type),
        ("Validator", view.validator or "none: a changed file can't be told"),
        ("Checksum", view.checksum or "none given"),
        ("Proved by", PROOFS[view.proof] if view.state is State.COMPLETE else ""),
        ("Attempts", str(view.attempts) if view.attempts else ""),
        ("Thrown away", figures.size(view.discarded) if view.discarded else ""),
        ("Limit", figures.speed(float(view.limit)) if view.limit else ""),
        ("Priority", f"{view.priority:+d}" if view.priority else ""),
        ("Title", view.title if view.title != view.name else ""),
        ("Added", figures.moment(view.created_at, now)),
        ("Started", figures.moment(view.started_at, now)),
        ("Ended", figures.moment(view.finished_at, now)),
        ("Id", view.gid),
    ]
    pairs += [("Mirror" if not number else "", redact(mirror)) for number, mirror in enumerate(view.mirrors[:8])]
    lines += [_fact(label, text, width) for label, text in pairs if text]
    return lines


def _fact(label: str, text: str, width: int, style: str = "") -> Content:
    return words((pad(label, LABEL), "$tui-muted"), (elide(visible(text), max(8, width - LABEL)), style))


def _sentence(label: str, text: str, width: int, style: str = "") -> Iterable[Content]:
    """Give a sentence in full, on as many lines as it takes within reason: its end may be what helps."""
    for at, line in enumerate(fold(visible(text), max(8, width - LABEL), MOST_LINES)):
        yield words((pad("" if at else label, LABEL), "$tui-muted"), (line, style))


def _trouble(view: DownloadView, now: float, width: int) -> Iterable[Content]:
    if view.error is not None:
        yield from _sentence("Cause", view.error.message, width, "$error")
        yield _fact("Code", f"{view.error.code}, fault: {view.error.fault}", width)
        yield from _sentence("Next step", next_step(view.error), width)
        yield Content("")
    if view.waiting is not None:
        until = view.waiting.until
        when = "until it comes" if until is None else f"next try in {figures.duration(max(0.0, until - now))}"
        yield from _sentence("Waiting", view.waiting.reason, width, "$warning")
        yield _fact("", f"{when}, attempt {view.waiting.attempt}", width)
        yield Content("")


def pictures(detail: DetailView, width: int, height: int, glyphs: Glyphs, *, scrolls: bool = False) -> list[Content]:
    """Give segment map, connections and speed graph below each other, in at most `height` lines.

    On a page that scrolls every connection is shown, however many lines that takes.
    """
    graph = min(8, max(3, height // 4))
    cells = max(3, min(8, height // 4))
    lines = segments(detail, width, cells, glyphs)
    used = len(lines) + graph + 3
    shown = connection_lines(detail.connections, width, glyphs)
    room = len(shown) if scrolls else max(0, height - used - 1)
    # One of many connections says nothing.
    if shown and room >= min(3, len(shown)):
        note = "" if len(shown) <= room else f"{len(detail.connections)}"
        lines += [Content(""), title("Connections", note), *shown[:room]]
    lines += [Content(""), *speed(detail, width, graph, glyphs)]
    return lines


def title(text: str, note: str = "", width: int = 0) -> Content:
    """Write a small heading; a note that does not fit into `width` loses its end."""
    if not note:
        return words((text, "bold $accent"))
    said = elide_end(note, max(0, width - len(text) - 3)) if width else note
    return words((text, "bold $accent"), (f"   {said}", "$tui-muted"))


def segments(detail: DetailView, width: int, height: int, glyphs: Glyphs) -> list[Content]:
    """Give the segment map with its legend; words where nothing may be drawn."""
    size, spans = detail.download.size, detail.spans
    if not size:
        return [title("Segments"), words(("No map: the size is not known.", "$tui-muted"))]
    if detail.download.state is State.COMPLETE:
        spans = ((0, size),)
    elif not spans and detail.download.done:
        said = f"{figures.size(detail.download.done)} are here; the map is drawn while it runs."
        return [title("Segments"), words((said, "$tui-muted"))]
    count = len(spans)
    note = f"{count} span{'' if count == 1 else 's'}, {figures.size(max(1, size // (width * height)))} a cell"
    if not glyphs.graphs:
        return [title("Segments"), *(words(f"{figures.size(a)} to {figures.size(b)}") for a, b in spans[:20])]
    cursors = [connection.position for connection in detail.connections]
    drawn = graphs.segment_map(spans, cursors, size, width, height, glyphs)
    looks = {"done": "$tui-graph", "live": "$success bold", "missing": "$tui-faint"}
    lines = [Content("").join([words((text, looks[style])) for text, style in runs]) for runs in drawn]
    legend = words(
        (glyphs.shades[4], "$tui-graph"), (" here  ", "$tui-muted"), (glyphs.shades[3], "$success bold"),
        (" arriving  ", "$tui-muted"), (glyphs.shades[1], "$tui-muted"), (" missing", "$tui-muted"),
    )  # fmt: skip
    return [title("Segments", note, width), *lines, legend]


def connection_lines(connections: tuple[ConnectionView, ...], width: int, glyphs: Glyphs) -> list[Content]:
    """Give a line for each connection: how far its segment is, how fast, to whom."""
    lines: list[Content] = []
    for number, view in enumerate(connections, 1):
        whole = (view.end - view.start) if view.end is not None else 0
        part = (view.position - view.start) / whole if whole else None
        head = f"{number:>2}  {figures.size(view.start):>9} "
        tail = f" {figures.percent(part):>4} {figures.speed(view.speed):>11}"
        room = width - len(head) - len(tail)
        drawn = min(24, room) if glyphs.graphs and room >= 6 else 0
        address = elide(visible(view.address), max(0, room - drawn - 2)) if room - drawn > 8 else ""
        if number == 1:
            titles = f"{'#':>2}  {'from':>9} {'':{drawn}} {'done':>4} {'speed':>11}{'  address' if address else ''}"
            lines.append(words((titles, "$tui-muted")))
        pieces: list[Content | tuple[str, str] | str] = [(head, "$tui-muted")]
        if drawn:
            pieces.append(_bar(part, drawn, glyphs, "$accent"))
        pieces += [tail, (f"  {address}" if address else "", "$tui-muted")]
        lines.append(words(*pieces))
    return lines


def speed(detail: DetailView, width: int, height: int, glyphs: Glyphs) -> list[Content]:
    """Give the speed graph with its peak and mean."""
    samples = detail.speeds
    if not any(samples):
        ended = detail.download.state in ENDED
        said = "Nothing was measured: it ended too soon." if ended else "Nothing has been measured yet."
        return [title("Speed"), words((said, "$tui-muted"))]
    mean = sum(samples) / len(samples)
    note = f"peak {figures.speed(max(samples)) or '0'}, mean {figures.speed(mean) or '0'}, {len(samples)} s"
    drawn = graphs.speed_graph(samples, width, height, glyphs)
    return [title("Speed", note, width), *(words((line, "$tui-graph")) for line in drawn)]


def files(detail: DetailView, width: int, glyphs: Glyphs) -> list[Content]:
    """Give a line for each file."""
    lines = [title("Files", f"{len(detail.files)}")]
    for view in detail.files[:2000]:
        part, state = (view.done / view.size if view.size else None), view.state
        if len(detail.files) == 1:
            # The only file stands where its download stands.
            part, state = detail.download.fraction, detail.download.state.value
        done = figures.percent(part)
        state = "left out" if not view.selected else state
        head = f"{figures.size(view.size):>9} {done:>5}  "
        head += f"{state:<13}" if width >= len(head) + 30 else ""
        lines.append(words((head, "$tui-muted"), elide(visible(view.path or view.original), max(8, width - len(head)))))
        if view.error is not None:
            lines.append(words((" " * 18 + visible(view.error.message), "$error")))
    return lines


def log(detail: DetailView, news: Sequence[tuple[float, str]], width: int, now: float) -> list[Content]:
    """Give what happened to the download, the newest first: the engine's notes, its states, and its first and last."""
    view = detail.download
    ended = any(view.state.value in what for _, what in news)
    entries = [(view.created_at, "added"), *news, *detail.log]
    if view.started_at is not None and not news:
        entries.append((view.started_at, "started"))
    if view.finished_at is not None and not ended:
        entries.append((view.finished_at, view.state.value))
    entries = [(at, sentence) for at, sentence in entries if at]
    if not entries:
        return [words(("Nothing has happened yet.", "$tui-muted"))]
    # Equal instants keep the order in which they came.
    ordered = sorted(enumerate(entries), key=lambda entry: (entry[1][0], entry[0]), reverse=True)
    wide = max(len(_when(at, now)) for at, _ in entries) + 2
    return [
        words((_when(at, now).ljust(wide), "$tui-muted"), safe_text(sentence, width=max(8, width - wide)))
        for _, (at, sentence) in ordered
    ]


def _when(at: float, now: float) -> str:
    return figures.clock(at) if now - at < 86_400 else figures.moment(at, now)
