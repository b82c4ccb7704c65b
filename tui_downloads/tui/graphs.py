"""Pictures made of characters: sparkline, speed graph, segment map. Pure functions from figures to lines."""

from __future__ import annotations

from collections.abc import Sequence

from .glyphs import Glyphs


def sparkline(values: Sequence[float], width: int, glyphs: Glyphs, *, top: float | None = None) -> str:
    """Draw the newest values, one a cell, the newest at the right."""
    if not glyphs.blocks or width < 1:
        return ""
    shown = list(values)[-width:]
    top = max([*shown, 1.0]) if top is None else max(top, 1.0)
    levels = len(glyphs.blocks)
    drawn = "".join(glyphs.blocks[min(levels - 1, int(value / top * levels))] if value > 0 else " " for value in shown)
    return drawn.rjust(width)


def speed_graph(values: Sequence[float], width: int, height: int, glyphs: Glyphs) -> list[str]:
    """Draw speeds as columns over `height` lines; each column is the mean of the samples it stands for."""
    if not glyphs.blocks or width < 1 or height < 1:
        return []
    samples = list(values)
    if len(samples) > width:
        samples = [
            sum(
                samples[
                    len(samples) * at // width : max(len(samples) * at // width + 1, len(samples) * (at + 1) // width)
                ]
            )
            / max(1, len(samples) * (at + 1) // width - len(samples) * at // width)
            for at in range(width)
        ]
    top = max([*samples, 1.0])
    levels = len(glyphs.blocks)
    lines = []
    for line in range(height):
        floor = height - 1 - line
        drawn = ""
        for value in samples:
            filled = value / top * height * levels - floor * levels
            if filled <= 0:
                # The lowest line always shows something, so that a slow second is not a missing one.
                drawn += glyphs.blocks[0] if floor == 0 and value > 0 else " "
            else:
                drawn += glyphs.blocks[min(levels - 1, max(0, int(filled) - 1))]
        lines.append(drawn.rjust(width))
    return lines


def coverage(spans: Sequence[tuple[int, int]], size: int, cells: int) -> list[float]:
    """Say how much of each of `cells` equal pieces of a file is covered by spans."""
    covered = [0.0] * cells
    if size <= 0:
        return covered
    for start, end in spans:
        first, last = start * cells // size, min(cells - 1, (end * cells - 1) // size)
        for cell in range(first, last + 1):
            low, high = size * cell / cells, size * (cell + 1) / cells
            covered[cell] += max(0.0, min(end, high) - max(start, low)) / (high - low)
    return [min(1.0, part) for part in covered]


def segment_map(
    spans: Sequence[tuple[int, int]], cursors: Sequence[int], size: int, width: int, height: int, glyphs: Glyphs
) -> list[list[tuple[str, str]]]:
    """Draw a file as a grid of cells: what is there, what is arriving, what is missing; (text, style) runs a line."""
    if not glyphs.shades or width < 1 or height < 1:
        return []
    cells = width * height
    parts = coverage(spans, size, cells)
    live = {min(cells - 1, at * cells // size) for at in cursors} if size else set()
    lines = []
    for row in range(height):
        runs: list[tuple[str, str]] = []
        for cell in range(row * width, (row + 1) * width):
            part = parts[cell]
            if cell in live:
                char, style = glyphs.shades[3], "live"
            elif part >= 1:
                char, style = glyphs.shades[4], "done"
            elif part > 0:
                char, style = glyphs.shades[2], "done"
            else:
                char, style = glyphs.shades[1], "missing"
            if runs and runs[-1][1] == style:
                runs[-1] = (runs[-1][0] + char, style)
            else:
                runs.append((char, style))
        lines.append(runs)
    return lines
