"""How late the screen's loop is while 2 GiB arrive at full rate, with and without a disk that stalls.

    python benchmarks/lag.py [--size 2G] [--write]

The real screen runs without a terminal (Textual's headless driver) on the embedded engine; a timer of 5 ms on the
screen's loop notes how late it comes. The stalling disk is a write that sleeps for half a second now and then, in the
engine's thread.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from servers import FULL, memory_folder, serve  # noqa: E402

from tui_downloads.core.lifecycle import State  # noqa: E402
from tui_downloads.core.link_list import parse_size  # noqa: E402
from tui_downloads.core.spec import AddRequest  # noqa: E402
from tui_downloads.engine.embedded import EmbeddedEngine, Setup  # noqa: E402
from tui_downloads.files.part import PartFile  # noqa: E402
from tui_downloads.tui.run import build  # noqa: E402

STALL_EVERY, STALL = 1.5, 0.5


async def one(url: str, folder: str) -> tuple[list[float], float]:
    """Download with the screen open; give the lateness of each tick in ms, and the seconds it took."""
    engine = EmbeddedEngine(Setup(folder=folder))
    await engine.start()
    late: list[float] = []
    async with build(engine).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        (outcome,) = await engine.add([AddRequest(url)])
        began = time.monotonic()
        while (await engine.get(outcome.id)).download.state is not State.COMPLETE:
            for _ in range(40):
                then = time.monotonic()
                await asyncio.sleep(0.005)
                late.append((time.monotonic() - then - 0.005) * 1000)
        took = time.monotonic() - began
    await engine.close()
    return late, took


def stalling() -> None:
    """Let the disk stall: some writes take half a second, as on a busy network file system."""
    write, last = PartFile.write, [time.monotonic()]

    def slow(self: PartFile, offset: int, chunks: list[bytes]) -> None:
        if time.monotonic() - last[0] > STALL_EVERY:
            time.sleep(STALL)
            last[0] = time.monotonic()
        write(self, offset, chunks)

    PartFile.write = slow  # type: ignore[method-assign,assignment]


def line(name: str, late: list[float], took: float) -> str:
    ranked = sorted(late)
    p99 = ranked[int(len(ranked) * 0.99) - 1]
    return f"| {name} | {took:.1f} | {statistics.median(ranked):.1f} | {p99:.1f} | {ranked[-1]:.1f} | {len(ranked)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="2G")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = []
    scale = replace(FULL, big=parse_size(options.size), many=0, medium=0)
    with serve(scale) as site, tempfile.TemporaryDirectory(dir=memory_folder()) as root:
        url = f"{site.http}big.bin"
        rows.append(line("full rate", *asyncio.run(one(url, f"{root}/a"))))
        stalling()
        rows.append(line("full rate, the disk stalls", *asyncio.run(one(url, f"{root}/b"))))
    text = "\n".join(
        [
            "# How late the screen's loop is",
            "",
            f"`python benchmarks/lag.py --write` on {datetime.date.today()}: {options.size} over loopback to tmpfs, "
            f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}.",
            "",
            "| case | seconds | median, ms | p99, ms | worst, ms | ticks |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "Goal: p99 at most 20 ms.",
            "",
        ]
    )
    print(text)
    if options.write:
        (Path(__file__).parent / "LAG.md").write_text(text)


if __name__ == "__main__":
    main()
