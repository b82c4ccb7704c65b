"""The terminal shows the same with fewer bytes."""

from __future__ import annotations

import pyte
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.tui.glass import Glass

WIDTH, HEIGHT = 24, 4
LOOKS = ["", "\x1b[31m", "\x1b[1;44m", "\x1b[38;2;1;2;3m"]
runs = st.lists(
    st.tuples(st.sampled_from(LOOKS), st.text("ab  ─█日本é\u0301", min_size=1, max_size=8)), min_size=1, max_size=4
)
drawings = st.lists(st.tuples(st.integers(1, HEIGHT), st.integers(1, WIDTH), runs), max_size=6)


def shown(sent: list[str]) -> tuple[list[list[tuple]], tuple[int, int]]:
    """Give what a terminal shows after this, and where its cursor is."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    screen.reset_mode(pyte.modes.DECAWM)
    stream = pyte.Stream(screen)
    for text in sent:
        stream.feed(text)
    cells = [[screen.buffer[y][x] for x in range(WIDTH)] for y in range(HEIGHT)]
    looks = [[(cell.data, cell.fg, cell.bg, cell.bold) for cell in row] for row in cells]
    return looks, (screen.cursor.y, min(screen.cursor.x, WIDTH - 1))


def drawn(drawing) -> str:
    """Write a drawing as Textual does: a place, looks that end, and the cursor's place at the end."""
    made = []
    for y, x, parts in drawing:
        room = WIDTH + 1 - x
        text = ""
        for look, run in parts:
            kept = ""
            for char in run:
                wide = 2 if char in "日本" else 0 if char == "\u0301" else 1
                if wide > room or (char == "\u0301" and not kept):
                    break
                room -= wide
                kept += char
            text += f"{look}{kept}\x1b[0m" if look and kept else kept
        if text:
            made.append(f"\x1b[{y};{x}H{text}\r\n" if y < HEIGHT else f"\x1b[{y};{x}H{text}")
    return "".join(made) + "\x1b[2;3H"


@given(st.lists(drawings, min_size=1, max_size=5))
def test_the_terminal_shows_what_was_drawn(frames):
    """Whatever was drawn over what."""
    whole = [drawn(frame) for frame in frames]
    glass = Glass()
    assert shown([glass.passed(frame) for frame in whole]) == shown(whole)


def test_a_mark_on_a_wide_character_is_sent_with_it():
    """A mark alone would sit on whatever stands before it."""
    glass = Glass()
    glass.passed("\x1b[1;1H日本")
    assert glass.passed("\x1b[1;1H日本\u0301") == "\x1b[1;3H本\u0301"


def test_what_is_shown_already_is_not_sent():
    """Nothing of it."""
    glass = Glass()
    frame = "\x1b[1;1H\x1b[31mred\x1b[0m and more\r\n\x1b[2;1Hsecond\x1b[1;3H"
    glass.passed(frame)
    assert glass.passed(frame) == ""


def test_one_figure_costs_one_jump():
    """And what is far from it nothing."""
    glass = Glass()
    glass.passed("\x1b[1;1Hname.iso              12% done           host")
    assert glass.passed("\x1b[1;1Hname.iso              13% done           host") == "\x1b[1;24H3"


def test_what_is_no_drawing_passes():
    """Titles and modes as they are; what may have cleared the screen makes everything unknown."""
    glass = Glass()
    frame = "\x1b[1;1Habc"
    glass.passed(frame)
    assert glass.passed("\x1b]2;title\x07\x1b[?2026h") == "\x1b]2;title\x07\x1b[?2026h"
    assert glass.passed(frame) == ""
    assert glass.passed("\x1b[2J") == "\x1b[2J"
    assert glass.passed(frame) == frame


def test_a_glass_that_forgot_sends_everything():
    """After a resize, and after frames were dropped."""
    glass = Glass()
    frame = "\x1b[1;1Habc"
    glass.passed(frame)
    glass.forget()
    assert glass.passed(frame) == frame
