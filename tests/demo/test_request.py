"""Reading requests."""

from __future__ import annotations

import pytest

from tui_downloads.demo.request import Request, Unsatisfiable, read_head


def _with_range(text: str) -> Request:
    return Request("GET", "/", "/", "", {"range": text})


def test_a_head_is_read():
    """Names in lower case, repeated headers joined."""
    request = read_head(b"GET /f/1/a?rate=2 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n")
    assert (request.path, request.query, request.headers) == ("/f/1/a", "rate=2", {"host": "h", "x-a": "1, 2"})


@pytest.mark.parametrize("raw", [b"", b"GET /", b"GET / HTTP/2", b"GET / HTTP/1.1\r\nnonsense"])
def test_what_is_not_http_is_refused(raw: bytes):
    """A ValueError, whatever it was."""
    with pytest.raises(ValueError, match=r".+"):
        read_head(raw)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=10-", (10, 1000)),
        ("bytes=990-5000", (990, 1000)),
        ("bytes=-10", (990, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("items=0-5", None),
        ("bytes=-", None),
    ],
)
def test_ranges_select_half_open_spans(text: str, span: tuple[int, int] | None):
    """RFC 9110 14.1.2; what we do not understand is ignored."""
    assert _with_range(text).span_of(1000) == span


@pytest.mark.parametrize(("text", "size"), [("bytes=1000-", 1000), ("bytes=0-", 0), ("bytes=-0", 1000)])
def test_a_range_of_nothing_is_unsatisfiable(text: str, size: int):
    """416."""
    with pytest.raises(Unsatisfiable):
        _with_range(text).span_of(size)
