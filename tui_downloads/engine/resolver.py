"""Asks a source what a link means: its questions go through the download's own reach and policy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui_downloads.core.download import FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Head
from tui_downloads.sources.base import Dialogue, Question, Reply, Resolved
from tui_downloads.transport.base import Flow, Reach, Request, Take, Transport

if TYPE_CHECKING:
    from .runner import Runner


class Collect:
    """A sink that keeps a small body whole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: list[bytes] = []
        self._size = 0
        self.answer = Head(0)

    def head(self, head: Head, flow: Flow) -> None:
        self.answer = head

    def write(self, chunk: bytes) -> Take:
        self._size += len(chunk)
        if self._size > self._limit:
            raise DownloadError(Code.SOURCE_INVALID, f"The answer is larger than {self._limit} bytes.")
        self._chunks.append(chunk)
        return Take.MORE

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


async def converse(dialogue: Dialogue, transport: Transport, reach: Reach) -> Resolved:
    """Drive a source's dialogue to its end.

    Raises:
        DownloadError: the source gave up, or a question could not be answered and the source did not mind it.
    """
    try:
        question = next(dialogue)
        while True:
            try:
                reply = await ask(transport, question, reach)
            except DownloadError as error:
                question = dialogue.throw(error)
            else:
                question = dialogue.send(reply)
    except StopIteration as end:
        resolved: Resolved = end.value
        return resolved


class Resolver:
    """Finds out what the files of a download are, once."""

    def __init__(self, extras: Mapping[str, Any]) -> None:
        self._extras = extras

    async def resolve(self, runner: Runner) -> None:
        """Fill in the files of a download that has none yet.

        Raises:
            DownloadError: SOURCE_INVALID or what the network said.
        """
        download = runner.download
        if not download.files:
            download.files = [FileRecord(path=download.request.name or "")]
