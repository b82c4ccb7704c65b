"""The practice server by itself."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_link_serves_and_leaves(end: signal.Signals):
    """Until a signal, then with status 0."""
    command = [sys.executable, "-m", "tui_downloads.demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        url = running.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}f/12/a", timeout=60) as reply:
            assert len(reply.read()) == 12
        running.send_signal(end)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "")


def test_a_taken_port_is_one_clear_line():
    """And status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tui_downloads.demo", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"cannot serve on port {port}" in done.stderr
