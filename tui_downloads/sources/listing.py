"""HTTP directory listings (nginx, Apache, python's http.server and their like) walked as packages.

Only links that lie directly in the folder they are listed in are followed, on the same scheme, host and port: a page
can't send the walk elsewhere, and sort links, parents and loops fall out by themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

from tui_downloads.core.content_types import HTML, essence
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.links import parse_link

from .base import MOST_FILES, Dialogue, FileSpec, Question, Reply, Resolved, Source, absolute, invalid, whole

LIMIT = 16 * 1024 * 1024
DEPTH = 5
DEEPEST = 50
MOST_FOLDERS = 10_000
MOST_PATTERNS = 64


class Listing(Source):
    """A folder behind a link: `options` may have depth, include and exclude (globs of relative paths)."""

    name = "directory listing"

    def __init__(self, wish: Any) -> None:
        super().__init__(wish)
        self.depth = _depth(wish.options.get("depth"))
        self.include = _patterns(wish.options.get("include"))
        self.exclude = _patterns(wish.options.get("exclude"))

    def resolve(self) -> Dialogue:
        reply = yield Question(self.wish.url, limit=LIMIT)
        return (yield from self.walk(reply))

    def walk(self, reply: Reply) -> Dialogue:
        """Walk from a folder's own page, which has been asked for."""
        page = whole(reply, "The directory listing")
        if essence(reply.headers.get("content-type", "text/html")) not in HTML:
            raise invalid("The link leads to a file, not to a directory listing.")
        root = _folder(reply.url)
        found: dict[str, FileSpec] = {}
        notes: list[str] = []
        folders: deque[tuple[str, int]] = deque()
        self._enter(page, root, root, 1, found, folders)
        walked = 1
        while folders:
            folder, depth = folders.popleft()
            walked += 1
            if walked > MOST_FOLDERS:
                raise invalid(f"There are more than {MOST_FOLDERS} folders; choose with depth, include or exclude.")
            try:
                reply = yield Question(folder, limit=LIMIT)
                if not reply.url.startswith(root):
                    raise invalid("The listing leads elsewhere.")
                page = whole(reply, "A listed folder")
            except DownloadError as error:
                if error.retry:
                    raise
                notes.append(f"A listed folder was left out: {error.message}")
                continue
            self._enter(page, folder, root, depth, found, folders)
        if not found:
            raise invalid("The directory listing has no file that was asked for.")
        title = unquote(root.rstrip("/").rpartition("/")[2]) if root.count("/") > 3 else ""
        return Resolved(tuple(found.values()), title=title, folder=True, notes=tuple(notes[:20]))

    def _enter(
        self, page: bytes, folder: str, root: str, depth: int, found: dict[str, FileSpec],
        folders: deque[tuple[str, int]],
    ) -> None:  # fmt: skip
        """Take the files and folders that a page lists directly below `folder`."""
        for url in dict.fromkeys(entries(page, folder)):
            path = unquote(url[len(root) :])
            if url.endswith("/"):
                if (
                    depth < self.depth
                    and not _matches(path.rstrip("/"), self.exclude)
                    and not _matches(path, self.exclude)
                ):
                    folders.append((url, depth + 1))
            elif (not self.include or _matches(path, self.include)) and not _matches(path, self.exclude):
                if len(found) >= MOST_FILES:
                    raise invalid(f"There are more than {MOST_FILES} files; choose with include or exclude.")
                found[url] = FileSpec(urls=(url,), path=path)


class _Anchors(HTMLParser):
    """Collects what anchors refer to."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.references += [value for name, value in attributes if name == "href" and value]


def entries(page: bytes, folder: str) -> Iterator[str]:
    """List the links of a page that lie directly in a folder; folders end with a slash."""
    anchors = _Anchors()
    anchors.feed(page.decode("utf-8", "replace"))
    for reference in anchors.references:
        if "?" in reference or len(reference) > 4096:
            continue  # a query sorts or asks; no server lists a file by one
        url = absolute(folder, reference.partition("#")[0])
        rest = url[len(folder) :]
        if url.startswith(folder) and rest and "/" not in rest.removesuffix("/"):
            yield url


def looks_like(reply: Reply) -> bool:
    """Say whether an answer may be a directory listing: a page under a link that is a folder."""
    kind = essence(reply.headers.get("content-type"))
    return kind in HTML and (reply.url.partition("?")[0].endswith("/") or b"Index of" in reply.body[:4096])


def _folder(url: str) -> str:
    url = parse_link(url.partition("?")[0]).url_without_userinfo
    return url if url.endswith("/") else url.rpartition("/")[0] + "/"


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Match a pattern without a slash against the last component, others against the whole path."""
    last = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern else last, pattern) for pattern in patterns)


def _depth(value: Any) -> int:
    if value is None:
        return DEPTH
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= DEEPEST:
        raise invalid(f"The depth of a listing is a number from 1 to {DEEPEST}.")
    return value


def _patterns(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) and len(item) <= 1024 for item in given):
        raise invalid("Patterns of a listing are texts such as *.iso.")
    return tuple(given[:MOST_PATTERNS])
