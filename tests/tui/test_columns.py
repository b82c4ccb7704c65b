"""Columns fit, whatever the width."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, ErrorView, Kind
from tui_downloads.tui import columns
from tui_downloads.tui.glyphs import ASCII, PLAIN, UNICODE

VIEW = DownloadView(
    id="1", gid="1", kind=Kind.LINK, state=State.TRANSFERRING, url="https://example.org/a.iso", name="a.iso",
    folder="/d", size=1000, done=500, speed=10.0, eta=50.0, connections=4, host="example.org",
)  # fmt: skip


@given(st.integers(10, 300), st.sampled_from([columns.ACTIVE, columns.QUEUE, columns.HISTORY, columns.ERRORS]))
def test_columns_end_at_the_edge(width, keys):
    """Nothing sticks out, nothing overlaps."""
    placed = columns.place(keys, width, UNICODE)
    for before, after in itertools.pairwise(placed):
        assert after.start == before.start + before.width + columns.GAP
    if width >= 40:
        assert placed[-1].start + placed[-1].width <= width


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (36, ["state", "name", "percent"]), (76, ["state", "name", "size", "percent", "speed", "eta"]),
        (116, ["state", "name", "size", "bar", "percent", "speed", "eta", "connections", "host"]),
    ],
)  # fmt: skip
def test_the_three_sizes_show_what_matters_most(width, shown):
    """40, 80 and 120 columns."""
    assert [entry.column.key for entry in columns.place(columns.ACTIVE, width, UNICODE)] == shown


@given(
    st.text(max_size=80), st.sampled_from(list(State)), st.integers(20, 160), st.sampled_from([UNICODE, ASCII, PLAIN])
)
def test_every_cell_is_as_wide_as_its_column(name, state, width, glyphs):
    """For every state, name and set of signs."""
    view = replace(VIEW, name=name, state=state, host=name)
    placed = columns.place(columns.ACTIVE, width, glyphs)
    context = columns.Context(0.0, glyphs)
    for entry, (text, _) in zip(placed, columns.cells(view, placed, context), strict=True):
        assert cell_len(text) == entry.width


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII, PLAIN])
def test_a_state_is_always_a_word(state, glyphs):
    """Never a colour or a sign alone."""
    placed = columns.place(("state", "name"), 60, glyphs)
    assert state.value in columns.cells(replace(VIEW, state=state), placed, columns.Context(0.0, glyphs))[0][0]


def test_bar_in_half_cells():
    """A quarter of two cells is a half."""
    assert columns.bar(0.25, 2, UNICODE) == "╸─"
    assert columns.bar(None, 3, UNICODE) == "───"
    assert columns.bar(1.0, 3, ASCII) == "###"


def test_plain_has_no_bar():
    """Nothing drawn for who listens."""
    assert "bar" not in [entry.column.key for entry in columns.place(columns.ACTIVE, 200, PLAIN)]


def test_the_place_in_the_queue_is_counted_from_one():
    """Only where the rows stand in that order."""
    placed = columns.place(("place", "name"), 40, UNICODE)
    assert columns.cells(VIEW, placed, columns.Context(0.0, UNICODE, 3))[0][0].strip() == "3"
    assert columns.cells(VIEW, placed, columns.Context(0.0, UNICODE))[0][0].strip() == ""


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_the_next_step_is_kept_whole(glyphs):
    """The cause gives way to it."""
    error = ErrorView("CHECKSUM_MISMATCH", "sha256 is " + "ab" * 32, "server", "Check the digest.", False)
    line = columns.second_line(replace(VIEW, state=State.FAILED, error=error), 60, columns.Context(0.0, glyphs))
    assert line.rstrip().endswith("Check the digest.") and cell_len(line) == 60


def test_what_has_no_name_yet_is_called_as_its_link_ends():
    """Decoded; the whole link where it ends in nothing."""
    view = replace(VIEW, name="", title="", url="https://example.org/f/%E6%B0%97.bin?token=1")
    assert columns.shown_name(view) == "気.bin"
    assert columns.shown_name(replace(view, url="https://example.org/")) == "https://example.org/"
