"""A real download of the real program, while nobody reads the terminal."""

from __future__ import annotations

import array
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DEADLINE = 60.0
BODY = os.urandom(1 << 20) * 16


def until(test: Callable[[], bool]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + DEADLINE
    while not test():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def server():
    """A server that keeps the bytes back until it is told to send them."""
    asked, go = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            asked.set()
            go.wait(DEADLINE)
            self.wfile.write(BODY)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}/kept.bin", asked, go
    go.set()
    made.shutdown()
    thread.join()
    made.server_close()


def waiting(terminal: int) -> int:
    """Say how many bytes stand in the terminal's buffer, unread."""
    count = array.array("i", [0])
    fcntl.ioctl(terminal, termios.FIONREAD, count)
    return count[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_real_download_completes_while_the_terminal_stalls(tmp_path, server):
    """Not a byte is read from the terminal; the file is whole, and the program still leaves when told to."""
    link, asked, go = server
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {
        **os.environ, "TUI_DOWNLOADS_HOME": str(tmp_path), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tui_downloads", link],
        stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        until(asked.is_set)
        full = 0

        def stalled() -> bool:
            nonlocal full
            before, full = full, waiting(master)
            return full > 1000 and full == before

        until(stalled)
        go.set()
        kept = tmp_path / "downloads" / "kept.bin"
        until(lambda: kept.exists() and kept.stat().st_size == len(BODY))
        assert kept.read_bytes() == BODY
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
        os.close(master)
