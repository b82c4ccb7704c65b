"""What the scripted transport has beyond the promise."""

from __future__ import annotations

import pytest

from tests.transport.conftest import Collect
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.base import Ended, Request
from tui_downloads.transport.fake import Reply, ScriptedTransport

URL = "http://h.example/f"


async def fetch(transport: ScriptedTransport, **request) -> Collect:
    sink = Collect()
    await transport.fetch(Request(URL, **request), sink)
    return sink


async def test_replies_come_one_after_another_and_the_last_stays():
    """A link that fails once and then answers."""
    transport = ScriptedTransport()
    transport.on(URL, Reply(503), Reply(200, (), (b"ok",)))
    assert [(await fetch(transport)).status for _ in range(3)] == [503, 200, 200]


async def test_a_served_file_understands_ranges():
    """206 with Content-Range, 416 past the end, 200 where If-Range does not match."""
    transport = ScriptedTransport()
    transport.serve(URL, b"0123456789", {"ETag": '"a"'})
    part = await fetch(transport, start=2, end=5, if_range='"a"')
    assert (part.status, bytes(part.data)) == (206, b"234")
    assert part.heads[0].headers.get("content-range") == "bytes 2-4/10"
    assert (await fetch(transport, start=10)).status == 416
    assert bytes((await fetch(transport, start=2, if_range='"b"')).data) == b"0123456789"


async def test_waits_go_by_the_given_clock():
    """No real time passes."""
    waited = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    transport = ScriptedTransport(sleep)
    transport.on(URL, Reply(delay=5.0, body=(b"a", 3600.0, b"b")))
    assert bytes((await fetch(transport)).data) == b"ab"
    assert waited == [5.0, 3600.0]


async def test_an_error_may_come_first_or_midway():
    """Both are raised as they are; what came before midway was given."""
    transport = ScriptedTransport()
    error = DownloadError(Code.NETWORK_ERROR, "broke")
    transport.on(URL, Reply(error=error), Reply(body=(b"abc", error)))
    with pytest.raises(DownloadError):
        await fetch(transport)
    sink = Collect()
    with pytest.raises(DownloadError):
        await transport.fetch(Request(URL), sink)
    assert bytes(sink.data) == b"abc"
    assert transport.running == 0


async def test_a_closed_body_is_closed():
    """CLOSED over plain HTTP, COMPLETE over TLS."""
    transport = ScriptedTransport()
    for url, ended in ((URL, Ended.CLOSED), (URL.replace("http:", "https:"), Ended.COMPLETE)):
        transport.on(url, Reply(body=(b"a",), closed=True))
        assert (await transport.fetch(Request(url), Collect())).ended is ended


async def test_what_nobody_put_there_is_not_found():
    """An unknown link is a 404."""
    assert (await fetch(ScriptedTransport())).status == 404
