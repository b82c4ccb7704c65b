"""Digests: their names, how people and servers write them, and which of several proves most."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from .errors import Code, RequestError
from .late import late

if TYPE_CHECKING:
    import hashlib

SIZES = {
    "sha512": 64, "sha3_512": 64, "blake2b": 64, "sha384": 48, "sha3_384": 48, "sha256": 32, "sha3_256": 32,
    "blake2s": 32, "sha224": 28, "sha3_224": 28, "sha1": 20, "md5": 16,
}  # fmt: skip
"""Digest length in bytes of every algorithm, the strongest first; the names are hashlib's."""

_RANK = {name: index for index, name in enumerate(SIZES)}
_BY_LENGTH = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_HEX = late(r"[0-9a-f]+", re.ASCII | re.IGNORECASE)
_PAIR = late(r"\s*([A-Za-z][A-Za-z0-9 _/\-]{0,20}?)\s*[:=]\s*([0-9A-Fa-f]+)\s*", re.ASCII)
_GNU = late(r"(\\?)([0-9A-Fa-f]{32,128})[ \t]+\*?(.+)", re.ASCII)
_BSD = late(r"(\\?)([A-Za-z][A-Za-z0-9_/\-]{1,20}) ?\((.+)\) ?= ?([0-9A-Fa-f]{32,128})", re.ASCII)

_NAMED = late(r"md5|sha3-(?:512|384|256|224)|sha-?(?:512|384|256|224|1)|blake2[bs]|b2(?=sum|$)")


class Checksum(Struct, frozen=True):
    """A digest that a file must have."""

    algorithm: str
    """A name that hashlib knows."""
    hex: str
    """Lower case."""

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class Listed(NamedTuple):
    """One line of a checksum file; the path is as hostile as the file."""

    algorithm: str
    hex: str
    path: str


def canonical(name: str) -> str | None:
    """Give hashlib's name of an algorithm in any spelling (`SHA-256`, `sha3-512`, `BLAKE2b`); None if unknown."""
    text = name.strip().lower().replace("_", "-").replace("/", "-")
    text = text.removesuffix("sum")
    if text.startswith("sha3-"):
        text = "sha3_" + text[5:]
    elif text == "sha":
        text = "sha1"
    elif text in ("blake2b-512", "b2"):
        text = "blake2b"
    elif text == "blake2s-256":
        text = "blake2s"
    else:
        text = text.replace("-", "")
        if text.startswith("sha2") and text[4:] in ("256", "384", "512"):
            text = "sha" + text[4:]
    return text if text in SIZES else None


def parse_checksum(text: str) -> Checksum:
    """Read `ALGO:HEX`, `ALGO=HEX`, or a bare digest whose length tells the algorithm.

    Raises:
        RequestError: INVALID_OPTION, with what is wrong.
    """
    pair = _PAIR.fullmatch(text[:1000])
    if pair is not None:
        algorithm = canonical(pair[1])
        if algorithm is None:
            raise _invalid(f"The digest {pair[1][:20]} is not known; there are {', '.join(sorted(SIZES))}.")
        digits = pair[2].lower()
        if len(digits) != 2 * SIZES[algorithm]:
            raise _invalid(f"A {algorithm} digest has {2 * SIZES[algorithm]} hexadecimal digits, not {len(digits)}.")
        return Checksum(algorithm, digits)
    digits = text.strip().lower()
    if not _HEX.fullmatch(digits):
        raise _invalid("A checksum is written ALGORITHM:HEX, for example sha256:9f86d0….")
    if len(digits) not in _BY_LENGTH:
        raise _invalid(f"No digest has {len(digits)} hexadecimal digits; write ALGORITHM:HEX.")
    return Checksum(_BY_LENGTH[len(digits)], digits)


def _invalid(message: str) -> RequestError:
    return RequestError(Code.INVALID_OPTION, message)


def checksum(algorithm: str, digits: str) -> Checksum | None:
    """Make a checksum of what a source or server claims; None where that is no digest."""
    name, digits = canonical(algorithm), digits.strip().lower()
    if name is None or len(digits) != 2 * SIZES[name] or not _HEX.fullmatch(digits):
        return None
    return Checksum(name, digits)


