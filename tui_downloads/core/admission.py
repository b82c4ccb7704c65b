"""Judging an answer: what its bytes are, and whether they may be written beside those that are there.

Every answer is judged before a byte of it is kept. Offsets come from the answer, never from the request. What is not
proved to belong to the same version of the file is never joined to it. The verdicts name what the engine does next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from .conditions import Join, make_validator, may_join, same_version
from .content_types import HTML, essence
from .digests import DIGEST_FIELDS, digest_headers
from .disposition import filename
from .errors import Code, DownloadError
from .links import name_from_link, raw_name
from .names import safe_name, split_extension
from .ranges import NO_LENGTH, Lengths, parse_content_range, parse_length, parse_unsatisfied
from .resource import Head, Resource
from .statuses import PERHAPS_THE_RANGE, brings_a_file, refusal

HEADER_LIMIT = 128 * 1024
MAX_FIELDS = 1000


class Asked(Struct, frozen=True):
    """What was asked, and what is known so far."""

    start: int | None = None
    """First byte asked for; None when no Range was sent."""
    end: int | None = None
    if_range: str = ""
    """What was sent in If-Range."""
    resource: Resource | None = None
    """What an earlier honest answer of the same link said, in this run or in the journal."""
    joining: int = 0
    """Bytes that are kept, or on their way, and would be in one file with this answer's."""
    digest: bool = False
    """A digest of the whole file or of its pieces will decide in the end."""
    proven: bool = False
    """An overlap check of this resource went well."""
    strikes: int = 0
    """Senseless answers so far; after one, ranges are not to be trusted."""
    url: str = ""
    """The link that was given, before redirects; names the file where the answer does not."""


class Accept(Struct, frozen=True):
    """Keep the body."""

    resource: Resource
    start: int
    """Offset in the file of the body's first byte."""
    end: int | None
    """Offset behind the last byte to keep; None until the body ends."""
    total: int | None
    """Size of the file, if known."""
    whole: bool
    """The body is the whole file from its first byte."""
    skip: int = 0
    """Leading bytes of the body that were not asked for; the first wanted byte is at `start + skip`."""
    warning: str = ""
    """A sentence for the user; empty when all is as expected."""


class Restart(Struct, frozen=True):
    """The kept bytes are of another version: begin from zero, and keep the old part until the new file is complete."""

    reason: str
    accept: Accept | None = None
    """This very answer is the new file from its first byte, so it may be kept instead of asking again."""
    single: bool = False
    """Ask for the file without ranges."""


class Single(Struct, frozen=True):
    """Ranges are not to be trusted here: one stream from zero. It is the same version as what is kept."""

    reason: str
    accept: Accept | None = None
    """This very answer is that stream."""


class Again(Struct, frozen=True):
    """Try again by the rules of retries; when they are used up the error is final."""

    error: DownloadError
    fresh: bool = False
    """On a new connection."""
    once: bool = False
    """One more try only."""


class Done(Struct, frozen=True):
    """Everything is there already: verify and finish."""

    resource: Resource


class Plain(Struct, frozen=True):
    """Ask again with less: without Range, or with Range but without If-Range."""

    reason: str
    keep_range: bool = False


class Overlap(Struct, frozen=True):
    """The version looks the same but nothing proves it: compare bytes around the seam first."""

    resource: Resource


class Refuse(Struct, frozen=True):
    """Keep what is there and tell the user."""

    error: DownloadError


Verdict = Accept | Restart | Single | Again | Done | Plain | Overlap | Refuse


class _Told(NamedTuple):
    """The fields of an answer, each once, and what its length and coding come to."""

    fields: dict[str, str]
    length: Lengths
    coding: str


def judge(asked: Asked, head: Head, now: float = 0.0) -> Verdict:
    """Judge an answer by its head; `now` is the time of day in epoch seconds (for dates in Retry-After)."""
    status = head.status
    if status == 416:
        return _unsatisfied(asked, head)
    if status != 206 and not brings_a_file(status):
        return _failed(asked, head, now)
    told = _read(head)
    if sum(map(len, told.fields.values())) > HEADER_LIMIT or len(head.headers) > MAX_FIELDS:
        return Refuse(_protocol("The server sent too many header fields.", head, retry=False))
    if not told.length.valid:
        return Again(_protocol("The server sent lengths that contradict each other or make no sense.", head))
    return _partial(asked, head, told) if status == 206 else _whole(asked, head, told)


def _protocol(message: str, head: Head, *, retry: bool = True) -> DownloadError:
    return DownloadError(Code.PROTOCOL_ERROR, message, retry=retry, status=head.status)


