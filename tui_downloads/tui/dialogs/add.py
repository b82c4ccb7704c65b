"""The add dialog: links with a verdict each while typing, and everything that may be said about how to fetch them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from msgspec.structs import replace
from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Grid, Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static, TextArea

from tui_downloads.core.digests import parse_checksum
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.link_list import to_request
from tui_downloads.core.snapshots import DownloadView
from tui_downloads.core.spec import AddRequest, Credentials, OnConflict, Options
from tui_downloads.tui import figures
from tui_downloads.tui.actions import elsewhere
from tui_downloads.tui.adding import Added, Verdict, judge, known_links, parse_headers, parse_start
from tui_downloads.tui.fields import FolderSuggester, SafeInput, clean_lines
from tui_downloads.tui.glyphs import Glyphs
from tui_downloads.tui.safe_text import elide_end, safe_text, visible, words
from tui_downloads.tui.text_field import SafeTextArea

from .base import Dialog, field, problem_line

VERDICTS = ((20, 2), (30, 3), (10_000, 5))
"""Lines of a terminal below which so many lines of verdicts are all there is room for; app.tcss says the same."""
NARROW = 56
"""Cells below which a verdict is only its first half."""
DUPLICATES = (("Ask", "ask"), ("Go on with it", "existing"), ("Show it", "focus"), ("Add anyway", "allow"))
CONFLICTS = (
    ("As in settings", ""), ("New name", "rename"), ("Skip", "skip"), ("Overwrite", "overwrite")
)  # fmt: skip
STARTS = (("At once", "now"), ("Paused", "paused"), ("At a time", "at"))


class LinksArea(SafeTextArea):
    """Links, one a line; enter adds what was pasted, and what was typed once a line is left empty."""

    class Finished(Message):
        """Enter was pressed and no line is being written."""

    # Mutable state: whether everything was put here at once, so that no further line is to be expected.
    def __init__(self, text: str) -> None:
        super().__init__(text, id="links", soft_wrap=False, tab_behavior="focus", show_line_numbers=False)
        self.placeholder = Content("One link a line. A curl command from a browser is understood, too.")
        self._pasted = bool(text)

    async def _on_key(self, event: events.Key) -> None:
        row, _ = self.cursor_location
        if event.key == "enter" and self.text.strip() and (self._pasted or not self.document.get_line(row).strip()):
            event.stop()
            event.prevent_default()
            self.post_message(self.Finished())
            return
        if event.is_printable or event.key == "enter":
            self._pasted = False
        await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        self._pasted = True
        await super()._on_paste(event)


class AddDialog(Dialog[Added]):
    """Ask for links and how to fetch them."""

    heading = "Add downloads"
    AUTO_FOCUS = "#links"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10,ctrl+s", "take", "Add", priority=True, id="add.take"),
        elsewhere("add.options", "focus_options"),
    ]
    hints = (("F10", "add", "take"), ("tab", "next field", "app.focus_next"), ("esc", "leave", "leave"))

    def __init__(
        self, text: str, downloads: Mapping[str, DownloadView], folder: str, glyphs: Glyphs, now: float
    ) -> None:
        super().__init__()
        self._text = clean_lines(text.strip()[: 1 << 20])
        self._known = known_links(downloads.values())
        self._folder = folder
        self._glyphs = glyphs
        self._now = now
        self._verdicts: list[Verdict] = []

    def body(self) -> Iterable[Widget]:
        links = LinksArea(self._text)
        suggester = FolderSuggester(lambda: self._folder)
        headers = SafeTextArea("", id="headers", soft_wrap=False, tab_behavior="focus")
        headers.placeholder = Content("Name: value")
        start = Select(STARTS, value="now", allow_blank=False, id="start", compact=True)
        rows = [
            *field("Folder", SafeInput(placeholder=self._folder, id="folder", classes="whole", suggester=suggester)),
            *field("Name", SafeInput(placeholder="the server's", id="name")),
            *field("Checksum", SafeInput(placeholder="sha256:HEX", id="checksum")),
            *field("Start", Horizontal(start, SafeInput(placeholder="22:30, +2h", id="at"))),
            *field("Speed limit", SafeInput(placeholder="none", id="limit")),
            *field("Connections", SafeInput(placeholder="automatic", type="integer", id="connections")),
            *field("Name taken", Select(CONFLICTS, value="", allow_blank=False, id="conflict", compact=True)),
            *field("Priority", SafeInput(placeholder="0", type="integer", id="priority")),
            *field("Link known", Select(DUPLICATES, value="ask", allow_blank=False, id="duplicate", compact=True)),
            *field("User", SafeInput(id="user")),
            *field("Password", SafeInput(password=True, id="password")),
            *field("Headers", headers),
        ]  # fmt: skip
        yield links
        yield Static("", id="verdicts")
        yield VerticalScroll(Grid(*rows, classes="form"), id="options", can_focus=False)
        yield problem_line()

    def buttons(self) -> Iterable[Widget]:
        yield Button("Cancel", id="cancel", compact=True)
        yield Button("Add", id="add", variant="primary", compact=True)

    def on_mount(self) -> None:
        self.query_one("#at").display = False
        self.call_after_refresh(self._begin)

    @on(Select.Changed, "#start")
    def _start_chosen(self, event: Select.Changed) -> None:
        at = self.query_one("#at")
        at.display = event.value == "at"
        if at.display:
            at.focus()

    def _begin(self) -> None:
        links = self.query_one("#links", SafeTextArea)
        links.move_cursor(links.document.end)
        # The beginnings of long links say more than their ends.
        links.scroll_to(x=0, animate=False)
        self._judge()

    @on(TextArea.Changed, "#links")
    def _judge(self) -> None:
        text = self.query_one("#links", SafeTextArea).text
        self._verdicts = judge(text, self._known)
        self._show_verdicts()
        good = sum(1 for verdict in self._verdicts if verdict.ok)
        button = self.query_one("#add", Button)
        button.disabled = good == 0
        button.label = Content(f"Add {good}" if good > 1 else "Add")
        name = self.query_one("#name", SafeInput)
        name.disabled = good > 1
        self._take_curl()

    def _take_curl(self) -> None:
        """Fill the fields from a curl command, as far as the user has not filled them."""
        curls = [verdict.curl for verdict in self._verdicts if verdict.curl]
        if len(curls) != 1 or len(self._verdicts) != 1:
            return
        curl = curls[0]
        assert curl is not None
        headers = self.query_one("#headers", SafeTextArea)
        if not headers.text:
            headers.text = clean_lines("\n".join(f"{name}: {value}" for name, value in curl.headers))
        for id, value in (("user", curl.user), ("password", curl.password), ("name", curl.name), ("limit", curl.limit)):
            entry = self.query_one(f"#{id}", SafeInput)
            if not entry.value and value:
                entry.value = clean_lines(value)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_verdicts)

    def _show_verdicts(self) -> None:
        width = max(20, self.query_one("#verdicts").size.width - 2)
        lines = [self._line(verdict, width) for verdict in self._chosen()]
        rest = len(self._verdicts) - len(lines)
        if rest > 0:
            bad = sum(1 for verdict in self._verdicts if not verdict.ok)
            said = f"  and {rest} more" + (f"; {bad} of {len(self._verdicts)} refused" if bad else "")
            lines.append(words((said, "$tui-muted")))
        if not lines:
            lines = [words(("  Nothing to add yet.", "$tui-muted"))]
        self.query_one("#verdicts", Static).update(Content("\n").join(lines))

    def _chosen(self) -> list[Verdict]:
        """Show problems first when not every line fits."""
        room = next(room for below, room in VERDICTS if self.app.size.height < below)
        if len(self._verdicts) <= room:
            return self._verdicts
        # The last line says how many there are besides.
        return sorted(self._verdicts, key=lambda verdict: verdict.ok)[: room - 1]

    def _line(self, verdict: Verdict, width: int) -> Content:
        good, bad = ("✓ ", "✗ ") if self._glyphs.frame else ("ok ", "no ")
        if width < NARROW:
            return self._short_line(verdict, width, good, bad)
        room = max(12, width // 2)
        if verdict.problem:
            shown = safe_text(verdict.shown, width=max(12, min(room, width - len(verdict.problem) - 4)))
            problem = elide_end(visible(verdict.problem), max(12, width - shown.cell_length - 4))
            return words((bad, "$error"), shown, "  ", (problem, "$error"))
        if verdict.twin:
            said = f"  is here already: {verdict.twin.state.value}"
            return words(("! ", "$warning"), safe_text(verdict.shown, width=width - len(said) - 2), (said, "$warning"))
        said = f"  {verdict.own}" if verdict.own else ""
        return words((good, "$success"), safe_text(verdict.shown, width=width - 2 - len(said)), (said, "$tui-muted"))

    def _short_line(self, verdict: Verdict, width: int, good: str, bad: str) -> Content:
        """On a narrow terminal say what is wrong, or which link it is: there is no room for both."""
        if verdict.problem:
            return words((bad, "$error"), (elide_end(visible(verdict.problem), width - len(bad)), "$error"))
        said = f"  {verdict.twin.state.value}" if verdict.twin else ""
        sign, style = ("! ", "$warning") if verdict.twin else (good, "$success")
        return words((sign, style), safe_text(verdict.shown, width=width - len(sign) - len(said)), (said, "$warning"))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    @on(LinksArea.Finished)
    @on(Button.Pressed, "#add")
    def _take(self) -> None:
        self.action_take()

    def action_focus_options(self) -> None:
        self.query_one("#folder", SafeInput).focus()

    def action_take(self) -> None:
        good = [verdict for verdict in self._verdicts if verdict.ok]
        if not good:
            self.refuse("There is no link that could be added.")
            return
        try:
            pattern = self._pattern()
        except ValueError as error:
            self.refuse(str(error))
            return
        except TuiDownloadsError as error:
            self.refuse(f"{error.message} {error.next_step}")
            return
        single = len(good) == 1
        requests = []
        for verdict in good:
            proxy = verdict.curl.proxy if verdict.curl else ""
            options = replace(pattern.options, proxy=proxy) if proxy else pattern.options
            credentials = pattern.credentials
            if verdict.curl and not single:
                # Several commands at once: each keeps its own secrets, the fields are for plain links.
                curl = verdict.curl
                credentials = Credentials(headers=curl.headers, user=curl.user, password=curl.password)
            name = pattern.name if single else (verdict.curl.name or None if verdict.curl else None)
            request = replace(pattern, url=verdict.text, options=options, credentials=credentials, name=name)
            # What stands with a link goes over what the fields say for all.
            requests.append(to_request(verdict.entry, request) if verdict.entry else request)
        twins = tuple(verdict.twin for verdict in good if verdict.twin)
        duplicate = str(self.query_one("#duplicate", Select).value)
        self.dismiss(Added(tuple(requests), twins, duplicate, len(self._verdicts) - len(good)))

    def _pattern(self) -> AddRequest:
        """Read the fields into a request without a link.

        Raises:
            ValueError, TuiDownloadsError: a field can't be used.
        """
        value = {entry.id: entry.value.strip() for entry in self.query(SafeInput)}
        checksum = value["checksum"]
        if checksum:
            parse_checksum(checksum)
        start = str(self.query_one("#start", Select).value)
        if start == "at" and not value["at"]:
            raise ValueError("Write when to start: 22:30 or +2h.")
        conflict = str(self.query_one("#conflict", Select).value)
        options = Options(
            connections=_number(value["connections"], "Connections", 1, 64),
            checksum=checksum or None,
            on_conflict=OnConflict(conflict) if conflict else None,
            limit=figures.parse_rate(value["limit"]),
        )
        credentials = Credentials(
            headers=parse_headers(self.query_one("#headers", SafeTextArea).text),
            user=value["user"],
            password=self.query_one("#password", SafeInput).value,
        )
        return AddRequest(
            "",
            folder=value["folder"] or None,
            name=value["name"] or None,
            options=options,
            credentials=credentials,
            priority=_number(value["priority"], "Priority", -9, 9) or 0,
            paused=start == "paused",
            start_at=parse_start(value["at"], self._now) if start == "at" else None,
        )


def _number(text: str, label: str, low: int, high: int) -> int | None:
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise ValueError(f"{label}: write a number from {low} to {high}.")
    return number
