"""Figures of the service over its sockets: bulk adds, a page of a long list, and subscribers of which one never reads.

python benchmarks/service.py > benchmarks/SERVICE.md
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from tui_downloads.config.paths import find
from tui_downloads.daemon import answers

ADDED = b"event: added\n"
ROWS, BULK, PAGES, READERS = 100_000, 5_000, 40, 100


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[httpx.Client, int, str]]:
    """Run `serve` with a home of its own and give a client and its process id."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TUI_DOWNLOADS_HOME": str(home)}
    path = find(environment).socket
    child = subprocess.Popen(
        [sys.executable, "-m", "tui_downloads", "serve"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait(lambda: answers(path))
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=path), base_url="http://localhost", timeout=120.0
        ) as client:
            yield client, child.pid, path
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(60)


def wait(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Look until something is true."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def memory(pid: int) -> float:
    """Give a process's resident megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def spent_by(pid: int) -> float:
    """Give the milliseconds of processor a process has used, which others on the machine hardly change."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def bulk(client: httpx.Client, first: int, count: int) -> float:
    """Add many in one request and give the seconds it took."""
    body = {"downloads": [{"url": f"https://h{n % 50}.example.org/{n}/file-{n}.bin", "paused": True}
                          for n in range(first, first + count)]}  # fmt: skip
    began = time.perf_counter()
    answer = client.post("/v1/downloads", json=body)
    spent = time.perf_counter() - began
    assert answer.status_code == 200, answer.text[:300]
    assert all(outcome["error"] is None for outcome in answer.json()["outcomes"])
    return spent


def pages(client: httpx.Client, pid: int) -> dict[str, tuple[float, list[float]]]:
    """Time pages of a long list: the first, ones that follow, sorted, searched; gives CPU and wall milliseconds."""
    asked: dict[str, dict[str, Any]] = {
        "first page, 100 rows": {}, "by name, backwards": {"sort": "name", "order": "desc"},
        "of one state": {"state": "paused"}, "of one host": {"host": "h7.example.org"},
        "text found in few": {"text": "file-99999"},
    }  # fmt: skip
    found: dict[str, tuple[float, list[float]]] = {}
    for name, params in asked.items():
        before = spent_by(pid)
        times = [timed(client, {"limit": 100, **params})[0] for _ in range(PAGES)]
        found[name] = ((spent_by(pid) - before) / PAGES, times)
    cursor, before, times = None, spent_by(pid), []
    for _ in range(PAGES):
        spent, answer = timed(client, {"limit": 100, **({"cursor": cursor} if cursor else {})})
        cursor = answer["cursor"]
        times.append(spent)
    found["following pages, 100 rows"] = ((spent_by(pid) - before) / PAGES, times)
    return found


def timed(client: httpx.Client, params: dict[str, Any]) -> tuple[float, Any]:
    """Ask for a page and give milliseconds and answer."""
    began = time.perf_counter()
    answer = client.get("/v1/downloads", params=params)
    spent = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, answer.text
    return spent, answer.json()


class Reader(threading.Thread):
    """Subscribes and counts what is added."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self.path, self.heard, self.ready, self.latest = path, 0, threading.Event(), 0.0

    def run(self) -> None:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(self.path)
            channel.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.ready.set()
            rest = b""
            with contextlib.suppress(OSError):
                while data := channel.recv(1 << 18):
                    data = rest + data
                    self.heard += data.count(ADDED)
                    self.latest = time.perf_counter()
                    # Too short to hold a whole mark, so that none is counted twice.
                    rest = data[1 - len(ADDED) :]


def subscribers(
    client: httpx.Client, path: str, pid: int, readers: int, deaf: bool
) -> tuple[float, float, list[int], float, float]:
    """Add 1,000 downloads while readers listen, and wait until the deaf one is dropped.

    Gives seconds to add, to hear all, what was heard, memory grown, and seconds until the deaf one was gone.
    """
    before = memory(pid)
    stuck = socket.socket(socket.AF_UNIX)
    if deaf:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(path)
        stuck.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    threads = [Reader(path) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.ready.wait(10)
    time.sleep(1.0)
    began = time.perf_counter()
    for n in range(10):
        bulk(client, 200_000 + n * 100 + (50_000 if deaf else 0), 100)
    added = time.perf_counter() - began
    with contextlib.suppress(TimeoutError):
        wait(lambda: all(thread.heard >= 1000 for thread in threads))
    heard = max((thread.latest for thread in threads), default=began) - began
    grown = memory(pid) - before
    if deaf:
        wait(lambda: client.get("/v1/stats").json()["subscribers"] == readers)
    dropped = time.perf_counter() - began
    stuck.close()
    return added, heard, [thread.heard for thread in threads], grown, dropped


def main() -> None:
    """Measure and print the page."""
    with tempfile.TemporaryDirectory(prefix="tdb", dir="/tmp") as folder:
        with serving(Path(folder) / "h") as (client, pid, path):
            spent = [bulk(client, at, BULK) for at in range(0, ROWS, BULK)]
            time.sleep(3.0)
            found = pages(client, pid)
            full = memory(pid)
        # A service for each: readers stay until it ends, and a user may have 128.
        with serving(Path(folder) / "g") as (client, pid, path):
            alone = subscribers(client, path, pid, READERS - 1, False)
        with serving(Path(folder) / "d") as (client, pid, path):
            beside = subscribers(client, path, pid, READERS - 1, True)
    print("# The service in figures\n")
    print(f"`python benchmarks/service.py`, over the Unix socket of a `serve` with the embedded engine, "
          f"on {os.cpu_count()} cores shared with other work (load {os.getloadavg()[1]:.0f}), "
          f"Python {platform.python_version()}.\n")  # fmt: skip
    print(
        f"## Adds through the bulk endpoint\n\n{ROWS:,} downloads in requests of {BULK:,}, "
        "all stored on disk when answered:\n"
    )
    print("| | downloads a second |\n|---|---|")
    print(f"| all of them | {ROWS / sum(spent):,.0f} |\n| slowest request | {BULK / max(spent):,.0f} |")
    print(f"| fastest request | {BULK / min(spent):,.0f} |\n\nThe process then has {full:,.0f} MB.\n")
    print(f"## A page out of {ROWS:,}\n")
    print("The first of all pages, the worst of the first row, copies what waits into memory.\n")
    print("| | CPU ms | median ms | best ms | worst ms |\n|---|---|---|---|---|")
    for name, (cpu, times) in found.items():
        print(f"| {name} | {cpu:.1f} | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} |")
    print(f"\n## {READERS} subscribers of which one never reads\n")
    print("1,000 downloads are added in ten requests while everybody listens.\n")
    print("| | adds took | all heard after | heard by each | process grew | the deaf one was dropped after |")
    print("|---|---|---|---|---|---|")
    for name, (added, heard, counts, grown, dropped) in (
        (f"{READERS - 1} readers", alone),
        (f"{READERS - 1} readers and a deaf one", beside),
    ):
        print(
            f"| {name} | {added:.2f} s | {heard:.2f} s | {min(counts):,} to {max(counts):,} of 1,000 | {grown:.0f} MB |"
            f" {f'{dropped:.0f} s' if 'deaf' in name else '–'} |"
        )


if __name__ == "__main__":
    main()
