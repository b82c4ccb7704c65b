"""Records of a journal: how they are written, and how they are read back from a file that may be damaged."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from tui_downloads.core.late import late
from tui_downloads.core.resource import Validator
from tui_downloads.core.spans import SpanSet

from .base import Origin

VERSION = 1
MAGIC = b"tui-downloads journal 1\n"
_MAGIC = late(rb"tui-downloads journal (\d{1,9})\n")
RECORD_LIMIT = 4 * 1024 * 1024
_MAX_OFFSET = (1 << 63) - 1

_FRAME = struct.Struct("<Ic")
_PAIR = struct.Struct("<QQ")
CHECK = 8
ORIGIN, SPANS, MARK = b"O", b"S", b"M"


class Mark(Struct, frozen=True):
    """What tells the part a journal speaks of from another file of the same name."""

    inode: int
    start: int = 0
    """Where the sample of its safe bytes begins."""
    length: int = 0
    digest: str = ""


class JournalState(Struct):
    """What a journal says."""

    origin: Origin | None = None
    """None when this is no journal of ours, or a damaged one."""
    spans: SpanSet = field(default_factory=SpanSet)
    mark: Mark | None = None
    notes: tuple[str, ...] = ()
    """What was odd about it, in sentences."""
    version: int = 0
    """0 for a file that is no journal of ours."""
    end: int = 0
    """Where the last good record ends."""
    check: bytes = b""


def parse(content: bytes) -> JournalState:
    """Read a journal's bytes; see `replay`."""
    match = _MAGIC.match(content)
    if match is None:
        return JournalState(notes=("This is not a journal of this program.",))
    state = JournalState(version=int(match[1]), end=match.end(), check=digest(b"", match[0]))
    if state.version != VERSION:
        state.notes = (f"The journal has format {state.version}; this program knows {VERSION}.",)
        return state
    while state.end < len(content):
        record = _record(content, state.end, state.check)
        if record is None or not _apply(state, *record[:2]):
            state.notes += (f"{len(content) - state.end} bytes at its end were not written whole; they are left out.",)
            break
        state.end, state.check = record[2:]
    return state


def encode_origin(origin: Origin) -> bytes:
    """Give an origin as JSON."""
    content = {
        "id": origin.id,
        "file": origin.file,
        "url": origin.url,
        "name": origin.name,
        "size": origin.size,
        "etag": origin.validator.etag,
        "last_modified": origin.validator.last_modified,
        "strong_date": origin.validator.strong_date,
        "created_at": origin.created_at,
        "checksum": origin.checksum,
        "content_type": origin.content_type,
        "extra": dict(origin.extra),
    }
    return json.dumps(content, separators=(",", ":")).encode()


def decode_origin(content: bytes) -> Origin | None:
    """Read an origin; None where it is not one."""
    data = _object(content)
    if data is None:
        return None
    texts = {key: data.get(key, "") for key in ("id", "file", "url", "name", "etag", "last_modified", "content_type")}
    size, checksum, created = data.get("size"), data.get("checksum"), data.get("created_at", 0.0)
    extra = data.get("extra", {})
    if (
        not all(isinstance(text, str) for text in texts.values())
        or not (size is None or (type(size) is int and 0 <= size <= _MAX_OFFSET))
        or not (checksum is None or isinstance(checksum, str))
        or not isinstance(created, (int, float))
        or not isinstance(extra, dict)
    ):
        return None
    validator = Validator(texts.pop("etag"), texts.pop("last_modified"), data.get("strong_date") is True)
    return Origin(**texts, size=size, validator=validator, created_at=float(created), checksum=checksum, extra=extra)


def encode_mark(mark: Mark) -> bytes:
    """Give a mark as JSON."""
    content = {"inode": mark.inode, "start": mark.start, "length": mark.length, "digest": mark.digest}
    return json.dumps(content, separators=(",", ":")).encode()


def decode_mark(content: bytes) -> Mark | None:
    """Read a mark; None where it is not one."""
    data = _object(content)
    if data is None:
        return None
    inode, start, length, digest = (data.get(key) for key in ("inode", "start", "length", "digest"))
    if type(inode) is not int or type(start) is not int or type(length) is not int or not isinstance(digest, str):
        return None
    if not 0 <= start <= _MAX_OFFSET or not 0 <= length <= RECORD_LIMIT:
        return None
    return Mark(inode, start, length, digest)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _apply(state: JournalState, kind: bytes, payload: bytes) -> bool:
    """Take one record in; False where its content makes no sense."""
    if kind == ORIGIN:
        origin = decode_origin(payload)
        if origin is None:
            return False
        state.origin = origin
    elif kind == SPANS:
        if len(payload) % 16:
            return False
        spans = list(_PAIR.iter_unpack(payload))
        if any(not start < end <= _MAX_OFFSET for start, end in spans):
            return False
        for start, end in spans:
            state.spans.add(start, end)
    elif kind == MARK:
        mark = decode_mark(payload)
        if mark is None:
            return False
        state.mark = mark
    # Other kinds with a good check come from a later program of the same format: they may be passed over.
    return True


def _record(content: bytes, at: int, check: bytes) -> tuple[bytes, bytes, int, bytes] | None:
    """Cut the record at an offset: kind, payload, where it ends, its check; None where it is not whole."""
    begin = at + _FRAME.size
    if begin > len(content):
        return None
    length, kind = _FRAME.unpack_from(content, at)
    end = begin + length + CHECK
    if length > RECORD_LIMIT or end > len(content):
        return None
    found = content[end - CHECK : end]
    if digest(check, content[at : end - CHECK]) != found:
        return None
    return kind, content[begin : end - CHECK], end, found


def frame(kind: bytes, payload: bytes, check: bytes) -> bytes:
    """Give a record that continues a check; its own check is its last bytes."""
    head = _FRAME.pack(len(payload), kind) + payload
    return head + digest(check, head)


def digest(check: bytes, content: bytes) -> bytes:
    """Give the check of a record that follows another."""
    from hashlib import blake2b  # 5 ms that a file without a journal is spared

    return blake2b(check + content, digest_size=CHECK).digest()


def encode_spans(spans: Iterable[tuple[int, int]]) -> bytes:
    """Give spans as pairs of 64-bit numbers."""
    return b"".join(_PAIR.pack(start, end) for start, end in spans)


def whole(origin: Origin, spans: SpanSet, mark: Mark) -> tuple[bytes, bytes]:
    """Give a whole journal with one record of each kind, and its last check."""
    content = MAGIC
    check = digest(b"", MAGIC)
    for kind, payload in ((ORIGIN, encode_origin(origin)), (MARK, encode_mark(mark)), (SPANS, encode_spans(spans))):
        if payload:
            content += frame(kind, payload, check)
            check = content[-CHECK:]
    return content, check
