"""Makes what yt-dlp puts together from fragments survive any end, SIGKILL and a power cut included. Run in its process.

yt-dlp appends fragments to one file and writes the number of the last one beside it, in two steps, and while several
are fetched at once the number may be that of one that is still missing. Ended in between, it goes on with a fragment
twice or not at all, and calls the file complete. Here a mark is written after each fragment: how many are in the file,
and where it ended when they were safe on the disk. Before yt-dlp goes on, the file is cut there and the number put
right; a file without a mark that fits begins again.
"""

from __future__ import annotations

import contextlib
import glob
import importlib
import json
import os
from typing import Any

MARK = ".mark"
_sync = getattr(os, "fdatasync", os.fsync)


def guard() -> bool:
    """Put the marks into yt-dlp's downloader; False where this yt-dlp has no place for them."""
    try:
        downloader: Any = importlib.import_module("yt_dlp.downloader.fragment").FragmentFD
        append, begin = downloader._append_fragment, downloader._prepare_and_start_frag_download
        finish = downloader._finish_frag_download
        names = downloader.temp_name, downloader.ytdl_filename
    except (ImportError, AttributeError):
        return False
    if not all(map(callable, (append, begin, finish, *names))):
        return False

    def marked_append(self: Any, ctx: dict[str, Any], content: bytes) -> Any:
        number = str(ctx["fragment_filename_sanitized"]).rpartition("-Frag")[2]
        result = append(self, ctx, content)
        mark(ctx, int(number))
        return result

    def settled_begin(self: Any, ctx: dict[str, Any], info: dict[str, Any]) -> Any:
        ctx["wish"] = [str(info.get("format_id")), ctx.get("total_frags")]
        if not ctx.get("live"):
            settle(self.temp_name(ctx["filename"]), self.ytdl_filename(ctx["filename"]), ctx["wish"])
        return begin(self, ctx, info)

    def safe_finish(self: Any, ctx: dict[str, Any], info: dict[str, Any]) -> Any:
        _sync(ctx["dest_stream"].fileno())
        result = finish(self, ctx, info)
        remove(ctx["tmpfilename"] + MARK)
        return result

    downloader._append_fragment = marked_append
    downloader._prepare_and_start_frag_download = settled_begin
    downloader._finish_frag_download = safe_finish
    return True


def mark(ctx: dict[str, Any], number: int) -> None:
    """Write down that so many fragments are in the file, once they are safe."""
    path = ctx["tmpfilename"] + MARK
    if ctx.get("live") or ctx.get("extra_state"):
        remove(path)  # there is more to know than what is in the file; without a mark it begins again
        return
    stream = ctx["dest_stream"]
    stream.flush()
    _sync(stream.fileno())
    told = {"index": number, "length": os.fstat(stream.fileno()).st_size, "wish": ctx.get("wish")}
    _write(path, told)


def settle(part: str, beside: str, wish: list[Any]) -> None:
    """Bring a file and yt-dlp's note beside it to the last mark, or remove both."""
    for path in glob.glob(glob.escape(part) + "-Frag*"):  # noqa: PTH207 - fragments that were under way
        remove(path)
    try:
        with open(part + MARK, encoding="utf-8") as file:  # noqa: PTH123
            told = json.load(file)
        index, length = int(told["index"]), int(told["length"])
        if told["wish"] != wish or index < 1 or not 0 < length <= os.stat(part).st_size:
            raise ValueError
        os.truncate(part, length)
        _write(beside, {"downloader": {"current_fragment": {"index": index}, "fragment_count": wish[1]}})
    except (OSError, ValueError, KeyError, TypeError):
        for path in (part, beside, part + MARK):
            remove(path)


def remove(path: str) -> None:
    """Remove a file that may be gone."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # noqa: PTH108


def _write(path: str, told: dict[str, Any]) -> None:
    """Replace a small file whole."""
    with open(path + ".tmp", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(told, file)
        file.flush()
        _sync(file.fileno())
    os.replace(path + ".tmp", path)  # noqa: PTH105
