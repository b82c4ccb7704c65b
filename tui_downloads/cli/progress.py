"""What `get` says: lines that are drawn again on a terminal, plain lines in a pipe, events as JSON, or only errors."""

from __future__ import annotations

import json
import os
import sys
import time
from abc import ABC, abstractmethod

from tui_downloads.core.errors import Code, TuiDownloadsError
from tui_downloads.core.lifecycle import RUNNING, State
from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import DownloadView, Event
from tui_downloads.engine.base import Engine

from .streams import tell
from .text import duration, fit, plain, size

REDRAW = 0.2
"""Seconds between two drawings."""
ROWS = 12
"""Running files that are drawn at the most."""
BAR = 12
"""Cells of a bar; where there is no room for it, and for a name of SHORTEST cells, it is left out."""
SHORTEST = 10
OWN_STEPS = {str(Code.DISK_FULL): "Free some space, and run the same command again to go on."}
"""Next steps that are others here than for a list, which goes on by itself."""


class Reporter(ABC):
    """Talks about a run."""

    @abstractmethod
    def event(self, event: Event) -> None:
        """Take one piece of news."""

    def show(self, engine: Engine) -> None:
        """Show where things are; called often."""

    def refused(self, url: str, error: TuiDownloadsError) -> None:
        """Say that a link was not taken."""
        self._talk(f"{redact(url) or '(no link)'}: {error.message} {error.next_step}")

    def interrupted(self, count: int) -> None:
        """Say how to go on."""
        files = "1 download" if count == 1 else f"{count} downloads"
        self._talk(f"Stopped with {files} unfinished; what is here is safe. Run the same command again to go on.")

    def note(self, line: str) -> None:
        """Say what changes nothing about the files."""
        self._talk(line)

    def close(self) -> None:
        """Leave the terminal as it was."""

    def _talk(self, line: str) -> None:
        tell(plain(line) + "\n")


def reporter(*, json: bool, quiet: bool) -> Reporter:
    """Choose the reporter for where stdout and stderr lead."""
    if json:
        return JsonReporter()
    if quiet:
        return QuietReporter()
    can_move = os.environ.get("TERM", "dumb") not in ("", "dumb")
    return TerminalReporter() if sys.stderr.isatty() and can_move else PlainReporter()


class QuietReporter(Reporter):
    """Says nothing but errors."""

    def note(self, line: str) -> None:
        """Say nothing."""

    def event(self, event: Event) -> None:
        if event.type == "state" and event.state == State.FAILED:
            self._talk(_failure(event))


class JsonReporter(Reporter):
    """Writes each event as a line of JSON to stdout: {seq, at, type, id, state, …}."""

    def event(self, event: Event) -> None:
        line = {"seq": event.seq, "at": event.at, "type": event.type, "id": event.id, "state": event.state}
        sys.stdout.write(json.dumps(line | dict(event.data)) + "\n")

    def show(self, engine: Engine) -> None:
        sys.stdout.flush()

    def refused(self, url: str, error: TuiDownloadsError) -> None:
        line = {"seq": 0, "at": time.time(), "type": "state", "id": "", "state": "failed", "url": redact(url)}
        told = {"code": error.code.value, "message": error.message, "next_step": error.next_step, "exit": error.exit}
        sys.stdout.write(json.dumps(line | told) + "\n")


class PlainReporter(Reporter):
    """Writes one line for each thing that happened, and now and then one for all."""

    EVERY = 10.0

    def __init__(self) -> None:
        self._next = time.monotonic() + self.EVERY

    def event(self, event: Event) -> None:
        if event.type == "state":
            line = _line(event)
            if line:
                self._talk(line)
        elif event.type == "log" and event.id:
            self._talk(str(event.data.get("message", "")))

    def show(self, engine: Engine) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self.EVERY
            running = [item for item in engine.snapshot().downloads.values() if item.state in RUNNING]
            for item in running[:ROWS]:
                self._talk(f"{item.name or item.url}: {_progress(item)}")


