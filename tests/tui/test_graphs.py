"""Pictures of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.tui import graphs
from tui_downloads.tui.glyphs import ASCII, PLAIN, UNICODE


def test_sparkline_has_the_newest_at_the_right():
    """Scaled to the largest."""
    assert graphs.sparkline([0, 4, 8], 5, UNICODE) == "   ▅█"


@given(st.lists(st.floats(0, 1e9), max_size=400), st.integers(1, 90), st.integers(1, 12))
def test_speed_graph_fills_its_box(values, width, height):
    """Every line as wide as asked."""
    drawn = graphs.speed_graph(values, width, height, UNICODE)
    assert [len(line) for line in drawn] == [width] * height


def test_segment_map_shows_what_is_here_and_what_arrives():
    """Four cells of a file of 40 bytes."""
    [line] = graphs.segment_map([(0, 10), (20, 25)], [25], 40, 4, 1, UNICODE)
    assert line == [("█", "done"), ("░", "missing"), ("▓", "live"), ("░", "missing")]


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 50)), max_size=20), st.integers(1, 40), st.integers(1, 6))
def test_segment_map_fills_its_box(spans, width, height):
    """Whatever the spans."""
    spans = [(start, min(1000, start + length)) for start, length in spans]
    drawn = graphs.segment_map(spans, [500], 1000, width, height, ASCII)
    assert [sum(len(text) for text, _ in line) for line in drawn] == [width] * height


def test_nothing_is_drawn_for_who_listens():
    """Words only."""
    assert graphs.sparkline([1], 5, PLAIN) == "" and graphs.segment_map([], [], 10, 4, 1, PLAIN) == []
