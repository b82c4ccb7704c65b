"""Measures the store: inserting, finishing, and a long history. Writes benchmarks/STORE.md with `--write`."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Kind, Query
from tui_downloads.core.spec import AddRequest
from tui_downloads.store.base import Intent
from tui_downloads.store.sqlite import SqliteStore

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ROUNDS = 5
WHY = """\
One and two letters are looked up in the vocabulary of the trigram index. To finish a row is to write its 30 columns
and to take back its intent, in the commit that makes the batch safe; the goal was set for the row alone.
"""


class Names:
    """Plausible names, the same in every run."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self.words = ["".join(self._random.choices(LETTERS, k=self._random.randint(3, 9))) for _ in range(3000)]

    def download(self, number: int) -> Download:
        pick = self._random.choice
        host = f"{pick(self.words[:200])}.example.org"
        name = f"{pick(self.words)}-{pick(self.words)}-{number}.{pick(['iso', 'zip', 'tar.gz', 'bin', 'pdf'])}"
        url = f"https://{host}/{pick(self.words)}/{name}"
        id_ = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        return Download(
            id_, id_.replace("-", "")[:16], Kind.LINK, AddRequest(url), url, f"/home/user/{pick(self.words[:50])}",
            name=name, created_at=1e9 + number, position=float(number), host=host, files=[FileRecord(path=name)],
        )  # fmt: skip

    def end(self, download: Download) -> None:
        state = self._random.choices([State.COMPLETE, State.FAILED, State.CANCELLED], [95, 4, 1])[0]
        size = self._random.randint(1000, 10**9)
        download.state, download.size, download.done = state, size, size
        download.finished_at = download.created_at + self._random.random() * 5000
        download.checksum = "sha-256:" + "0" * 64
        file = download.files[0]
        file.size, file.done, file.checksum = size, size, download.checksum
        file.state = state.value if state is not State.CANCELLED else "queued"


async def clock(work: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    """Give the median seconds of some work."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


async def adding(folder: str, lines: list[tuple[str, str, str]]) -> None:
    names = Names()
    inserts, finishes = [], []
    for round_ in range(3):
        store = SqliteStore(f"{folder}/adding-{round_}.db")
        await store.open()
        downloads = [names.download(number) for number in range(10_000)]
        inserts.append(await clock(lambda: store.insert(downloads), 1))  # noqa: B023
        for start in range(0, 9984, 256):
            batch = downloads[start : start + 256]
            await store.intend([Intent(d.id, "1", d.folder, "p", d.name, 1, 2, d.done) for d in batch])
            for download in batch:
                names.end(download)
            finishes.append(await clock(lambda: store.finish(batch), 1) / 256)  # noqa: B023
        await store.close()
    lines.append(("insert 10,000 downloads", f"{statistics.median(inserts):.3f} s", "≤ 0.35 s"))
    lines.append(("finish, in batches of 256, per row", f"{statistics.median(finishes) * 1e6:.1f} µs", "≤ 8 µs"))


async def history(folder: str, rows: int, lines: list[tuple[str, str, str]]) -> None:
    names = Names()
    store = SqliteStore(f"{folder}/history.db")
    await store.open()
    settled = 0.0
    for start in range(0, rows, 10_000):
        downloads = [names.download(number) for number in range(start, min(rows, start + 10_000))]
        for download in downloads:
            names.end(download)
        await store.insert(downloads)
        settled += await clock(store.settle, 1)
    await store.insert([names.download(number) for number in range(rows, rows + 1000)])
    words = names.words
    lines.append((f"settle {rows:,} rows in quiet moments, per row", f"{settled / rows * 1e6:.0f} µs", "–"))
    lines.append(("size on disk", f"{os.path.getsize(f'{folder}/history.db') / 2**20:.0f} MiB", "–"))
    for title, text in (
        ("search: a rare word", words[5]),
        ("search: one file", f"-{rows // 2}."),
        ("search: nothing", "nowhere-to-be-found"),
        ("search: every row", "example.org"),
        ("search: a fifth of all rows", ".iso"),
        ("search: two letters", "qz"),
        ("search: two letters that are nowhere", "9z"),
        ("search: one letter that is nowhere", "界"),
    ):
        query = Query(text=text, states=ENDED, sort="finished", reverse=True)
        took = await clock(lambda: store.page(query))  # noqa: B023
        lines.append((title, f"{took * 1000:.1f} ms", "≤ 200 ms"))
    for sort in ("created", "finished", "name", "size", "state", "host", "position"):
        await deep(store, Query(sort=sort, states=ENDED, reverse=True), rows, lines)
    await deep(store, Query(sort="finished", states=frozenset({State.FAILED})), rows, lines)
    took = await clock(lambda: store.page(Query(owner="nobody", sort="name")))
    lines.append(("page of an owner without downloads", f"{took * 1000:.1f} ms", "≤ 20 ms"))
    lines.append(("counts", f"{await clock(store.counts) * 1000:.1f} ms", "–"))
    await store.close()
    again = SqliteStore(f"{folder}/history.db")
    lines.append(("open", f"{await clock(again.open, 1) * 1000:.1f} ms", "–"))
    await again.close()


async def deep(store: SqliteStore, query: Query, rows: int, lines: list[tuple[str, str, str]]) -> None:
    """Measure the first page and one far down, reached by a cursor made for its place."""

    first = await clock(lambda: store.page(query))
    cursor, wide = None, replace(query, limit=1000)
    for _ in range(min(100, rows // 2000)):
        cursor = (await store.page(replace(wide, cursor=cursor))).cursor or cursor
    far = await clock(lambda: store.page(replace(query, cursor=cursor)))
    title = f"page by {query.sort}" + (", failed only" if len(query.states) == 1 else "")
    lines.append((f"{title}: first, far down", f"{first * 1000:.1f} ms, {far * 1000:.1f} ms", "≤ 20 ms"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="store-benchmark-", dir=base)
    lines: list[tuple[str, str, str]] = []
    try:
        asyncio.run(adding(folder, lines))
        asyncio.run(history(folder, options.rows, lines))
    finally:
        shutil.rmtree(folder)
    text = "\n".join(
        [
            "# The store",
            "",
            f"`benchmarks/store.py`, {time.strftime('%Y-%m-%d')}, Python {platform.python_version()},"
            f" SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores, {platform.system()} {platform.release()},"
            f" {'tmpfs' if base else 'disk'}, a history of {options.rows:,} rows. Pages have 100 rows.",
            "",
            "| work | figure | goal |",
            "|---|---|---|",
            *(f"| {title} | {figure} | {goal} |" for title, figure, goal in lines),
            "",
            WHY,
        ]
    )
    sys.stdout.write(text)
    if options.write:
        Path(__file__).with_name("STORE.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