class TerminalReporter(Reporter):
    """Draws a line for each running file and one for all, and lets finished files scroll away above them."""

    # Mutable state: how many lines are drawn, lines that wait to be printed above them, and totals.
    def __init__(self) -> None:
        self._drawn = 0
        self._above: list[str] = []
        self._next = 0.0
        self._counts = {State.COMPLETE: 0, State.FAILED: 0}
        self._bytes = 0
        self._began = time.monotonic()

    def event(self, event: Event) -> None:
        if event.type == "log" and event.id:
            self._above.append(str(event.data.get("message", "")))
        if event.type != "state":
            return
        state = State(event.state)
        if state in self._counts:
            self._counts[state] += 1
            self._bytes += int(event.data.get("size") or 0)
        line = _line(event)
        if line:
            self._above.append(line)

    def show(self, engine: Engine) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + REDRAW
        import shutil  # 7 ms that a pipe does not need

        snapshot = engine.snapshot()
        running = [item for item in snapshot.downloads.values() if item.state in RUNNING]
        columns, rows = shutil.get_terminal_size()
        lines = [self._row(item, columns) for item in running[: min(ROWS, rows - 2)]]
        totals = snapshot.totals
        parts = [f"{self._counts[State.COMPLETE]} done"]
        if self._counts[State.FAILED]:
            parts.append(f"{self._counts[State.FAILED]} failed")
        parts += [f"{totals.active} running", f"{totals.queued + totals.waiting} to come", f"{size(totals.speed)}/s"]
        lines.append(" · ".join(parts)[: columns - 1])
        self._draw(lines)

    def _row(self, item: DownloadView, columns: int) -> str:
        figures = _progress(item)
        room = columns - len(figures) - 2
        if room < SHORTEST:
            return f"{fit(item.name or item.url, max(4, columns - 7))} {_percent(item)}"[: columns - 1]
        if room < SHORTEST + BAR + 1:
            return f"{fit(item.name or item.url, room)} {figures}"
        filled = int((item.progress or 0.0) * BAR)
        bar = "━" * filled + " " * (BAR - filled)
        return f"{fit(item.name or item.url, room - BAR - 1)} {bar} {figures}"

    def _draw(self, lines: list[str]) -> None:
        wipe = f"\x1b[{self._drawn}F\x1b[J" if self._drawn else ""
        above = "".join(plain(line) + "\n" for line in self._above)
        self._above = []
        tell(wipe + above + "".join(line + "\n" for line in lines))
        self._drawn = len(lines)

    def close(self) -> None:
        self._draw([])
        seconds = time.monotonic() - self._began
        done = self._counts[State.COMPLETE]
        if done > 1:
            speed = size(self._bytes / max(seconds, 0.001))
            self._talk(f"{done} files, {size(self._bytes)} in {duration(seconds)}, {speed}/s")


def _progress(item: DownloadView) -> str:
    percent = _percent(item)
    if item.state is State.VERIFYING:
        return f"{percent}{' ' if percent else ''}of {size(item.size)} verified"
    whole = f"{size(item.done)}/{size(item.size)}"
    return f"{percent}{' ' if percent else ''}{whole} {size(item.speed)}/s {duration(item.eta)} x{item.connections}"


def _percent(item: DownloadView) -> str:
    return "" if item.progress is None else f"{item.progress * 100:3.0f}%"


def _line(event: Event) -> str:
    """Write what happened to a download; empty for moves that nobody needs to read."""
    if event.state == State.COMPLETE:
        if event.data.get("skipped"):
            return f"{event.data.get('path')}: skipped, something of this name is there already"
        proof = event.data.get("proof")
        checked = " (checksum right)" if proof in ("checksum", "digest") else ""
        return f"{event.data.get('path')}: {size(event.data.get('size'))}{checked}"
    if event.state == State.FAILED:
        return _failure(event)
    if event.state == State.WAITING:
        until = event.data.get("until")
        wait = "" if until is None else f"; next try in {duration(max(0.0, until - time.time()))}"
        return f"Waiting: {str(event.data.get('reason')).rstrip('.')}{wait}"
    return ""


def _failure(event: Event) -> str:
    message, code = str(event.data.get("message")), str(event.data.get("code"))
    step = OWN_STEPS.get(code) or event.data.get("next_step")
    return f"Failed: {message}{'' if message.endswith(('.', '!', '?')) else '.'} {step}"
