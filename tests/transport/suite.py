"""What every transport keeps; run over libcurl and over the fake."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

import pytest

from tests.transport.conftest import Collect, until
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spec import Policy
from tui_downloads.transport.base import Ended, Reach, Request, Take, Transport

BODY = bytes(range(256)) * 400
"""Long enough for several chunks."""


class Stage(ABC):
    """A transport and a server that it can reach."""

    transport: Transport

    @abstractmethod
    def url(self, name: str, *, other: bool = False) -> str:
        """Give the link of a name, on the other origin if wanted."""

    @abstractmethod
    def answer(
        self,
        name: str,
        status: int,
        fields: dict[str, str],
        body: bytes = b"",
        *,
        other: bool = False,
        hang: bool = False,
    ) -> None:
        """Let a name be answered; with `hang` nothing comes after the body."""

    @abstractmethod
    def fields_of(self, name: str) -> dict[str, str]:
        """Give the fields of the last request for a name, names in lower case."""

    def file(self, name: str, body: bytes = BODY, *, other: bool = False) -> str:
        """Put a plain file there and give its link."""
        self.answer(name, 200, {"Content-Length": str(len(body)), "ETag": '"v1"'}, body, other=other)
        return self.url(name, other=other)


class TransportSuite:
    """Subclasses give the fixture `stage`."""

    async def test_the_head_comes_before_the_body_and_the_body_is_whole(self, stage: Stage):
        """`head` is called once, `write` gets every byte in order, and the answer counts them."""
        sink = Collect()
        answer = await stage.transport.fetch(Request(stage.file("a")), sink)
        assert len(sink.heads) == 1
        assert sink.heads[0].headers.get("etag") == '"v1"'
        assert bytes(sink.data) == BODY
        assert (answer.received, answer.ended) == (len(BODY), Ended.COMPLETE)

    async def test_an_empty_body_has_a_head(self, stage: Stage):
        """A file of no bytes is an answer like any other."""
        sink = Collect()
        answer = await stage.transport.fetch(Request(stage.file("empty", b"")), sink)
        assert (sink.status, answer.received, sink.offers) == (200, 0, 0)

    @pytest.mark.parametrize("status", [400, 404, 416, 429, 500, 503])
    async def test_a_bad_status_is_no_error_here(self, stage: Stage, status: int):
        """The sink judges the status."""
        stage.answer("bad", status, {"Content-Length": "2"}, b"no")
        sink = Collect()
        await stage.transport.fetch(Request(stage.url("bad")), sink)
        assert (sink.status, bytes(sink.data)) == (status, b"no")

    async def test_a_paused_chunk_is_offered_again(self, stage: Stage):
        """PAUSE takes nothing; after `resume` the same chunk comes again, and nothing is lost or doubled."""
        loop = asyncio.get_running_loop()

        def pause_each_second(sink: Collect, chunk: bytes) -> Take:
            if sink.offers % 2:
                loop.call_soon(sink.flow.resume)
                return Take.PAUSE
            return Take.MORE

        sink = Collect(pause_each_second)
        await stage.transport.fetch(Request(stage.file("a")), sink)
        assert bytes(sink.data) == BODY

    async def test_resume_may_come_before_the_pause_is_said(self, stage: Stage):
        """A sink that calls `resume` within `write` is not left waiting."""

        def resume_early(sink: Collect, chunk: bytes) -> Take:
            if sink.offers == 1:
                sink.flow.resume()
                return Take.PAUSE
            return Take.MORE

        sink = Collect(resume_early)
        await stage.transport.fetch(Request(stage.file("a")), sink)
        assert bytes(sink.data) == BODY

    async def test_resume_without_a_pause_and_after_the_end_is_harmless(self, stage: Stage):
        """A hold on a transfer that is over does nothing, whatever runs in its place."""
        sink = Collect(lambda sink, chunk: sink.flow.resume() or Take.MORE)
        await stage.transport.fetch(Request(stage.file("a")), sink)
        sink.flow.resume()
        sink.flow.abort(ValueError("too late"))
        after = Collect()
        await stage.transport.fetch(Request(stage.file("b")), after)
        assert bytes(sink.data) == bytes(after.data) == BODY

    async def test_enough_ends_the_transfer_without_an_error(self, stage: Stage):
        """ENOUGH counts the chunk as taken, and nothing comes after it."""
        sink = Collect(lambda sink, chunk: Take.ENOUGH)
        answer = await stage.transport.fetch(Request(stage.file("a")), sink)
        assert sink.offers == 1
        assert answer.ended is Ended.ENOUGH
        assert answer.received == len(sink.data)

    async def test_a_sinks_exception_comes_out_of_fetch(self, stage: Stage):
        """What `write` raises is raised on as it is."""

        def refuse(sink: Collect, chunk: bytes) -> Take:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await stage.transport.fetch(Request(stage.file("a")), Collect(refuse))

    async def test_a_refused_head_ends_the_transfer(self, stage: Stage):
        """What `head` raises is raised on, and no byte is offered."""

        def refuse(sink: Collect) -> None:
            raise KeyError("mine")

        sink = Collect(on_head=refuse)
        with pytest.raises(KeyError, match="mine"):
            await stage.transport.fetch(Request(stage.file("a")), sink)
        assert sink.offers == 0

    async def test_abort_with_a_reason_raises_it(self, stage: Stage):
        """`Flow.abort(reason)` ends a silent transfer at once."""
        stage.answer("hang", 200, {"Content-Length": "1000"}, b"x", hang=True)
        sink = Collect()
        task = asyncio.ensure_future(stage.transport.fetch(Request(stage.url("hang")), sink))
        await until(lambda: sink.data)
        sink.flow.abort(KeyError("mine"))
        with pytest.raises(KeyError, match="mine"):
            await task

    async def test_abort_without_a_reason_is_enough(self, stage: Stage):
        """`Flow.abort()` returns what has come."""
        stage.answer("hang", 200, {"Content-Length": "1000"}, b"x", hang=True)
        sink = Collect()
        task = asyncio.ensure_future(stage.transport.fetch(Request(stage.url("hang")), sink))
        await until(lambda: sink.data)
        sink.flow.abort()
        answer = await task
        assert (answer.ended, answer.received) == (Ended.ENOUGH, 1)

    async def test_a_cancelled_fetch_writes_nothing_more(self, stage: Stage):
        """Cancelling closes the transfer, and the transport goes on with others."""
        stage.answer("hang", 200, {"Content-Length": "1000"}, b"x", hang=True)
        sink = Collect()
        task = asyncio.ensure_future(stage.transport.fetch(Request(stage.url("hang")), sink))
        await until(lambda: sink.data)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        other = Collect()
        await stage.transport.fetch(Request(stage.file("a")), other)
        assert (bytes(sink.data), bytes(other.data)) == (b"x", BODY)

    async def test_a_paused_fetch_can_be_cancelled(self, stage: Stage):
        """A sink that never resumes does not hold a cancellation."""
        sink = Collect(lambda sink, chunk: Take.PAUSE)
        task = asyncio.ensure_future(stage.transport.fetch(Request(stage.file("a")), sink))
        await until(lambda: sink.offers)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not sink.data

    async def test_a_short_body_is_truncated(self, stage: Stage):
        """Fewer bytes than Content-Length says are an error, after they were given."""
        stage.answer("short", 200, {"Content-Length": "50"}, b"only this")
        sink = Collect()
        with pytest.raises(DownloadError) as caught:
            await stage.transport.fetch(Request(stage.url("short")), sink)
        assert caught.value.code is Code.TRUNCATED
        assert bytes(sink.data) == b"only this"

    async def test_redirects_are_followed_and_told(self, stage: Stage):
        """The head says where the answer came from and by which links."""
        url = stage.file("end")
        stage.answer("start", 302, {"Location": url, "Content-Length": "0"})
        sink = Collect()
        answer = await stage.transport.fetch(Request(stage.url("start")), sink)
        assert bytes(sink.data) == BODY
        assert (answer.head.url, answer.head.hops) == (url, (stage.url("start"),))

    async def test_a_redirects_own_body_reaches_nobody(self, stage: Stage):
        """The body of a 302 is heard out or cut, never given to the sink."""
        stage.answer("start", 302, {"Location": stage.file("end", b"right"), "Content-Length": "300000"}, b"w" * 300000)
        sink = Collect()
        await stage.transport.fetch(Request(stage.url("start")), sink)
        assert bytes(sink.data) == b"right"

    async def test_a_circle_of_redirects_ends(self, stage: Stage):
        """Two links that point at each other are REDIRECT_ERROR."""
        stage.answer("a", 302, {"Location": stage.url("b"), "Content-Length": "0"})
        stage.answer("b", 302, {"Location": stage.url("a"), "Content-Length": "0"})
        with pytest.raises(DownloadError) as caught:
            await stage.transport.fetch(Request(stage.url("a")), Collect())
        assert caught.value.code is Code.REDIRECT_ERROR

    async def test_own_fields_stay_with_their_origin(self, stage: Stage):
        """Custom fields, cookies by hand and Referer go along within an origin and not to another one (S15)."""
        own = (("X-Token", "canary"), ("Cookie", "a=canary"), ("Authorization", "Bearer canary"))
        near, far = stage.file("near"), stage.file("far", other=True)
        stage.answer("to-near", 302, {"Location": near, "Content-Length": "0"})
        stage.answer("to-far", 302, {"Location": far, "Content-Length": "0"})
        for start in ("to-near", "to-far"):
            request = Request(stage.url(start), headers=own, referer="http://from.example/canary")
            await stage.transport.fetch(request, Collect())
        assert stage.fields_of("near")["x-token"] == "canary"
        assert "canary" not in str(stage.fields_of("far"))

    async def test_a_blocked_domain_is_not_asked(self, stage: Stage):
        """DOMAIN_BLOCKED is raised before anything is sent."""
        reach = Reach(policy=Policy(allowed=("example.org",)))
        with pytest.raises(DownloadError) as caught:
            await stage.transport.fetch(Request(stage.file("a"), reach=reach), Collect())
        assert caught.value.code is Code.DOMAIN_BLOCKED

    async def test_a_link_that_is_none_is_refused(self, stage: Stage):
        """INVALID_URL, in one line."""
        with pytest.raises(DownloadError) as caught:
            await stage.transport.fetch(Request("gopher://example.org/x"), Collect())
        assert caught.value.code is Code.INVALID_URL
        assert "\n" not in caught.value.message
