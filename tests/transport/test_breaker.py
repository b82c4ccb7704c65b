"""The guard against a library that waits in place of the loop."""

from __future__ import annotations

import os
import socket

import pytest

from tui_downloads.transport import breaker as module
from tui_downloads.transport.breaker import Breaker, cut


@pytest.fixture
def pair():
    """Give two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        yield near, far


@pytest.fixture
def breaker(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    monkeypatch.setattr(module, "_LOOK", 0.02)
    made = Breaker()
    yield made
    made.last(lambda: None)


@pytest.mark.may_block
def test_a_wait_for_a_noted_socket_ends(breaker, pair):
    """A call that waits for a server's word sees the end of the connection instead."""
    near, _ = pair
    breaker.note(near.fileno())
    assert breaker.guard(near.recv)(10) == b""


@pytest.mark.may_block
def test_a_socket_that_only_has_the_number_is_left_alone(breaker, pair):
    """A closed descriptor's number may be another connection by then."""
    near, far = pair
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    with other, peer:
        breaker.note(other.fileno())
        os.dup2(near.fileno(), other.fileno())
        near.settimeout(0.6)
        with pytest.raises(TimeoutError):
            breaker.guard(near.recv)(10)
        far.sendall(b"on")
        assert near.recv(10) == b"on"


@pytest.mark.may_block
def test_outside_of_a_call_nothing_is_cut(breaker, pair):
    """Connections that rest are not touched, however long."""
    near, far = pair
    breaker.note(near.fileno())
    breaker.guard(lambda: None)()
    near.settimeout(0.6)
    with pytest.raises(TimeoutError):
        near.recv(10)
    far.sendall(b"on")
    assert near.recv(10) == b"on"


@pytest.mark.parametrize("fd", [-1, 1 << 20])
def test_what_is_no_socket_is_passed_over(breaker, fd):
    """Neither noting nor cutting fails."""
    breaker.note(fd)
    cut(fd)
