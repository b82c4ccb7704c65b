"""What every runner of one engine shares, and the settings of one file's transfer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

from tui_downloads.core.secrecy import Guarded
from tui_downloads.core.spec import OnConflict

if TYPE_CHECKING:
    from tui_downloads.store.base import Store
    from tui_downloads.transport.base import Transport

    from .committer import Committer
    from .digesting import Digests
    from .gate import Gates
    from .hub import Hub
    from .leftovers import Leftovers
    from .seats import Seats

SMALL = 1024 * 1024
"""Bytes up to which a body of known size stays in memory until it is whole."""
CHECKPOINT = 1.0
"""Seconds between two checkpoints of a running part; the first ones come sooner."""


class Defaults(Guarded, frozen=True):
    """What a download gets that says nothing itself; from the settings."""

    hidden = frozenset({"proxy", "proxies"})

    folder: str = ""
    timeout: float = 60.0
    connect_timeout: float = 30.0
    max_time: float | None = None
    retries: int = 5
    on_conflict: OnConflict = OnConflict.RENAME
    user_agent: str | None = None
    proxy: str | None = None
    """For every link; empty text is no proxy, None leaves it to the environment."""
    proxies: tuple[tuple[str, str], ...] = ()
    """(scheme, proxy) for links of one scheme; goes before `proxy`."""
    no_proxy: str | None = None
    proxy_filters: bool = False
    verify_digests: bool = True
    slow_after: float = 10.0
    """Seconds of silence after which a connection is replaced while its siblings move."""
    min_rate: int = 64
    """Bytes a second below which a connection is replaced where nothing is lost by it; 0 is none."""
    min_rate_window: float = 20.0
    """Seconds over which that rate is measured."""
    retry_base: float = 1.0
    """Seconds of the first wait before another try."""


@dataclass(slots=True)
class Services:
    """The engine's shared parts; one of each for an engine."""

    transport: Transport
    store: Store
    hub: Hub
    seats: Seats
    gates: Gates
    defaults: Defaults
    digests: Digests
    committer: Committer = field(init=False)
    """Set by the manager, which is told of completions."""
    rng: Callable[[], float] = random.random
    leftovers: Leftovers | None = None
    """For a `get`, which keeps no list: parts are found by looking into the folder."""


class FileSettings(Struct, frozen=True):
    """How one file is to be fetched, everything decided."""

    folder: str
    name: str | None
    """Safe and final where the caller chose it; None takes the server's."""
    connections: int
    connections_chosen: bool
    """The user asked for this number: no need to prove that each one helps."""
    on_conflict: OnConflict
    retries: int
    checksum: tuple[str, str] | None = None
    """(algorithm, hex)."""
    min_rate: int = 0
