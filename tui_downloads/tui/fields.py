"""Fields that can be edited: what is pasted or prefilled loses everything a terminal would obey."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from textual import events
from textual.suggester import Suggester
from textual.widgets import Input

from .safe_text import typed


class SafeInput(Input):
    """A line of text that is safe to draw."""

    DEFAULT_CSS = """
    SafeInput { height: 1; border: none; padding: 0 1; background: $tui-field; }
    SafeInput:focus { border: none; background: $tui-field-focus; }
    """

    def _on_paste(self, event: events.Paste) -> None:
        event.text = typed(event.text.strip().splitlines()[0] if event.text.strip() else "")
        super()._on_paste(event)


def clean_lines(text: str) -> str:
    """Clean every line of a text and keep its line breaks."""
    return "\n".join(typed(line) for line in text.splitlines())


class FolderSuggester(Suggester):
    """Completes folders of this machine; a relative path is looked up below the download folder."""

    MOST = 2000

    def __init__(self, base: Callable[[], str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._base = base

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        head, slash, start = value.rpartition("/")
        root = Path(head + slash if value.startswith("/") else f"{self._base()}/{head}").expanduser()
        if value.startswith("~"):
            root = Path(head + slash).expanduser()
        # A folder of a network that is away takes its time, and the screen has other things to do meanwhile.
        name = await asyncio.to_thread(self._find, root, start)
        return typed(f"{head}{slash}{name}/") if name else None

    def _find(self, root: Path, start: str) -> str:
        with contextlib.suppress(OSError), os.scandir(root) as entries:
            for entry in islice(entries, self.MOST):
                if entry.name.startswith(start) and entry.name != start and entry.is_dir():
                    return entry.name
        return ""
