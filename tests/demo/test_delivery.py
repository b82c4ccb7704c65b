"""Ways of arriving, and of not arriving whole, seen from a bare socket."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable

import pytest

from tui_downloads.demo.certificate import Certificate
from tui_downloads.demo.content import block
from tui_downloads.demo.server import PracticeServer, serve_in_thread

Listen = Callable[..., "Raw"]  # noqa: F821
SIZE = 300_000
WHOLE = block("a.bin", 0, SIZE)
BRIEF = 0.3
"""Seconds of silence that count as a stall; the loopback never takes so long to go on."""


def _dechunked(body: bytes) -> bytes:
    data = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        data, body = data + rest[:length], rest[length + 2 :]
        if length == 0:
            break
    return data


def test_truncate_closes_after_so_many_bytes(server: PracticeServer, listen: Listen):
    """F18: the length promises more."""
    raw = listen(server.file(SIZE, "a.bin", truncate=1000))
    assert (raw.body, raw.ended) == (WHOLE[:1000], "close")
    assert f"Content-Length: {SIZE}".encode() in raw.head


def test_truncate_counts_in_the_range(server: PracticeServer, listen: Listen):
    """From the start of the body, wherever that is in the file."""
    assert listen(server.file(SIZE, "a.bin", truncate=10), "Range: bytes=500-").body == WHOLE[500:510]


def test_truncate_past_the_end_is_honest(server: PracticeServer, listen: Listen):
    """Short ranges of the same link arrive."""
    raw = listen(server.file(SIZE, "a.bin", truncate=1000), "Range: bytes=0-99", "Connection: close")
    assert raw.body == WHOLE[:100]


def test_chunked_hides_the_length(server: PracticeServer, listen: Listen):
    """And ends with a chunk of nothing."""
    raw = listen(server.file(SIZE, "a.bin", chunked=True), "Connection: close")
    assert b"Content-Length" not in raw.head
    assert (_dechunked(raw.body), raw.body[-5:]) == (WHOLE, b"0\r\n\r\n")


def test_chunked_may_stay_unterminated(server: PracticeServer, listen: Listen):
    """F18."""
    raw = listen(server.file(SIZE, "a.bin", chunked=True, truncate=1000))
    assert (raw.body, raw.ended) == (b"3e8\r\n" + WHOLE[:1000] + b"\r\n", "close")


def test_close_ends_the_body_with_the_connection(server: PracticeServer, listen: Listen):
    """F22: no length at all."""
    raw = listen(server.file(SIZE, "a.bin", close=True))
    assert (b"Content-Length" in raw.head, raw.body, raw.ended) == (False, WHOLE, "close")


def test_both_lengths_contradict(server: PracticeServer, listen: Listen):
    """F20: chunked wins, the length lies."""
    raw = listen(server.file(SIZE, "a.bin", both=True))
    assert f"Content-Length: {SIZE // 2}\r\nTransfer-Encoding: chunked".encode() in raw.head
    assert _dechunked(raw.body) == WHOLE


@pytest.mark.parametrize(("how", "told"), [("differ", ["9", "10"]), ("negative", ["-5"]), ("junk", ["9x"])])
def test_lengths_may_be_nonsense(server: PracticeServer, listen: Listen, how: str, told: list[str]):
    """F21."""
    raw = listen(server.file(9, "a.bin", lengths=how), "Connection: close")
    assert re.findall(r"Content-Length: (\S+)", raw.head.decode()) == told


def test_extra_bytes_follow_the_body(server: PracticeServer, listen: Listen):
    """F19."""
    assert listen(server.file(9, "a.bin", extra=4)).body == WHOLE[:9] + b"++++"


def test_reset_breaks_off(server: PracticeServer, listen: Listen):
    """F36: no orderly end."""
    raw = listen(server.file(SIZE, "a.bin", reset=1000))
    assert raw.ended == "reset"
    assert WHOLE[:1000].startswith(raw.body)


def test_stall_falls_silent_and_stays(server: PracticeServer, listen: Listen):
    """F35."""
    raw = listen(server.file(SIZE, "a.bin", stall=1000), patience=BRIEF)
    assert (raw.body, raw.ended) == (WHOLE[:1000], "silence")


def test_the_first_fault_on_the_way_counts(server: PracticeServer, listen: Listen):
    """Options compose."""
    raw = listen(server.file(SIZE, "a.bin", stall=2000, truncate=1000))
    assert (raw.body, raw.ended) == (WHOLE[:1000], "close")


def test_a_drip_is_one_byte_at_a_time(server: PracticeServer, listen: Listen):
    """In chunks each byte shows."""
    raw = listen(server.file(4, "a.bin", drip=1, chunked=True), "Connection: close")
    assert raw.body.count(b"1\r\n") == 4


def test_a_rate_still_brings_the_bytes(server: PracticeServer, listen: Listen):
    """Paced pieces join without a seam."""
    assert listen(server.file(SIZE, "a.bin", rate=3_000_000), "Connection: close").body == WHOLE


def test_slow_is_for_one_request(server: PracticeServer, listen: Listen):
    """`slow=1:RATE`: the first crawls, the second does not."""
    url = server.file(SIZE, "a.bin", slow="1:10")
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    line.request("GET", url.partition(str(server.port))[2])
    reply = line.getresponse()
    assert reply.read(1) == WHOLE[:1]
    assert listen(url, "Connection: close").body == WHOLE
    assert server.requests[0].sent < SIZE
    reply.close()
    line.close()


@pytest.mark.parametrize(("nonotify", "ended"), [(False, "close"), (True, "cut")])
def test_tls_ends_with_and_without_its_goodbye(certificate: Certificate, listen: Listen, nonotify: bool, ended: str):
    """F23: only close_notify tells the end from a cut."""
    options: dict[str, object] = {"nonotify": True} if nonotify else {}
    with serve_in_thread(ssl_context=certificate.server_context()) as server:
        raw = listen(server.file(SIZE, "a.bin", close=True, **options), trust=certificate)
    assert (raw.body, raw.ended) == (WHOLE, ended)


def test_a_connection_is_kept_for_the_next_request(server: PracticeServer):
    """Keep-alive, also after a refusal and a HEAD."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for method, path in [("GET", "/f/9/a"), ("HEAD", "/f/9/a"), ("GET", "/nothing"), ("GET", "/f/9/b")]:
        line.request(method, path)
        line.getresponse().read()
    line.close()
    assert [request.connection for request in server.requests] == [1, 1, 1, 1]
