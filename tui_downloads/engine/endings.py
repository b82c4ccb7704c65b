"""How runs end: with a file, with a wait for something, or for good."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import ENDED, RUNNING, Move, State, can
from tui_downloads.core.links import redact_text
from tui_downloads.core.retries import Backoff, GiveUp, decide
from tui_downloads.core.snapshots import Proof, Waiting
from tui_downloads.files.base import Published
from tui_downloads.files.space import device

from .committer import Finished
from .failures import view_of
from .network import AGAIN, Network

if TYPE_CHECKING:
    from .manager import Manager
    from .runner import Runner

log = logging.getLogger("tui_downloads.engine")
NO_SPACE = "no space left on the disk"
NO_NETWORK = "there is no network; goes on when it is back"


class Endings:
    """Decides what becomes of a download whose run has ended, and tells of it."""

    # Mutable state: none of its own.
    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self.network = Network()

    # Called by runners ..............................................................................................

    def failed(self, runner: Runner, error: DownloadError) -> None:
        """A run ended with an error: wait and try again, or fail."""
        download = runner.download
        self.figures(runner)
        if download.state not in RUNNING:
            if download.state is State.PAUSING:
                self._manager.move(download, Move.DRAINED)
            return
        waiting = self._waiting(runner, error)
        if waiting is None:
            self.fail(download, error)
            return
        self.wait(download, waiting)
        if error.code is Code.DISK_FULL:
            self._park(runner)
        elif waiting.reason == NO_NETWORK:
            self._manager.alarms.watch_network(download.id, lambda: self.network.probe(download.host))

    def crashed(self, runner: Runner, error: Exception) -> None:
        """A fault of ours: keep what is here and say so."""
        log.error("A download crashed", exc_info=error)
        told = f"Internal fault ({type(error).__name__}): {redact_text(str(error))}"
        self.failed(runner, DownloadError(Code.INTERNAL, told, retry=False))

    def skipped(self, runner: Runner, name: str) -> None:
        """The target is there and stays; that is a completion."""
        download = runner.download
        download.name = name
        download.meta["skipped"] = True
        for file in download.files:
            file.state, file.path = "skipped", name
        self._complete(download)

    def completed_package(self, runner: Runner) -> None:
        """Every chosen file of a package is here."""
        download = runner.download
        proofs = {file.proof for file in download.files if file.selected}
        download.proof = proofs.pop() if len(proofs) == 1 else Proof.NONE
        self._complete(download)

    def _complete(self, download: Download) -> None:
        if download.state in RUNNING:
            self._manager.move(download, Move.COMPLETE)
            self._manager.views.ended(download)

    def fail(self, download: Download, error: DownloadError) -> None:
        """A download has failed for good; what is here stays."""
        download.error = view_of(error)
        self._manager.keep_note(download, f"Failed: {error.message}")
        self._manager.move(download, Move.FAIL)
        self._manager.views.ended(download)

    def figures(self, runner: Runner) -> None:
        """Take a run's figures into its record."""
        if runner.transfers and len(runner.download.files) == 1:
            runner.absorb(runner.transfers[-1])

    # Waiting ........................................................................................................

    def wait(self, download: Download, waiting: Waiting) -> None:
        """Move to waiting and keep for what and until when."""
        manager = self._manager
        download.handle(Move.WAIT, time.time())
        download.waiting = waiting
        if waiting.until is not None:
            manager.alarms.after(download.id, waiting.until - time.time())
        elif waiting.reason == NO_SPACE:
            manager.alarms.watch_space(download)
        manager.keep_note(download, f"Waits: {waiting.reason}")
        manager.tell(download)
        manager.save_soon(download)

    def _waits_for_space(self, error: DownloadError) -> bool:
        # A `get` has nobody who would make room while it waits; its exit code says so instead.
        return error.code is Code.DISK_FULL and self._manager.services.leftovers is None

    def _waiting(self, runner: Runner, error: DownloadError) -> Waiting | None:
        """Say for what a failed run waits, or None when it has failed for good."""
        download, services = runner.download, self._manager.services
        if error.code is Code.DISK_FULL:
            return Waiting(NO_SPACE, None, download.attempts) if self._waits_for_space(error) else None
        options, defaults = download.request.options, services.defaults
        if runner.progressed:
            download.attempts = 0
        # A `get` that never had a network fails like any other program; one that lost it waits.
        offline = self.network.down(error, download.host) and (services.leftovers is None or download.done > 0)
        decision = decide(
            error,
            download.attempts,
            services.rng(),
            retries=defaults.retries if options.retries is None else options.retries,
            online=not offline,
            backoff=Backoff(base=defaults.retry_base),
        )
        download.attempts = decision.tries
        if isinstance(decision, GiveUp):
            return None
        now = time.time()
        if offline:
            return Waiting(NO_NETWORK, now + AGAIN, download.attempts)
        if error.code is Code.RATE_LIMITED or decision.asked:
            services.seats.book.hold(download.host, now + decision.wait)
            self._manager.queue.hold(download.host, now + decision.wait)
        return Waiting(error.message, now + decision.wait, download.attempts)

    def _park(self, full: Runner) -> None:
        """A disk is full: everybody who writes to it stops, keeps what is here, and waits for room."""
        disk = device(full.download.folder)
        for runner in list(self._manager.runners.values()):
            download = runner.download
            if runner is full or download.state is not State.TRANSFERRING or device(download.folder) != disk:
                continue
            self.figures(runner)
            self.wait(download, Waiting(NO_SPACE, None, download.attempts))
            self._manager.background(runner.stop())

    # Called by the committer ........................................................................................

    def landed(self, item: Finished, outcome: Published | DownloadError) -> None:
        """A file has its name, or could not get it; stored after this, told after that."""
        if isinstance(outcome, DownloadError):
            self._stranded(item, outcome)
            return
        download, file = item.download, item.file
        file.state, file.part = "complete", None
        file.done = file.size = file.size if file.size is not None else file.done
        if item.settled is not None:
            file.path = f"{file.path[: file.path.rfind('/') + 1]}{outcome.name}"
            return
        file.path = download.name = outcome.name
        if outcome.skipped:
            download.meta["skipped"] = True
        if can(download.state, Move.COMPLETE):
            download.handle(Move.COMPLETE, time.time())
        elif download.state not in ENDED:
            log.error("A %s download was published", download.state.value)

    def _stranded(self, item: Finished, error: DownloadError) -> None:
        """A whole file could not get its name: it waits where the disk is full, and fails otherwise."""
        download, file = item.download, item.file
        item.transfer.release()
        if error.code is Code.INTERRUPTED:
            file.state = "queued"  # the engine stops; the next start finds the part, or fetches what was in memory
            return
        if item.settled is None and self._waits_for_space(error) and can(download.state, Move.WAIT):
            file.state = "queued"
            if file.part is None:
                file.done = download.done = 0  # it was in memory, and is fetched again when there is room
            self.wait(download, Waiting(NO_SPACE, None, download.attempts))
            return
        file.state, file.error = "failed", view_of(error)
        if item.settled is None and download.state in (*RUNNING, State.PAUSING):
            download.error = view_of(error)
            download.handle(Move.FAIL, time.time())

    async def told(self, items: Iterable[Finished]) -> None:
        """The completions are stored: tell of them."""
        manager = self._manager
        for item in items:
            if item.file.state == "complete":
                item.transfer.drop_superseded()
            if item.settled is None and item.download.state in ENDED:
                manager.tell(item.download)
                manager.views.ended(item.download)
