"""Which connections of a file are to be closed: those of which nothing is wanted, and those that are too slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.plan import Segment

if TYPE_CHECKING:
    from .transfer import Transfer
    from .worker import Worker


class Watch:
    """Looks at the connections of one transfer, some ten times a second."""

    # Mutable state: for each worker since when its rate is measured, on which segment, and where that was then.
    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        defaults = transfer.services.defaults
        self._silence = defaults.slow_after
        self._least = transfer.settings.min_rate or defaults.min_rate
        self._window = defaults.min_rate_window
        self._marks: dict[Worker, tuple[float, Segment, int]] = {}

    def look(self, workers: Sequence[Worker], now: float) -> None:
        """Close what is of no use; whoever staffs the transfer replaces it."""
        if len(workers) > 1:
            self._slow(workers, now)
        if self._least and self._transfer.gate is None:
            self._crawling(workers, now)

    def _slow(self, workers: Sequence[Worker], now: float) -> None:
        """Close connections of which nothing is wanted, and replace those far behind their siblings."""
        plan = self._transfer.plan
        assert plan is not None
        enough = plan.enough()
        stalled = plan.stalled(now, silence=self._silence)
        if self._transfer.gate is not None:
            # Under a limit a slow connection is our doing; only a silent one is the server's.
            stalled = [segment for segment in stalled if now - segment.moved_at >= 2 * self._silence]
        for worker in workers:
            if worker.flow is None or worker.segment is None:
                continue
            if worker.segment in enough and worker.segment.room <= 0 and worker.answer_end > worker.segment.end:
                worker.flow.abort(None)
            elif worker.segment in stalled:
                self._transfer.note("A connection was silent or far slower than the others; it is replaced.")
                worker.flow.abort(DownloadError(Code.STALLED, "A connection was silent or too slow.", retry=True))

    def _crawling(self, workers: Sequence[Worker], now: float) -> None:
        """Replace connections below the least rate over a whole window, where going on elsewhere loses nothing."""
        resource = self._transfer.resource
        if resource is None or not resource.ranges or resource.size is None:
            return
        self._marks = {worker: mark for worker, mark in self._marks.items() if worker in workers}
        for worker in workers:
            segment = worker.segment
            if segment is None or worker.flow is None or not worker.began or worker.mirror.plain:
                continue
            began, marked, position = self._marks.setdefault(worker, (now, segment, segment.position))
            if marked is segment and now - began < self._window:
                continue
            self._marks[worker] = (now, segment, segment.position)
            if marked is segment and segment.position - position < self._least * (now - began):
                self._transfer.note(f"A connection brought less than {self._least} bytes a second; it is replaced.")
                worker.flow.abort(DownloadError(Code.STALLED, "The connection was too slow.", retry=True))
