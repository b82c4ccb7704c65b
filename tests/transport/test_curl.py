"""libcurl's transport against servers that say exactly what a test wants."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import pytest

from tests.transport.conftest import Collect, forever, says, until
from tui_downloads import __version__
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spec import Policy
from tui_downloads.demo.content import block
from tui_downloads.transport.auto import create
from tui_downloads.transport.base import Ended, Reach, Request, Take

OK = b"HTTP/1.1 200 OK\r\n"


async def failure(transport, request: Request, sink: Collect | None = None) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(request, sink or Collect())
    assert "\n" not in caught.value.message
    return caught.value


# Requests


async def test_a_span_is_asked_for_as_a_range(transport, practice):
    """A half-open span becomes `bytes=a-b`, and what comes is that span."""
    sink = Collect()
    await transport.fetch(Request(practice.file(100000, "a.bin"), start=1000, end=50000), sink)
    assert practice.requests[-1].headers["range"] == "bytes=1000-49999"
    assert bytes(sink.data) == block("a.bin", 1000, 50000)


async def test_an_open_span_is_open(transport, practice):
    """`start` 0 without an end asks `bytes=0-`; None asks without Range, on the same handle too."""
    for start, field in ((0, "bytes=0-"), (None, None), (7, "bytes=7-")):
        await transport.fetch(Request(practice.file(10, "a"), start=start), Collect())
        assert practice.requests[-1].range == field


async def test_if_range_goes_with_a_range_only(transport, practice):
    """If-Range stands in ranged requests, and is gone from the next one."""
    url = practice.file(10, "a")
    await transport.fetch(Request(url, start=2, if_range='"x"'), Collect())
    assert practice.requests[-1].headers["if-range"] == '"x"'
    await transport.fetch(Request(url), Collect())
    assert "if-range" not in practice.requests[-1].headers


async def test_every_request_asks_for_the_bytes_as_they_are(transport, practice):
    """Identity coding, our name, and nothing that waits for a 100."""
    await transport.fetch(Request(practice.file(10, "a")), Collect())
    fields = practice.requests[-1].headers
    assert fields["accept-encoding"] == "identity"
    assert fields["user-agent"] == f"tui-downloads/{__version__}"
    assert "expect" not in fields


async def test_a_coded_body_stays_coded(transport, practice):
    """Raw bytes only: nothing is decoded (S21)."""
    sink = Collect()
    await transport.fetch(Request(practice.file(100000, "a", encoding="gzip")), sink)
    assert sink.heads[0].headers.get("content-encoding") == "gzip"
    assert sink.data[:2] == b"\x1f\x8b"


async def test_own_fields_are_sent_and_forgotten(transport, practice):
    """The caller's fields, agent and referer belong to one request."""
    url = practice.file(10, "a")
    request = Request(
        url, headers=(("X-One", "é"), ("X-Empty", "")), referer="http://r.example/", reach=Reach(user_agent="me")
    )
    await transport.fetch(request, Collect())
    fields = practice.requests[-1].headers
    assert (fields["x-empty"], fields["referer"], fields["user-agent"]) == ("", "http://r.example/", "me")
    assert "x-one" in fields
    await transport.fetch(Request(url, reach=Reach(user_agent="me")), Collect())
    assert not {"x-one", "referer"} & set(practice.requests[-1].headers)


@pytest.mark.parametrize("field", [("X-A", "b\r\nX-C: d"), ("X A", "b"), ("X-A:", "b"), ("", "b")])
async def test_a_field_with_a_line_break_is_refused(transport, practice, field):
    """Nothing the caller gives can add a line to a request (S23)."""
    error = await failure(transport, Request(practice.file(10, "a"), headers=(field,)))
    assert error.code is Code.INVALID_OPTION
    assert not practice.requests


@pytest.mark.parametrize(("method", "body"), [("HEAD", None), ("POST", b"hello"), ("PUT", b"x"), ("DELETE", None)])
async def test_other_methods_leave_no_trace(transport, practice, method, body):
    """A method and its body are sent as asked; the next request is a plain GET again."""
    url = practice.file(10, "a")
    await transport.fetch(Request(url, method=method, body=body), Collect())
    assert (practice.requests[-1].method, practice.requests[-1].body) == (method, body or b"")
    await transport.fetch(Request(url), Collect())
    assert practice.requests[-1].method == "GET"


