"""Asks a source what a link means: its questions go through the download's own reach and policy."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tui_downloads.core import policy
from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import parse_link
from tui_downloads.core.resource import Head, Resource
from tui_downloads.core.snapshots import Kind
from tui_downloads.files.publish import Ready, land, prepare
from tui_downloads.sources import link_header, signs
from tui_downloads.sources.base import Dialogue, FileSpec, Question, Reply, Resolved, Source, Wish
from tui_downloads.transport.base import Flow, Reach, Request, Take, Transport

from .detours import Unfold
from .layout import claim_folder, lay_out, pieces_of, place_in
from .mirror import Mirror
from .reach import stranger
from .services import SMALL
from .unfinished import take_up

if TYPE_CHECKING:
    from .runner import Runner, Work
    from .transfer import Transfer

log = logging.getLogger("tui_downloads.engine")
LARGE = 64 * 1024
"""Bytes of an answer that are read in a thread, so that a long list does not hold up the loop."""
KEPT = 256
"""Sources that are remembered for renewing links."""


class Collect:
    """A sink that keeps a small body whole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self.answer = Head(0)

    def head(self, head: Head, flow: Flow) -> None:
        self.answer = head
        length = head.headers.get("content-length")
        if length.isdigit() and len(length) < 20 and int(length) > self._limit:
            raise self._too_large()

    def write(self, chunk: bytes) -> Take:
        self._size += len(chunk)
        if self._size > self._limit:
            raise self._too_large()
        self._chunks.append(chunk)
        return Take.MORE

    def _too_large(self) -> DownloadError:
        return DownloadError(Code.SOURCE_INVALID, f"The answer is larger than {self._limit} bytes.", retry=False)

    @property
    def body(self) -> bytes:
        return b"".join(self._chunks)


async def ask(transport: Transport, question: Question, reach: Reach) -> Reply:
    """Send one question and read its answer whole.

    Raises:
        DownloadError: it could not be answered, or is larger than the question allows.
    """
    sink = Collect(question.limit)
    request = Request(question.url, headers=question.headers, method=question.method, body=question.body, reach=reach)
    try:
        async with asyncio.timeout(question.timeout):
            await transport.fetch(request, sink)
    except TimeoutError:
        raise DownloadError(Code.STALLED, f"No answer within {question.timeout:g} s.") from None
    return Reply(sink.answer.status, sink.answer.headers, sink.body, sink.answer.url or question.url)


async def converse(dialogue: Dialogue, transport: Transport, reaches: Reaching) -> Resolved:
    """Drive a source's dialogue to its end.

    Raises:
        DownloadError: the source gave up, or a question could not be answered and the source did not mind it.
    """
    answer: Reply | DownloadError | None = None
    while True:
        large = isinstance(answer, Reply) and len(answer.body) > LARGE
        step = await asyncio.to_thread(_step, dialogue, answer) if large else _step(dialogue, answer)
        if isinstance(step, Resolved):
            return step
        try:
            answer = await ask(transport, *reaches.prepared(step))
        except DownloadError as error:
            answer = error


def _step(dialogue: Dialogue, answer: Reply | DownloadError | None) -> Question | Resolved:
    """Give a dialogue its answer; its end comes as a value, because no thread hands over a StopIteration."""
    try:
        if answer is None:
            return next(dialogue)
        if isinstance(answer, DownloadError):
            return dialogue.throw(answer)
        return dialogue.send(answer)
    except StopIteration as end:
        resolved: Resolved = end.value
        return resolved


