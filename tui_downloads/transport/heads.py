"""What a server's header lines say, as a `Head`."""

from __future__ import annotations

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Head, Headers


def status_of(line: bytes) -> int:
    """Read the status of a status line; 0 where there is none."""
    # "HTTP/1.1 200 OK" and "HTTP/2 200": the second word.
    words = line.split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() and len(words[1]) == 3 else 0


def parse_fields(lines: list[bytes]) -> Headers:
    """Read header lines, continuation lines joined, bytes as Latin-1."""
    pairs: list[tuple[str, str]] = []
    for line in b"".join(lines).decode("latin-1").split("\n"):
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t"):
            if pairs:
                pairs[-1] = (pairs[-1][0], f"{pairs[-1][1].rstrip()} {line.strip()}")
        elif colon:
            pairs.append((name.strip(), value))
    return Headers(pairs)


def http_head(lines: list[bytes], url: str, hops: tuple[str, ...], address: str) -> Head:
    """Read the header block of a final answer, its blank line left out.

    Raises:
        DownloadError: PROTOCOL_ERROR, it does not begin with a status line.
    """
    words = lines[0].decode("latin-1").rstrip("\r\n").split(" ", 2)
    status = status_of(lines[0])
    if not status:
        raise DownloadError(Code.PROTOCOL_ERROR, "The answer does not begin with a status line.")
    scheme = url.partition(":")[0]
    return Head(
        status,
        parse_fields(lines[1:]),
        words[2].strip() if len(words) > 2 else "",
        url,
        hops,
        scheme,
        words[0].rpartition("/")[2],
        address,
        scheme == "https",
    )