async def test_userinfo_of_a_link_is_its_login(transport, practice):
    """A link with userinfo logs in, and the head's link has none."""
    url = practice.file(10, "a", auth="u:p").replace("http://", "http://u:p@")
    sink = Collect()
    await transport.fetch(Request(url), sink)
    assert sink.status == 200
    assert "@" not in sink.heads[0].url


# Answers


async def test_the_head_tells_what_the_server_said(transport, raw):
    """Status, reason, version, peer, and fields as they came, folded lines joined."""
    server = await raw(says(b"HTTP/1.0 203 Not \xe9xact\r\nX-A: 1\r\n  2\r\nx-a: 3\r\nContent-Length: 0\r\n\r\n"))
    sink = Collect()
    await transport.fetch(Request(server.url()), sink)
    head = sink.heads[0]
    assert (head.status, head.reason, head.http_version, head.tls) == (203, "Not \xe9xact", "1.0", False)
    assert head.headers.all("X-A") == ["1 2", "3"]
    assert head.address == f"127.0.0.1:{server.port}"


async def test_interim_answers_are_no_heads(transport, raw):
    """100 and 103 blocks come before the head and are left out."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    server = await raw(says(interim, OK + b"Content-Length: 2\r\n\r\nok"))
    sink = Collect()
    await transport.fetch(Request(server.url()), sink)
    assert [head.status for head in sink.heads] == [200]
    assert "link" not in sink.heads[0].headers


async def test_chunks_and_their_trailers(transport, raw):
    """A chunked body is joined; trailers are no second head."""
    server = await raw(says(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"))
    sink = Collect()
    answer = await transport.fetch(Request(server.url()), sink)
    assert (bytes(sink.data), answer.ended, len(sink.heads)) == (b"abcde", Ended.COMPLETE, 1)


async def test_an_unfinished_chunked_body_is_truncated(transport, raw):
    """A chunked body without its last chunk is TRUNCATED (F18)."""
    server = await raw(says(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"))
    sink = Collect()
    error = await failure(transport, Request(server.url()), sink)
    assert (error.code, bytes(sink.data)) == (Code.TRUNCATED, b"abc")


async def test_a_body_longer_than_its_length_is_cut(transport, raw):
    """Extra bytes are dropped and the connection is not used again (F19)."""
    server = await raw(says(OK + b"Content-Length: 3\r\n\r\nabcEXTRA", after=forever))
    for _ in range(2):
        sink = Collect()
        await transport.fetch(Request(server.url()), sink)
        assert bytes(sink.data) == b"abc"
    assert server.connections == 2


async def test_a_body_without_length_ends_with_its_plain_connection(transport, raw):
    """CLOSED says that nobody can tell whether it was whole (F22)."""
    server = await raw(says(OK + b"\r\nall of it"))
    sink = Collect()
    answer = await transport.fetch(Request(server.url()), sink)
    assert (bytes(sink.data), answer.ended) == (b"all of it", Ended.CLOSED)


async def test_a_head_and_a_204_are_complete_without_a_length(transport, raw):
    """Answers that never have a body are not CLOSED."""
    server = await raw(says(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert (await transport.fetch(Request(server.url()), Collect())).ended is Ended.COMPLETE


@pytest.mark.parametrize(("options", "code"), [({}, None), ({"nonotify": True}, Code.TRUNCATED)])
async def test_tls_tells_a_cut_from_an_end(transport, secure, certificate, options, code):
    """Without a length, only a close_notify ends a body over TLS (F23)."""
    request = Request(secure.file(50000, "a", close=True, **options), reach=Reach(cacert=str(certificate.cert)))
    sink = Collect()
    if code is None:
        assert (await transport.fetch(request, sink)).ended is Ended.COMPLETE
        assert len(sink.data) == 50000
    else:
        assert (await failure(transport, request, sink)).code is code


async def test_a_short_body_over_tls_is_truncated(transport, secure, certificate):
    """A cut TLS connection within a known length is TRUNCATED too."""
    request = Request(secure.file(50000, "a", truncate=100, nonotify=True), reach=Reach(cacert=str(certificate.cert)))
    assert (await failure(transport, request)).code is Code.TRUNCATED


async def test_too_much_header_is_refused(transport, practice):
    """200 KB of fields are refused at the request's limit, before any byte (F24)."""
    sink = Collect()
    error = await failure(transport, Request(practice.file(10, "a", headers=200_000)), sink)
    assert error.code is Code.PROTOCOL_ERROR
    assert not sink.heads
    small = Request(practice.file(10, "a", headers=2000), header_limit=1000)
    assert (await failure(transport, small)).code is Code.PROTOCOL_ERROR


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n", b"\x00\xff\x00", b"HTTP/1.1 999999 x\r\n\r\n"])
async def test_an_answer_that_is_none_is_an_error(transport, raw, said):
    """No HTTP is an error with a sentence, whatever it is."""
    server = await raw(says(said))
    error = await failure(transport, Request(server.url()))
    assert error.code in (Code.PROTOCOL_ERROR, Code.INVALID_URL, Code.NETWORK_ERROR)


