"""Rows that live in the store: loaded page by page from both ends, so that a million of them open at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec.structs import replace

from tui_downloads.core.snapshots import DownloadView, Page, Query

from .rows import Keep

PAGE = 200
FIRST = 60
"""Rows of the first page: a screenful, so that the list is there at once."""
MOST_AT_ONCE = 25
"""Pages loaded for one jump; what is not there by then stays a placeholder until it is scrolled to again."""


class PagedRows:
    """Rows of a query. `lead` stands above them and is not from the store."""

    def __init__(self, load: Callable[[Query], Awaitable[Page]], query: Query) -> None:
        self._load = load
        self.query = query
        self.keep: Keep | None = None
        """What the store can't decide; rows that it refuses are left out."""
        self.lead: Sequence[DownloadView] = ()
        self._head: list[DownloadView] = []
        self._tail: list[DownloadView] = []
        self._head_cursor: str | None = None
        self._tail_cursor: str | None = None
        self._total = 0
        self._places: dict[str, int] | None = {}
        self.loaded = False
        self._generation = 0

    def __len__(self) -> int:
        return len(self.lead) + self._below()

    def _below(self) -> int:
        if self.keep is None and self._total >= len(self._head) + len(self._tail):
            return self._total
        return len(self._head) + (1 if self._head_cursor else 0)

    @property
    def total(self) -> int | None:
        """How many there are, or None while only some are known."""
        return self._total + len(self.lead) if self.keep is None else None

    def view(self, index: int) -> DownloadView | None:
        if index < 0:
            return None
        if index < len(self.lead):
            return self.lead[index]
        index -= len(self.lead)
        if index < len(self._head):
            return self._head[index]
        back = self._below() - 1 - index
        return self._tail[back] if 0 <= back < len(self._tail) else None

    def index(self, id: str) -> int | None:
        if self._places is None:
            lead = len(self.lead)
            places = {view.id: self._below() - 1 - back + lead for back, view in enumerate(self._tail)}
            places.update((view.id, at + lead) for at, view in enumerate(self._head))
            places.update((view.id, at) for at, view in enumerate(self.lead))
            self._places = places
        return self._places.get(id)

    def get(self, id: str) -> DownloadView | None:
        place = self.index(id)
        return None if place is None else self.view(place)

    def between(self, first: int, last: int) -> Iterable[DownloadView]:
        first, last = max(0, first), min(last, len(self))
        lead, head = len(self.lead), len(self.lead) + len(self._head)
        found = [*self.lead[first:last], *self._head[max(0, first - lead) : max(0, last - lead)]]
        # The tail holds the last row first.
        tail = max(head, len(self) - len(self._tail))
        return found + [view for at in range(max(first, tail), last) if (view := self.view(at)) is not None]

    def set_lead(self, views: Sequence[DownloadView]) -> bool:
        """Put these rows on top and say whether anything differs."""
        if len(views) == len(self.lead) and all(a is b for a, b in zip(views, self.lead, strict=True)):
            return False
        self.lead = tuple(views)
        self._places = None
        return True

    async def reload(self, *, whole: bool = False) -> None:
        """Load again from the top, as far as it was loaded before, at most a few pages unless it has to be `whole`."""
        self._generation += 1
        generation, query = self._generation, self.query
        wanted = len(self._head) if whole else min(len(self._head), 4 * PAGE)
        head: list[DownloadView] = []
        cursor: str | None = None
        total = 0
        while True:
            page = await self._load(replace(query, limit=PAGE if wanted else FIRST, cursor=cursor))
            if cursor is None:
                total = page.total or 0
            head += self._kept(page.items)
            cursor = page.cursor
            if cursor is None or len(head) >= max(1, wanted):
                break
        if generation == self._generation:
            self._head, self._head_cursor, self._tail, self._tail_cursor = head, cursor, [], None
            self._total = total if self.keep is None and total else len(head)
            self._places = None
            self.loaded = True

    async def reach(self, first: int, last: int) -> bool:
        """Load what is missing between two rows, from the nearer end; say whether anything came."""
        generation = self._generation
        came = False
        first, last = first - len(self.lead), last - len(self.lead)
        for _ in range(MOST_AT_ONCE):
            below = self._below()
            wanted = range(max(first, len(self._head)), min(last, below - len(self._tail)))
            if not wanted:
                break
            from_tail = self.keep is None and below - wanted[-1] < wanted[0] - len(self._head)
            if not await (self._grow_tail(generation) if from_tail else self._grow_head(generation)):
                break
            came = True
        return came

    async def _grow_head(self, generation: int) -> bool:
        if self._head_cursor is None:
            return False
        page = await self._load(replace(self.query, limit=PAGE, cursor=self._head_cursor))
        if generation != self._generation:
            return False
        self._head += self._kept(page.items)
        self._head_cursor = page.cursor
        if page.cursor is None:
            # The store's total was taken when the first page was; what the walk found is what there is.
            self._tail, self._total = [], len(self._head)
        # The two ends have met: what both hold is kept once.
        del self._tail[max(0, self._total - len(self._head)) :]
        self._places = None
        return True

    async def _grow_tail(self, generation: int) -> bool:
        if self._tail and self._tail_cursor is None:
            return False
        query = replace(self.query, limit=PAGE, cursor=self._tail_cursor, reverse=not self.query.reverse)
        page = await self._load(query)
        if generation != self._generation or not page.items:
            return False
        self._tail += page.items[: max(0, self._total - len(self._head) - len(self._tail))]
        self._tail_cursor = page.cursor
        self._places = None
        return True

    def _kept(self, items: Sequence[DownloadView]) -> list[DownloadView]:
        return [item for item in items if self.keep is None or self.keep(item)]
