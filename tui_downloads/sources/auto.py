"""Chooses the source of a link: by the link itself, by what an answer says of itself, or by looking at a package."""

from __future__ import annotations

from tui_downloads.core.content_types import essence
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import raw_name
from tui_downloads.core.snapshots import Kind

from . import checksums, listing, manifest, masv, metalink
from .base import Dialogue, Question, Resolved, Source, Wish, invalid, whole
from .checksums import ChecksumList
from .direct import Direct
from .listing import Listing
from .manifest import Manifest
from .masv import Masv
from .metalink import Metalink
from .signs import MANIFEST_TYPE, METALINK_EXTENSIONS

FORMATS: dict[str, type[Source]] = {
    "metalink": Metalink,
    "manifest": Manifest,
    "checksums": ChecksumList,
    "listing": Listing,
    "masv": Masv,
}
"""What the option `format` of a package may say."""


def detect(wish: Wish, kind: Kind | None = None, content_type: str = "") -> Source | None:
    """Choose the source of a link; None means that it is a plain file.

    `kind` is what the user asked for: a LINK is a plain file whatever its name says, and a PACKAGE is looked at when
    its link does not tell. `content_type` is that of an answer, once there is one.

    Raises:
        DownloadError: INVALID_OPTION for a format that there is not.
    """
    if kind is Kind.LINK:
        return Direct(wish) if wish.options.get("verify") == "auto" else None
    for name in ("metalink", "manifest"):
        if isinstance(wish.options.get(name), str):
            return FORMATS[name](wish)
    wanted = wish.options.get("format")
    if wanted:
        if wanted not in FORMATS:
            raise DownloadError(Code.INVALID_OPTION, f"A package's format is one of {', '.join(FORMATS)}.")
        return FORMATS[wanted](wish)
    if masv.claims(wish.url):
        return Masv(wish)
    if metalink.looks_like(content_type) or raw_name(wish.url).lower().endswith(METALINK_EXTENSIONS):
        return Metalink(wish)
    if essence(content_type) == MANIFEST_TYPE:
        return Manifest(wish)
    if kind is Kind.PACKAGE:
        return Package(wish)
    return Direct(wish) if wish.options.get("verify") == "auto" else None


class Package(Source):
    """A link that was said to be a package: what it is, is told by its own answer."""

    name = "package"

    def resolve(self) -> Dialogue:
        url = self.wish.url
        if checksums.looks_like_list(url):
            return (yield from ChecksumList(self.wish).resolve())
        if url.partition("?")[0].endswith("/"):
            return (yield from Listing(self.wish).resolve())
        reply = yield Question(url, limit=manifest.LIMIT)
        body, kind = whole(reply, "The package's link"), reply.headers.get("content-type")
        if metalink.looks_like(kind, body):
            return metalink.parse(body, reply.url)
        if listing.looks_like(reply):
            return (yield from Listing(self.wish).walk(reply))
        if manifest.looks_like(kind, reply.url) or body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
            return manifest.parse(body, reply.url)
        return self._list(reply.url, body)

    def _list(self, url: str, body: bytes) -> Resolved:
        """Try what is left: a checksum list under an unusual name."""
        try:
            files, notes = checksums.listed_files(body.decode("utf-8", "replace"), url)
        except DownloadError:
            raise invalid("The link is no metalink, manifest, checksum list or directory listing.") from None
        return Resolved(tuple(files), folder=True, notes=notes)