def from_base64(algorithm: str, text: str) -> Checksum | None:
    """Make a checksum of a base64 digest; None where that is no digest."""
    name = canonical(algorithm)
    if name is None or len(text) > 200:
        return None
    try:
        data = base64.b64decode(text.strip().encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Checksum(name, data.hex()) if len(data) == SIZES[name] else None


def strongest(digests: Iterable[tuple[str, str]]) -> Checksum | None:
    """Choose the digest that proves most; None where none is usable."""
    usable = [found for algorithm, digits in digests if (found := checksum(algorithm, digits)) is not None]
    return min(usable, key=lambda found: _RANK[found.algorithm], default=None)


def agreed(digests: Iterable[Checksum | None]) -> tuple[tuple[str, str], ...]:
    """Collect digests; an algorithm with two different values proves nothing and is left out."""
    found: dict[str, str] = {}
    for digest in digests:
        if digest is not None and found.setdefault(digest.algorithm, digest.hex) != digest.hex:
            found[digest.algorithm] = ""
    return tuple((algorithm, digits) for algorithm, digits in found.items() if digits)


def hasher(algorithm: str) -> hashlib._Hash:
    """Start a digest of an algorithm in `SIZES`."""
    import hashlib  # 5 ms that a file without a digest is spared

    return hashlib.new(algorithm, usedforsecurity=False)


def parse_checksum_file(text: str, algorithm: str | None = None) -> list[Listed]:
    """Read the lines of a checksum file that are digests: GNU, BSD, openssl style, or a lone digest (path empty).

    `algorithm` is what the file's own name says; without it the digest's length decides.
    """
    found = []
    for line in text[: 4 * 1024 * 1024].lstrip("\ufeff").splitlines():
        listed = _line(line.strip("\r\n\0 "), algorithm)
        if listed is not None:
            found.append(listed)
    return found


def _line(line: str, named: str | None) -> Listed | None:
    if not line or line.startswith(("#", ";", "-----")) or len(line) > 8192:
        return None
    bsd = _BSD.fullmatch(line)
    if bsd is not None:
        found = checksum(bsd[2], bsd[4])
        return None if found is None else Listed(found.algorithm, found.hex, _path(bsd[3], bool(bsd[1])))
    gnu = _GNU.fullmatch(line)
    digits, path = (gnu[2], _path(gnu[3], bool(gnu[1]))) if gnu is not None else (line, "")
    found = checksum(named or "", digits) or checksum(_BY_LENGTH.get(len(digits), ""), digits)
    return None if found is None else Listed(found.algorithm, found.hex, path)


def _path(path: str, escaped: bool) -> str:
    if escaped:
        path = re.sub(r"\\([\\nr])", lambda match: {"\\": "\\", "n": "\n", "r": "\r"}[match[1]], path)
    return path.removeprefix("./")


def algorithm_of(name: str) -> str | None:
    """Tell the algorithm of a checksum file by its own name (`x.iso.sha256`, `SHA512SUMS`, `md5sum.txt`)."""
    found = _NAMED.search(name.lower())
    return None if found is None else canonical(found[0])


def find(listed: Iterable[Listed], name: str) -> Checksum | None:
    """Find the strongest digest of a file by its name's last component; a lone digest is for any file."""
    listed = list(listed)
    mine = [line for line in listed if line.path.rpartition("/")[2] == name]
    if not mine and len(listed) == 1 and not listed[0].path:
        mine = listed
    return strongest((line.algorithm, line.hex) for line in mine)


def digest_headers(fields: Sequence[tuple[str, str]], *, whole: bool) -> tuple[tuple[str, str], ...]:
    """Collect the digests of the whole file from an answer's fields (lower-case names).

    `whole` says that the answer's body is the whole file: only then fields about the body count. 32-bit sums are left
    out, because they prove too little to call a file proven.
    """
    found: list[Checksum | None] = []
    plain = {name: value for name, value in fields if name in _MARKS}
    if plain.get("x-amz-checksum-type", "").upper() == "COMPOSITE":
        whole = False
    for name, value in fields:
        if name not in DIGEST_FIELDS:
            continue
        value = value[:2048]
        if (
            name in ("repr-digest", "digest")
            or (name == "content-digest" and whole)
            or (name == "x-goog-hash" and not _transcoded(plain))
        ):
            found += _list(value)
        elif name == "content-md5" and whole:
            found.append(from_base64("md5", value))
        elif name == "oc-checksum":
            found.append(checksum(*value.partition(":")[::2]))
        elif name.startswith("x-amz-checksum-") and whole:
            found.append(from_base64(name[15:], value))
        elif name.startswith("x-checksum-"):
            found.append(checksum(name[11:], value))
    return agreed(found)


DIGEST_FIELDS = frozenset(
    {"repr-digest", "content-digest", "digest", "x-goog-hash", "content-md5", "oc-checksum"}
    | {f"x-amz-checksum-{name}" for name in ("md5", "sha1", "sha256", "sha512")}
    | {f"x-checksum-{name}" for name in ("md5", "sha1", "sha256", "sha512")}
)
"""The fields (lower case) that may carry a digest that is listened to."""
_MARKS = frozenset({"x-amz-checksum-type", "x-goog-stored-content-encoding", "content-encoding"})


def _transcoded(fields: dict[str, str]) -> bool:
    """Say whether a store of Google's unpacked what it had kept packed: its hash is that of the packed file."""
    stored = fields.get("x-goog-stored-content-encoding", "identity").lower()
    return stored not in ("", "identity") and fields.get("content-encoding", "identity").lower() in ("", "identity")


def _list(value: str) -> list[Checksum | None]:
    """Read `sha-256=:base64:, …` (RFC 9530) and `SHA-256=base64,…` (RFC 3230)."""
    found = []
    for item in value.split(","):
        algorithm, _, text = item.strip().partition("=")
        found.append(from_base64(algorithm, text.partition(";")[0].strip().strip(":")))
    return found
