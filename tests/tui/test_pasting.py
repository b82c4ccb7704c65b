"""A paste is text, whatever is in it and however it arrives."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from tui_downloads.tui.driver import _forgiving
from tui_downloads.tui.pasting import LONGEST, PasteParser

START, END = "\x1b[200~", "\x1b[201~"
NASTY = "a\x1bDy\x1b[A\x1b[200~ and \x1b[31mred" + "x" * 60 + "\x1b]52;c;cHc=\x07\ny"


def parsed(*pieces: str) -> list[str]:
    """Feed pieces; between two of them the line pauses, so that whatever waits for more is timed out."""
    parser = PasteParser()
    found = []
    for piece in pieces:
        found += list(parser.feed(piece))
        if parser._timeout_time is not None and parser._pasted is not None:
            parser._timeout_time = 0.0
        found += list(parser.tick())
    return [event.text if isinstance(event, events.Paste) else event.key for event in found]


def test_escapes_in_a_paste_are_text():
    """No key is pressed by it, and what follows is keys again."""
    assert parsed(f"a{START}{NASTY}{END}b") == ["a", NASTY, "b"]


@given(st.lists(st.integers(0, 130), max_size=6))
def test_a_paste_may_arrive_in_pieces(cuts):
    """Wherever the line cuts it, the marks included."""
    whole = f"a{START}{NASTY}{END}b{START}second{END}c"
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[first:last] for first, last in itertools.pairwise(places)]
    assert parsed(*pieces) == ["a", NASTY, "b", "second", "c"]


def test_an_empty_paste_and_keys_that_look_like_a_beginning():
    """Insert begins like the mark of a paste."""
    assert parsed(f"{START}{END}") == [""]
    assert parsed("\x1b[2~", "\x1b[A", "x") == ["insert", "up", "x"]


def test_a_paste_beyond_measure_still_ends():
    """Its middle is lost, not the keyboard."""
    found = parsed(START, *["y" * (LONGEST // 2)] * 3, END, "q")
    assert found[-1] == "q" and len(found) == 2 and len(found[0]) <= LONGEST


@pytest.mark.parametrize("bytes_", [b"\xff\xfe\x80", "é".encode("latin-1"), b"\xed\xa0\x80"])
def test_bytes_that_are_no_text_do_not_end_the_program(bytes_):
    """They are keys that mean nothing."""
    decoder = _forgiving("utf-8")()
    assert decoder.decode(bytes_ + b"q", final=True).endswith("q")
