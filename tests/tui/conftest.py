"""A screen on an engine that pretends, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from textual import app as textual_app
from textual import pilot as textual_pilot
from textual._context import active_app
from textual.pilot import Pilot

from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import EngineInfo, Limits
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.fake_stage import error_view
from tui_downloads.engine.fake_transfer import Script
from tui_downloads.tui.app import DownloadsApp
from tui_downloads.tui.options import ForgetfulMemory, ScreenSettings, SettingEntry
from tui_downloads.tui.run import build

NOW = 1_790_000_000.0


async def quiet(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
    """Wait until the loop has nothing left to run and the screen nothing left to paint.

    Stands in for Textual's own wait, which sleeps until the process has used little CPU for a while: that is slow, and
    on a busy machine it takes a process that gets no turn for one that has nothing to do.
    """
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    painted = 0
    # Bounded, because a window of one cell may never be laid out to its own content.
    while painted < 200:
        await asyncio.sleep(0)
        if ready:
            continue
        app = active_app.get(None)
        if app is not None and app._resize_timer is not None:
            # The one wait of Textual's that is a timer: 8 ms after a change of size.
            await asyncio.sleep(0.002)
            continue
        screen = app.screen_stack[-1] if app is not None and app._running and app.screen_stack else None
        if screen is None or not (
            screen._layout_required or screen._scroll_required or screen._repaint_required or screen._dirty_widgets
            or screen._recompose_required or screen._callbacks
        ):  # fmt: skip
            return
        screen._on_timer_update()
        painted += 1


def set_stage(limits: Limits | None = None) -> FakeEngine:
    """Three running, one paused, one waiting, three queued, two complete, two failed."""
    fake = FakeEngine(
        clock=lambda: NOW,
        limits=limits or Limits(downloads=3),
        folder="/data",
        info=EngineInfo(name="embedded", version="1", folder="/data", free=10 << 30),
    )
    for number in range(3):
        fake.put(f"https://one.example/run{number}.iso", state=State.TRANSFERRING, age=100 - number,
                 script=Script(size=(number + 1) << 30, wobble=0.0), done=100 << 20)  # fmt: skip
    fake.put("https://two.example/held.zip", state=State.PAUSED, done=5 << 20, age=50)
    fake.put("https://two.example/later.zip", state=State.WAITING, done=5 << 20, age=40)
    for number in range(3):
        fake.put(f"https://three.example/queued{number}.bin", age=30 - number)
    fake.put("https://four.example/done-a.txt", state=State.COMPLETE, age=7200)
    fake.put("https://four.example/done-b.txt", state=State.COMPLETE, age=9000)
    error = error_view(Code.STALLED, "five.example sent nothing for 60 seconds.", NOW - 300)
    fake.put("https://five.example/bad.tar", state=State.FAILED, done=1 << 20, age=600, error=error)
    gone = error_view(Code.REMOTE_FILE_NOT_FOUND, "404: not there.", NOW - 700)
    fake.put("https://five.example/gone.tar", state=State.FAILED, age=1400, error=gone)
    return fake


class Book:
    """Settings in a dictionary."""

    path = "/etc/example.toml"

    def __init__(self) -> None:
        self.values = {"screen.theme": "dark", "downloads": "5", "screen.bell": "false"}
        self.written: list[tuple[str, str]] = []

    def entries(self) -> list[SettingEntry]:
        value = self.values
        return [
            SettingEntry("downloads", "Downloads", "How many run at once.", value["downloads"], "5"),
            SettingEntry("screen.theme", "Screen", "Colours.", value["screen.theme"], "dark", ("dark", "light")),
            SettingEntry("screen.bell", "Screen", "Ring at the end.", value["screen.bell"], "false", toggle=True),
        ]

    def write(self, key: str, value: str) -> None:
        self.written.append((key, value))
        self.values[key] = value

    def screen(self) -> ScreenSettings:
        return ScreenSettings(theme=self.values["screen.theme"])


class Switch:
    """An endpoint that is on or off."""

    listening = ""

    def __init__(self) -> None:
        self.toggled = 0

    async def toggle(self) -> str:
        self.toggled += 1
        return "The endpoint is on."


@dataclass
class Rig:
    """The screen under test."""

    app: DownloadsApp
    pilot: Pilot[int]
    engine: FakeEngine
    said: list[str] = field(default_factory=list)

    async def press(self, *keys: str) -> None:
        """Press keys and let everything that follows happen."""
        for key in keys:
            await self.pilot.press(key)
        await self.settle()

    async def settle(self) -> None:
        await self.pilot.pause()
        busy = [w for w in self.app.workers if w.group in ("command", "store", "details", "reach", "open")]
        if busy:
            await self.app.workers.wait_for_complete(busy)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*(" " if char == " " else char for char in text))

    @property
    def main(self):
        return self.app.main

    @property
    def table(self):
        return self.app.main.table

    def name(self) -> str:
        """The name at the cursor."""
        view = self.table.cursor_view
        return view.name or view.url.rpartition("/")[2]

    def names(self) -> list[str]:
        """The names in the table in sight."""
        rows = self.table.rows
        views = [rows.view(at) for at in range(len(rows))]
        return [view.name or view.url.rpartition("/")[2] for view in views if view is not None]

    def id(self, name: str) -> str:
        """The id of the download with this name or link's end."""
        for view in self.engine._views.values():
            if view.name == name or view.url.endswith("/" + name):
                return view.id
        raise AssertionError(name)

    def asked(self, method: str) -> list[tuple]:
        """The arguments of each call of an engine's method."""
        return [arguments for name, arguments in self.engine.calls if name == method]

    def shown(self) -> str:
        """Everything on the screen as text."""
        screen = self.app.screen
        lines = screen._compositor.render_strips()
        return "\n".join(strip.text for strip in lines)