class Reaching:
    """How questions of one download get to their servers: login and fields stay at their origin."""

    def __init__(self, reach: Reach, url: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._own = reach
        self._origin = parse_link(url).origin
        self._stranger = stranger(reach)
        self._headers = headers

    def prepared(self, question: Question) -> tuple[Question, Reach]:
        """Give a question as it is sent."""
        if parse_link(question.url).origin != self._origin:
            return question, self._stranger
        if self._headers:
            question = replace(question, headers=(*question.headers, *self._headers))
        return question, self._own


class Resolver:
    """Finds out what the files of a download are, once, and gets fresh links for those whose links expire."""

    # Mutable state: the sources of packages whose links expire, by download, each with the lock of its dialogue.
    def __init__(self, extras: Mapping[str, Any]) -> None:
        self._extras = extras
        self._sources: OrderedDict[str, tuple[Source, asyncio.Lock]] = OrderedDict()

    async def resolve(self, runner: Runner) -> Work | None:
        """Fill in the files of a download that are not known yet; give what is to be done where that is no transfer.

        Raises:
            DownloadError: SOURCE_INVALID or what the network said.
        """
        download = runner.download
        if download.kind is Kind.MEDIA:
            from .media import resolve_media  # an extra of its own, seldom used

            return await resolve_media(runner, self._extras)
        if download.kind in (Kind.BUNDLE, Kind.EXPORT):
            from .bundles import work_of

            return work_of(runner, self._extras)
        if _known(download):
            return None
        source = self._detect(download)
        if source is not None:
            resolved = await self._converse(runner, source.resolve())
            await self._take(runner, source, resolved)
        elif not download.files:
            download.files = [_plain(download)]
        return None

    async def unfold(self, runner: Runner, found: Unfold) -> None:
        """Take what a plain link's answer said of itself: it is a list, or a metalink describes it.

        Raises:
            DownloadError: the list is not usable; a description that is not is only noted.
        """
        download = runner.download
        if found.described_by:
            runner.described = True
            try:
                await self._describe(runner, found.described_by)
            except DownloadError as error:
                _note(runner, f"The metalink that the server names is not used: {error.message}")
            return
        source = _sources().detect(self._wish(download), None, found.content_type)
        if source is None:
            return
        _note(runner, f"The link leads to a {source.name}; the files that it lists are fetched.")
        await self._take(runner, source, await self._converse(runner, source.resolve()))

    async def _describe(self, runner: Runner, url: str) -> None:
        """Add what a metalink says of the one file of a link: mirrors, digests, pieces."""
        download = runner.download
        resolved = await self._converse(runner, _sources().Metalink(Wish(url)).resolve())
        if len(resolved.files) != 1:
            raise DownloadError(Code.SOURCE_INVALID, "It describes several files.")
        spec, file = resolved.files[0], download.files[0]
        urls = dict.fromkeys((download.url, *download.request.mirrors, *allowed(spec, download)))
        file.urls, file.digests, file.pieces = tuple(urls), spec.digests, pieces_of(spec)
        file.size = spec.size
        _note(runner, f"A metalink describes the file: {len(urls) - 1} more links.")

    def met(self, runner: Runner, transfer: Transfer, mirror: Mirror, head: Head, resource: Resource) -> None:
        """Look at the first answer of a file: is it the file, does it have the size, does it name other places?

        Raises:
            Unfold: it is a list of other files, or a metalink describes it.
            DownloadError: a mirror has another file.
        """
        download, file = runner.download, transfer.file
        if file.urls or download.kind is not Kind.LINK or download.request.kind is not None or len(download.files) > 1:
            if file.urls and file.size is not None and resource.size not in (None, file.size):
                raise DownloadError(
                    Code.REMOTE_CHANGED,
                    f"The link has another file: {resource.size} bytes where {file.size} are listed.",
                    retry=False,
                )
            return
        if resource.content_type and signs.unfolds(resource.content_type):
            raise Unfold(resource.content_type)
        if "link" not in head.headers or resource.size is None or resource.size <= SMALL:
            return
        described = link_header.described_by(head.headers, resource.url)
        if described and not runner.described:
            raise Unfold(described_by=described)
        spec = FileSpec(urls=link_header.mirrors(head.headers, resource.url))
        known = {other.url for other in transfer.mirrors}
        reach = stranger(mirror.reach)
        for url in allowed(spec, download):
            if url not in known:
                link = parse_link(url)
                transfer.mirrors.append(Mirror(url, f"{link.host}:{link.port}", reach))

    async def renew(self, runner: Runner, file: FileRecord) -> None:
        """Get a fresh link for a file whose links expire.

        Raises:
            DownloadError: as the source says.
        """
        download = runner.download
        entry = self._sources.get(download.id)
        if entry is None:
            source = self._detect(download)
            if source is None:
                raise DownloadError(Code.SOURCE_INVALID, "Nobody knows how to renew this file's link.")
            entry = self._remember(download, source)
        source, lock = entry
        async with lock:
            resolved = await self._converse(runner, source.renew(file.renew))
        file.urls = allowed(resolved.files[0], download)

    def _remember(self, download: Download, source: Source) -> tuple[Source, asyncio.Lock]:
        entry = self._sources[download.id] = (source, asyncio.Lock())
        while len(self._sources) > KEPT:
            self._sources.popitem(last=False)
        return entry

    async def keep_beside(self, runner: Runner, ready: Ready) -> None:
        """Put the signatures that were found beside a link beside its file."""
        entry = self._sources.get(runner.download.id)
        if entry is None or not entry[0].signatures:
            return
        items = [Ready(ready.folder, ready.name + ending, body=body) for ending, body in entry[0].signatures]
        entry[0].signatures.clear()
        landed = await asyncio.to_thread(lambda: land(items, prepare(items)))
        for outcome in landed:
            if isinstance(outcome, DownloadError):
                _note(runner, f"A signature could not be kept: {outcome.message}")

    def _detect(self, download: Download) -> Source | None:
        request = download.request
        if signs.plain(download.url, request.kind, request.source) and not request.options.verify:
            return None
        found: Source | None = _sources().detect(self._wish(download), request.kind)
        return found

    def _wish(self, download: Download) -> Wish:
        request = download.request
        options = dict(request.source)
        if request.options.verify:
            options["verify"] = request.options.verify
        secrets = dict(request.credentials.extra)
        if request.credentials.password:
            secrets.setdefault("password", request.credentials.password)
        return Wish(download.url, options, secrets, self._extras)

    async def _converse(self, runner: Runner, dialogue: Dialogue) -> Resolved:
        request, url = runner.download.request, runner.download.url
        reaching = Reaching(runner.manager.reaches.of(request), url, request.credentials.headers)
        return await converse(dialogue, runner.services.transport, reaching)

    async def _take(self, runner: Runner, source: Source, resolved: Resolved) -> None:
        """Make the files of a download out of what its source said."""
        download = runner.download
        for note in resolved.notes:
            _note(runner, note)
        if source.single:
            file = download.files[0] if download.files else _plain(download)
            file.digests = resolved.files[0].digests
            download.files = [file]
            download.meta["looked_beside"] = True
            self._remember(download, source)
        elif len(resolved.files) == 1 and not resolved.folder and download.request.kind is not Kind.PACKAGE:
            await self._take_one(runner, resolved)
        else:
            await self._take_many(runner, resolved)
        if any(file.renew for file in resolved.files):
            self._remember(download, source)
        runner.manager.save_soon(download)
        runner.manager.touch(download)

    async def _take_one(self, runner: Runner, resolved: Resolved) -> None:
        """A list of one file: the download stays a link, with its mirrors."""
        download, spec = runner.download, resolved.files[0]
        (file,) = lay_out((spec,))
        file.path = download.request.name or file.path.rpartition("/")[2]
        file.urls = allowed(spec, download)
        if not file.urls:
            raise _all_blocked()
        download.files = [file]
        download.title = download.title or spec.path

    async def _take_many(self, runner: Runner, resolved: Resolved) -> None:
        """A package: its files get their places in a folder of their own."""
        download, request = runner.download, runner.download.request
        usable, blocked = [], 0
        for spec in resolved.files:
            if spec.urls and not (urls := allowed(spec, download)):
                blocked += 1
                continue
            usable.append(spec if not spec.urls or urls == spec.urls else _with_urls(spec, urls))
        if not usable:
            raise _all_blocked()
        if blocked:
            _note(runner, f"{blocked} files lie on domains that the policy blocks; they are left out.")
        title = resolved.title or request.title
        conflict = request.options.on_conflict or runner.services.defaults.on_conflict
        files = lay_out(usable, title=title, select=request.source.get("select"))
        left = runner.services.leftovers
        name = await asyncio.to_thread(
            claim_folder, download.folder, request.name or title, download.url, conflict, left.folders if left else None
        )
        download.files = place_in(name, files)
        if left is not None and (kept := await asyncio.to_thread(take_up, download.folder, download.files)):
            _note(runner, f"{kept} files are here from an earlier run.")
        download.kind = Kind.PACKAGE
        download.name, download.title = name, download.title or title or name


def _sources() -> ModuleType:
    """Import the sources when one is needed: they bring parsers that a plain link has no use for."""
    from tui_downloads.sources import auto

    return auto


def _known(download: Download) -> bool:
    """Say whether the files of a download are known: those of a list, or a plain link looked at already."""
    if download.kind is Kind.PACKAGE:
        return bool(download.files)
    files = download.files
    return bool(files) and (len(files) > 1 or bool(files[0].urls) or bool(download.meta.get("looked_beside")))


def _plain(download: Download) -> FileRecord:
    return FileRecord(path=download.request.name or "")


def allowed(spec: FileSpec, download: Download) -> tuple[str, ...]:
    """List the links of a file that the download's policy allows; addresses are checked when they are connected to."""
    found = []
    for url in spec.urls:
        try:
            policy.check_link(parse_link(url), download.request.policy)
        except DownloadError:
            continue
        found.append(url)
    return tuple(found)


def _with_urls(spec: FileSpec, urls: tuple[str, ...]) -> FileSpec:
    return replace(spec, urls=urls)


def _all_blocked() -> DownloadError:
    return DownloadError(Code.DOMAIN_BLOCKED, "Every file of the list lies where the policy does not allow to go.")


def _note(runner: Runner, sentence: str) -> None:
    runner.manager.note(runner.download, sentence)
