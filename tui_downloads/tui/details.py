"""Everything about one download: facts, segment map, connections, files, log."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.snapshots import DetailView, DownloadView

from . import detail_text
from .actions import BY_ID, ELSEWHERE, elsewhere, shown_keys, textual_keys
from .line_bar import LineBar, Part

if TYPE_CHECKING:
    from .main_screen import MainScreen

TABS = ("Overview", "Connections", "Files", "Log")
FORWARDED = (
    "download.pause", "download.cancel", "download.retry", "download.remove", "download.remove_files",
    "download.again", "download.undo", "queue.raise", "queue.lower", "limits.edit", "file.copy_url", "file.copy_path",
    "file.open", "file.folder", "app.help", "app.palette", "view.freeze",
)  # fmt: skip
WIDE = 100
"""Cells of a terminal from which on facts and pictures stand side by side."""
FOOTER = ("download.pause", "download.cancel", "download.retry", "file.copy_url", "file.open", "app.help")


MOVES = (
    ("move.down", "scroll(1)"), ("move.up", "scroll(-1)"), ("move.page_down", "page(1)"), ("move.page_up", "page(-1)"),
    ("move.top", "edge(0)"), ("move.bottom", "edge(1)"),
)  # fmt: skip


class DetailsScreen(Screen[None]):
    """One download, refreshed with every tick."""

    BINDINGS: ClassVar[list[BindingType]] = [
        elsewhere("details.leave", "leave"),
        elsewhere("details.next", "tab(1)"),
        elsewhere("details.previous", "tab(-1)"),
        *(Binding(str(n), f"show({n - 1})", show=False, id=f"details.page_{n}") for n in range(1, len(TABS) + 1)),
        *(Binding(textual_keys(BY_ID[id].keys), method, show=False, id=id) for id, method in MOVES),
        *(
            Binding(textual_keys(BY_ID[id].keys), f"forward('{BY_ID[id].method}')", show=False, id=id)
            for id in FORWARDED
        ),
    ]

    def __init__(self, main: MainScreen, view: DownloadView) -> None:
        super().__init__()
        self._main = main
        self._download = view.id
        self._detail = DetailView(view)
        self._tab = 0
        self._drawn: dict[str, Content] = {}
        self._loaded = False

    def compose(self) -> ComposeResult:
        yield LineBar(id="tabs")
        yield Static("", id="heading")
        with Horizontal(id="overview"):
            with VerticalScroll(id="left", can_focus=False):
                yield Static("", id="facts")
            with VerticalScroll(id="right", can_focus=False):
                yield Static("", id="pictures")
        with VerticalScroll(id="page", can_focus=False):
            yield Static("", id="lines")
        yield LineBar(id="keys")

    def on_mount(self) -> None:
        self.action_show(0)
        self.take_news()

    def take_news(self) -> None:
        """Load what is new, unless the display is frozen."""
        if not self._main.frozen:
            self._load()

    @work(exclusive=True, group="details", exit_on_error=False)
    async def _load(self) -> None:
        try:
            self._detail = await self._main.session.desk.engine.get(self._download)
        except TuiDownloadsError:
            # It was removed, by this screen or by somebody else.
            self._detail = DetailView(self._detail.download)
        self._main.only = self._detail.download
        self._loaded = True
        self.draw()

    def on_resize(self) -> None:
        self.draw()

    def draw(self) -> None:
        """Write what differs from what is on the screen."""
        if not self.is_mounted:
            return
        glyphs, now = self._main.session.glyphs, self._main.session.clock()
        detail = self._detail
        width, height = self.size.width, self.size.height
        wide = width >= WIDE
        # The bar stands above the pictures and ends where they end.
        split = (width - 7) // 2 + 3 if wide and self._tab == 0 else 0
        half = (width - 9) // 2
        self._put("heading", detail_text.heading(detail.download, split + half if split else width - 4, glyphs, split))
        # A page that scrolls has a bar at its right.
        inner = max(20, width - 6)
        news = self._main.log_view.about(self._download)
        if self._tab == 0:
            half = half if wide else inner
            facts = detail_text.facts(detail, now, half, glyphs)
            room = height - 6 if wide else max(12, height - 6)
            if wide and len(facts) + 4 < room:
                # The newest of the log fills what the facts leave free.
                log = detail_text.log(detail, news, half, now)
                facts += [Content(""), detail_text.title("Log"), *log[: room - len(facts) - 3]]
            self._put("facts", facts)
            drawn = detail_text.pictures(detail, half, room, glyphs, scrolls=not wide) if self._loaded else []
            self._put("pictures", drawn)
        elif not self._loaded:
            # What is not here yet is not said to be missing.
            self._put("lines", [])
        elif self._tab == 1:
            lines = detail_text.connection_lines(detail.connections, inner, glyphs)
            tall = max(3, min(12, height // 3))
            self._put(
                "lines",
                [
                    *detail_text.segments(detail, inner, tall, glyphs),
                    Content(""),
                    detail_text.title("Connections", str(len(detail.connections))),
                    *lines,
                ],
            )
        elif self._tab == 2:
            self._put("lines", detail_text.files(detail, inner, glyphs))
        else:
            self._put("lines", detail_text.log(detail, news, inner, now))
        self._show_bars()

    def _put(self, id: str, lines: list[Content]) -> None:
        content = Content("\n").join(lines)
        if self._drawn.get(id) != content:
            self._drawn[id] = content
            self.query_one(f"#{id}", Static).update(content)

    def _show_bars(self) -> None:
        parts = [Part(" ")]
        for number, name in enumerate(TABS):
            chosen = number == self._tab
            parts.append(Part(f" {number + 1} ", "chosen" if chosen else "key", f"show({number})"))
            parts.append(Part(f"{name} ", "chosen" if chosen else "muted", f"show({number})"))
            parts.append(Part(" ", rank=1))
        parts.append(Part("details ", "muted", rank=2, right=True))
        self.query_one("#tabs", LineBar).show(parts)
        keymap = self._main.session.settings.keys
        keys = [Part(" ")]
        for place, id in enumerate(FOOTER):
            action = BY_ID[id]
            if self._main.possible(action):
                short = action.short or ("copy link" if id == "file.copy_url" else "")
                keys.append(Part(shown_keys(action, keymap)[0], "key", f"forward('{action.method}')", 3 + place))
                keys.append(Part(f" {short}  ", "muted", f"forward('{action.method}')", 3 + place))
        ours = {action.id: shown_keys(action, keymap)[0] for action in ELSEWHERE}
        turn = f"{ours['details.previous']} {ours['details.next']}"
        keys += [Part(turn, "key", "tab(1)", rank=2), Part(" tabs  ", "muted", "tab(1)", rank=2)]
        keys += [Part("esc", "key", "leave"), Part(" back", "muted", "leave")]
        self.query_one("#keys", LineBar).show(keys)

    @on(LineBar.Clicked)
    async def _clicked(self, event: LineBar.Clicked) -> None:
        await self.run_action(event.action)

    def action_show(self, tab: int) -> None:
        self._tab = tab
        self.query_one("#overview").display = tab == 0
        self.query_one("#page").display = tab != 0
        self._scrolled.scroll_home(animate=False)
        self.draw()

    @property
    def _scrolled(self) -> Widget:
        """What the keys scroll: facts and pictures stand side by side, or below each other where it is narrow."""
        if self._tab:
            return self.query_one("#page")
        return self.query_one("#left" if self.size.width >= WIDE else "#overview")

    def action_tab(self, by: int) -> None:
        self.action_show((self._tab + by) % len(TABS))

    def action_scroll(self, by: int) -> None:
        self._scrolled.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        pane = self._scrolled
        pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)

    def action_edge(self, end: int) -> None:
        pane = self._scrolled
        if end:
            pane.scroll_end(animate=False)
        else:
            pane.scroll_home(animate=False)

    async def action_forward(self, method: str) -> None:
        """Do on the main screen what its key does, for this download alone."""
        await self._main.run_method(method)

    def action_leave(self) -> None:
        self.dismiss(None)
