"""Sockets that libcurl wants to hear about, watched on the running loop."""

from __future__ import annotations

import asyncio
import select
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable

import pycurl

Ready = Callable[[int, int], None]
"""Called with a descriptor and libcurl's CSELECT bits."""

_BATCH = 128


class Watch(ABC):
    """Tells `ready` about each watched socket, then `after` once for the batch."""

    @abstractmethod
    def on_socket(self, what: int, fd: int, multi: object, data: object) -> None:
        """Take libcurl's wish for a socket (its M_SOCKETFUNCTION)."""

    def borrow(self, fd: int) -> bool:
        """Watch a socket for reading whatever libcurl says of it, until it is given back; False where that can't be."""
        return False

    def give_back(self, fd: int) -> None:
        """Do again what libcurl says of a socket."""

    @abstractmethod
    def close(self) -> None:
        """Watch nothing any more."""


class EpollWatch(Watch):
    """An epoll of our own inside the loop's selector.

    A small file on a kept connection is watched and forgotten within microseconds, so the loop's own bookkeeping would
    be most of its cost. Here forgetting is only noted; the kernel drops closed descriptors by itself, and a socket that
    speaks while nobody listens is dropped then.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Ready, after: Callable[[], None]) -> None:
        self._loop = loop
        self._ready = ready
        self._after = after
        self._epoll = select.epoll()
        # Mutable state: the mask that libcurl wants for each descriptor.
        self._wanted: dict[int, int] = {}
        self._borrowed: set[int] = set()
        self._masks = {
            pycurl.POLL_IN: select.EPOLLIN,
            pycurl.POLL_OUT: select.EPOLLOUT,
            pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
        }
        loop.add_reader(self._epoll.fileno(), self._on_events)

    def on_socket(self, what: int, fd: int, multi: object, data: object) -> None:
        mask = self._masks.get(what)
        if mask is None or self._epoll.closed:
            self._wanted.pop(fd, None)
            return
        self._wanted[fd] = mask
        if fd in self._borrowed:
            return
        # Always told to the kernel: the descriptor may be another socket with an old number.
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)

    def borrow(self, fd: int) -> bool:
        try:
            self._epoll.modify(fd, select.EPOLLIN)
        except OSError:
            return False
        self._borrowed.add(fd)
        return True

    def give_back(self, fd: int) -> None:
        self._borrowed.discard(fd)
        if fd in self._wanted and not self._epoll.closed:
            self._epoll.modify(fd, self._wanted[fd])

    def _on_events(self) -> None:
        for fd, events in self._epoll.poll(0, _BATCH):
            if fd not in self._wanted and fd not in self._borrowed:
                self._forget(fd)
                continue
            if events == select.EPOLLIN:
                bits = pycurl.CSELECT_IN
            elif events == select.EPOLLOUT:
                bits = pycurl.CSELECT_OUT
            else:
                bits = _bits(events)
            self._ready(fd, bits)
        self._after()

    def _forget(self, fd: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError:
            pass

    def close(self) -> None:
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()


def _bits(events: int) -> int:
    bits = 0
    if events & select.EPOLLIN:
        bits |= pycurl.CSELECT_IN
    if events & select.EPOLLOUT:
        bits |= pycurl.CSELECT_OUT
    if events & (select.EPOLLERR | select.EPOLLHUP):
        bits |= pycurl.CSELECT_ERR
    return bits


class LoopWatch(Watch):
    """The loop's own readers and writers, for systems without epoll."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Ready, after: Callable[[], None]) -> None:
        self._loop = loop
        self._ready = ready
        self._after = after
        # Mutable state: what is registered with the loop, as POLL_IN and POLL_OUT bits.
        self._registered: dict[int, int] = {}
        self._closed = False

    def on_socket(self, what: int, fd: int, multi: object, data: object) -> None:
        if self._closed:
            return
        wanted = 0 if what == pycurl.POLL_REMOVE else what
        had = self._registered.get(fd, 0)
        if wanted & pycurl.POLL_IN and not had & pycurl.POLL_IN:
            self._loop.add_reader(fd, self._on_event, fd, pycurl.CSELECT_IN)
        if had & pycurl.POLL_IN and not wanted & pycurl.POLL_IN:
            self._loop.remove_reader(fd)
        if wanted & pycurl.POLL_OUT and not had & pycurl.POLL_OUT:
            self._loop.add_writer(fd, self._on_event, fd, pycurl.CSELECT_OUT)
        if had & pycurl.POLL_OUT and not wanted & pycurl.POLL_OUT:
            self._loop.remove_writer(fd)
        if wanted:
            self._registered[fd] = wanted
        else:
            self._registered.pop(fd, None)

    def _on_event(self, fd: int, bits: int) -> None:
        if fd in self._registered:
            self._ready(fd, bits)
            self._after()

    def close(self) -> None:
        for fd in list(self._registered):
            self.on_socket(pycurl.POLL_REMOVE, fd, None, None)
        self._closed = True


def open_watch(loop: asyncio.AbstractEventLoop, ready: Ready, after: Callable[[], None]) -> Watch:
    """Give the best watch of this system."""
    kind = EpollWatch if sys.platform == "linux" else LoopWatch
    return kind(loop, ready, after)
