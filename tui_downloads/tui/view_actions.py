"""Keys that change what is seen and nothing else: moving, marking, filter, order, columns, panes."""

from __future__ import annotations

from textual import work
from textual.widgets import Input

from tui_downloads.core.lifecycle import State

from .columns import COLUMNS
from .dialogs.choice import Choice, ChoiceDialog, SeveralDialog
from .fields import SafeInput
from .options import ScreenSettings
from .paged_rows import PagedRows
from .pane_screen import PaneScreen
from .panes import KINDS, SORT_NAMES, TWO_LINES
from .rows import LiveRows


class ViewActions(PaneScreen):
    """The actions of the groups Move, Marks, Panes and View."""

    def say(self, sentence: str, severity: str = "information") -> None:
        raise NotImplementedError

    def action_move_down(self) -> None:
        (self.table or self.log_view).move_by(1)

    def action_move_up(self) -> None:
        (self.table or self.log_view).move_by(-1)

    def action_move_top(self) -> None:
        (self.table or self.log_view).move_to(0)

    def action_move_bottom(self) -> None:
        table = self.table
        if table is None:
            self.log_view.move_to(self.log_view.max_scroll_y)
        else:
            table.move_to(len(table.rows) - 1)

    def action_move_page_down(self) -> None:
        target = self.table or self.log_view
        target.move_by(target.page)

    def action_move_page_up(self) -> None:
        target = self.table or self.log_view
        target.move_by(-target.page)

    def action_mark_toggle(self) -> None:
        if self.table is not None:
            self.table.mark()
            self.table.move_by(1)

    def action_mark_range(self) -> None:
        if self.table is not None:
            self.table.range_marks()

    def action_mark_all(self) -> None:
        if isinstance(self.rows.get(self.pane), PagedRows):
            self._mark_stored(self.pane)
        elif self.table is not None:
            self.table.mark_all()

    @work(exclusive=True, group="reach", exit_on_error=False)
    async def _mark_stored(self, key: str) -> None:
        """Load what the store has of a pane, within reason, and mark it."""
        rows, table = self.rows[key], self.tables[key]
        assert isinstance(rows, PagedRows)
        if await rows.reach(0, len(rows)):
            table.rows_changed(self.session.clock())
        table.mark_all()
        marked = len(table.marked)
        if 0 < marked < len(rows):
            self.say(f"{marked:,} of {len(rows):,} are marked; a filter makes the list shorter.", "warning")

    def action_mark_invert(self) -> None:
        if self.table is not None:
            self.table.invert_marks()

    def action_mark_clear(self) -> None:
        """Clear marks first, then the filter."""
        box = self.query_one("#filter", SafeInput)
        if self.table is not None and not box.has_focus and self.table.clear_marks():
            return
        if box.display or self.filter.text:
            with self.prevent(Input.Changed):
                box.value = ""
            box.display = False
            self.set_filter("")
            self.show_pane(self.pane)

    def action_pane_active(self) -> None:
        self.show_pane("active")

    def action_pane_queue(self) -> None:
        self.show_pane("queue")

    def action_pane_history(self) -> None:
        self.show_pane("history")

    def action_pane_errors(self) -> None:
        self.show_pane("errors")

    def action_pane_log(self) -> None:
        self.show_pane("log")

    def action_pane_next(self) -> None:
        self.step_pane(1)

    def action_pane_previous(self) -> None:
        self.step_pane(-1)

    def action_view_filter(self) -> None:
        box = self.query_one("#filter", SafeInput)
        box.display = True
        box.focus()

    def action_view_filter_state(self) -> None:
        choices = [Choice("", "every state", current=not self.filter.text)]
        for state in State:
            choices.append(Choice(state.value, f"{self.session.glyphs.states[state]} {state.value}".strip()))

        def chosen(state: str | None) -> None:
            if state is None:
                return
            text = f"state:{state}" if state else ""
            with self.prevent(Input.Changed):
                self.query_one("#filter", SafeInput).value = text
            self.set_filter(text)

        self.app.push_screen(ChoiceDialog("Filter by state", choices), chosen)

    def action_view_sort(self) -> None:
        if self.pane not in KINDS:
            return
        current, _ = self.order()
        choices = [Choice(key, SORT_NAMES[key], current=key == current) for key in KINDS[self.pane].sorts]

        def chosen(key: str | None) -> None:
            if key is not None:
                # Sizes and times are mostly wanted with the largest on top.
                self.set_sort(key, reverse=key in ("size", "speed", "created", "finished", "priority"))

        self.app.push_screen(ChoiceDialog("Sort by", choices), chosen)

    def action_view_reverse(self) -> None:
        sort, turned = self.order()
        self.set_sort(sort, reverse=not turned)

    def action_view_columns(self) -> None:
        table = self.table
        if table is None:
            return
        choices = [Choice(key, column.title, current=key in table.keys) for key, column in COLUMNS.items()]

        def chosen(keys: tuple[str, ...] | None) -> None:
            if keys is not None:
                table.show_columns(keys or KINDS[self.pane].columns)
                self.memory.soon()

        self.app.push_screen(SeveralDialog("Columns", choices), chosen)

    def action_view_density(self) -> None:
        self._set_density(comfortable=not self.tables["active"].comfortable)

    def _set_density(self, *, comfortable: bool) -> None:
        for key, table in self.tables.items():
            if key not in TWO_LINES:
                table.comfortable = comfortable
                table.relayout()
                table.move_by(0)
        self.memory.soon()

    def settings_changed(self, before: ScreenSettings) -> None:
        """Take over density and columns, where the settings have others than before."""
        settings = self.session.settings
        if settings.density != before.density:
            self._set_density(comfortable=settings.density != "compact")
        if settings.columns != before.columns:
            self.tables["active"].show_columns(settings.columns or KINDS["active"].columns)
            self.memory.soon()

    def action_view_preview(self) -> None:
        """Show or hide the download at the cursor in full, beside or below the list."""
        if not self.preview.switch():
            self.say("The preview needs 100 columns and 30 rows; enter shows the details.", "warning")
        self.show_bars()

    def action_view_freeze(self) -> None:
        self.frozen = not self.frozen
        if not self.frozen:
            self.take(self.session.snapshot)
        self.show_bars()

    def clear_active(self) -> int:
        """Hide what has ended from Active and say how many there were; the history keeps them."""
        rows = self.rows["active"]
        assert isinstance(rows, LiveRows)
        views = [view for at in range(len(rows)) if (view := rows.view(at)) is not None]
        ended = {view.id for view in views if view.finished_at is not None}
        self.cleared |= ended
        self.reload_live()
        return len(ended)
