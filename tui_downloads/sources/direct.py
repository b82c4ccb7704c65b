"""A plain link: one file, and what is found beside it."""

from __future__ import annotations

from .base import Dialogue, FileSpec, Resolved, Source
from .checksums import SIGNATURES, look_beside, signature, with_ending


class Direct(Source):
    """One file; with the option `verify` set to `auto` its digest and its signatures are looked for beside it."""

    name = "link"
    single = True

    def resolve(self) -> Dialogue:
        url = self.wish.url
        if self.wish.options.get("verify") != "auto":
            return Resolved((FileSpec(urls=(url,)),))
        found = yield from look_beside(url)
        notes = list(found.notes)
        for ending in SIGNATURES:
            body = yield from signature(with_ending(url, ending))
            if body:
                self.signatures.append((ending, body))
                notes.append(f"Found a signature ({ending}) beside the link; it is kept beside the file, unchecked.")
        return Resolved((FileSpec(urls=(url,), digests=found.files[0].digests),), notes=tuple(notes))
