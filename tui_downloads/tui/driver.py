"""A terminal driver that never waits for the terminal: one that stalls misses frames, one that is gone is left alone.

Textual's own writer blocks the event loop once 30 writes are queued. Here a full queue drops what is written and
remembers that the picture is behind; when the terminal reads again, the app paints everything once.
"""

from __future__ import annotations

import codecs
import contextlib
import queue
import termios
import time
from collections.abc import Callable
from functools import partial
from typing import TextIO, cast

from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread

from .glass import ThroughGlass
from .pasting import PasteParser

_ALIKE = {
    "─━═╌┄–—": "-", "│┃║▌▐▎▊▏▕": "|", "┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝": "+", "▁▂▃▄▅▆▇█▔▀░▒▓": " ", "…": "~", "▼": "v", "▲": "^",
    "•●": "*", "·": "|", "×": "x", "→": ">", "‹": "<", "›": ">", "✓": "+", "✗": "x", "␡\ufffd": "?",
}  # fmt: skip
TO_ASCII = {ord(sign): plain for signs, plain in _ALIKE.items() for sign in signs}
TO_ASCII.update(dict.fromkeys(range(0x2400, 0x2421), "?"))
"""What draws, for terminals without it; each sign has a stand-in of the same width. Letters of names stay."""
PUSH_TITLE, POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"
NO_PROGRESS = "\x1b]9;4;0;\x07"
PATIENCE = 2.0
"""Seconds that a stalled terminal is given to take what restores it."""


def _forgiving(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    """Give a decoder that survives what is not text: by default one wrong byte ends the program."""
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")


class PatientWriter(WriterThread):
    """Writes in a thread and never makes its caller wait."""

    behind = False
    """Something was dropped, so the picture on the terminal is not ours."""

    def __init__(self, file: TextIO) -> None:
        self._glass = ThroughGlass(file)
        super().__init__(cast(TextIO, self._glass))

    def forget(self) -> None:
        """Send in full what is drawn next."""
        self._glass.stale = True

    def write(self, text: str) -> None:
        if not self.is_alive():
            return
        try:
            self._queue.put_nowait(text)
        except queue.Full:
            self.behind = True

    def run(self) -> None:
        # A terminal that is gone raises EIO at every write; then there is nothing left to do here.
        with contextlib.suppress(OSError, ValueError):
            super().run()

    @property
    def idle(self) -> bool:
        return self._queue.empty()

    def drop_queue(self) -> None:
        """Forget the frames that nobody has read."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def stop(self) -> None:
        """End the thread; a terminal that does not read is given a moment, then its buffer is thrown away."""
        deadline = time.monotonic() + PATIENCE
        while self.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)
            self.join(0.1)
            if time.monotonic() > deadline:
                self.drop_queue()
                with contextlib.suppress(termios.error, OSError, ValueError):
                    termios.tcflush(self._file.fileno(), termios.TCOFLUSH)
            if time.monotonic() > deadline + PATIENCE:
                return


class PatientDriver(linux_driver.LinuxDriver):
    """Textual's driver with the patient writer, and the window's title put back at the end."""

    _ascii = False
    """Frames, scroll bars and arrows of Textual's own widgets are written with ASCII."""

    def start_application_mode(self) -> None:
        # The driver makes its writer, parser and decoder from these module-level names and offers no other way.
        linux_driver.WriterThread = PatientWriter  # type: ignore[attr-defined, assignment]
        linux_driver.XTermParser = PasteParser  # type: ignore[attr-defined]
        linux_driver.getincrementaldecoder = _forgiving  # type: ignore[attr-defined, assignment]
        session = getattr(self._app, "session", None)
        self._ascii = session is not None and not session.glyphs.frame
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.write(PUSH_TITLE)

    @property
    def _patient(self) -> PatientWriter | None:
        writer = self._writer_thread
        return writer if isinstance(writer, PatientWriter) else None

    def write(self, data: str) -> None:
        if self._writer_thread is not None:
            super().write(data.translate(TO_ASCII) if self._ascii and not data.isascii() else data)

    def forget(self) -> None:
        """Hear that the terminal may show something else than what was sent."""
        if self._patient is not None:
            self._patient.forget()

    def caught_up(self) -> bool:
        """Say once, after frames were dropped, that the terminal reads again."""
        writer = self._patient
        if writer is None or not writer.behind or not writer.idle:
            return False
        writer.behind = False
        return True

    def stop_application_mode(self) -> None:
        writer = self._patient
        if writer is not None and writer.behind:
            writer.drop_queue()
        self.write(NO_PROGRESS + POP_TITLE)
        with contextlib.suppress(OSError):
            super().stop_application_mode()