@pytest.mark.parametrize("line", [b"HTTP/1.1 099 x", b"HTTP/1.1 000 x"])
async def test_a_status_that_is_none_reaches_no_sink(transport, raw, line):
    """Three digits from 100 on, or it is no answer."""
    sink = Collect()
    server = await raw(says(line + b"\r\nContent-Length: 2\r\n\r\nno"))
    assert (await failure(transport, Request(server.url()), sink)).code is Code.PROTOCOL_ERROR
    assert not sink.heads


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 x\r\n\r\n", b"HTTP/7 200\r\n\r\n"])
async def test_what_is_no_http_is_the_servers_fault(transport, raw, said):
    """The link is not to blame: PROTOCOL_ERROR, not INVALID_URL."""
    server = await raw(says(said))
    assert (await failure(transport, Request(server.url()))).code is Code.PROTOCOL_ERROR


async def test_a_reset_is_a_network_error(transport, practice):
    """A reset midway keeps what has come (F36)."""
    sink = Collect()
    error = await failure(transport, Request(practice.file(100000, "a", reset=5000)), sink)
    assert error.code is Code.NETWORK_ERROR
    assert error.retry


async def test_nobody_there_is_a_network_error(transport, unused_tcp_port):
    """A refused connection says so."""
    error = await failure(transport, Request(f"http://127.0.0.1:{unused_tcp_port}/a"))
    assert (error.code, error.retry) == (Code.NETWORK_ERROR, True)
    assert "refused" in error.message


async def test_a_name_that_does_not_exist_is_no_connection_error(transport):
    """DNS errors are told apart (F38)."""
    error = await failure(transport, Request("http://no-such-host.invalid/a"))
    assert error.code is Code.DNS_ERROR
    assert "no-such-host.invalid" in error.message


# Time


async def test_silence_is_stalled(transport, practice):
    """No byte for `stall_timeout` gives the transfer up (F35)."""
    error = await failure(transport, Request(practice.file(100000, "a", stall=5000), reach=Reach(stall_timeout=0.3)))
    assert error.code is Code.STALLED


async def test_silence_before_the_head_is_stalled(transport, raw):
    """A server that takes the request and says nothing is given up as well."""
    server = await raw(forever)
    assert (await failure(transport, Request(server.url(), reach=Reach(stall_timeout=0.3)))).code is Code.STALLED


