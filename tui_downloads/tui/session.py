"""What the screens share: the engine's desk, the settings, the clock, and where the user is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from tui_downloads.core.snapshots import Snapshot

from .desk import Desk
from .glyphs import UNICODE, Glyphs
from .options import EMPTY, Endpoint, ForgetfulMemory, Memory, ScreenSettings, SettingsBook


@runtime_checkable
class Follower(Protocol):
    """A screen that wants to know of every new snapshot."""

    def take_news(self) -> None: ...


class Session(Struct):
    """One run of the screen. The mutable state is the settings, the newest snapshot and the samples of speed."""

    desk: Desk
    settings: ScreenSettings = field(default_factory=ScreenSettings)
    memory: Memory = field(default_factory=ForgetfulMemory)
    remembered: Mapping[str, str] = EMPTY
    """What the memory held when the screen was made."""
    glyphs: Glyphs = UNICODE
    clock: Callable[[], float] = time.time
    read_only: bool = False
    far: bool = False
    """The terminal is at the far end of SSH."""
    book: SettingsBook | None = None
    endpoint: Endpoint | None = None
    keep_in_background: Callable[[], object] | None = None
    snapshot: Snapshot = field(default_factory=Snapshot)
    opened_at: float = 0.0
    speeds: deque[float] = field(default_factory=lambda: deque(maxlen=60))
    """Total speed, one sample a second, for the sparkline."""

    @property
    def local(self) -> bool:
        """Files are on this machine and there is a desktop that could open them."""
        return self.snapshot.info.name != "remote" and not self.far
