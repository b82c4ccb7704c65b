"""The screen on a real terminal: hostile names, signals, a terminal that stalls or vanishes."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

APP = Path(__file__).with_name("pty_app.py")
ROOT = APP.parent.parent.parent
DEADLINE = 30.0
FRAMES = 80
"""More looks than the terminal's buffer and the writer's queue have room for, each with rows that moved."""


class Terminal:
    """A process on a pty, with everything it wrote."""

    def __init__(self, folder: Path, options: dict, size: tuple[int, int] = (120, 40)) -> None:
        self.beats = folder / "beats"
        self.sent = 0
        environment = {
            **os.environ, "BEATS": str(self.beats), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(ROOT), "COLORTERM": "truecolor", **options.get("environ", {}),
        }  # fmt: skip
        self.child = pexpect.spawn(
            sys.executable, [str(APP), json.dumps(options)], env=environment, dimensions=(size[1], size[0]), timeout=5
        )
        self.written = b""

    def read_until(self, test: Callable[[], bool]) -> None:
        """Read until something is true."""
        deadline = time.monotonic() + DEADLINE
        while not test():
            assert time.monotonic() < deadline, self.text()[-3000:]
            self.read(0.05)

    def read(self, seconds: float) -> None:
        try:
            self.written += self.child.read_nonblocking(1 << 16, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            pass

    def ready(self) -> None:
        """Wait until the screen was drawn."""
        self.read_until(lambda: b"Active" in self.written and b"transferring" in self.written)

    def pulse(self) -> tuple[int, int]:
        """Give how many keys and clicks the screen has taken, and how often it has looked at the engine."""
        try:
            taken, looks = self.beats.with_suffix(".pulse").read_text().split()
        except OSError:
            return 0, 0
        return int(taken), int(looks)

    def send(self, *keys: str) -> None:
        """Send keys and clicks, each of them one event."""
        self.sent += len(keys)
        self.child.send("".join(keys))

    def stall(self, looks: int) -> None:
        """Read nothing until the screen has looked this often, and the engine has gone on meanwhile."""
        deadline = time.monotonic() + DEADLINE
        goal, beats = self.pulse()[1] + looks, self.beats.stat().st_size
        while self.pulse()[1] < goal or self.beats.stat().st_size < beats + looks // 2:
            assert time.monotonic() < deadline, "the screen or its engine stands still"
            time.sleep(0.01)

    def text(self) -> str:
        return self.written.decode("utf-8", "replace")

    def wait(self) -> int | None:
        """Read to the end and give the exit status."""
        deadline = time.monotonic() + DEADLINE
        while self.child.isalive() and time.monotonic() < deadline:
            self.read(0.1)
        self.read(0.1)
        self.child.close(force=True)
        return self.child.exitstatus

    def closed(self) -> str:
        """What the caller noted after `run` came back."""
        note = self.beats.with_suffix(".closed")
        deadline = time.monotonic() + DEADLINE
        while not note.exists() or not note.read_text():
            assert time.monotonic() < deadline, "run() did not come back"
            time.sleep(0.05)
        return note.read_text()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(options: dict | None = None, **more) -> Terminal:
        made.append(Terminal(tmp_path, options or {}, **more))
        return made[-1]

    yield start
    for one in made:
        one.child.close(force=True)


def settled(terminal: Terminal, keys: list[str]) -> None:
    """Send keys one by one; each has been taken and the screen has looked twice since, before the next is sent."""
    for key in keys or [""]:
        if key:
            terminal.send(key)
        terminal.read_until(lambda: terminal.pulse()[0] >= terminal.sent)
        looks = terminal.pulse()[1]
        terminal.read_until(lambda: terminal.pulse()[1] >= looks + 2)  # noqa: B023


def test_hostile_names_send_no_escape_of_theirs(terminal, hostile):
    """No control of a name reaches the wire: table, preview, details, log, palette, dialogs, notifications, title."""
    it = terminal({"names": hostile})
    it.ready()
    keys = "w j \r ] ] ] \x1b j D \x1b 5 1 : r e \x1b m x d 4 3".split(" ")
    settled(it, keys)
    sends_nothing_of_theirs(it)


def sends_nothing_of_theirs(it: Terminal) -> None:
    sent = it.text()
    for theirs in ("\x1b[31mred", "\x1b]52;", "\x1b]0;", "\x9b", "\x9d", "\u202e", "\u2066", "\u2028", "\x1bP", "\x00"):
        assert theirs not in sent, repr(theirs)
    assert re.search("[\x05\x0e\x0f\x7f]", sent) is None
    assert it.child.isalive()


def test_no_color_is_shades_of_grey_and_copying_goes_through_the_terminal(terminal):
    """NO_COLOR is heeded, over SSH as well; a link is sent as OSC 52, and the title is set and put back."""
    it = terminal({"names": ["plain.iso"], "environ": {"NO_COLOR": "1", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}})
    it.ready()
    settled(it, ["y", "D", "\x1b"])
    link = base64.b64encode(b"https://example.org/0").decode()
    assert f"\x1b]52;c;{link}" in it.text() and "\x1b]2;1 active" in it.text() and "\x1b[22;2t" in it.text()
    shades = set(re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", it.text()))
    assert shades and {len(set(shade)) for shade in shades} == {1}
    rest = re.sub(r"[34]8;2;\d+;\d+;\d+", "", it.text())
    assert not re.search(r"\x1b\[[\d;]*\b[349][0-7][\d;]*m", rest)


@pytest.mark.parametrize("plain", [False, True])
def test_at_rest_nothing_is_sent(terminal, plain):
    """What did not change is not drawn again: a screen reader has nothing to read, a slow line nothing to carry."""
    it = terminal({"names": ["one.iso", "two.iso"], "still": True, "plain": plain, "ascii": plain})
    it.read_until(lambda: b"paused" in it.written and b"help" in it.written)
    looks = it.pulse()[1]
    it.read_until(lambda: it.pulse()[1] >= looks + 10)
    mark = len(it.written)
    it.read_until(lambda: it.pulse()[1] >= looks + 30)
    assert it.written[mark:] == b""


def click(x: int, y: int, *, button: int = 0) -> str:
    """Write a click as a terminal reports it; cells are counted from 1."""
    return f"\x1b[<{button};{x};{y}M\x1b[<{button};{x};{y}m"


def test_clicks_on_hostile_names_trigger_nothing(terminal, hostile):
    """In the table, its menu, the details, the question before deleting, the log and the palette."""
    it = terminal({"names": hostile})
    it.ready()
    rows = [click(x, y) for y in range(3, 3 + len(hostile)) for x in (6, 24, 60, 112)]
    menu = [click(30, 5, button=2), "\x1b", click(30, 9, button=2), "\x1b"]
    details = ["\r", *(click(x, y) for y in range(2, 30, 3) for x in (20, 80)), "]", "]", click(30, 7), "\x1b"]
    question = ["*", "D", *(click(50, y) for y in range(12, 24, 4)), "\x1b", "\x1b"]
    log = ["5", *(click(40, y) for y in range(3, 12, 2)), "1"]
    it.send(*rows)
    settled(it, [*menu, *details, *question, *log, "\x1b", "g"])
    sends_nothing_of_theirs(it)
    # It is where it was, and it still obeys.
    it.child.send("q")
    it.read_until(lambda: b"not finished" in it.written)


def test_an_ascii_terminal_gets_ascii(terminal):
    """Frames, scroll bars and arrows of dialogs, too."""
    it = terminal({"names": [f"file-{n}.iso" for n in range(60)], "ascii": True})
    it.ready()
    settled(it, [*itertools.chain.from_iterable((key, "\x1b") for key in [*DIALOGS[:-1], "3", "5"])])
    assert it.written.isascii()


DIALOGS = ["a", "D", "t", "?", ":", "s", "C", "f", "\r", "q"]


def test_windows_of_every_size_while_dialogs_are_open(terminal):
    """Smaller than the smallest and back, at each of them."""
    it = terminal({"names": [f"file-{n}.iso" for n in range(5)]})
    it.ready()
    for key in DIALOGS:
        settled(it, [key])
        for rows, columns in ((12, 40), (3, 8), (1, 1), (50, 200), (24, 80)):
            it.child.setwinsize(rows, columns)
            settled(it, [])
        settled(it, ["\x1b"])
        assert it.child.isalive(), key
    mark = len(it.written)
    it.child.setwinsize(30, 100)
    it.read_until(lambda: b"file-4.iso" in it.written[mark:])


@pytest.mark.parametrize("key", ["a", "D", ":", "\r"])
def test_a_signal_while_a_dialog_is_open(terminal, key):
    """It is obeyed, and the shell gets its screen again."""
    it = terminal()
    it.ready()
    settled(it, [key])
    os.kill(it.child.pid, signal.SIGTERM)
    assert it.wait() == 128 + signal.SIGTERM
    assert it.closed() == str(128 + signal.SIGTERM) and "\x1b[?1049l" in it.text()


@pytest.mark.parametrize("key", ["a", "D"])
def test_a_terminal_that_vanishes_while_a_dialog_is_open(terminal, key):
    """The checkpoint is reached all the same."""
    it = terminal()
    it.ready()
    settled(it, [key])
    process = it.child.ptyproc
    process.fileobj.close()
    process.closed = it.child.closed = True
    assert it.closed() in {str(128 + signal.SIGHUP), "0"}


def test_hostile_names_keep_columns_aligned(terminal, hostile):
    """Every row has its host column where the others have it."""
    it = terminal({"names": hostile})
    rows: list[str] = []

    def drawn() -> bool:
        screen = pyte.Screen(120, 40)
        # What pyte does not know it would print.
        text = re.sub(r"\x1b\[[<>=?][0-9;]*[a-zA-Z$]+|\x1b\[\?2026\$p|\x1b\[[0-9;]*t", "", it.text())
        pyte.Stream(screen).feed(text)
        rows[:] = [line for line in screen.display if "transferring" in line]
        return len(rows) >= 20

    it.read_until(drawn)
    assert {line.index("transferring") for line in rows} == {5}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_restore_the_terminal_and_come_back(terminal, number):
    """The caller can checkpoint, and the shell gets its screen, cursor and title again."""
    it = terminal()
    it.ready()
    os.kill(it.child.pid, number)
    assert it.wait() == 128 + number
    assert it.closed() == str(128 + number)
    for restored in ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1004l", "\x1b[23;2t"):
        assert restored in it.text()


def test_a_terminal_that_vanishes_is_a_way_to_leave(terminal):
    """EIO and SIGHUP: the checkpoint is reached."""
    it = terminal()
    it.ready()
    process = it.child.ptyproc
    process.fileobj.close()
    process.closed = it.child.closed = True
    assert it.closed() in {str(128 + signal.SIGHUP), "0"}


def test_a_stalled_terminal_stops_neither_engine_nor_leaving(terminal):
    """Nobody reads for a while; the engine goes on, and a signal is still obeyed."""
    it = terminal({"names": [f"file-{n}.iso" for n in range(40)], "tick": 0.02})
    it.ready()
    it.stall(FRAMES)
    os.kill(it.child.pid, signal.SIGTERM)
    assert it.closed() == str(128 + signal.SIGTERM)


def test_a_terminal_that_reads_again_gets_the_whole_picture(terminal):
    """Frames were dropped; afterwards the screen is complete."""
    it = terminal({"names": [f"file-{n}.iso" for n in range(40)], "tick": 0.02})
    it.ready()
    it.stall(FRAMES)
    it.send("2")
    it.stall(FRAMES)

    def shown() -> list[str]:
        screen = pyte.Screen(120, 40)
        stream = pyte.Stream(screen)
        stream.feed(re.sub("\x1b\\[[<>=][^a-zA-Z]*[a-zA-Z]", "", it.text()))
        return [line.strip() for line in screen.display]

    it.read_until(lambda: "The queue is empty." in shown() and not any("file-" in line for line in shown()))


def test_q_leaves_with_the_guard(terminal):
    """Stop, resume at the next start."""
    it = terminal()
    it.ready()
    it.child.send("q")
    it.read_until(lambda: b"not finished" in it.written)
    it.child.send("s")
    assert it.wait() == 0


def test_without_a_terminal_there_is_no_screen(tmp_path):
    """A pipe gets a status, not escape sequences."""
    import subprocess

    done = subprocess.run(
        [sys.executable, str(APP), "{}"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30,
        env={**os.environ, "BEATS": str(tmp_path / "beats"), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
