"""Fetch a list of links through the embedded engine with its store: `engine_many.py LIST FOLDER`."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Limits, Query
from tui_downloads.core.spec import AddRequest

NOT_AVAILABLE = 69
_SEATS = 16
_LOOK_EVERY = 0.01


async def _fetch(links: list[str], folder: str, database: str) -> int:
    """Add every link at once and wait until all have ended; give the number that did not complete."""
    from tui_downloads.engine.embedded import EmbeddedEngine, Setup

    engine = EmbeddedEngine(Setup(folder=folder, database=database, limits=Limits(downloads=_SEATS, per_host=_SEATS)))
    await engine.start()
    try:
        outcomes = await engine.add([AddRequest(link) for link in links])
        wanted = sum(outcome.ok for outcome in outcomes)
        ended = 0
        while ended < wanted:
            await asyncio.sleep(_LOOK_EVERY)
            totals = engine.snapshot().totals
            # A snapshot may be older than the add: only the list says that all have ended.
            if not (totals.active or totals.queued or totals.waiting):
                ended = (await engine.page(Query(states=frozenset(ENDED), limit=1))).total or 0
        complete = (await engine.page(Query(states=frozenset({State.COMPLETE}), limit=1))).total or 0
        return len(links) - complete
    finally:
        await engine.close()


def main(list_path: str, folder: str) -> int:
    """Run; the exit status is 1 when something did not complete."""
    if importlib.util.find_spec("tui_downloads.engine.embedded") is None:
        print("the embedded engine does not exist")
        return NOT_AVAILABLE
    database = str(Path(folder).parent / "downloads.sqlite")
    wrong = asyncio.run(_fetch(Path(list_path).read_text().split(), folder, database))
    if wrong:
        print(f"{wrong} downloads did not complete")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
