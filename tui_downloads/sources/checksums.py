"""Checksum files: looked for beside a link, or taken as the list of a package."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from urllib.parse import quote, unquote

from tui_downloads.core.content_types import HTML, essence
from tui_downloads.core.digests import Checksum, algorithm_of, find, parse_checksum_file
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.links import raw_name

from .base import MOST_FILES, Dialogue, FileSpec, Question, Reply, Resolved, Source, absolute, invalid, whole

LIMIT = 8 * 1024 * 1024
SIGNATURE_LIMIT = 64 * 1024
SIGNATURES = (".asc", ".sig", ".minisig")
_BESIDE = (".sha512", ".sha256", ".sha256sum", ".sha1", ".md5")
_LISTS = ("SHA256SUMS", "SHA512SUMS", "sha256sum.txt", "CHECKSUMS", "MD5SUMS")
_LIST_NAME = re.compile(
    r"(?:sha-?(?:1|224|256|384|512)|md5|b2|blake2b)[-_]?sums?(?:\.txt)?|checksums?(?:[-_.](?:sha\d+|md5))?(?:\.txt)?"
    r"|.+\.(?:sha(?:1|224|256|384|512)|md5|b2)(?:sums?)?(?:\.txt)?",
    re.IGNORECASE,
)


def looks_like_list(url: str) -> bool:
    """Say whether a link's name is that of a checksum file."""
    return _LIST_NAME.fullmatch(raw_name(url)) is not None


class ChecksumList(Source):
    """A checksum file taken as a package: every file it names, from beside it, with the list and its signature."""

    name = "checksum list"

    def resolve(self) -> Dialogue:
        reply = yield Question(self.wish.url, limit=LIMIT)
        text = whole(reply, "The checksum list").decode("utf-8", "replace")
        files, notes = listed_files(text, reply.url)
        own = raw_name(reply.url) or raw_name(self.wish.url)
        files.append(FileSpec(urls=(reply.url,), path=own, size=len(reply.body)))
        for ending in (*SIGNATURES, ".gpg"):
            url = with_ending(reply.url, ending)
            if (yield from signature(url)):
                files.append(FileSpec(urls=(url,), path=own + ending))
        folder = unquote(_folder(reply.url).rstrip("/").rpartition("/")[2])
        return Resolved(
            tuple(files), title=folder if "://" in _folder(reply.url)[:-1] else "", folder=True, notes=notes
        )


def listed_files(text: str, url: str) -> tuple[list[FileSpec], tuple[str, ...]]:
    """List the files of a checksum file at `url`; links that leave its folder are left out, with a note.

    Raises:
        DownloadError: SOURCE_INVALID where it names none.
    """
    base, left_out = _folder(url), 0
    files: dict[str, FileSpec] = {}
    for line in parse_checksum_file(text, algorithm_of(raw_name(url))):
        link = absolute(base, quote(line.path)) if line.path and not line.path.startswith("/") else ""
        if not link.startswith(base) or link == base:
            left_out += 1
            continue
        before = files.get(line.path)
        digests = (*(before.digests if before else ()), (line.algorithm, line.hex))
        files[line.path] = FileSpec(urls=(link,), path=line.path, digests=digests)
        if len(files) > MOST_FILES:
            raise invalid(f"The checksum list names more than {MOST_FILES} files.")
    if not files:
        raise invalid("The checksum list names no file beside it.")
    notes = (f"{left_out} lines of the checksum list lead out of its folder; they are left out.",) if left_out else ()
    return list(files.values()), notes


def beside(url: str) -> Iterator[str]:
    """List the links under which a file's checksum is usually found."""
    for ending in _BESIDE:
        yield with_ending(url, ending)
    for listing in _LISTS:
        if listing != raw_name(url):
            yield _folder(url) + listing


def look_beside(url: str) -> Dialogue:
    """Look for a file's digest beside its link; the FileSpec has it, if there is one.

    Nothing here is an error: what can't be had is passed over.
    """
    name = raw_name(url)
    for link in beside(url):
        try:
            reply = yield Question(link, limit=LIMIT, timeout=15.0)
        except DownloadError:
            continue
        found = digest_in(reply, name)
        if found is not None:
            spec = FileSpec(urls=(), path=name, digests=((found.algorithm, found.hex),))
            return Resolved((spec,), notes=(f"Found the {found.algorithm} digest in {raw_name(link)}.",))
    return Resolved((FileSpec(urls=(), path=name),), notes=("No checksum file was found beside the link.",))


def digest_in(reply: Reply, name: str) -> Checksum | None:
    """Find a file's digest in what may be a checksum file."""
    if reply.status != 200 or essence(reply.headers.get("content-type")) in HTML or b"\0" in reply.body[:1024]:
        return None
    text = reply.body.decode("utf-8", "replace")
    if text.lstrip()[:1] == "<":
        return None
    return find(parse_checksum_file(text, algorithm_of(raw_name(reply.url))), name)


def signature(url: str) -> Generator[Question, Reply, bytes]:
    """Ask for one signature; returns its bytes, empty where there is none."""
    try:
        reply = yield Question(url, limit=SIGNATURE_LIMIT, timeout=15.0)
    except DownloadError:
        return b""
    return reply.body if _is_signature(reply) else b""


def _is_signature(reply: Reply) -> bool:
    if reply.status != 200 or essence(reply.headers.get("content-type")) in HTML or not reply.body:
        return False
    armoured = reply.body.lstrip().startswith((b"-----BEGIN PGP", b"untrusted comment:", b"-----BEGIN SSH SIG"))
    # A binary OpenPGP packet has its highest bit set; a page that says "not found" has not.
    return armoured or reply.body[0] >= 0x80


def _folder(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[0] + "/"


def with_ending(url: str, ending: str) -> str:
    """Put an ending behind a link's path; its query stays, for signed links need it."""
    path, mark, query = url.partition("?")
    return path + ending + mark + query
