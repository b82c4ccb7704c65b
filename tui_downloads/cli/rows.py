"""The history as a file, CSV or JSON, page by page: links without secrets, no cell that a spreadsheet would run."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

from msgspec.structs import replace

from tui_downloads import wire
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.filters import Filter
from tui_downloads.core.links import bare
from tui_downloads.core.snapshots import DownloadView, Query
from tui_downloads.engine.base import Engine

from .text import plain

FORMS = ("csv", "json")
PAGE = 1_000
COLUMNS = (
    "id", "state", "name", "folder", "url", "host", "size", "done", "created_at", "started_at", "finished_at",
    "attempts", "checksum", "proof", "error", "message", "owner", "category",
)  # fmt: skip
"""Of an export, in this order, the same as the native API's."""


async def write_rows(engine: Engine, query: Query, found: Filter, form: str, path: str) -> int:
    """Write everything a query finds and give the number of rows.

    Raises:
        DownloadError: the file can't be written.
    """
    count, cursor, now = 0, None, time.time()
    with written(path) as file:
        file.write((",".join(COLUMNS) + "\r\n").encode() if form == "csv" else b"[")
        while True:
            page = await engine.page(replace(query, limit=PAGE, cursor=cursor))
            rows = [row(view) for view in page.items if found.matches(view, now)]
            if form == "csv":
                text = io.StringIO()
                csv.writer(text).writerows([cell(value) for value in each.values()] for each in rows)
                file.write(text.getvalue().encode("utf-8", "replace"))
            else:
                for each in rows:
                    file.write((b"\n" if count == 0 and each is rows[0] else b",\n") + json.dumps(each).encode())
            count += len(rows)
            cursor = page.cursor
            if cursor is None:
                break
        file.write(b"" if form == "csv" else b"\n]\n")
    return count


def row(view: DownloadView) -> dict[str, Any]:
    """Give what an export says of a download."""
    special = {
        "url": bare(view.url),
        "error": view.error.code if view.error else "",
        "message": view.error.message if view.error else "",
    }
    return {name: special[name] if name in special else wire.dump(getattr(view, name)) for name in COLUMNS}


def cell(value: Any) -> Any:
    """Give a cell that a spreadsheet takes for text and not for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return "" if value is None else value


@contextlib.contextmanager
def written(path: str) -> Iterator[BinaryIO]:
    """Open stdout for `-`, else a file that appears under its name when it is whole, readable by its owner only.

    Raises:
        DownloadError: it can't be written.
    """
    if path == "-":
        shown = io.BytesIO() if sys.stdout.isatty() else sys.stdout.buffer
        yield shown
        if isinstance(shown, io.BytesIO):
            # A terminal would obey controls in names; a file keeps names as they are.
            text = shown.getvalue().decode("utf-8", "replace")
            sys.stdout.write(
                "".join(plain(line) + "\n" for line in text.replace("\r\n", "\n").removesuffix("\n").split("\n"))
            )
        sys.stdout.flush()
        return
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
        os.replace(beside, path)
    except OSError as error:
        raise DownloadError(Code.DISK_ERROR, f"{path} can't be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)
