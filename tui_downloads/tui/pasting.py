"""What the terminal sends, taken apart so that pasted text is never taken for keys.

Textual's parser looks for keys inside a paste, too: an escape character in it, or a pause of the line within the mark
of its end, and the rest of the text is typed as commands. Here a paste is everything between its two marks.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

LONGEST = 8 << 20
"""Characters of a paste that are kept."""


class PasteParser(XTermParser):
    """Textual's parser, which sees the keys before and after a paste and nothing of the paste itself."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        # Mutable state: the paste that is under way, if any, and the last characters of what is none, for marks that
        # arrive in pieces.
        self._pasted: str | None = None
        self._tail = ""

    def feed(self, data: str) -> Iterator[Message]:
        """Parse what arrived; empty text is the end."""
        if not data:
            yield from super().feed("")
            return
        while data:
            if self._pasted is None:
                rest = yield from self._outside(data)
            else:
                rest = yield from self._inside(data)
            data = rest

    def _outside(self, data: str) -> Generator[Message, None, str]:
        """Give the keys before the next paste; return what follows its mark."""
        joined = self._tail + data
        at = joined.find(BRACKETED_PASTE_START)
        if at < 0:
            self._tail = joined[1 - len(BRACKETED_PASTE_START) :]
            yield from super().feed(data)
            return ""
        stop = at + len(BRACKETED_PASTE_START) - len(self._tail)
        # To the parser a paste ends where it begins.
        for event in super().feed(data[:stop] + BRACKETED_PASTE_END):
            if not isinstance(event, events.Paste):
                yield event
        self._tail, self._pasted = "", ""
        return data[stop:]

    def _inside(self, data: str) -> Generator[Message, None, str]:
        """Collect a paste and give it when it ends; return what follows it."""
        held = self._pasted or ""
        joined = held + data
        at = joined.find(BRACKETED_PASTE_END, max(0, len(held) - len(BRACKETED_PASTE_END)))
        if at < 0:
            # Of a paste beyond all measure only the end is looked at further, for the mark.
            mark = len(BRACKETED_PASTE_END)
            self._pasted = joined if len(joined) <= LONGEST else joined[: LONGEST - mark] + joined[-mark:]
            return ""
        self._pasted = None
        yield events.Paste(joined[:at].replace("\x00", ""))
        return joined[at + len(BRACKETED_PASTE_END) :]
