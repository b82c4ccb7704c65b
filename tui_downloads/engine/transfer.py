"""One file on its way: the first answer decides what it is, then its bytes go to memory or to a part.

A crash leaves a part and a journal that says which of its bytes are safe. A changed remote file starts a new part; the
old one stays until the new file is complete. Bytes of two versions are never combined without a digest that decides, or
an overlap that agreed and a result that is marked so.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from tui_downloads.core import admission
from tui_downloads.core.errors import Code, DownloadError, Fault
from tui_downloads.core.names import numbered
from tui_downloads.core.plan import OPEN, Plan, Segment
from tui_downloads.core.resource import Head, Resource
from tui_downloads.core.snapshots import Proof
from tui_downloads.core.spans import SpanSet
from tui_downloads.core.spec import OnConflict
from tui_downloads.files.base import Origin, PartTaken
from tui_downloads.files.choice import choose
from tui_downloads.files.part import PartFile
from tui_downloads.transport.base import Answer, Ended, Take

from . import doubts
from .begun import keep_begun
from .crew import Crew
from .detours import Adopt, AskPlainly, Skipped, StartOver, Whole
from .proof import Prover
from .services import SMALL, FileSettings, Services
from .shelter import finish
from .superseded import Superseded, reopen
from .transfers import marked
from .verdicts import refuse
from .verifying import Pieces
from .worker import Worker

if TYPE_CHECKING:
    from tui_downloads.core.download import Download, FileRecord
    from tui_downloads.files.publish import Ready

    from .gate import Gate
    from .mirror import Mirror


class Listener(Protocol):
    """Who is told how a transfer goes."""

    def met(self, transfer: Transfer, mirror: Mirror, head: Head, resource: Resource) -> None:
        """The first answer is about to be accepted; raising refuses it."""

    def began(self, transfer: Transfer) -> None:
        """The first answer was accepted, or an earlier session's part was taken up."""

    def whole(self, transfer: Transfer) -> None:
        """Every byte is here and about to be proven."""

    def note(self, sentence: str) -> None:
        """Something worth remembering happened."""


