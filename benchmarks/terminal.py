"""A program on a pseudo-terminal, with the picture that its bytes paint and the moment at which each came."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte
from memory import peak

SIZE = (120, 40)
TICKS = os.sysconf("SC_CLK_TCK")
_UNKNOWN = re.compile(r"\x1b\[[<>=?][0-9;]*[a-zA-Z$]+|\x1b\[\?2026\$p|\x1b\[[0-9;]*t|\x1b\].*?\x07")
"""What pyte would print, because it does not know it."""


class Terminal:
    """The real program, or another command, on 120×40."""

    # Mutable state: the process, the picture, how many bytes came and when the newest of them did.
    def __init__(self, command: list[str], home: Path, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        # A pager of bytes that stops in the middle of a character or sequence goes on with the next piece.
        self._rest = ""
        self.screen = pyte.Screen(*SIZE)
        self._stream = pyte.Stream(self.screen)
        self.received = 0
        self.began = time.perf_counter()
        self.at = self.began
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SSH_")}
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8",
                 "TUI_DOWNLOADS_HOME": str(home), **environment},
        )  # fmt: skip
        os.close(slave)

    @classmethod
    def program(cls, home: Path, *links: str) -> Terminal:
        """Open the screen as a user does."""
        return cls([sys.executable, "-m", "tui_downloads", *links], home)

    def read(self, seconds: float) -> bool:
        """Wait for bytes and paint them; say whether any came."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            return False
        self.at = time.perf_counter()
        self.received += len(data)
        text = self._rest + data.decode("utf-8", "ignore")
        cut = text.rfind("\x1b")
        # The last sequence may be cut; it is painted with what follows, or when nothing does.
        whole = len(text) if cut < 0 or len(text) - cut > 64 or re.match(r"\x1b\[[0-9;?]*[A-Za-z]", text[cut:]) else cut
        self._rest = text[whole:]
        self._stream.feed(_UNKNOWN.sub("", text[:whole]))
        return True

    def idle(self, seconds: float) -> int:
        """Read for a while and give the number of bytes that came."""
        before, end = self.received, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)
        return self.received - before

    def until(self, test: Callable[[], bool], seconds: float = 20.0) -> float:
        """Read until the picture is what it should be; give the moment at which its last bytes came.

        Raises:
            TimeoutError: it did not become so.
        """
        end = time.perf_counter() + seconds
        while not test():
            if time.perf_counter() > end or (not self.read(0.2) and self.process.poll() is not None):
                raise TimeoutError("\n".join(self.lines()))
        return self.at

    def press(self, key: str) -> float:
        """Press a key and give the moment."""
        now = time.perf_counter()
        os.write(self._master, key.encode())
        return now

    def lines(self) -> list[str]:
        return list(self.screen.display)

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.lines())

    def cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """The most memory it had, in MB."""
        return peak(self.process.pid)

    def close(self) -> None:
        """End the program as a closed window would, and wait for it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        end = time.perf_counter() + 20
        while self.process.poll() is None:
            if time.perf_counter() > end:
                self.process.kill()
            self.read(0.1)
        os.close(self._master)
