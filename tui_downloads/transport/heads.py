"""What a server's header lines say, as a `Head`."""

from __future__ import annotations

import re

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.late import late
from tui_downloads.core.resource import Head, Headers

_FIELD = re.compile(r"^([^:\r\n]+):[ \t]*([^\r\n]*)", re.MULTILINE)
_FOLD = late(r"[ \t]*\r?\n[ \t]+")


def status_of(line: bytes) -> int:
    """Read the status of a status line such as `HTTP/1.1 200 OK` or `HTTP/2 200`; 0 where there is none."""
    words = line.split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() and len(words[1]) == 3 else 0


def parse_fields(text: str) -> Headers:
    """Read a header block without its status line, continuation lines joined."""
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    return Headers(_FIELD.findall(text))


def http_head(lines: list[bytes], status: int, url: str, hops: tuple[str, ...], address: str) -> Head:
    """Read the header block of a final answer, its blank line left out; bytes as Latin-1.

    Raises:
        DownloadError: PROTOCOL_ERROR, it does not begin with a status line.
    """
    if status < 100:
        raise DownloadError(Code.PROTOCOL_ERROR, "The answer does not begin with a status line.")
    first, _, rest = b"".join(lines).decode("latin-1").partition("\n")
    words = first.split(None, 2)
    scheme = url[: url.index(":")]
    return Head(
        status,
        parse_fields(rest),
        words[2].strip() if len(words) > 2 else "",
        url,
        hops,
        scheme,
        words[0][5:],
        address,
        scheme == "https",
    )
