"""Keep a service busy for a long time with work of every kind, and see whether it grows.

    python scripts/soak.py [--minutes 30] [--seed N]

Each cycle adds small files, large ones, ones that break off, are missing, are replaced on the server, are paused and
resumed, cancelled, and removed with their files, while subscribers come and go. Every completed file is compared with
what was served. Figures are taken between two cycles, when nothing runs: resident memory, open files, threads, and
the size of the list. The first half of the time is for warming up, in which what is kept for readers that come back
(the last 10,000 events) and the list of ended downloads reach their bounds; after it memory may grow by a twentieth,
and open files and threads not at all.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.e2e.service import Home, Service, digest_of, until  # noqa: E402
from tui_downloads.demo.content import digest  # noqa: E402
from tui_downloads.demo.server import PracticeServer, serve_in_thread  # noqa: E402

QUIET = ("complete", "failed", "cancelled")
KEPT = 1_000
"""Ended downloads that stay in the list: the rest is removed, so that only a leak can grow."""


@dataclass(frozen=True)
class Sample:
    """What the service holds when nothing runs."""

    memory: float
    """MiB, resident."""
    files: int
    threads: int
    list: float
    """MiB of the database with its log."""


class Soak:
    """One service, one practice server, and cycles of work."""

    # Mutable state: what was added and how each ended.
    def __init__(self, service: Service, client: httpx.Client, origin: PracticeServer, dice: random.Random) -> None:
        self.service = service
        self.client = client
        self.origin = origin
        self.dice = dice
        self.cycle = 0
        self.ended: dict[str, int] = {}
        self.wrong: list[str] = []

    def run(self) -> None:
        """Do every kind of work once."""
        self.cycle += 1
        ids = self._add(self._links())
        with self.client.stream("GET", "/v1/events") as events:
            next(events.iter_lines())
        some = self.dice.sample(ids, 6)
        self._act("pause", some)
        self._act("resume", some[:4])
        self._act("cancel", some[4:])
        gone = self.dice.sample(ids, 3)
        self._act("remove", gone, files=True)
        until(lambda: all(view["state"] in QUIET for view in self._views()), "the end of a cycle", 300.0)
        for view in self._views():
            self._look(view)
        # What is known of a host stays small, but requests pile up in the practice server, which is not on trial.
        self.origin.requests.clear()
        oldest_first = sorted(self._views(), key=lambda view: view["created_at"])
        self._act("remove", [view["id"] for view in oldest_first[:-KEPT]], files=True)
        self._tidy()

    def _links(self) -> list[tuple[str, str, int]]:
        """Give (link, name, size) for each download of a cycle."""
        tag, dice = f"{self.cycle:05}", self.dice
        made: list[tuple[str, str, int]] = []

        def file(kind: str, size: int, **faults: object) -> None:
            name = f"{tag}-{kind}-{len(made)}.bin"
            made.append((self.origin.file(size, name, **faults), name, size))

        for _ in range(20):
            file("small", dice.randrange(1, 60_000))
        for _ in range(3):
            file("large", dice.randrange(3_000_000, 12_000_000), rate=4_000_000)
        file("breaks", 2_000_000, truncate=700_000, first=2)
        file("resets", 2_000_000, reset=300_000, first=1)
        file("capped", 6_000_000, rate=2_000_000, cap=2)
        file("swapped", 4_000_000, rate=2_000_000, swap=2)
        file("missing", 1_000, status=404)
        file("weak", 3_000_000, etag="weak", rate=3_000_000)
        file("chunked", 1_500_000, chunked=True)
        return made

    def _add(self, links: list[tuple[str, str, int]]) -> list[str]:
        answer = self.client.post("/v1/downloads", json={"downloads": [{"url": link} for link, _, _ in links]})
        assert answer.status_code in (200, 201, 207), answer.text
        return [outcome["id"] for outcome in answer.json()["outcomes"]]

    def _act(self, action: str, ids: list[str], **more: object) -> None:
        if ids:
            answer = self.client.post("/v1/actions", json={"action": action, "ids": ids, **more})
            assert answer.status_code < 500, answer.text

    def _views(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.client.get("/v1/downloads", params={"limit": 500, **({"cursor": cursor} if cursor else {})})
            assert page.status_code == 200, page.text
            found += page.json()["items"]
            cursor = page.json().get("cursor") or ""
            if not cursor:
                return found

    def _look(self, view: dict[str, Any]) -> None:
        if not view["name"].startswith(f"{self.cycle:05}-"):
            return
        self.ended[view["state"]] = self.ended.get(view["state"], 0) + 1
        if view["state"] == "complete" and "swapped" not in view["name"]:
            path = Path(view["folder"]) / view["name"]
            if digest_of(path) != digest(view["name"], view["size"]):
                self.wrong.append(view["name"])

    def _tidy(self) -> None:
        for view in self._views():
            if view["state"] != "complete":
                self._act("remove", [view["id"]], files=True)

    def sample(self) -> Sample:
        pid = self.service.process.pid
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        figures = {line.split(":")[0]: line.split()[1] for line in status if line.startswith(("VmRSS", "Threads"))}
        folder = Path(self.service.home.paths.database).parent
        size = sum(path.stat().st_size for path in folder.glob("*.db*"))
        files = len(os.listdir(f"/proc/{pid}/fd"))
        return Sample(int(figures["VmRSS"]) / 1024, files, int(figures["Threads"]), size / 2**20)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    samples: list[tuple[float, Sample]] = []
    with tempfile.TemporaryDirectory(prefix="tds") as folder, serve_in_thread() as origin:
        home = Home(Path(folder) / "h")
        try:
            service = home.serve()
            with service.local() as client:
                soak = Soak(service, client, origin, random.Random(options.seed))
                began = time.monotonic()
                while time.monotonic() - began < 60 * options.minutes:
                    soak.run()
                    samples.append((time.monotonic() - began, soak.sample()))
                    print(f"{samples[-1][0]:6.0f} s, cycle {soak.cycle}: {samples[-1][1]}", flush=True)
            assert service.end() == 0, service.said
        finally:
            home.close()
        return report(samples, soak, home.log, options)


def report(samples: list[tuple[float, Sample]], soak: Soak, log: str, options: argparse.Namespace) -> int:
    """Print the figures, and say whether the service grew."""
    warm = [sample for at, sample in samples if at > 30 * options.minutes]
    part = max(1, len(warm) // 4)
    first, last = warm[:part], warm[-part:]

    def change(name: str) -> tuple[float, float]:
        return (statistics.median(getattr(s, name) for s in first), statistics.median(getattr(s, name) for s in last))

    memory, files, threads = change("memory"), change("files"), change("threads")
    grown = memory[1] > 1.05 * memory[0] or files[1] > files[0] or threads[1] > threads[0]
    errors = sum(1 for line in log.splitlines() if "Traceback" in line)
    print(
        f"seed {options.seed}: {options.minutes:.0f} minutes, {soak.cycle} cycles, {soak.ended},"
        f" {len(soak.wrong)} wrong;"
        f" memory {memory[0]:.1f} → {memory[1]:.1f} MiB, open files {files[0]:.0f} → {files[1]:.0f},"
        f" threads {threads[0]:.0f} → {threads[1]:.0f}, list {change('list')[0]:.1f} → {change('list')[1]:.1f} MiB,"
        f" {errors} tracebacks in the log: {'GREW' if grown else 'steady'}"
    )
    print("".join(f"wrong: {name}\n" for name in soak.wrong), end="")
    return 1 if grown or errors or soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
