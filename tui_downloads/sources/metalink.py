"""Metalinks, version 4 (RFC 5854) and version 3: files with mirrors by priority, digests and pieces.

The document is read as it is parsed, so that its size in memory is that of what it says and not that of its tags.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser
from msgspec import Struct, field

from tui_downloads.core.content_types import essence
from tui_downloads.core.digests import canonical, checksum

from .base import (
    MOST_FILES,
    MOST_MIRRORS,
    Dialogue,
    FileSpec,
    Piece,
    Resolved,
    Source,
    absolute,
    bounded,
    document,
    invalid,
)
from .signs import METALINK_TYPES

ACCEPT = "application/metalink4+xml, */*;q=0.8"
LIMIT = 16 * 1024 * 1024
MOST_PIECES = 1_000_000
LONGEST_TEXT = 16 * 1024
DEEPEST = 64
_SPACES = ("urn:ietf:params:xml:ns:metalink", "http://www.metalinker.org/")
_BLOCK = 64 * 1024


class Metalink(Source):
    """A link to a metalink, or a metalink's text (`options["metalink"]`)."""

    name = "metalink"

    def resolve(self) -> Dialogue:
        return parse(*(yield from document(self.wish, "metalink", "metalink", LIMIT, ACCEPT)))


def looks_like(content_type: str, body: bytes = b"") -> bool:
    """Say whether an answer is a metalink, by its type or its first tag."""
    if essence(content_type) in METALINK_TYPES:
        return True
    return bool(
        re.match(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<metalink[\s>]", body[:4096], re.DOTALL)
    )


def parse(body: bytes, base: str) -> Resolved:
    """Read a metalink; relative links are resolved against `base`.

    Raises:
        DownloadError: SOURCE_INVALID, with what is wrong.
    """
    bounded(body, "metalink", LIMIT)
    reader = _Reader()
    parser = DefusedXMLParser(target=reader, forbid_dtd=True)
    try:
        for start in range(0, len(body), _BLOCK):
            parser.feed(body[start : start + _BLOCK])
        parser.close()
    except DefusedXmlException:
        raise invalid("The metalink declares entities or a document type, which none needs.") from None
    except (ParseError, ValueError, LookupError) as error:
        raise invalid(f"The metalink is not well-formed XML: {_short(error)}.") from None
    return _resolved(reader, base)


def _short(error: Exception) -> str:
    return "".join(char for char in str(error)[:100] if char.isprintable())


class _File(Struct):
    name: str = ""
    size: int | None = None
    digests: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[tuple[str, int, list[str]]] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    """Priority (the smaller first), order, link."""


class _Reader:
    """Takes the parser's events; keeps files, and of everything else only where it is."""

    # Mutable state: the open tags, the text of the innermost, the file under way, and how much was read.
    def __init__(self) -> None:
        self.files: list[_File] = []
        self.title = ""
        self.metalink = False
        self._open: list[tuple[str, dict[str, str]]] = []
        self._text: list[str] = []
        self._length = 0
        self._file: _File | None = None
        self._hashes = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition("}")
        name = name.lower()
        if not self._open:
            self.metalink = name == "metalink" and (not space or space[1:].startswith(_SPACES))
            if not self.metalink:
                raise invalid("This XML is no metalink.")
        if len(self._open) >= DEEPEST:
            raise invalid("The metalink's tags are nested too deeply.")
        self._open.append((name, attributes))
        self._text, self._length = [], 0
        if name == "file" and self._file is None:
            if len(self.files) >= MOST_FILES:
                raise invalid(f"The metalink lists more than {MOST_FILES} files.")
            self._file = _File(attributes.get("name", "")[:LONGEST_TEXT])
            self.files.append(self._file)
        elif name == "pieces" and self._file is not None and len(self._file.pieces) < 8:
            self._file.pieces.append((attributes.get("type", ""), _number(attributes.get("length", "")) or 0, []))

    def data(self, text: str) -> None:
        self._length += len(text)
        if self._length <= LONGEST_TEXT:
            self._text.append(text)

    def end(self, tag: str) -> None:
        name, attributes = self._open.pop()
        text = "".join(self._text).strip() if self._length <= LONGEST_TEXT else ""
        self._text, self._length = [], 0
        if name == "file" and not any(open_name == "file" for open_name, _ in self._open):
            self._file = None
        elif self._file is None:
            if name == "identity" and len(self._open) == 1:
                self.title = text
        else:
            self._told(self._file, name, attributes, text)

    def _told(self, file: _File, name: str, attributes: dict[str, str], text: str) -> None:
        if name == "size":
            file.size = _number(text)
        elif name == "hash":
            self._hash(file, attributes.get("type", ""), text)
        elif name == "url" and len(file.links) < 4 * MOST_MIRRORS:
            file.links.append((_priority(attributes), len(file.links), text))

    def _hash(self, file: _File, algorithm: str, text: str) -> None:
        self._hashes += 1
        if self._hashes > MOST_PIECES:
            raise invalid(f"The metalink has more than {MOST_PIECES} digests.")
        if self._open and self._open[-1][0] == "pieces":
            if file.pieces:
                file.pieces[-1][2].append(text.lower())
        elif len(file.digests) < 16:
            file.digests.append((algorithm, text))

    def close(self) -> None:
        """Nothing is kept beside the files."""


def _priority(attributes: dict[str, str]) -> int:
    """Give the order of a link: `priority` of version 4, or 100 less `preference` of version 3; unmarked ones last."""
    priority = _number(attributes.get("priority", ""))
    if priority is not None and priority > 0:
        return min(priority, 999_999)
    preference = _number(attributes.get("preference", ""))
    return 999_999 if preference is None else max(0, 100 - preference)


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _resolved(reader: _Reader, base: str) -> Resolved:
    files: list[FileSpec] = []
    notes: list[str] = []
    for file in reader.files:
        urls = _links(file, base)
        if urls:
            digests = tuple((d.algorithm, d.hex) for a, h in file.digests if (d := checksum(a, h)) is not None)
            files.append(FileSpec(urls=urls, path=file.name, size=file.size, digests=digests, pieces=_pieces(file)))
        elif len(notes) < 20:
            notes.append("A file of the metalink has no link that can be fetched; it is left out.")
    if not files:
        raise invalid("The metalink names no file that can be fetched.")
    title = reader.title or _common(files)
    return Resolved(tuple(files), title=title, folder=len(files) > 1, notes=tuple(notes))


def _links(file: _File, base: str) -> tuple[str, ...]:
    found = (absolute(base, url) for _, _, url in sorted(file.links))
    return tuple(dict.fromkeys(url for url in found if url))[:MOST_MIRRORS]


def _pieces(file: _File) -> Piece | None:
    """Give the digests of pieces that cover the file exactly; others can't be used."""
    for algorithm, length, digests in file.pieces:
        name = canonical(algorithm)
        if name is None or length < 1024 or file.size is None:
            continue
        sound = all(checksum(name, digest) is not None for digest in digests)
        if sound and len(digests) == -(-file.size // length) and digests:
            return Piece(name, length, tuple(digests))
    return None


def _common(files: list[FileSpec]) -> str:
    """Give the folder that every file is in, as a title."""
    firsts = {re.split(r"[/\\]", file.path)[0] for file in files}
    return firsts.pop() if len(firsts) == 1 and all("/" in file.path for file in files) else ""
