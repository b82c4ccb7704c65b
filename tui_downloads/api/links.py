"""Signed, short-lived links to files: the signature, bound to user, id, file and expiry, is the credential."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from msgspec import Struct

from tui_downloads.core.secrecy import Guarded

from .tokens import write_private

PATH = "/v1/signed"
_EXPIRY = re.compile(r"[0-9]{1,12}")


class SignedLink(Struct, frozen=True):
    """A link as it was asked for, after its signature was found to be right."""

    user: str
    id: str
    file: str
    expires: int


class LinkSigner(Guarded, frozen=True):
    """Makes and checks signed links with one secret key."""

    hidden = frozenset({"key"})

    key: bytes
    now: Callable[[], float]
    generation: Callable[[str], str | None]
    """Gives what changes when a user's token is rotated or revoked; None for a user that is gone."""
    seconds: float = 600.0

    def sign(self, user: str, id: str, file: str = "1", *, seconds: float | None = None) -> str:
        """Make the path and query of a link to a file.

        `file` is the number of the file in its download, as text. The link may be put behind any prefix.
        """
        expires = math.ceil(self.now() + (self.seconds if seconds is None else seconds))
        query = {"user": user, "expires": str(expires), "signature": self._mac(user, id, file, expires)}
        return f"{PATH}/{quote(id, safe='')}/{quote(file, safe='')}?{urlencode(query)}"

    def verify(self, id: str, file: str, query: Mapping[str, str]) -> SignedLink | None:
        """Give the link if its signature is right, its time has not run out and its user's token still stands."""
        user, expires = query.get("user", ""), query.get("expires", "")
        if not _EXPIRY.fullmatch(expires):
            return None
        right = self._mac(user, id, file, int(expires))
        if not hmac.compare_digest(right.encode(), query.get("signature", "").encode("utf-8", "replace")):
            return None
        if int(expires) <= self.now() or self.generation(user) is None:
            return None
        return SignedLink(user, id, file, int(expires))

    def _mac(self, user: str, id: str, file: str, expires: int) -> str:
        # Each part is preceded by its length, so that no two different links have the same message.
        parts = (user, id, file, str(expires), self.generation(user) or "")
        raw = [part.encode("utf-8", "surrogatepass") for part in parts]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in raw)
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()


def signing_key(path: Path) -> bytes:
    """Give the key kept in a file, and make it the first time."""
    try:
        key = path.read_bytes()
        if len(key) >= 32:
            return key
    except FileNotFoundError:
        pass
    key = secrets.token_bytes(32)
    write_private(path, key)
    return key
