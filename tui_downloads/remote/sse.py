"""Reading server-sent events (WHATWG HTML, 9.2) from pieces of bytes; pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

LONGEST = 4 * 1024 * 1024
"""Bytes of one event; more is nonsense."""


class Message(Struct, frozen=True):
    """One event of the stream."""

    id: str
    type: str
    data: str


class Reader:
    """Takes bytes, gives messages. Only complete messages are given."""

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._type = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Take a piece and give the messages it completes.

        Raises:
            ValueError: a message is too large.
        """
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST:
            raise ValueError("the event is too large")
        for raw in lines:
            message = self._line(raw.removesuffix(b"\r").decode("utf-8", "replace"))
            if message is not None:
                yield message

    def _line(self, line: str) -> Message | None:
        if not line:
            if not self._data:
                self._type = ""
                return None
            message = Message(self._id, self._type or "message", "\n".join(self._data))
            self._type, self._data, self._size = "", [], 0
            return message
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(value)
            if self._size > LONGEST:
                raise ValueError("the event is too large")
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None
