"""Ends libcurl's own waiting.

Over FTP and SSH libcurl waits for the server in some places where it should come back at once: for the last reply of a
transfer, and for the goodbye of a connection that it closes. A server that has frozen, or a machine that has slept,
would hold the whole event loop there, over SSH for ever. A socket that is shut down ends such a wait.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE = 1.5
"""Seconds that one call into libcurl may take."""
_LOOK = 0.25

Names = tuple[object, object]


class Breaker:
    """Watches, from a thread of its own, the calls into a multi that holds connections to file servers."""

    def __init__(self) -> None:
        # Mutable state: the sockets of file servers with the names of both sides, when the call under way began (0
        # where there is none), and the thread that looks.
        self._sockets: dict[int, Names] = {}
        self._since = 0.0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, fd: int) -> None:
        """Remember a file server's socket."""
        names = _names(fd)
        if names is None:
            return
        self._sockets[fd] = names
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="libcurl-breaker", daemon=True)
            self._thread.start()

    def guard(self, call: Callable[P, R]) -> Callable[P, R]:
        """Give a call that does not take much longer than `PATIENCE`."""

        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            self._since = time.monotonic()
            try:
                return call(*args, **kwargs)
            finally:
                self._since = 0.0

        return guarded

    def last(self, call: Callable[[], object]) -> None:
        """Make the call that closes every connection, and end the thread."""
        try:
            self.guard(call)()
        finally:
            self._closed.set()

    def _look(self) -> None:
        while not self._closed.wait(_LOOK):
            since = self._since
            if since and time.monotonic() - since > PATIENCE:
                for fd, names in list(self._sockets.items()):
                    if _names(fd) == names:
                        cut(fd)


def cut(fd: int) -> None:
    """Shut a socket down without closing it: whoever waits for it sees its end."""
    mine = _borrow(fd)
    if mine is not None:
        with mine:
            try:
                mine.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _names(fd: int) -> Names | None:
    """Give the names of both sides, by which a number that another socket has by now is noticed."""
    mine = _borrow(fd)
    if mine is None:
        return None
    with mine:
        try:
            return mine.getsockname(), mine.getpeername()
        except OSError:
            return None


def _borrow(fd: int) -> socket.socket | None:
    if fd < 0:
        return None
    try:
        copy = os.dup(fd)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
