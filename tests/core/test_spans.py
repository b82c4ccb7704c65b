"""Sets of half-open spans, against plain sets of numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.spans import Span, SpanSet

pairs = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def plain(spans) -> set[int]:
    return {number for start, end in spans for number in range(start, end)}


def test_touching_spans_become_one():
    """What ends where another begins is one span."""
    assert repr(SpanSet([(5, 10), (20, 30), (10, 20)])) == "SpanSet(5-30)"


def test_a_span_knows_its_length():
    """Half-open: the end is not in it."""
    assert Span(3, 10).length == 7


def test_an_empty_span_changes_nothing():
    """Nothing is added or cut by a span without bytes."""
    spans = SpanSet([(0, 5)])
    spans.add(9, 9)
    spans.add(9, 3)
    spans.remove(3, 3)
    assert repr(spans) == "SpanSet(0-5)"


def test_a_cut_in_the_middle_leaves_both_ends():
    """Removing splits a span."""
    spans = SpanSet([(0, 10), (20, 30), (40, 50)])
    spans.remove(5, 22)
    assert repr(spans) == "SpanSet(0-5, 22-30, 40-50)"


def test_gaps_are_what_is_missing():
    """Between two offsets only."""
    assert SpanSet([(0, 2), (10, 20), (90, 99)]).gaps(5, 30) == [Span(5, 10), Span(20, 30)]
    assert SpanSet([(0, 10)]).gaps(2, 8) == []


def test_equality_is_that_of_content():
    """Two sets with the same bytes are equal, nothing else is, and they are no keys."""
    assert SpanSet([(0, 5), (5, 9)]) == SpanSet([(0, 9)])
    assert SpanSet() != SpanSet([(0, 1)])
    assert SpanSet() != "spans"
    with pytest.raises(TypeError):
        hash(SpanSet())


def test_a_copy_is_independent():
    """What happens to a copy does not happen to the original."""
    spans = SpanSet([(0, 5)])
    copy = spans.copy()
    copy.add(7, 9)
    assert (len(spans), len(copy), bool(SpanSet()), bool(copy)) == (1, 2, False, True)


@given(added=pairs, removed=pairs, start=st.integers(0, 60), length=st.integers(0, 60))
def test_a_span_set_is_a_set_of_numbers(added, removed, start, length):
    """Adding, removing, covering, gaps and total agree with a set that counts single bytes."""
    spans, numbers = SpanSet(added), plain(added)
    for left, right in removed:
        spans.remove(left, right)
        numbers -= set(range(left, right))
    wanted = set(range(start, start + length))
    assert plain(spans) == numbers
    assert spans.total == len(numbers)
    assert spans.covers(start, start + length) == (wanted <= numbers)
    assert plain(spans.gaps(start, start + length)) == wanted - numbers
    listed = list(spans)
    assert all(left.end < right.start for left, right in pairwise(listed))


def test_covers_asks_for_every_byte():
    """One byte that is missing is enough for a no; no bytes are always there."""
    spans = SpanSet([(0, 5), (7, 9)])
    assert (spans.covers(1, 5), spans.covers(4, 8), spans.covers(8, 10), spans.covers(6, 6)) == (
        True, False, False, True,
    )  # fmt: skip
    assert not SpanSet([(7, 9)]).covers(0, 1)
