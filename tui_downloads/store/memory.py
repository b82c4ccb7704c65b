"""The store without a disk, for a single `get` and for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, Conflict
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import DownloadView, Page, Query

from .base import HostRow, Intent, Store
from .matching import finder
from .order import KEYS, STORED_AS, Mark, check_query, moment, page_size, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Callable

NOTES_KEPT = 200


def kept(download: Download) -> Download:
    """Copy a download as a restart should find it: stored state, no live figures, files of its own."""
    return replace(
        download,
        state=STORED_AS[download.state],
        files=[replace(file) for file in download.files],
        meta=dict(download.meta),
        waiting=None,
        speed=0.0,
        eta=None,
        connections=0,
    )


class MemoryStore(Store):
    """Remembers downloads until it is closed."""

    def __init__(self) -> None:
        self._downloads: dict[str, tuple[int, Download]] = {}
        self._gids: dict[str, str] = {}
        self._next = 1
        self._intents: dict[tuple[str, str], Intent] = {}
        self._hosts: dict[str, HostRow] = {}
        self._notes: dict[str, list[tuple[float, str]]] = {}
        self._settings: dict[str, str] = {}

    async def open(self) -> str:
        return ""

    async def close(self) -> None:
        return None

    async def load(self) -> list[Download]:
        live = [(n, download) for n, download in self._downloads.values() if download.state not in ENDED]
        live.sort(key=lambda found: (-found[1].priority, found[1].position, found[0]))
        return [kept(download) for _, download in live]

    async def insert(self, downloads: Sequence[Download]) -> None:
        new: set[str] = set()
        for download in downloads:
            names = {download.id, download.gid}
            if download.id in self._downloads or download.gid in self._gids or names & new:
                raise Conflict("A download with this id or gid is in the list already.", code=Code.DUPLICATE)
            new |= names
        for download in downloads:
            self._downloads[download.id] = (self._next, kept(download))
            self._gids[download.gid] = download.id
            self._next += 1

    async def save(self, downloads: Sequence[Download]) -> None:
        for download in downloads:
            if (found := self._downloads.get(download.id)) is not None:
                self._downloads[download.id] = (found[0], kept(download))

    async def finish(self, downloads: Sequence[Download]) -> None:
        await self.save(downloads)
        self._drop_intents([download.id for download in downloads])

    def _drop_intents(self, ids: Sequence[str]) -> None:
        if self._intents:
            gone = set(ids)
            self._intents = {key: intent for key, intent in self._intents.items() if key[0] not in gone}

    async def intend(self, intents: Sequence[Intent]) -> None:
        self._intents.update({(intent.download, intent.file): intent for intent in intents})

    async def intents(self) -> list[Intent]:
        return [intent for _, intent in sorted(self._intents.items())]

    async def get(self, id: str) -> Download | None:
        found = self._downloads.get(id) or self._downloads.get(self._gids.get(id, ""))
        return None if found is None else kept(found[1])

    async def known(self, ids: Sequence[str]) -> set[str]:
        return {id_ for id_ in ids if id_ in self._downloads or id_ in self._gids}

    async def delete(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            found = self._downloads.pop(id_, None)
            if found is not None:
                del self._gids[found[1].gid]
            self._notes.pop(id_, None)
        self._drop_intents(ids)

    def _found(self, query: Query) -> list[tuple[Mark, Download]]:
        check_query(query)
        key: Callable[[Download], float | int | str] = KEYS[query.sort]
        test = finder(query)
        found = [((key(download), n), download) for n, download in self._downloads.values() if test(download)]
        found.sort(key=lambda pair: pair[0], reverse=query.reverse)
        return found

    async def page(self, query: Query) -> Page:
        found = self._found(query)
        number = len(found)
        mark = read_cursor(query)
        if mark is not None:
            found = [pair for pair in found if (pair[0] < mark if query.reverse else pair[0] > mark)]
        size = page_size(query)
        rest = len(found) > size
        found = found[:size]
        return Page(
            items=tuple(_listed(download) for _, download in found),
            cursor=write_cursor(query, found[-1][0]) if rest else None,
            total=number if mark is None else None,
        )

    async def export(self, query: Query) -> AsyncIterator[DownloadView]:
        mark = read_cursor(query)
        for place, download in self._found(query):
            if mark is None or (place < mark if query.reverse else place > mark):
                yield _listed(download)

    async def counts(self, owner: str = "") -> dict[State, int]:
        return dict(
            Counter(
                download.state
                for _, download in self._downloads.values()
                if not owner or download.request.owner == owner
            )
        )

    async def forget(self, *, before: float | None = None, states: Sequence[State] = ()) -> int:
        wanted = ENDED & set(states) if states else ENDED
        gone = [
            id_
            for id_, (_, download) in self._downloads.items()
            if download.state in wanted and (before is None or moment(download) < before)
        ]
        await self.delete(gone)
        return len(gone)

    async def hosts(self) -> list[HostRow]:
        return [row for _, row in sorted(self._hosts.items())]

    async def save_host(self, row: HostRow) -> None:
        self._hosts[row.host] = row

    async def notes(self, id: str) -> list[tuple[float, str]]:
        return list(self._notes.get(id, ()))

    async def note(self, id: str, entries: Sequence[tuple[float, str]]) -> None:
        if id in self._downloads:
            self._notes[id] = [*self._notes.get(id, ()), *entries][-NOTES_KEPT:]

    async def setting(self, key: str) -> str | None:
        return self._settings.get(key)

    async def remember(self, values: Mapping[str, str]) -> None:
        self._settings.update(values)


def _listed(download: Download) -> DownloadView:
    """Give the view that a list shows: the secrets of signed links are hidden, as in every other store."""
    view = download.view()
    if "?" not in view.url + view.final_url + "".join(view.mirrors):
        return view
    return replace(
        view, url=redact(view.url), final_url=redact(view.final_url), mirrors=tuple(map(redact, view.mirrors))
    )
