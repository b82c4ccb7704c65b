"""Five downloads under one limit, one of them under its own: how exact, how fair, and at what price.

    python -m benchmarks.limits [--seconds 10] [--write]

The server is nginx on loopback, in a process of its own. Bytes are counted over a window in the middle of the run, so
that the starts say nothing; then the limit is changed while everything runs, and counted again. `--write` puts the
table into benchmarks/LIMITS.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from benchmarks.servers import Scale, memory_folder, serve
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import AddRequest, Options
from tui_downloads.engine.embedded import EmbeddedEngine, Setup

MB = 1_000_000
SETTLE = 3.0
"""Seconds before a window."""
SCALE = Scale(big=512 * MB, many=1, small=1000, medium=1000, rate=MB)


@dataclass(frozen=True)
class Window:
    """What was counted: bytes a second of each download, and the process's CPU."""

    title: str
    rates: list[float]
    wanted: list[float]
    cpu: float

    @property
    def total(self) -> float:
        return sum(self.rates)


async def _done(engine: EmbeddedEngine, ids: list[str]) -> list[int]:
    details = [await engine.get(id) for id in ids]
    return [sum(end - start for start, end in detail.spans) for detail in details]


async def _count(engine: EmbeddedEngine, ids: list[str], seconds: float, title: str, wanted: list[float]) -> Window:
    await asyncio.sleep(SETTLE)
    began, cpu, before = time.monotonic(), time.process_time(), await _done(engine, ids)
    await asyncio.sleep(seconds)
    after, passed = await _done(engine, ids), time.monotonic() - began
    rates = [(late - early) / passed for early, late in zip(before, after, strict=True)]
    return Window(title, rates, wanted, (time.process_time() - cpu) / passed)


async def measure(http: str, folder: str, seconds: float) -> list[Window]:
    """Run the downloads and count."""
    limits = replace(Limits(), downloads=5, rate=10 * MB)
    engine = EmbeddedEngine(Setup(folder=folder, limits=limits))
    await engine.start()
    try:
        outcomes = await engine.add(
            [
                AddRequest(f"{http}big.bin?{n}", name=f"{n}.bin", options=Options(limit=MB if n == 0 else 0))
                for n in range(5)
            ]
        )
        ids = [outcome.id for outcome in outcomes]
        share = 9 * MB / 4
        first = await _count(engine, ids, seconds, "10 MB/s in all, one under 1 MB/s", [MB, *[share] * 4])
        await engine.set_limits(replace(limits, rate=4 * MB))
        share = 3.2 * MB / 4
        second = await _count(engine, ids, seconds, "changed while running to 4 MB/s in all", [0.8 * MB, *[share] * 4])
        await engine.set_limits(replace(limits, rate=0, rate_per_download=2 * MB))
        third = await _count(engine, ids, seconds, "2 MB/s for each, nothing in all", [MB, *[2.0 * MB] * 4])
        await engine.set_limits(replace(limits, rate=0, rate_per_host=6 * MB))
        share = 5 * MB / 4
        fourth = await _count(engine, ids, seconds, "6 MB/s for their one host, nothing in all", [MB, *[share] * 4])
        return [first, second, third, fourth]
    finally:
        await engine.close()


def table(windows: list[Window], seconds: float) -> str:
    """Write the figures as a page."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    day, cores = time.strftime("%Y-%m-%d"), os.cpu_count()
    lines = [
        "# Limits",
        "",
        f"`python -m benchmarks.limits`, {day}, Python {platform.python_version()}, {cores} cores, "
        f"{platform.release()}, nginx on loopback, tmpfs. "
        f"Windows of {seconds:g} s; MB/s. Peak memory of the process: {memory:.0f} MB.",
        "",
        "| limits | wanted in all | measured | off by | limited one | the other four | worst of them | CPU |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for window in windows:
        wanted, rest = sum(window.wanted), window.rates[1:]
        worst = max(abs(rate / want - 1) for rate, want in zip(rest, window.wanted[1:], strict=True))
        lines.append(
            f"| {window.title} | {wanted / MB:.1f} | {window.total / MB:.2f} | {window.total / wanted - 1:+.1%} "
            f"| {window.rates[0] / MB:.2f} of {window.wanted[0] / MB:.1f} "
            f"| {', '.join(f'{rate / MB:.2f}' for rate in rest)} | {worst:.1%} | {window.cpu:.1%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with serve(SCALE) as site, tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        windows = asyncio.run(measure(site.http, folder, options.seconds))
    page = table(windows, options.seconds)
    print(page)
    if options.write:
        Path(__file__).with_name("LIMITS.md").write_text(page)
    return 0 if all(abs(window.total / sum(window.wanted) - 1) <= 0.03 for window in windows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