def _failed(asked: Asked, head: Head, now: float) -> Verdict:
    found = refusal(head.status, head.headers.get("retry-after"), now)
    if found.error.retry:
        return Again(found.error, found.fresh, found.once)
    if asked.start == 0 and not asked.joining and head.status in PERHAPS_THE_RANGE:
        return Plain("The server refuses the request, perhaps for its range.")
    return Refuse(found.error)


def _read(head: Head) -> _Told:
    fields = head.headers.newest()
    if len(fields) != len(head.headers):
        for name, merge in _REPEATED.items():
            if name in fields and len(values := head.headers.all(name)) > 1:
                fields[name] = merge(values)
    # Both at once is how requests are smuggled: chunked wins, the length says nothing (RFC 9112, section 6.3).
    length = fields.get("content-length")
    chunked = "transfer-encoding" in fields and "chunked" in fields["transfer-encoding"].lower()
    return _Told(
        fields,
        NO_LENGTH if length is None or chunked else parse_length(length),
        _coding(fields["content-encoding"], head, fields) if "content-encoding" in fields else "",
    )


def _only(values: list[str]) -> str:
    """Give the value on which repeated fields agree, else one that proves nothing."""
    return values[0] if len(set(values)) == 1 else "W/"


# Of every other field the last one counts.
_REPEATED: dict[str, Callable[[list[str]], str]] = {
    "content-encoding": ", ".join,
    "content-length": ", ".join,
    "content-range": _only,
    "etag": _only,
    "last-modified": _only,
    "transfer-encoding": ", ".join,
}


def _coding(value: str, head: Head, fields: dict[str, str]) -> str:
    """Give the coding of the body; a packed file that is told as coded is not coded."""
    codings = [part.strip().lower() for part in value.split(",")]
    codings = [part for part in codings if part and part != "identity"]
    if not codings:
        return ""
    # Apache tells `.tar.gz` as Content-Encoding: x-gzip; the bytes are the file's own.
    if codings in (["gzip"], ["x-gzip"]) and (
        essence(fields.get("content-type", "")) in ("application/gzip", "application/x-gzip", "application/x-tgz")
        or raw_name(head.url).lower().endswith((".gz", ".tgz", ".svgz"))
    ):
        return ""
    return ", ".join(codings)


def _resource(asked: Asked, head: Head, told: _Told, size: int | None, *, ranges: bool, whole: bool) -> Resource:
    get = told.fields.get
    name, original = _names(asked, head, told.fields)
    return Resource(
        head.url or asked.url,
        size,
        make_validator(get("etag", ""), get("last-modified", ""), get("date", "")),
        ranges,
        name,
        original,
        get("content-type", ""),
        told.coding,
        () if DIGEST_FIELDS.isdisjoint(told.fields) else digest_headers(tuple(head.headers), whole=whole),
    )


def _names(asked: Asked, head: Head, fields: dict[str, str]) -> tuple[str, str]:
    """Name the file: by Content-Disposition, else by the link that was given, else by where that led.

    A redirect may add a name where the given link has none; it does not replace one.
    """
    if "content-disposition" in fields:
        original = filename(fields["content-disposition"])
        if original:
            return safe_name(original), original
    given = raw_name(asked.url) if asked.url else ""
    if not given or (head.hops and not _is_file_name(given)):
        there = raw_name(head.url)
        if there and (not given or _is_file_name(there)):
            given = there
    return (safe_name(given), given) if given else (name_from_link("", fields.get("content-type", "")), "")


_SCRIPTS = frozenset({".php", ".asp", ".aspx", ".cgi", ".jsp", ".do", ".pl", ".html", ".htm"})


def _is_file_name(name: str) -> bool:
    extension = split_extension(name)[1].lower()
    return bool(extension) and extension not in _SCRIPTS


def _whole(asked: Asked, head: Head, told: _Told) -> Verdict:
    size = told.length.value
    new = _resource(asked, head, told, size, ranges=False, whole=True)
    accept = Accept(new, 0, size, size, True, 0, _warning(new))
    old = asked.resource
    if old is None or not asked.joining:
        if asked.start:
            return Single("The server sends the whole file where a part of it was asked for.", accept)
        return accept
    if _is_login(old, new):
        return Refuse(_login(head))
    if asked.start and size == asked.start == asked.joining and same_version(old.validator, new.validator):
        return Done(new)
    if asked.start and asked.if_range and same_version(old.validator, new.validator) and old.size == size:
        return Plain("The server sends the whole file although it has not changed.", keep_range=True)
    if new.content_encoding != old.content_encoding:
        return Restart("The server codes the file in another way.", accept, single=True)
    join = may_join(old.validator, old.size, new, asked.digest)
    if join is Join.YES or (join is Join.OVERLAP and asked.proven):
        if not asked.start:
            return accept
        return Single("The server sends the whole file where a part of it was asked for.", accept)
    if join is Join.OVERLAP:
        return Restart("The server sends the whole file, and nothing proves that it is the same.", accept, single=True)
    return Restart(_otherwise(old, new), accept)