async def test_a_header_that_never_ends_is_stalled(transport, raw):
    """Fields that drip in one after another are no answer, however many."""

    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        while True:
            writer.write(b"X-More: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    server = await raw(drip)
    assert (await failure(transport, Request(server.url(), reach=Reach(stall_timeout=0.4)))).code is Code.STALLED


async def test_interim_answers_are_signs_of_life(transport, raw):
    """A server that says 102 while it works is waited for."""

    async def work(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(OK + b"Content-Length: 2\r\n\r\nok")

    server, sink = await raw(work), Collect()
    await transport.fetch(Request(server.url(), reach=Reach(stall_timeout=1.5)), sink)
    assert bytes(sink.data) == b"ok"


async def test_interim_answers_without_end_are_none(transport, raw):
    """A server that says 102 and nothing else, ever, is given up."""

    async def work(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.005)

    server = await raw(work)
    error = await failure(transport, Request(server.url(), reach=Reach(stall_timeout=0.5)))
    assert error.code is Code.STALLED


@pytest.mark.parametrize("drips", [False, True])
async def test_a_redirects_body_is_not_waited_for(transport, raw, drips, monkeypatch):
    """What nobody reads may hang or drip: the redirect is followed all the same."""
    monkeypatch.setattr("tui_downloads.transport.exchange._SKIP_PATIENCE", 0.3)

    async def handler(reader, writer):
        if b"GET /end" in await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK + b"Content-Length: 2\r\n\r\nok")
            return
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 1000\r\n\r\n")
        while drips:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)
        await forever(reader, writer)

    server, sink = await raw(handler), Collect()
    await transport.fetch(Request(server.url("/start"), reach=Reach(stall_timeout=3)), sink)
    assert bytes(sink.data) == b"ok"


async def test_a_drip_is_not_silence(transport, practice):
    """Slow bytes are bytes."""
    sink = Collect()
    await transport.fetch(Request(practice.file(50, "a", drip=40), reach=Reach(stall_timeout=1.5)), sink)
    assert len(sink.data) == 50


async def test_a_pause_of_ours_is_not_silence(transport, practice):
    """The time that a sink holds a transfer does not count as the server's."""
    loop = asyncio.get_running_loop()

    def hold_once(sink: Collect, chunk: bytes) -> Take:
        if sink.offers == 1:
            loop.call_later(2.0, sink.flow.resume)
            return Take.PAUSE
        return Take.MORE

    sink = Collect(hold_once)
    await transport.fetch(Request(practice.file(2_000_000, "a"), reach=Reach(stall_timeout=1.2)), sink)
    assert len(sink.data) == 2_000_000


async def test_silence_is_noticed_after_a_rest(transport, practice):
    """A transfer that begins while nothing else runs is watched from its first second."""
    reach = Reach(stall_timeout=0.3)
    await transport.fetch(Request(practice.file(10, "a"), reach=Reach(stall_timeout=30)), Collect())
    driver = next(iter(transport._drivers.values()))
    await until(lambda: not driver._sweeping, "the rest")
    error = await failure(transport, Request(practice.file(100000, "a", stall=5000), reach=reach))
    assert error.code is Code.STALLED


async def test_connecting_has_a_limit_of_its_own(transport, raw, certificate):
    """A server that accepts and never shakes hands is given up after `connect_timeout`."""
    server = await raw(forever)
    url = server.url().replace("http://", "https://")
    error = await failure(transport, Request(url, reach=Reach(connect_timeout=0.3, stall_timeout=60)))
    assert error.code is Code.STALLED
    assert "0.3" in error.message


# Connections


async def test_connections_are_used_again(transport, practice):
    """Request after request goes over one connection, and the answer says so."""
    url = practice.file(1000, "a")
    first = await transport.fetch(Request(url), Collect())
    second = await transport.fetch(Request(url, start=5), Collect())
    assert (first.reused, second.reused) == (False, True)
    assert practice.connections == 1


async def test_fresh_means_a_new_connection(transport, practice):
    """`fresh` does not use a kept connection."""
    url = practice.file(1000, "a")
    await transport.fetch(Request(url), Collect())
    assert not (await transport.fetch(Request(url, fresh=True), Collect())).reused


async def test_enough_at_the_bodys_end_keeps_the_connection(transport, practice):
    """A sink that has enough exactly when the body ends costs no connection."""
    url = practice.file(1000, "a")
    answer = await transport.fetch(Request(url), Collect(lambda sink, chunk: Take.ENOUGH))
    assert answer.ended is Ended.COMPLETE
    assert (await transport.fetch(Request(url), Collect())).reused


