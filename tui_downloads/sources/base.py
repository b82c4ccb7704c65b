"""The promise of sources: a generator that yields questions, is sent answers, and returns what the link means.

A source is pure. Whoever drives it (the engine, a test) sends each question through the download's own transport and
policy, and throws the transport's `DownloadError` into the generator where it could not be answered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import urljoin

from msgspec import Struct, field

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import parse_link
from tui_downloads.core.resource import Headers
from tui_downloads.core.secrecy import Guarded
from tui_downloads.core.snapshots import EMPTY
from tui_downloads.core.statuses import refusal

MOST_FILES = 200_000
"""Files of one package; a list of more is refused."""
MOST_MIRRORS = 64
"""Links of one file that are kept, the best first."""


class Question(Struct, frozen=True):
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


class Reply(Struct, frozen=True):
    """The answer to a question; any status."""

    status: int
    headers: Headers
    body: bytes
    url: str
    """After redirects."""


class Piece(Struct, frozen=True):
    """Digests of equal pieces of a file."""

    algorithm: str
    length: int
    digests: tuple[str, ...]


class FileSpec(Struct, frozen=True):
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


class Resolved(Struct, frozen=True):
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


class Wish(Guarded, frozen=True):
    """What a source is asked about: the link, what its user chose, and secrets that only the source needs."""

    hidden = frozenset({"secrets"})

    url: str
    """Without userinfo; may carry a signed query."""
    options: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """The request's `source`: depth, include, exclude, a document given as text …"""
    secrets: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    settings: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """The engine's extras, such as the base of an API."""


class Source(ABC):
    """One kind of link. A source keeps what it learned, so that `renew` need not ask everything again."""

    name = ""
    """One word, for the log."""
    single = False
    """It speaks of the link's own file, and of no other."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.signatures: list[tuple[str, bytes]] = []
        """What `resolve` found beside the file: the ending of its name, and the signature."""

    @abstractmethod
    def resolve(self) -> Dialogue:
        """Find out what the link means.

        Raises:
            DownloadError: SOURCE_INVALID for an answer that makes no sense, or what the server's refusal means.
        """

    def renew(self, key: str) -> Dialogue:
        """Ask for a fresh link of one file; `key` is the `renew` of its FileSpec.

        Raises:
            DownloadError: as `resolve`.
        """
        yield from ()  # a dialogue without a question
        raise DownloadError(Code.SOURCE_INVALID, f"The links of a {self.name} do not expire.")


def whole(reply: Reply, what: str) -> bytes:
    """Give the body of an answer that brought one.

    Raises:
        DownloadError: what its status means, `what` named first.
    """
    if reply.status in (200, 203):
        return reply.body
    after = reply.headers.get("retry-after")
    error = refusal(reply.status, after if after.isdigit() else "").error
    # A missing list is not looked for again and again as a file behind a slow mirror would be.
    retry = error.retry and reply.status not in (404, 410)
    raise DownloadError(
        error.code,
        f"{what}: {error.message}",
        retry=retry,
        retry_after=error.retry_after,
        status=reply.status,
    )


def document(wish: Wish, key: str, what: str, limit: int, accept: str) -> Generator[Question, Reply, tuple[bytes, str]]:
    """Get the text of a list, bounded: the one the wish brings under `key`, else that of its link; with its base.

    Raises:
        DownloadError: SOURCE_INVALID for one that is too large, or what the server's refusal means.
    """
    text = wish.options.get(key)
    if not isinstance(text, str):
        reply = yield Question(wish.url, (("Accept", accept),), limit=limit)
        return bounded(whole(reply, f"The {what}"), what, limit), reply.url
    if len(text) > limit:
        raise too_large(what, limit)
    return bounded(text.encode("utf-8", "replace"), what, limit), wish.url


def bounded(body: bytes, what: str, limit: int) -> bytes:
    """Give a text that is not too large to be read.

    Raises:
        DownloadError: SOURCE_INVALID.
    """
    if len(body) > limit:
        raise too_large(what, limit)
    return body


def too_large(what: str, limit: int) -> DownloadError:
    """Say that a list is larger than any that makes sense."""
    return invalid(f"The {what} is larger than {limit >> 20} MiB.")


def invalid(message: str) -> DownloadError:
    """Say that a list is not usable."""
    return DownloadError(Code.SOURCE_INVALID, message, retry=False)


def absolute(base: str, reference: str) -> str:
    """Resolve a reference of a list to a link that can be fetched; empty where it is none."""
    reference = reference.strip()
    if not reference or not reference.isprintable():
        return ""  # urljoin would drop controls and give what nobody wrote
    try:
        return parse_link(urljoin(base, reference)).url_without_userinfo
    except (DownloadError, ValueError):
        return ""