class Transfer:
    """Brings one file to where only its name is missing."""

    # Mutable state: the part and its plan, or the body in memory; what is known of the file; parts that it replaces,
    # and those that turned out not to be ours.
    def __init__(
        self,
        services: Services,
        download: Download,
        file: FileRecord,
        mirrors: list[Mirror],
        settings: FileSettings,
        listener: Listener,
    ) -> None:
        self.services = services
        self.download = download
        self.file = file
        self.mirrors = mirrors
        self.settings = settings
        self._listener = listener
        self.gate: Gate | None = None
        self.part: PartFile | None = None
        self.plan: Plan | None = None
        self.body: bytes | None = None
        self.resource: Resource | None = None
        self.crew: Crew | None = None
        self.proof = Proof.NONE
        self.checked = 0
        """Bytes read again so far to prove them."""
        self.joined = False
        """Holds bytes of more than one session or mirror."""
        self._crew_task: asyncio.Task[None] | None = None
        self._opening: asyncio.Future[Answer] | None = None
        self._older = Superseded()
        self._restarts = 0
        self.alone = False
        """The versions that its connections are told differ: one connection at a time."""
        self._turns = 0
        self._handed_over = False
        self._closed_by_server = False
        self._distrusted = -1
        self._lost: set[str] = set()

    # What is seen from outside ......................................................................................

    @property
    def name(self) -> str:
        """The target's name, once it is known."""
        return self.settings.name or (self.resource.name if self.resource else "")

    @property
    def done(self) -> int:
        """Unique bytes that are here."""
        if self.plan is not None:
            return self.plan.written_total
        if self.body is not None:
            return len(self.body)
        return self.file.done if self.file.part is not None else 0

    def workers(self) -> list[Worker]:
        return self.crew.workers() if self.crew is not None else []

    # The way of a file ..............................................................................................

    async def run(self) -> Ready:
        """Fetch and prove the file.

        Raises:
            DownloadError: what is here is safe; a later run goes on from it.
            Skipped: the target is there and stays.
        """
        if self.settings.name and self.settings.on_conflict is OnConflict.SKIP:
            self._skip_if_there(self.settings.name)
        try:
            await self._reopen()
            while True:
                try:
                    await self._fetch()
                    self._listener.whole(self)
                    if self.file.pieces is not None:
                        await Pieces(self).verify()
                    ready = await Prover(self).ready(self._closed_by_server)
                    self._handed_over = True
                    return ready
                except StartOver as again:
                    await self._start_over(again)
                except AskPlainly:
                    self._turns += 1
                    if self._turns > 8:
                        raise DownloadError(
                            Code.PROTOCOL_ERROR, "The server answers in circles.", retry=False
                        ) from None
                except DownloadError as error:
                    if not await self._opened_anew(error):
                        self._next_link(error)
                except Adopt as found:
                    self.file.part = found.path
                    await self._reopen()
                except Whole:
                    continue
        finally:
            if self.part is not None or self._older.waiting or self._crew_task is not None:
                await self._end()

    async def _opened_anew(self, error: DownloadError) -> bool:
        """After a failed flush go on from what was safe before it; once, unless more became safe meanwhile."""
        part = self.part
        if part is None or not part.poisoned or error.code is not Code.DISK_ERROR:
            return False
        safe = part.durable.total
        await self._stop_crew()
        if safe <= self._distrusted:
            return False
        self._distrusted = safe
        lost = self.done - safe
        part.close()
        self.part = self.plan = None
        self.discarded(lost)
        self.note(f"The disk failed to keep {lost} bytes; they are fetched again. ({error.message})")
        await self._reopen()
        return True

    def _next_link(self, error: DownloadError) -> None:
        """Before anything is known of the file, another link may open it.

        Raises:
            DownloadError: there is no other link, or something is known already.
        """
        first = self.mirrors[0]
        alive = [mirror for mirror in self.mirrors[1:] if mirror.dead is None]
        if self.plan is not None or self.body is not None or not alive or error.fault in (Fault.DISK, Fault.OURS):
            raise error
        first.dead = error
        self.note(f"A link is no longer used: {error.message}")
        self.mirrors = [*alive, *(mirror for mirror in self.mirrors if mirror not in alive)]

    async def _reopen(self) -> None:
        """Take up the part that an earlier session left, if it is there and ours."""
        paths = [self.file.part] if self.file.part is not None else []
        if not paths and self.services.leftovers is not None and len(self.download.files) == 1:
            paths = await self.services.leftovers.take(self.settings.folder, self.download.url)
        if not paths:
            return
        path, *before = paths
        try:
            part = await finish(asyncio.to_thread(reopen, path), PartFile.close)
        except DownloadError as error:
            if error.code is Code.IN_USE and self.services.leftovers is not None:
                self.file.part = None
                return  # another run took it up just now: this one takes another name
            folder_gone = error.code is Code.FOLDER_UNUSABLE and not os.path.lexists(os.path.dirname(path))
            if error.code is not Code.PART_LOST and not folder_gone:
                raise
            self._lost.add(path)
            self.note(f"The partial file is gone or not ours; starting again. ({error.message})")
            self.file.part = None
            return
        origin = part.origin
        self.part, self.file.part = part, part.path
        self.resource = Resource(
            url=self.download.url,
            size=origin.size,
            validator=origin.validator,
            ranges=True,
            name=origin.name,
            content_type=origin.content_type,
        )
        self.plan = Plan(origin.size, part.durable.copy())
        self.joined = bool(part.durable)
        self._older.known([*origin.extra.get("supersedes", ()), *before], part.name)
        self.mirrors[0].plain = bool(origin.extra.get("plain"))
        self.mirrors[0].resource = self.resource
        self.mirrors[0].validator = origin.validator
        self._tell_size()
        self._listener.began(self)

    async def _fetch(self) -> None:
        """Bring every byte that is missing."""
        if self.plan is not None and self.plan.complete:
            return
        if self.plan is not None and self.plan.written_total and not self._may_resume():
            raise StartOver("The server names no version of the file, and its size is not known.")
        if self.plan is not None and self.plan.written_total:
            await Prover(self).overlap_if_needed(self.mirrors[0])
            self.crew = Crew(self)
            await self.crew.run(None)
            return
        await self._open()

    def _may_resume(self) -> bool:
        return self.resource is not None and self.resource.size is not None

    async def _open(self) -> None:
        """Send the first request; its answer decides everything else."""
        await self._stop_crew()
        self._drop_empty_part()
        worker = Worker(self, self.mirrors[0])
        self._opening = asyncio.get_running_loop().create_future()
        try:
            answer = await worker.stream(worker.mirror.request(0, None))
        except DownloadError as error:
            if self._crew_task is None:
                doubts.unanswered(self, worker.mirror, error)
                if not keep_begun(self, worker, error):
                    raise
                await self._fetch()
                return
            self._opening.set_exception(error)
            self._opening.exception()  # looked at; a crew that has ended does not
        else:
            if self._crew_task is None:
                self._keep_whole(worker, answer)
                return
            self._opening.set_result(answer)
        if self.plan is not None and worker.segment is not None:
            # A crew that has ended already takes nothing back; what is missing here must be free for the next one.
            self.plan.release(worker.segment, time.monotonic())
        await self._crew_task

    def _drop_empty_part(self) -> None:
        if self.part is not None:
            self.part.discard()
            self.part = None
        self.plan = None
        self.file.part = None

    def _keep_whole(self, worker: Worker, answer: Answer) -> None:
        body = b"".join(worker.chunks)
        worker.chunks = []
        size = self.resource.size if self.resource else None
        if size is not None and len(body) != size:
            raise DownloadError(Code.TRUNCATED, f"The server sent {len(body)} of {size} bytes.")
        self._closed_by_server = answer.ended is Ended.CLOSED
        self.body = body

    async def _start_over(self, again: StartOver) -> None:
        """Put the old part aside and begin again; bounded, so that a server that changes all the time ends."""
        await self._stop_crew()
        self._restarts += 1
        if self._restarts > 3:
            raise self._too_often(again.reason)
        lost = self.done
        self.download.discarded += lost
        self.note(f"Starting again from the beginning ({lost} bytes discarded): {again.reason}")
        if again.single:
            self.mirrors[0].plain = True
        self.alone = self._restarts > 1
        part, self.part, self.file.part = self.part, None, None
        if part is not None:
            if lost:
                spans = self.plan.done if self.plan else part.durable
                await finish(asyncio.to_thread(self._older.put, part, spans))
            else:
                part.discard()
        self.body = None
        self.plan = None
        self.resource = None
        self.joined = False
        for mirror in self.mirrors:
            # What was held against the old bytes says nothing of the new ones.
            mirror.resource, mirror.proven, mirror.wrote = None, False, SpanSet()

    def _too_often(self, reason: str) -> DownloadError:
        """Say that a file can't be had: it changes all the time, or breaks off and can't be gone on with."""
        validator = self.resource.validator if self.resource is not None else None
        if validator is not None and not validator.strong_etag and not validator.last_modified:
            return DownloadError(Code.TRUNCATED, f"The transfer broke off each time. {reason}", retry=False)
        return DownloadError(Code.REMOTE_CHANGED, f"It was begun again too often. {reason}")

    def drop_superseded(self) -> None:
        """Delete the parts of older versions; called when the new file is published."""
        self._older.drop()

    async def _end(self) -> None:
        """Stop; whoever is cancelled meanwhile does not take the whole part that was about to be handed over."""
        try:
            await finish(self._stop())
        except asyncio.CancelledError:
            self._handed_over = False
            await finish(self._stop())
            raise

    async def _stop(self) -> None:
        """End every connection, make what is here safe, and let go of the part unless it is whole."""
        await self._stop_crew()
        if self._opening is not None and self._opening.done() and not self._opening.cancelled():
            self._opening.exception()  # looked at, so that asyncio does not report it
        if self._handed_over:
            return
        part = self.part
        if part is None and self._older.waiting:
            self.file.part = await asyncio.to_thread(self._older.take_back) or self.file.part
        if part is None or self.plan is None or part.fileno() < 0:
            return
        try:
            await asyncio.to_thread(self._checkpoint_and_close, part, self.plan.done)
        except DownloadError as error:
            # What ends the transfer is told already; here only the figures change.
            self.plan = Plan(self.plan.size, part.durable.copy())
            self.note(f"The last bytes may not be safe and are fetched again. ({error.message})")

    def hand_over(self) -> None:
        """Somebody else owns the part from here on."""
        self._handed_over = True

    def release(self) -> None:
        """Let go of a part that could not be published; it stays, and a later run takes it up."""
        if self.part is not None and self.part.fileno() >= 0:
            self.part.close()

    @staticmethod
    def _checkpoint_and_close(part: PartFile, spans: SpanSet) -> None:
        try:
            part.checkpoint(spans)
        finally:
            part.close()

    async def _stop_crew(self) -> None:
        crew, self.crew = self.crew, None
        task, self._crew_task = self._crew_task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        if task is not None and not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it
        if crew is not None:
            await crew.stop()

    # Called by workers ..............................................................................................

    def judge(self, worker: Worker, head: Head) -> None:
        """Decide on an answer before any of its bytes; raising refuses it."""
        segment, mirror, request = worker.segment, worker.mirror, worker.request
        assert request is not None
        opening = segment is None
        ranged = request.start is not None
        start = 0 if segment is None else segment.position
        asked = admission.Asked(
            start=start if ranged else None,
            end=segment.bound if ranged and segment is not None else None,
            if_range=request.if_range,
            resource=mirror.resource,
            joining=0 if opening else max(1, self.done),
            digest=self.has_digest,
            proven=mirror.proven,
            strikes=mirror.strikes,
            url=mirror.url,
        )
        verdict = admission.judge(asked, head, time.time())
        if isinstance(verdict, admission.Accept):
            # A stream without ranges begins at zero: what is here already is heard again and dropped.
            worker.skip = verdict.skip if ranged else start
            worker.answer_end = OPEN if verdict.end is None else verdict.end
            if verdict.warning and opening:
                self.note(verdict.warning)
            if opening:
                self._listener.met(self, mirror, head, verdict.resource)
                self._settle(worker, verdict.resource, whole=verdict.whole)
            else:
                self._joins(worker, verdict.resource)
                if self.plan is not None and self.plan.size is None and verdict.total is not None:
                    self._learn_size(verdict.total)
            return
        refuse(self, mirror, verdict)

    def _joins(self, worker: Worker, resource: Resource) -> None:
        mirror = worker.mirror
        if mirror.resource is None:
            known = self.resource.size if self.resource else None
            if mirror is not self.mirrors[0] and resource.size != known:
                raise DownloadError(
                    Code.REMOTE_CHANGED, f"A mirror's file has {resource.size} bytes, not {known}.", retry=False
                )
            mirror.resource, mirror.validator = resource, resource.validator
        self.joined = self.joined or mirror is not self.mirrors[0]

    def _settle(self, worker: Worker, resource: Resource, *, whole: bool) -> None:
        """Take the first accepted answer for what the file is."""
        self.resource = resource
        worker.mirror.resource, worker.mirror.validator, worker.mirror.proven = resource, resource.validator, True
        self._tell_size()
        if self.settings.on_conflict is OnConflict.SKIP:
            self._skip_if_there(self.name)
        if whole and resource.size is not None and resource.size <= SMALL and not self.file.pieces:
            worker.left = OPEN
            self._listener.began(self)
            return
        plan = Plan(resource.size, SpanSet())
        worker.segment = plan.lease(time.monotonic())
        self.begin_part(resource, plan)
        self.crew = Crew(self)
        assert self._opening is not None
        self._crew_task = asyncio.get_running_loop().create_task(self.crew.run((worker, self._opening)))

    def begin_part(self, resource: Resource, plan: Plan) -> None:
        """Make the part, empty as yet."""
        self.part = self._make_part(resource)
        self.file.part = self.part.path
        self.plan = plan
        self._listener.began(self)

    def _learn_size(self, size: int) -> None:
        """A later answer tells the size that the first one did not."""
        assert self.part is not None and self.plan is not None and self.resource is not None
        self.plan.settle(size)
        self.part.reserve(size)
        self.part.amend(replace(self.part.origin, size=size))
        self.resource = self.mirrors[0].resource = replace(self.resource, size=size, ranges=True)
        self._tell_size()
        self._listener.began(self)

    def _make_part(self, resource: Resource) -> PartFile:
        """Make the part under a free name, or find the one that this very link left here.

        Raises:
            Adopt: that one is to be taken up.
            DownloadError: IN_USE when another process writes it and no other name may be taken, or what the disk says.
        """
        folder, conflict = self.settings.folder, self.settings.on_conflict
        beside = conflict is OnConflict.RENAME
        name, number = self.name, 0
        for _ in range(100):
            choice = choose(folder, name, marked(self.download.url), conflict, beside=beside)
            if choice.existing in self._lost:  # somebody else's file has taken the part's place: it stays as it is
                number += 1
                name = numbered(self.name, number)
                continue
            if choice.locked:
                raise DownloadError(Code.IN_USE, f"Another process is downloading this link to {choice.name}.")
            if choice.existing is not None and choice.existing != self.file.part:
                raise Adopt(choice.existing)
            try:
                part = PartFile.create(folder, choice.name, self._origin(resource, choice.name))
            except PartTaken:
                continue  # somebody was faster; look again
            except DownloadError as error:
                if error.code is Code.IN_USE and beside:
                    continue
                raise
            try:
                if resource.size is not None:
                    part.reserve(resource.size)
            except DownloadError:
                part.discard()
                raise
            return part
        raise DownloadError(Code.FOLDER_UNUSABLE, f"No free name for {self.name} in {folder}.")

    def _origin(self, resource: Resource, name: str) -> Origin:
        checksum = self.settings.checksum
        extra: dict[str, object] = {"supersedes": self._older.paths} if self._older.paths else {}
        if self.mirrors[0].plain:
            extra["plain"] = True
        return Origin(
            id=self.download.id,
            file=self.file.id,
            url=marked(self.download.url),
            name=name,
            size=resource.size,
            validator=resource.validator,
            created_at=self.download.created_at,
            checksum=":".join(checksum) if checksum else None,
            content_type=resource.content_type,
            extra=extra,
        )

    def _skip_if_there(self, name: str) -> None:
        if name and os.path.lexists(os.path.join(self.settings.folder, name)):
            raise Skipped(name)

    def _tell_size(self) -> None:
        assert self.resource is not None
        self.file.size = self.resource.size

    def write(self, segment: Segment, chunks: list[bytes], wanted: int) -> None:
        """Write wanted bytes at the segment's position and advance it."""
        assert self.part is not None and self.plan is not None
        self.part.write(segment.position, chunks)
        self.plan.advance(segment, wanted)

    def pour(self, segment: Segment, pipe: int, count: int) -> None:
        """Write bytes out of a pipe at the segment's position and advance it."""
        assert self.part is not None and self.plan is not None
        self.part.pour(pipe, segment.position, count)
        self.plan.advance(segment, count)

    def same(self, start: int, data: bytes) -> bool:
        """Say whether the part holds these bytes at a place."""
        return self.part is not None and self.part.read(start, len(data)) == data

    def keep(self, worker: Worker) -> Take:
        """Hold a small body in memory, and no more of it than was announced."""
        size = self.resource.size if self.resource else 0
        return Take.MORE if worker.held <= (size or 0) + SMALL else Take.ENOUGH

    @property
    def has_digest(self) -> bool:
        """Whether a digest of the whole file will decide in the end."""
        told = self.file.digests or (self.resource.digests if self.resource else ())
        return bool(self.settings.checksum or self.file.pieces or (told and self.services.defaults.verify_digests))

    async def prove(self, mirror: Mirror) -> bool:
        """Before another link's bytes are mixed in; see `Prover.mirror`."""
        return await Prover(self).mirror(mirror)

    async def fetch_missing(self) -> None:
        """Fetch what was found wrong and forgotten."""
        self.crew = Crew(self)
        try:
            await self.crew.run(None)
        finally:
            await self._stop_crew()

    def discarded(self, count: int) -> None:
        """Count bytes that were thrown away."""
        self.download.discarded += count

    def credit(self, mirror: Mirror, start: int, end: int) -> None:
        """Keep in mind who brought which bytes, where a piece can prove them wrong; the last to write is the one."""
        for other in self.mirrors:
            if other is not mirror and other.wrote:
                other.wrote.remove(start, end)
        mirror.wrote.add(start, end)

    def size_settled(self, size: int, *, closed: bool) -> None:
        """A body without a length has ended."""
        self.file.size = size
        self._closed_by_server = closed

    def note(self, sentence: str) -> None:
        """Add a sentence to the download's log."""
        self._listener.note(sentence)
