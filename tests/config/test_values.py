"""Sizes, durations and times of day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.config import values


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0", 0), ("10M", 10 * 2**20), ("1.5k", 1536), ("2GiB", 2**31), ("3MB", 3_000_000), ("7 kb/s", 7000), ("5B", 5)],
)
def test_sizes(text, wanted):
    """Letters count in 1024s, kB and the like in 1000s."""
    assert values.parse_size(text) == wanted


@pytest.mark.parametrize(("text", "wanted"), [("90", 90.0), ("1h30m", 5400.0), ("500ms", 0.5), ("2d", 172800.0)])
def test_durations(text, wanted):
    """Parts add up; a bare number is seconds."""
    assert values.parse_duration(text) == wanted


@pytest.mark.parametrize("text", ["", "x", "-1", "1h x", "nan", "inf", "1e99", "1 2"])
def test_refused_durations(text):
    """Each gets the sentence that says what is expected."""
    with pytest.raises(ValueError, match="duration"):
        values.parse_duration(text)


@given(st.text(max_size=20))
def test_any_text_is_a_value_or_a_sentence(text):
    """Nothing but ValueError comes out."""
    for parse in (values.parse_size, values.parse_duration, values.parse_clock, values.parse_switch):
        try:
            parse(text)
        except ValueError as exc:
            assert str(exc)


@given(st.integers(0, 2**50))
def test_a_written_size_is_read_again(size):
    """Exactly."""
    assert values.parse_size(str(values.write_size(size))) == size


@given(st.integers(0, 10**6), st.integers(0, 24 * 3600 - 1))
def test_written_durations_and_times_are_read_again(duration, clock):
    """Exactly."""
    assert values.parse_duration(str(values.write_duration(duration))) == duration
    assert values.parse_clock(values.write_clock(clock)) == clock