def _partial(asked: Asked, head: Head, told: _Told) -> Verdict:
    if asked.start is None:
        return Refuse(_protocol("The server sent a part of the file where the whole was asked for.", head, retry=False))
    kind = told.fields.get("content-type", "")
    if kind[:10].lower() == "multipart/" and "byteranges" in kind.lower():
        return _senseless(asked, head, "The server sent several parts where one was asked for.")
    if told.coding:
        return Restart("The server codes parts of the file, which can't be joined.", single=True)
    part = parse_content_range(told.fields.get("content-range", ""))
    if part is None:
        return _senseless(asked, head, "The server does not say which part of the file it sends.")
    length = told.length.value
    if length is not None and length != part.end - part.start:
        return _senseless(asked, head, "The length of the part and its range contradict each other.")
    if part.start > asked.start or part.end <= asked.start:
        return _senseless(asked, head, "The server sent another part of the file than the one asked for.")
    old = asked.resource
    whole = part.start == 0 and part.end == part.total
    new = _resource(asked, head, told, part.total, ranges=True, whole=whole)
    accept = Accept(
        new,
        part.start,
        part.end if asked.end is None else min(part.end, asked.end),
        part.total,
        whole,
        asked.start - part.start,
        _warning(new),
    )
    if old is None or not asked.joining:
        return accept
    return _joined(asked, head, accept, old, part.end)


def _joined(asked: Asked, head: Head, accept: Accept, old: Resource, end: int) -> Verdict:
    """Decide about a part that would stand beside bytes of an earlier answer."""
    new = accept.resource
    if _is_login(old, new):
        return Refuse(_login(head))
    if old.content_encoding:
        return Restart("The server codes the file in another way.", single=True)
    if old.size is not None and end > old.size:
        return Restart("The file changed on the server: it is longer.")
    if new.size is None and old.size is not None:
        # `/*` hides the size; what is known of it stays known, and the validators have to prove the version.
        known = replace(new, size=old.size)
        proof = replace(new, size=None)
        accept = replace(accept, resource=known, total=old.size)
    else:
        proof = new
    join = may_join(old.validator, old.size, proof, asked.digest)
    if join is Join.YES or (join is Join.OVERLAP and asked.proven):
        return accept
    if join is Join.OVERLAP:
        return Overlap(accept.resource)
    return Restart(_otherwise(old, new))


def _otherwise(old: Resource, new: Resource) -> str:
    """Say why an answer can't be joined: it is of another version, or nobody can tell."""
    named = str(old.validator)
    if (old.size != new.size and None not in (old.size, new.size)) or (named and named != str(new.validator)):
        return "The file changed on the server."
    if named:
        return "The server names the version of the file too vaguely to tell whether it is still the same."
    return "The server names no version of the file, so nothing tells whether it is still the same."


def _senseless(asked: Asked, head: Head, message: str) -> Verdict:
    """Give ranges a second chance, and then none; where nothing would be lost, none at once."""
    if asked.start == 0 and not asked.joining:
        return Plain(message)
    return Single(message) if asked.strikes else Again(_protocol(message, head))


def _unsatisfied(asked: Asked, head: Head) -> Verdict:
    if not asked.start:
        return Plain("The server does not give ranges of this file.")
    size = parse_unsatisfied(head.headers.get("content-range"))
    old = asked.resource
    known = None if old is None else old.size
    new = make_validator(head.headers.get("etag"), head.headers.get("last-modified"), head.headers.get("date"))
    if old is not None and new.strong_etag and new.strong_etag != old.validator.strong_etag and not asked.digest:
        return Restart("The file changed on the server.")
    if size is None:
        size = known if known == asked.joining else None
    if size is not None and known in (None, size):
        if size == asked.joining == asked.start:
            base = old or Resource(head.url or asked.url, name=name_from_link(asked.url or head.url))
            return Done(replace(base, size=size))
        if size > asked.start:
            return _senseless(asked, head, "The server says that it does not have a part which it has.")
    return Restart("The file on the server is not the one that was begun.")


def _is_login(old: Resource, new: Resource) -> bool:
    """Say whether a page came where a file was: a login, or a captive portal."""
    if essence(new.content_type) not in HTML:
        return False
    if old.content_type:
        return essence(old.content_type) not in HTML
    return _is_file_name(old.name or raw_name(old.url))


def _login(head: Head) -> DownloadError:
    return DownloadError(
        Code.UNEXPECTED_CONTENT,
        "The server sent a web page where the file was; what is here is kept.",
        status=head.status,
    )


def _warning(new: Resource) -> str:
    if new.content_type[:9].lower() != "text/html":
        return ""
    if _is_file_name(new.name):
        return "The server sends a web page, not the file that the name promises; is a login needed?"
    return ""