async def test_a_cancelled_transfer_loses_its_connection_at_once(transport, raw):
    """The server sees the end of a cancelled transfer."""
    server = await raw(says(OK + b"Content-Length: 100\r\n\r\nx", after=forever))
    sink = Collect()
    task = asyncio.ensure_future(transport.fetch(Request(server.url()), sink))
    await until(lambda: sink.data)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: server.open == 0, "the end of the connection")


async def test_a_kept_connection_that_was_closed_is_no_error(transport, raw):
    """A connection that the server closes while it is idle is replaced without a word."""
    server = await raw(says(OK + b"Content-Length: 2\r\n\r\nok"))
    for _ in range(3):
        sink = Collect()
        await transport.fetch(Request(server.url()), sink)
        assert bytes(sink.data) == b"ok"
        await until(lambda: server.open == 0)


async def test_a_thousand_requests_leave_no_descriptor(practice):
    """Good, broken, refused and cancelled ones, sixteen at a time: in the end every descriptor is closed."""
    before = len(os.listdir("/proc/self/fd"))
    transport = create()
    links = [
        practice.file(2000, "a"),
        practice.file(2000, "b", truncate=10),
        practice.file(2000, "c", reset=10),
        practice.file(2000, "d", redirect="/f/10/e"),
        practice.file(20000, "f", status=404),
    ]
    work = iter(range(1000))

    async def worker() -> None:
        for number in work:
            fetch = transport.fetch(Request(links[number % 5]), Collect())
            if number % 7 == 0:
                task = asyncio.ensure_future(fetch)
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            else:
                await asyncio.gather(fetch, return_exceptions=True)

    await asyncio.gather(*(worker() for _ in range(16)))
    await transport.close()
    await practice.stop()
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_close_ends_what_runs(practice):
    """A transfer that is under way when the transport closes is INTERRUPTED."""
    transport = create()
    sink = Collect()
    task = asyncio.ensure_future(transport.fetch(Request(practice.file(100000, "a", stall=5000)), sink))
    await until(lambda: sink.data)
    await transport.close()
    with pytest.raises(DownloadError) as caught:
        await task
    assert caught.value.code is Code.INTERRUPTED
    assert (await failure(transport, Request(practice.file(10, "a"), reach=Reach(netrc=True)))).code is Code.INTERRUPTED


async def test_many_transfers_pause_and_go_on_at_once(transport, practice):
    """Sinks that pause and resume in any order get their own bytes."""
    loop = asyncio.get_running_loop()

    def now_and_then(sink: Collect, chunk: bytes) -> Take:
        if sink.offers % 3 == 1:
            loop.call_later(0.001 * (sink.offers % 5), sink.flow.resume)
            return Take.PAUSE
        return Take.MORE

    sinks = {f"file{number}": Collect(now_and_then) for number in range(12)}
    await asyncio.gather(
        *(transport.fetch(Request(practice.file(300_000, name)), sink) for name, sink in sinks.items())
    )
    assert all(bytes(sink.data) == block(name, 0, 300_000) for name, sink in sinks.items())


async def test_a_chunk_that_is_offered_again_may_end_the_transfer(transport, practice):
    """ENOUGH and an exception count after a pause as they do before it."""
    loop = asyncio.get_running_loop()

    def second_time(then):
        def write(sink: Collect, chunk: bytes) -> Take:
            if sink.offers == 1:
                loop.call_soon(sink.flow.resume)
                return Take.PAUSE
            return then()

        return write

    def refuse() -> Take:
        raise KeyError("mine")

    url = practice.file(5_000_000, "a")
    answer = await transport.fetch(Request(url), Collect(second_time(lambda: Take.ENOUGH)))
    assert answer.ended is Ended.ENOUGH
    with pytest.raises(KeyError, match="mine"):
        await transport.fetch(Request(url), Collect(second_time(refuse)))


# TLS


async def test_a_certificate_that_nobody_knows_is_refused(transport, secure):
    """TLS_ERROR, with no way around it (F37, S19)."""
    error = await failure(transport, Request(secure.file(10, "a")))
    assert (error.code, error.retry) == (Code.TLS_ERROR, False)


