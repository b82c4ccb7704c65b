"""The promise of sources: a generator that yields questions, is sent answers, and returns what the link means.

A source is pure. Whoever drives it (the engine, a test) sends each question through the download's own transport and
policy, and throws the transport's `DownloadError` into the generator where it could not be answered.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from tui_downloads.core.resource import Headers


@dataclass(frozen=True, slots=True)
class Question:
    """A small request whose body the source wants to read whole."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes | None = None
    limit: int = 16 * 1024 * 1024
    """Bytes after which the answer is refused."""
    timeout: float = 30.0

    def __repr__(self) -> str:
        return f"Question({self.method})"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a question; any status."""

    status: int
    headers: Headers
    body: bytes
    url: str
    """After redirects."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Digests of equal pieces of a file."""

    algorithm: str
    length: int
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file a link means."""

    urls: tuple[str, ...]
    """Best first; equal bytes are claimed, not proved."""
    path: str = ""
    """Relative, `/` between components, as hostile as the source gave it; empty lets the first answer name it."""
    size: int | None = None
    digests: tuple[tuple[str, str], ...] = ()
    """(algorithm, hex) of the whole file."""
    pieces: Piece | None = None
    headers: tuple[tuple[str, str], ...] = ()
    renew: str = ""
    """A key with which `Source.renew` can ask for a fresh link; empty where links do not expire."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a link means."""

    files: tuple[FileSpec, ...]
    title: str = ""
    """Original name of the package or the media; hostile."""
    folder: bool = False
    """The files live in a folder of their own, named after `title`."""
    notes: tuple[str, ...] = field(default=())
    """Sentences for the download's log."""


Dialogue = Generator[Question, Reply, Resolved]
"""What a source's `resolve` is."""
