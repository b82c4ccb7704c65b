"""Torment one engine with commands at random instants, and hold every file against what was served.

    python scripts/torture.py [--seconds 120] [--at-once 12] [--seed N]

Each download has a random size, number of connections and server (slow, without ranges, without a length, breaking off,
refusing, lying about ranges, changing validators …). While they run they are paused, resumed, cancelled, retried,
renamed, moved, removed and restored, limits change, connections are cut and the engine is restarted. In the end
everything is let finish. Wrong are: a file with other bytes, a download that neither completes nor fails, a failure of
a server that is honest in the end, a connection that was not given back, a part or a journal of what is complete, a
descriptor of a part that is still open.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Limits
from tui_downloads.core.spec import AddRequest, Change, Options
from tui_downloads.demo.content import digest
from tui_downloads.demo.server import PracticeServer, serve_in_thread
from tui_downloads.engine.embedded import EmbeddedEngine, Setup
from tui_downloads.engine.services import Defaults

TRAITS: tuple[dict[str, object], ...] = (
    {},
    {},
    {"norange": True},
    {"chunked": True},
    {"close": True},
    {"etag": "weak"},
    {"etag": "none", "nolm": True},
    {"shorter": 150_000, "first": 3},
    {"longer": 150_000},
    {"wrongrange": "missing", "mid": True, "first": 3},
    {"wrongrange": "shift", "mid": True, "first": 3},
    {"wrongrange": "early", "mid": True},
    {"wrongrange": "star"},
    {"wrongrange": "star", "shorter": 150_000, "first": 3},
    {"ifrange": "fail"},
    {"ifrange": "ignore"},
    {"truncate": 400_000, "first": 3},
    {"reset": 400_000, "first": 3},
    {"truncate": 300_000, "first": 2, "norange": True},
    {"truncate": 300_000, "first": 2, "etag": "weak"},
    {"status": 503, "first": 2},
    {"status": 429, "first": 2},
    {"latency": 200},
    {"extra": 5000},
    {"digest": "sha-256"},
    {"slow": "2:30k"},
)
KINDS = (
    *("pause", "pause", "resume", "resume", "cancel", "retry", "retry", "change", "change", "remove", "restore"),
    *("limits", "cut", "burst", "nothing", "leave"),
)
PATIENCE = 60.0
"""Seconds in which everything must end when nobody disturbs it any more."""


@dataclass
class Torture:
    """The engine, its server, and what was asked of them."""

    folder: Path
    server: PracticeServer
    dice: random.Random
    at_once: int
    served: dict[str, tuple[str, int, dict[str, object]]] = field(default_factory=dict)
    """Name, size and traits by id."""
    removed: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def make(self) -> EmbeddedEngine:
        return EmbeddedEngine(
            Setup(
                folder=str(self.folder / "files"),
                database=str(self.folder / "list.db"),
                limits=Limits(downloads=8, connections=32),
                defaults=Defaults(timeout=10.0, connect_timeout=5.0, retry_base=0.05, slow_after=3.0, retries=20),
            )
        )

    # What is done to it .............................................................................................

    async def add(self) -> None:
        dice, number = self.dice, len(self.served)
        size = dice.choice(
            [0, 1, 70_000, 1_048_576, 1_048_577, dice.randrange(2_000_000), dice.randrange(1, 9_000_000)]
        )
        name = f"t{number}.bin"
        traits = dict(dice.choice(TRAITS))
        if dice.random() < 0.8:
            traits.setdefault("rate", dice.choice([300_000, 1_000_000, 4_000_000]))
        options = Options(
            connections=dice.choice([None, 1, 2, 4, 8]),
            checksum=f"sha256:{digest(name, size)}" if dice.random() < 0.2 else None,
            limit=dice.choice([0, 0, 0, 600_000]),
        )
        (outcome,) = await self.engine.add([AddRequest(self.server.file(size, name, **traits), options=options)])
        if outcome.error is not None:
            self.wrong.append(f"{name}: not added: {outcome.error}")
            return
        self.served[outcome.id] = (name, size, traits)

    async def disturb(self) -> None:
        """Do something to somebody."""
        dice = self.dice
        alive = [id for id, view in self.engine.snapshot().downloads.items() if view.state not in ENDED]
        some = dice.sample(alive, min(len(alive), dice.randint(1, 3)))
        kind = dice.choice(KINDS)
        self.counts[kind] += 1
        engine = self.engine
        if kind in ("pause", "resume", "cancel"):
            await getattr(engine, kind)(some)
        elif kind == "retry":
            await engine.retry([id for id in self.served if id not in self.removed][-20:])
        elif kind == "change" and some:
            await self.change(some[0])
        elif kind == "remove" and some:
            self.removed.append(some[0])
            await engine.remove(some[:1])
        elif kind == "restore" and self.removed:
            (outcome,) = await engine.restore([self.removed[-1]])
            if outcome.ok:
                self.removed.pop()
        elif kind == "limits":
            rate = dice.choice([0, 0, 2_000_000])
            await engine.set_limits(Limits(downloads=dice.randint(1, 8), connections=dice.randint(4, 32), rate=rate))
        elif kind == "cut":
            self.server.drop_connections()
        elif kind == "burst" and some:  # several at once on one download, in any order
            names = [dice.choice(["pause", "resume", "cancel", "retry"]) for _ in range(4)]
            await asyncio.gather(*(getattr(engine, name)(some[:1]) for name in names))
        elif kind == "leave" and some:  # a caller that does not wait for its command
            task = asyncio.create_task(engine.pause(some))
            await asyncio.sleep(dice.random() * 0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def change(self, id: str) -> None:
        dice = self.dice
        change = dice.choice(
            [
                Change(connections=dice.randint(1, 8)),
                Change(limit=dice.choice([0, 400_000])),
                Change(name=f"n{dice.randrange(10**9)}.bin"),
                Change(folder=f"in{dice.randrange(3)}"),
                Change(priority=dice.randint(-1, 1)),
            ]
        )
        try:
            await self.engine.change(id, change)
        except TuiDownloadsError:
            self.counts["change refused"] += 1

    # The run ........................................................................................................

    async def run(self, seconds: float) -> None:
        self.engine = self.make()
        await self.engine.start()
        end = time.monotonic() + seconds
        restart = time.monotonic() + self.dice.uniform(5, 15)
        while time.monotonic() < end:
            alive = sum(1 for view in self.engine.snapshot().downloads.values() if view.state not in ENDED)
            if alive < self.at_once:
                await self.add()
            await self.disturb()
            await asyncio.sleep(self.dice.choice([0, 0, 0.001, 0.01, 0.05, 0.2]))
            if time.monotonic() > restart:
                self.counts["restart"] += 1
                restart = time.monotonic() + self.dice.uniform(5, 15)
                await self.engine.close()
                self.removed.clear()  # what can't be undone any more is gone
                self.engine = self.make()
                await self.engine.start()
        await self.settle()
        await self.judge()
        await self.engine.close()
        left = [name for name in open_files() if name.endswith((".part", ".part.journal"))]
        if left:
            self.wrong.append(f"descriptors left open: {left}")

    async def settle(self) -> None:
        """Let everything finish that still can."""
        engine = self.engine
        await engine.set_limits(Limits(downloads=8, connections=32))
        deadline = time.monotonic() + PATIENCE
        tries: Counter[str] = Counter()
        while time.monotonic() < deadline:
            views = await self.views()
            for id, view in views.items():
                if view.limit and view.state not in ENDED:
                    with contextlib.suppress(TuiDownloadsError):  # it may have ended just now
                        await engine.change(id, Change(limit=0))
            paused = [id for id, view in views.items() if view.state in (State.PAUSED, State.PAUSING)]
            ended = [
                id for id, view in views.items() if view.state in (State.CANCELLED, State.FAILED) and tries[id] < 5
            ]
            tries.update(ended)
            await engine.resume(paused)
            await engine.retry(ended)
            if all(view.state in ENDED for view in views.values()) and not ended:
                return
            await asyncio.sleep(0.2)
        stuck = [
            f"{self.served[id]} {view.state.value} {view.done}/{view.size} {view.waiting}"
            for id, view in views.items()
            if view.state not in ENDED
        ]
        self.wrong.append(f"still not ended: {stuck}")

    async def views(self) -> dict[str, DownloadView]:
        found = {}
        for id in self.served:
            try:
                found[id] = (await self.engine.get(id)).download
            except TuiDownloadsError:
                continue  # removed
        return found

    async def judge(self) -> None:
        views = await self.views()
        self.counts["complete"] = sum(done(view) for view in views.values())
        for id, view in views.items():
            name, size, traits = self.served[id]
            where = f"{name} ({size} bytes, {traits})"
            if view.state is State.FAILED:
                self.wrong.append(f"{where} failed: {view.error and view.error.message}")
            elif done(view):
                path = Path(view.folder) / view.name
                if not path.exists():
                    self.wrong.append(f"{where} is complete and not there")
                elif hashlib.sha256(path.read_bytes()).hexdigest() != digest(name, size):
                    self.wrong.append(f"{where} has wrong bytes ({path.stat().st_size})")
        desk = self.engine._desk
        assert desk is not None
        seats = desk.services.seats
        if seats.total or seats.by_host:
            self.wrong.append(f"seats are not given back: {seats.total} {dict(seats.by_host)}")
        if desk.manager.runners:
            self.wrong.append(f"runs are left: {list(desk.manager.runners)}")
        for id in self.removed:
            await self.engine.restore([id])
        gone = [id for id in self.served if id not in views]
        await self.engine.remove([id for id in gone if id in await self.views()], files=True)
        left = [str(path.relative_to(self.folder)) for path in self.folder.rglob("*.part*")]
        if left:
            self.wrong.append(f"left behind: {left}")


def done(view: DownloadView) -> bool:
    return view.state is State.COMPLETE


def open_files() -> list[str]:
    found = []
    for entry in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            found.append(os.readlink(f"/proc/self/fd/{entry}"))
        except OSError:
            continue
    return found


class Heard(logging.Handler):
    """Keeps what asyncio and the engine complain of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "client_connected_cb" not in record.getMessage():  # the practice server's own, about cut connections
            self.found.append(self.format(record))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--at-once", type=int, default=12)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    heard = Heard()
    logging.getLogger().addHandler(heard)
    with tempfile.TemporaryDirectory() as folder, serve_in_thread() as server:
        torture = Torture(Path(folder), server, random.Random(options.seed), options.at_once)
        asyncio.run(torture.run(options.seconds))
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(torture.counts.items()))
    print(f"seed {options.seed}: {len(torture.served)} downloads; {counts}")
    for sentence in torture.wrong + [f"logged: {text}" for text in heard.found]:
        print(f"WRONG: {sentence}")
    print(f"{len(torture.wrong)} wrong, {len(heard.found)} complaints")
    return 1 if torture.wrong or heard.found else 0


if __name__ == "__main__":
    sys.exit(main())
