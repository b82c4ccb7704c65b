"""What the screen may be told from outside: its settings, what it remembers, and the doors to settings and endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from msgspec import Struct, field

EMPTY: Mapping[str, str] = MappingProxyType({})


class ScreenSettings(Struct, frozen=True):
    """How the screen looks and behaves."""

    theme: str = "dark"
    """`dark`, `light`, or the name of any theme that Textual brings."""
    density: str = "compact"
    """`compact` is one line for a download, `comfortable` two."""
    ascii: bool | None = None
    """Draw with ASCII only; None decides by the locale."""
    plain: bool = False
    """For screen readers: no boxes, bars or graphs, and nothing is redrawn that did not change."""
    tick: float = 0.5
    """Seconds between two looks at the engine."""
    slow_tick: float = 1.0
    """The same over SSH, and while the terminal has no focus."""
    confirm: bool = True
    """Ask before something is lost that can't be undone."""
    columns: tuple[str, ...] = ()
    """Keys of the columns to show; empty shows what fits."""
    keys: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Binding id → keys, comma separated."""
    trouble: str = ""
    """What is wrong with the file they come from, to be shown."""
    bell: bool = False
    """Ring the terminal's bell when a download ends."""
    notify: bool = False
    """Send a desktop notification through the terminal (OSC 9) when a download ends."""
    progress: bool = False
    """Show progress on the terminal's tab (OSC 9;4)."""
    title: bool = True
    """Set the terminal's title."""


class SettingEntry(Struct, frozen=True):
    """One setting as the settings screen shows it."""

    key: str
    """Dotted, as in the file: `screen.theme`."""
    group: str
    explanation: str
    value: str
    """As it would be written in the file, strings without quotes."""
    default: str
    choices: tuple[str, ...] = ()
    live: bool = True
    """Whether a change applies while running."""
    toggle: bool = False
    secret: bool = False
    """`value` says whether it is set, never what it is."""


class SettingsBook(Protocol):
    """Where settings are read from and written to."""

    @property
    def path(self) -> str:
        """Where the file is."""
        ...

    def entries(self) -> Sequence[SettingEntry]:
        """List every setting that the screen may change."""
        ...

    def write(self, key: str, value: str) -> None:
        """Check a value and write it; comments in the file stay.

        Raises:
            TuiDownloadsError: the value is refused; the file is as it was.
        """
        ...

    def screen(self) -> ScreenSettings:
        """Give the screen's settings as they stand."""
        ...


class Memory(Protocol):
    """Small values that outlive the session: tab, sort, columns, filter."""

    def load(self) -> Mapping[str, str]: ...

    def save(self, values: Mapping[str, str]) -> None: ...


class Endpoint(Protocol):
    """The switch of the HTTP endpoint, where the caller has one."""

    @property
    def listening(self) -> str:
        """Where it listens, or empty text."""
        ...

    def toggle(self) -> Awaitable[str]:
        """Switch it and give a sentence to show."""
        ...


class ForgetfulMemory:
    """Remembers nothing."""

    def load(self) -> Mapping[str, str]:
        return EMPTY

    def save(self, values: Mapping[str, str]) -> None:
        """Let it go."""
