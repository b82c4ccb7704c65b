"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.tui import figures


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "?"), (0, "0 B"), (999, "999 B"), (1024, "1.00 KiB"), (1_500_000, "1.43 MiB"), (10**9, "954 MiB")],
)
def test_size(count, text):
    """Three digits that matter."""
    assert figures.size(count) == text


@given(st.integers(0, 1 << 62))
def test_size_fits_its_column(count):
    """Nine cells hold every size."""
    assert len(figures.size(count)) <= 9


@given(st.floats(0, 1e15))
def test_speed_fits_its_column(rate):
    """Ten cells hold every speed below a pebibyte a second."""
    assert len(figures.speed(rate)) <= 10


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1h 00m"), (90_000, "1d 01h"), (1e9, "11574d"),
     (float("nan"), ""), (float("inf"), "")],
)  # fmt: skip
def test_duration(seconds, text):
    """At most six cells."""
    assert figures.duration(seconds) == text


def test_percent_is_all_only_when_it_is():
    """Rounded down."""
    assert (figures.percent(0.9999), figures.percent(1.0)) == ("99%", "100%")


@pytest.mark.parametrize(
    ("text", "rate"), [("", 0), ("none", 0), ("2M", 2 << 20), ("1.5 MiB/s", 3 << 19), ("500k", 512_000), ("100", 100)]
)
def test_parse_rate(text, rate):
    """As people write rates."""
    assert figures.parse_rate(text) == rate


@given(st.text(max_size=20))
def test_parse_rate_refuses_with_a_sentence(text):
    """Never another error than the documented one."""
    try:
        assert figures.parse_rate(text) >= 0
    except ValueError as error:
        assert "Write a rate" in str(error)
