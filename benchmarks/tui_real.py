"""What only the real program shows: time to the first picture, keys and a stalled terminal under full load, history."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import long_history
from servers import FULL, Site, memory_folder, serve
from terminal import Terminal

from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.embedded import EmbeddedEngine, Setup

STARTS = 7
CURSOR = "▌"
LINKS = 40
"""Downloads of 2 GiB in the queue: more than a run gets through."""


@contextmanager
def fresh_home(*settings: str) -> Iterator[Path]:
    """Give a home on the memory file system with these settings."""
    with tempfile.TemporaryDirectory(prefix="bench-home-", dir=memory_folder()) as folder:
        home = Path(folder)
        (home / "config").mkdir()
        (home / "state").mkdir(mode=0o700)
        (home / "config" / "config.toml").write_text("".join(f"{line}\n" for line in settings))
        yield home


def opened(terminal: Terminal) -> float:
    """Wait for the picture: every pane's name and the status line are there, and a row or what an empty list says."""
    return terminal.until(
        lambda: (
            terminal.shows("5 Log") and terminal.shows("? help") and (terminal.shows(CURSOR) or terminal.shows("Press"))
        )
    )


def starts() -> dict[str, float]:
    """Open the screen a few times on an empty list: ms of wall time from its exec on, and of CPU."""
    wall, cpu = [], []
    with fresh_home() as home:
        for _ in range(STARTS + 1):
            terminal = Terminal.program(home)
            wall.append(1000 * (opened(terminal) - terminal.began))
            cpu.append(1000 * terminal.cpu())
            terminal.close()
    # The first one writes the list and may read modules from the disk: that is not a warm one.
    return {"ready": statistics.median(wall[1:]), "ready_cpu": statistics.median(cpu[1:]), "ready_best": min(wall[1:])}


async def _paused(home: Path, rows: int) -> None:
    engine = EmbeddedEngine(Setup(folder=str(home / "downloads"), database=str(home / "state" / "downloads.db")))
    await engine.start()
    try:
        await engine.add([AddRequest(f"https://host{n % 40}.example/{n:05}.iso", paused=True) for n in range(rows)])
    finally:
        await engine.close()


def at_rest(rows: int, seconds: float) -> dict[str, float]:
    """Leave the screen open on paused downloads, with engine, store and service: CPU %, bytes, memory."""
    with fresh_home() as home:
        asyncio.run(_paused(home, rows))
        terminal = Terminal.program(home)
        try:
            ready = 1000 * (opened(terminal) - terminal.began)
            terminal.idle(4.0)
            cpu = terminal.cpu()
            sent = terminal.idle(seconds)
            cpu = 100 * (terminal.cpu() - cpu) / seconds
            return {
                "rest_cpu": cpu,
                "rest_kb": sent / seconds / 1000,
                "rest_memory": terminal.memory(),
                "rest_ready": ready,
            }
        finally:
            terminal.close()


class Load:
    """A queue of 2 GiB downloads at full rate; what is complete is deleted, so that memory lasts."""

    def __init__(self, site: Site, home: Path) -> None:
        self._files = home / "downloads"
        self._size = (site.files / "big.bin").stat().st_size
        self.workers = site.workers()

    def sweep(self) -> None:
        for path in self._files.glob("big*.bin") if self._files.is_dir() else ():
            # A file has its final name when it is complete, and not before.
            if path.stat().st_size == self._size:
                path.unlink()

    def sent(self) -> int:
        """Bytes that the server has sent, as the kernel counts them."""
        total = 0
        for worker in self.workers:
            for line in Path(f"/proc/{worker}/io").read_text().splitlines():
                total += int(line.partition(":")[2]) if line.startswith("wchar") else 0
        return total


def _throughput(load: Load, seconds: float, terminal: Terminal | None) -> float:
    """MB/s for a while, the terminal read or left alone."""
    before, began = load.sent(), time.perf_counter()
    while time.perf_counter() < began + seconds:
        load.sweep()
        if terminal is None:
            time.sleep(0.05)
        else:
            terminal.idle(0.05)
    return (load.sent() - before) / (time.perf_counter() - began) / 1e6


def _cursor(terminal: Terminal) -> int:
    return next((y for y, line in enumerate(terminal.lines()) if line.startswith(CURSOR)), -1)


