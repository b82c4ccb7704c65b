"""A list of 10,000: what adding costs, what an idle engine costs, and how soon a command is done.

    python -m benchmarks.scale [--rows 10000] [--write]

The downloads are queued and none may run, so that what is measured is the list. `--write` puts the table into
benchmarks/SCALE.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits, Query
from tui_downloads.core.spec import AddRequest, Change
from tui_downloads.engine.embedded import EmbeddedEngine, Setup

IDLE = 10.0
REPEATS = 15
LATER = 4_000_000_000.0
"""A start time that never comes."""

Row = tuple[str, str, str]


async def timed(command: Callable[[int], Awaitable[object]]) -> str:
    """Give median and worst of a command, in milliseconds."""
    spent = []
    for number in range(REPEATS):
        began = time.perf_counter()
        await command(number)
        spent.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(spent):.1f} ms, worst {max(spent):.1f} ms"


async def idle(watch: Callable[[], object] | None, engine: EmbeddedEngine) -> str:
    """Give the CPU of a while in which nothing happens, with a screen that looks twice a second or without."""
    await asyncio.sleep(2.0)
    began, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < IDLE:
        if watch is not None:
            watch()
        await asyncio.sleep(0.5)
    return f"{(time.process_time() - cpu) / (time.monotonic() - began):.2%}"


async def measure(folder: str, count: int) -> list[Row]:
    """Add the list and give it commands."""
    engine = EmbeddedEngine(
        Setup(folder=f"{folder}/downloads", database=f"{folder}/list.db", limits=replace(Limits(), downloads=1))
    )
    await engine.start()
    rows: list[Row] = []
    try:
        wishes = [AddRequest(f"http://host{n % 50}.example/file-{n}.bin", start_at=LATER) for n in range(count)]
        began = time.perf_counter()
        ids = [outcome.id for outcome in await engine.add(wishes)]
        rows.append((f"adding {count:,}", f"{time.perf_counter() - began:.2f} s", "≤ 1 s"))
        rows.append(("idle, nobody looks", await idle(None, engine), "≤ 0.5%"))
        rows.append(("idle, a screen looks", await idle(engine.snapshot, engine), "≤ 0.5%"))
        middle = count // 2

        async def pause(n: int) -> None:
            await engine.pause([ids[middle + n]])

        async def resume(n: int) -> None:
            await engine.resume([ids[middle + n]])

        for name, command in (
            ("add one", lambda n: engine.add([AddRequest(f"http://one.example/{n}", start_at=LATER)])),
            ("pause one", pause),
            ("resume one", resume),
            ("move one to the top", lambda n: engine.move([ids[middle + n]], "top")),
            ("move one down", lambda n: engine.move([ids[n]], "down")),
            ("change one", lambda n: engine.change(ids[n], Change(priority=n % 3))),
            ("cancel one", lambda n: engine.cancel([ids[100 + n]])),
            ("retry one", lambda n: engine.retry([ids[100 + n]])),
            ("remove one", lambda n: engine.remove([ids[200 + n]])),
            ("details of one", lambda n: engine.get(ids[n])),
            ("a page of 100", lambda n: engine.page(Query(states=frozenset({State.QUEUED}), sort="position"))),
            ("change the limits", lambda n: engine.set_limits(replace(Limits(), downloads=1, rate=n))),
        ):
            rows.append((name, await timed(command), "≤ 20 ms"))
        rows.append(("search", await timed(lambda n: engine.page(Query(text=f"file-{n}7"))), "≤ 200 ms"))
        began = time.perf_counter()
        await engine.pause(ids[300:])
        rows.append((f"pause {len(ids) - 300:,}", f"{time.perf_counter() - began:.2f} s", "–"))
    finally:
        began = time.perf_counter()
        await engine.close()
        rows.append(("close", f"{time.perf_counter() - began:.2f} s", "–"))
    again = EmbeddedEngine(Setup(folder=f"{folder}/downloads", database=f"{folder}/list.db"))
    began = time.perf_counter()
    await again.start()
    rows.append(("start with the list", f"{time.perf_counter() - began:.2f} s", "–"))
    await again.close()
    return rows


def table(rows: list[Row], count: int) -> str:
    """Write the figures as a page."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines = [
        "# A long list",
        "",
        f"`python -m benchmarks.scale`, {time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {platform.release()}, {count:,} queued downloads. "
        f"Peak memory of the process: {memory:.0f} MB.",
        "",
        "| what | figure | goal |",
        "|---|---|---|",
        *(f"| {what} | {figure} | {goal} |" for what, figure, goal in rows),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = table(asyncio.run(measure(folder, options.rows)), options.rows)
    print(page)
    if options.write:
        Path(__file__).with_name("SCALE.md").write_text(page)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
