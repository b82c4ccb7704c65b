"""The main screen's ground: five panes under one row of tabs, fed by snapshots."""

from __future__ import annotations

from msgspec.structs import replace
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Input, Static

from tui_downloads.core.filters import Filter
from tui_downloads.core.filters import parse as parse_filter
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, Snapshot

from . import bars, log_filter, remembering
from .fields import SafeInput
from .line_bar import LineBar
from .log_view import LogView
from .paged_rows import PagedRows
from .panes import KEYS, KINDS, STORE_QUERIES, in_active, in_queue
from .previewing import Previewing
from .remembering import Remembering
from .rows import SORTS, Changes, LiveRows, difference
from .safe_text import safe_text, words
from .session import Session
from .table import DownloadTable

SMALLEST = (40, 12)


class PaneScreen(Screen[None]):
    """Panes, tabs, filter and bars; what the keys do is added by its children."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.frozen = False
        self.pane = "active"
        self.only: DownloadView | None = None
        """The download that the details show; commands are meant for it while they are open."""
        self.cleared: set[str] = set()
        self.seen = Snapshot(revision=-1)
        self._filter = Filter()
        self._ended = -1
        self._stale_stores = {"history", "errors"}
        self._loading, self._wanted_store = False, ""
        kinds = KINDS
        self.rows: dict[str, LiveRows | PagedRows] = {
            "active": LiveRows(in_active(session.opened_at, self.cleared), sort=kinds["active"].sort),
            "queue": LiveRows(in_queue, sort=kinds["queue"].sort),
            "history": PagedRows(session.desk.engine.page, STORE_QUERIES["history"]),
            "errors": PagedRows(session.desk.engine.page, STORE_QUERIES["errors"]),
        }
        self.tables = {
            key: DownloadTable(self.rows[key], kinds[key].columns, session.glyphs, id=key) for key in kinds
        }  # fmt: skip
        self.log_view = LogView(id="log")
        self.tab_bar, self.status_bar, self.key_bar = LineBar(id="tabs"), LineBar(id="status"), LineBar(id="keys")
        self.banner = Static("", id="banner")
        self._banner_text = ""
        self.memory = Remembering(self)
        self.preview = Previewing(self)

    def compose(self) -> ComposeResult:
        yield self.tab_bar
        yield self.banner
        with Container(id="panes"):
            for key, table in self.tables.items():
                table.empty = KINDS[key].empty
                table.display = key == self.pane
                yield table
            self.log_view.display = False
            yield self.log_view
        yield SafeInput(id="filter", placeholder="words, state:failed, host:example, size>1g, age<2d, -not")
        yield self.status_bar
        yield self.key_bar
        yield Static(words("This window is too small.\n", ("40 × 12 is enough.", "$tui-muted")), id="too-small")

    def on_mount(self) -> None:
        self._recall()
        self.query_one("#filter").display = False
        self.show_pane(self.pane)

    # Snapshots.

    def take(self, snapshot: Snapshot, changes: Changes | None = None) -> None:
        """Show a snapshot; what is frozen stays as it is. `changes` saves comparing it with the one that is shown."""
        if self.frozen:
            self.show_bars()
            return
        now = self.session.clock()
        if changes is None:
            changes = difference(self.seen.downloads, snapshot.downloads)
        self.seen = snapshot
        for key in ("active", "queue"):
            rows = self.rows[key]
            assert isinstance(rows, LiveRows)
            moved = rows.apply(changes) if changes else False
            table = self.tables[key]
            if moved:
                table.rows_changed(now)
            elif table.display:
                table.figures_changed(now)
        self._stores_changed(snapshot, bool(changes))
        self.preview.follow()
        self._show_banner(snapshot)
        self.show_bars()

    def _stores_changed(self, snapshot: Snapshot, changed: bool) -> None:
        errors = self.rows["errors"]
        assert isinstance(errors, PagedRows)
        if changed:
            matches, now = self._filter.matches, self.session.clock()
            views = snapshot.downloads.values() if snapshot.totals.waiting else ()
            waiting = [view for view in views if view.state is State.WAITING and matches(view, now)]
            if errors.set_lead(waiting):
                self.tables["errors"].rows_changed(now)
        totals = snapshot.totals
        ended = hash((totals.complete, totals.failed, totals.cancelled))
        if ended != self._ended:
            self._ended = ended
            self._stale_stores = {"history", "errors"}
        if self.pane in self._stale_stores:
            self.load_store(self.pane)
        elif self.pane in STORE_QUERIES:
            self.tables[self.pane].figures_changed(self.session.clock())

    def load_store(self, key: str) -> None:
        """Load a pane of the store from the top; while it is being loaded, once more after that and not more often."""
        self._stale_stores.discard(key)
        self._wanted_store = key
        if not self._loading:
            self._loading = True
            self._load_stores()

    @work(group="store", exit_on_error=False)
    async def _load_stores(self) -> None:
        try:
            # A store answers one question after the other: what a filter was while it was typed is not asked.
            while self._wanted_store:
                key, self._wanted_store = self._wanted_store, ""
                rows, table = self.rows[key], self.tables[key]
                assert isinstance(rows, PagedRows)
                # Rows that are marked have to stay, or a command would pass them by.
                await rows.reload(whole=bool(table.marked))
                table.rows_changed(self.session.clock())
                self.preview.follow()
                self.show_bars()
        finally:
            self._loading = False

    @on(DownloadTable.NearEnd)
    def _near_end(self) -> None:
        rows = self.rows.get(self.pane)
        if isinstance(rows, PagedRows):
            self.reach_rows(self.pane)

    @work(exclusive=True, group="reach", exit_on_error=False)
    async def reach_rows(self, key: str) -> None:
        """Load what is in sight and a little beyond."""
        rows, table = self.rows[key], self.tables[key]
        assert isinstance(rows, PagedRows)
        first = table.scroll_offset.y // table.row_height
        if await rows.reach(first, min(len(rows), first + 2 * table.page)):
            table.rows_changed(self.session.clock())

    def _show_banner(self, snapshot: Snapshot) -> None:
        text = snapshot.info.banner
        if text != self._banner_text:
            self._banner_text = text
            self.banner.display = bool(text)
            self.banner.update(safe_text(f" {text}"))

    # Panes.

    @property
    def table(self) -> DownloadTable | None:
        """The table in sight, or None on the log."""
        return self.tables.get(self.pane)

    def show_pane(self, key: str) -> None:
        """Bring a pane into sight and give it the keys."""
        self.pane = key
        for name, table in self.tables.items():
            table.display = name == key
        self.log_view.display = key == "log"
        if key == "log":
            self.log_view.seen()
            self.log_view.focus()
        else:
            self.tables[key].focus()
            self.tables[key].rows_changed(self.session.clock())
            if key in self._stale_stores:
                self.load_store(key)
        self._show_order()
        self.preview.arrange()
        self.show_bars()
        self.refresh_bindings()
        self.memory.soon()

    def step_pane(self, by: int) -> None:
        self.show_pane(KEYS[(KEYS.index(self.pane) + by) % len(KEYS)])

    def targets(self) -> list[DownloadView]:
        """Give the marked downloads, or the one at the cursor, in the order of the table."""
        if self.only is not None:
            return [self.only]
        table = self.table
        if table is None:
            return []
        marked = table.marked
        rows = self.rows[self.pane]
        if marked:
            places = sorted((place, id) for id in marked if (place := rows.index(id)) is not None)
            views = [rows.view(place) for place, _ in places]
            return [view for view in views if view is not None]
        return [table.cursor_view] if table.cursor_view else []

    # Filter and order.

    def set_filter(self, text: str) -> None:
        """Filter every pane; what is not understood is said beside it."""
        self._filter = parse_filter(text)
        matches, now = self._filter.matches, self.session.clock()
        for key in ("active", "queue"):
            self._reload_live(key)
        for key, base in STORE_QUERIES.items():
            rows = self.rows[key]
            assert isinstance(rows, PagedRows)
            query = self._filter.query(base)
            rows.query = replace(query, sort=rows.query.sort, reverse=rows.query.reverse)
            rows.keep = None if self._filter.exact or not self._filter else (lambda view: matches(view, now))
        self.log_view.filter(log_filter.keep(self._filter, lambda id: self.session.snapshot.downloads.get(id), now))
        self._stale_stores = {"history", "errors"}
        if self.pane in self._stale_stores:
            self.load_store(self.pane)
        self.preview.follow()
        self.show_bars()
        self.memory.soon()

    @property
    def filter(self) -> Filter:
        return self._filter

    def _reload_live(self, key: str) -> None:
        rows, table, now = self.rows[key], self.tables[key], self.session.clock()
        assert isinstance(rows, LiveRows)
        matches = self._filter.matches
        rows.reload(self.seen.downloads, (lambda view: matches(view, now)) if self._filter else None)
        hidden = (f"{rows.hidden} are hidden by the filter; esc clears it.",) if rows.hidden else ()
        table.empty = ("Nothing matches.", *hidden) if self._filter else KINDS[key].empty
        table.rows_changed(now)

    def reload_live(self) -> None:
        """Choose the rows of the live panes anew."""
        for key in ("active", "queue"):
            self._reload_live(key)

    def set_sort(self, sort: str, *, reverse: bool | None = None) -> None:
        """Sort the pane in sight; the same order again turns it round."""
        rows = self.rows.get(self.pane)
        if isinstance(rows, LiveRows):
            rows.reverse = (rows.sort == sort and not rows.reverse) if reverse is None else reverse
            rows.sort = sort if sort in SORTS else ""
            self._reload_live(self.pane)
        elif isinstance(rows, PagedRows):
            old = rows.query
            turned = (old.sort == sort and not old.reverse) if reverse is None else reverse
            rows.query = replace(old, sort=sort, reverse=turned)
            self.load_store(self.pane)
        self._show_order()
        self.memory.soon()

    def order(self) -> tuple[str, bool]:
        """Give the order of the pane in sight."""
        rows = self.rows.get(self.pane)
        if isinstance(rows, LiveRows):
            return rows.sort, rows.reverse
        return (rows.query.sort, rows.query.reverse) if rows is not None else ("", False)

    def _show_order(self) -> None:
        table = self.table
        if table is not None:
            table.sort_shown, table.reverse_shown = self.order()
            table.refresh_lines(0, 1)
            table.refresh()

    @on(DownloadTable.SortAsked)
    def _sort_asked(self, event: DownloadTable.SortAsked) -> None:
        if event.key in KINDS[self.pane].sorts:
            self.set_sort(event.key)

    # The lines around the pane.

    def show_bars(self) -> None:
        """Write tabs, status and keys anew; unchanged cells cost nothing."""
        if not self.is_mounted:
            return
        session = self.session
        totals = self.seen.totals
        counts = {
            "active": totals.active + totals.waiting + totals.paused, "queue": totals.queued, "errors": totals.failed,
            "log": self.log_view.unseen,
        }  # fmt: skip
        self.tab_bar.show(bars.tab_parts(self.pane, counts, self._facts()))
        self.status_bar.show(bars.status_parts(session.snapshot, session.speeds, session.glyphs, frozen=self.frozen))
        self.show_keys()

    def show_keys(self) -> None:
        """Write the footer."""

    def _facts(self) -> list[tuple[str, str]]:
        table = self.table
        marked = len(table.marked) if table is not None else 0
        ranging = table is not None and table.ranging
        info = self.session.snapshot.info
        return bars.facts(self._filter, info, marked=marked, ranging=ranging, read_only=self.session.read_only)

    @on(DownloadTable.Moved)
    @on(LogView.Unseen)
    def _moved(self) -> None:
        self.preview.follow()
        self.show_bars()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        self.set_filter(event.value)

    @property
    def filtering(self) -> bool:
        """Whether a filter is being typed."""
        # Not asked of the field itself: while the screen is taken apart it is gone before its blur is told.
        return self.focused is not None and self.focused.id == "filter"

    @on(events.DescendantFocus, "#filter")
    @on(events.DescendantBlur, "#filter")
    def _filter_focused(self) -> None:
        self.show_keys()

    @on(Input.Submitted, "#filter")
    def take_filter(self) -> None:
        """Keep the filter and give the keys back to the table."""
        self.query_one("#filter").display = False
        self.show_pane(self.pane)

    def on_resize(self) -> None:
        small = self.app.size.width < SMALLEST[0] or self.app.size.height < SMALLEST[1]
        self.query_one("#too-small").display = small
        self.preview.arrange()
        self.show_bars()

    def on_screen_resume(self) -> None:
        self.preview.follow()

    # Memory.

    def save(self) -> None:
        """Remember what has not been written yet, at the end."""
        self.memory.last()

    def _recall(self) -> None:
        filter = remembering.recall(self, self.session.remembered)
        if filter:
            with self.prevent(Input.Changed):
                self.query_one("#filter", SafeInput).value = filter
            self.set_filter(filter)