def _keys(terminal: Terminal, load: Load, seconds: float) -> list[float]:
    """Move the cursor up and down and give the ms from each key to the first byte of the picture that shows it."""
    took, moments, down = [], random.Random(1), True
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        place = _cursor(terminal)
        pressed = terminal.press("j" if down else "k")
        terminal.until(lambda: _cursor(terminal) not in (place, -1), 5)  # noqa: B023
        took.append(1000 * (terminal.at - pressed))
        down = not down
        load.sweep()
        terminal.idle(moments.uniform(0.01, 0.06))
    return took


def under_load(size: int, *, seconds: float = 8.0) -> dict[str, float]:
    """Type, watch, and let the terminal stall for 8 s, while 2 GiB after 2 GiB arrive at full rate."""
    with serve(replace(FULL, big=size, many=0, medium=0)) as site, fresh_home("downloads = 2") as home:
        links = [f"{site.http}big.bin?n={n}" for n in range(LINKS)]
        terminal = Terminal.program(home, *links)
        try:
            load = Load(site, home)
            opened(terminal)
            terminal.until(lambda: terminal.shows("transferring"))
            _throughput(load, 2.0, terminal)
            before, began = load.sent(), time.perf_counter()
            took = sorted(_keys(terminal, load, seconds))
            typing = (load.sent() - before) / (time.perf_counter() - began) / 1e6
            read = _throughput(load, seconds, terminal)
            stalled = _throughput(load, seconds, None)
            again = _throughput(load, seconds / 2, terminal)
            whole = terminal.shows("5 Log") and terminal.shows("? help") and terminal.shows("transferring")
        finally:
            terminal.close()
    return {
        "keys": len(took), "key_median": statistics.median(took), "key_p99": took[max(0, int(len(took) * 0.99) - 1)],
        "key_worst": took[-1], "typing": typing, "read": read, "stalled": stalled, "again": again,
        "whole": float(whole),
    }  # fmt: skip


def history(rows: int) -> dict[str, float]:
    """Open, scroll and search a long history on the real store, in ms from key to picture."""
    opening, found = [], {}
    with fresh_home() as home:
        long_history.copy(rows, home / "state" / "downloads.db")
        for _ in range(3):
            # It would open where it was left: in the history.
            (home / "state" / "screen.json").unlink(missing_ok=True)
            terminal = Terminal.program(home)
            try:
                found["history_ready"] = 1000 * (opened(terminal) - terminal.began)
                terminal.idle(2.0)
                opening.append(_after(terminal, "3", lambda: _rows(terminal) >= 30))  # noqa: B023
                if len(opening) == 3:
                    found |= _walk(terminal)
            finally:
                terminal.close()
    return {"open": statistics.median(opening), "open_worst": max(opening), **found}


def _walk(terminal: Terminal) -> dict[str, float]:
    pages = []
    for _ in range(20):
        first = terminal.lines()[-6]
        pages.append(_after(terminal, "\x1b[6~", lambda: terminal.lines()[-6] != first and _rows(terminal) >= 30))  # noqa: B023
    first = terminal.lines()[4]
    end = _after(terminal, "G", lambda: terminal.lines()[4] != first and _rows(terminal) >= 30)
    terminal.press("g")
    terminal.idle(0.5)
    terminal.press("/")
    terminal.idle(0.5)
    search = _after(terminal, "4711-", lambda: 0 < _rows(terminal, "4711-") == _rows(terminal))
    return {"page_worst": max(pages), "page_median": statistics.median(pages), "end": end, "search": search,
            "memory": terminal.memory()}  # fmt: skip


def _rows(terminal: Terminal, text: str = "") -> int:
    """How many rows of downloads are on the screen."""
    ends = ("complete", "failed", "cancelled")
    return sum(any(end in line for end in ends) and text in line for line in terminal.lines()[2:-2])


def _after(terminal: Terminal, key: str, test) -> float:  # noqa: ANN001
    pressed = terminal.press(key)
    return 1000 * (terminal.until(test) - pressed)


if __name__ == "__main__":
    import sys

    match sys.argv[1]:
        case "starts":
            print(starts())
        case "rest":
            print(at_rest(500, 5.0))
        case "load":
            print(under_load(2 << 30))
        case "history":
            print(history(1_000_000))