async def test_a_name_that_is_not_the_certificates_is_refused(transport, raw, certificate):
    """A trusted certificate for another name is no good."""
    server = await raw(forever, tls=True)
    url = server.url(host="127.0.0.2")
    error = await failure(transport, Request(url, reach=Reach(cacert=str(certificate.cert), connect_timeout=5)))
    assert error.code in (Code.TLS_ERROR, Code.NETWORK_ERROR)


async def test_tls_to_a_server_that_has_none(transport, raw):
    """A plain server behind https is a TLS error."""

    async def answer_at_once(reader, writer):
        await reader.read(1)
        writer.write(OK + b"\r\n")

    server = await raw(answer_at_once)
    assert (await failure(transport, Request(server.url().replace("http:", "https:")))).code is Code.TLS_ERROR


@pytest.mark.parametrize("content", [None, b"no certificate"])
async def test_an_unusable_cacert_is_an_option_error(transport, secure, tmp_path, content):
    """A missing or foreign file is named as the option's fault."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    error = await failure(transport, Request(secure.file(10, "a"), reach=Reach(cacert=str(path))))
    assert error.code is Code.INVALID_OPTION


# Policy


async def test_a_private_address_is_refused_by_policy(transport, practice):
    """Addresses and names that lead to loopback are ADDRESS_BLOCKED, and nothing connects (S24, S25)."""
    reach = Reach(policy=Policy(private=False))
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0", "[::1]"):
        error = await failure(transport, Request(f"http://{host}:{practice.port}/f/10/a", reach=reach))
        assert error.code is Code.ADDRESS_BLOCKED, host
    assert practice.connections == 0


async def test_a_policy_does_not_use_the_connections_of_another(transport, practice):
    """What an unrestricted caller has opened is closed to a restricted one, and stays open for the first."""
    url = practice.file(10, "a").replace("127.0.0.1", "localhost")
    await transport.fetch(Request(url), Collect())
    error = await failure(transport, Request(url, reach=Reach(policy=Policy(private=False))))
    assert error.code is Code.ADDRESS_BLOCKED
    assert (await transport.fetch(Request(url), Collect())).reused


async def test_the_address_is_checked_on_a_kept_connection_too(transport, practice, monkeypatch):
    """A connection that was good when it opened is looked at again before each request."""
    reach = Reach(policy=Policy(private=False))
    url = practice.file(10, "a").replace("127.0.0.1", "localhost")
    monkeypatch.setattr("tui_downloads.transport.routes.check_address", lambda address, policy: None)
    await transport.fetch(Request(url, reach=reach), Collect())
    monkeypatch.undo()
    asked = len(practice.requests)
    # The handle keeps its check, which looks the function up again.
    assert (await failure(transport, Request(url, reach=reach))).code is Code.ADDRESS_BLOCKED
    assert len(practice.requests) == asked


async def test_a_redirect_into_a_blocked_place_is_refused(transport, practice):
    """Domains are checked on every hop."""
    reach = Reach(policy=Policy(blocked=("localhost",)))
    target = practice.file(10, "a").replace("127.0.0.1", "localhost")
    error = await failure(transport, Request(practice.file(10, "b", redirect=target), reach=reach))
    assert error.code is Code.DOMAIN_BLOCKED
    assert len(practice.requests) == 1


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/a", "file:///etc/passwd", "sftp://h/a", "gopher://h/"])
async def test_a_redirect_changes_to_http_only(transport, practice, target):
    """Other schemes are not followed (S27)."""
    error = await failure(transport, Request(practice.file(10, "b", redirect=target)))
    assert error.code is Code.REDIRECT_ERROR


async def test_redirects_are_capped(transport, practice):
    """More hops than the request allows are REDIRECT_ERROR (F25)."""
    error = await failure(transport, Request(practice.file(10, "b", hops=5), max_redirects=3))
    assert error.code is Code.REDIRECT_ERROR
    await transport.fetch(Request(practice.file(10, "b", hops=3), max_redirects=3), Collect())