@asynccontextmanager
async def open_rig(engine: FakeEngine | None = None, *, size=(120, 40), **options) -> AsyncIterator[Rig]:
    engine = engine or set_stage()
    options.setdefault("settings", ScreenSettings(ascii=False))
    options.setdefault("clock", lambda: NOW)
    app = build(engine, **options)
    async with app.run_test(size=size) as pilot:
        rig = Rig(app, pilot, engine)
        say = app.say

        def listen(sentence: str, severity: str = "information") -> None:
            rig.said.append(sentence)
            say(sentence, severity)

        app.say = listen
        await rig.settle()
        yield rig


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's terminal out of the tests, and every wait of Textual's as long as it has to be."""
    for module in (textual_app, textual_pilot):
        monkeypatch.setattr(module, "wait_for_idle", quiet)
    for name in ("SSH_CONNECTION", "SSH_TTY", "NO_COLOR", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def rig() -> Callable[..., object]:
    """Give the opener of a rig."""
    return open_rig


@pytest.fixture
def stage() -> Callable[..., FakeEngine]:
    return set_stage


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def switch() -> Switch:
    return Switch()


class DictMemory(ForgetfulMemory):
    """Remembers in a dictionary."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def load(self) -> dict[str, str]:
        return self.values

    def save(self, values) -> None:
        self.values = dict(values)


@pytest.fixture
def memory() -> Callable[..., DictMemory]:
    return DictMemory


HOSTILE = [
    "\x1b[31mred\x1b[0m.iso", "\x1b]52;c;cHduZWQ=\x07clip.iso", "\x1b]0;title\x07.iso", "\x9b31mc1.iso",
    "\x9d0;t\x9c.iso",
    "\u202egpj.exe", "\u2066iso\u2069.txt", "[bold]markup[/bold].iso", "[/", "[@click=app.exit]click[/].iso",
    "line\nbreak\r.iso", "\x00nul\x08\x08\x7f.iso", "x" * 4000 + ".iso", "e" + "\u0301" * 500 + ".iso",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467.mp4", "\ud800lone.iso", "\u2028ls\u2029ps", "日本語.iso",
    "\x1bP1;2|q\x1b\\",
    "$(reboot)`id`", "%s%n", "\x05\x0e\x0f.iso",
]  # fmt: skip
"""Names that want a terminal, a markup or a layout to do something."""


@pytest.fixture
def hostile() -> list[str]:
    return HOSTILE
