"""File names that are safe on every system, whoever chose them.

A safe name is one component, NFC, at most `MAX_BYTES` of UTF-8 so that ` (9999)` and `.part.journal` still fit behind
it, without separators, controls, invisible or reordering characters, edge spaces or dots, and no device of Windows. It
does not begin with a dot, and does not end in a type that desktops launch.
"""

from __future__ import annotations

import re
import unicodedata
from string import Formatter

from .content_types import content_type as content_type
from .disposition import content_disposition as content_disposition
from .errors import Code, RequestError
from .late import late

MAX_BYTES = 255 - len(" (9999)") - len(".part.journal")
DEFAULT = "download"
NEUTRAL = ".download"
"""Put behind names of types that a desktop would launch."""
FIELDS = frozenset({"name", "stem", "ext", "host", "date", "time", "id", "category", "title"})
"""What a name template may hold."""

_FAST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_ .+\-()\[\],=@~!']{0,198}[A-Za-z0-9_+\-)\]=~!'])?", re.ASCII)
_FORBIDDEN = late(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u2028\u2029]')
# What has no picture of its own although it is no format character: fillers, joiners, variation selectors, blanks.
_UNSEEN = late("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
_DEVICE = late(r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
_LAUNCHED = frozenset({
    ".desktop", ".url", ".webloc", ".lnk", ".scf", ".library-ms", ".searchconnector-ms", ".search-ms",
    ".settingcontent-ms", ".appref-ms", ".website", ".fileloc", ".inetloc", ".ftploc", ".mailloc", ".terminal",
    ".command", ".pif", ".directory", ".kdelnk", ".themepack", ".theme", ".inf", ".rdp", ".mobileconfig", ".workflow",
    ".action", ".application",
})  # fmt: skip
_OURS = (".part.journal", "desktop.ini")
_PACKED = frozenset({
    ".gz", ".bz2", ".xz", ".zst", ".lz", ".lz4", ".lzma", ".lzo", ".z", ".br", ".sz",
})  # fmt: skip
_BESIDE = frozenset({
    ".asc", ".sig", ".gpg", ".pgp", ".minisig", ".md5", ".sha1", ".sha256", ".sha512", ".torrent", ".metalink",
    ".meta4", ".zsync",
})  # fmt: skip
_EXTENSION = late(r"\.(?=[A-Za-z0-9_+\-]*[A-Za-z])[A-Za-z0-9_+\-]{1,16}", re.ASCII)
_VOLUME = late(r"\.(?:7z|zip|rar|tar|iso|img|bin)\.[0-9]{2,4}", re.ASCII | re.IGNORECASE)
_RAR_PART = late(r"\.part[0-9]{1,4}\.rar", re.ASCII | re.IGNORECASE)


def safe_name(text: str, *, replace: str = "_") -> str:
    """Make one safe component of any text; `replace` stands for what a name can't hold, and may be empty."""
    if _FAST.fullmatch(text) and not _suspicious(text):
        return text
    return _clean(text, replace)


def _suspicious(name: str) -> bool:
    """Say whether a name of plain characters is a device, launched by desktops, or ours."""
    lowered = name.lower()
    dot = lowered.rfind(".")
    if dot >= 0 and (lowered[dot:] in _LAUNCHED or lowered.endswith(_OURS)):
        return True
    return len(lowered.partition(".")[0].rstrip(" ")) <= 7 and _is_device(lowered)


def _is_device(name: str) -> bool:
    return _DEVICE.fullmatch(name.partition(".")[0].rstrip(" ")) is not None


def _clean(text: str, replace: str) -> str:
    # Enough for every rule below, and a bound for what they cost.
    text = text[:4096]
    text = _UNSEEN.sub("", "".join(map(_visible, text)))
    text = _FORBIDDEN.sub(replace, unicodedata.normalize("NFC", text))
    text = text.strip(" ").rstrip(" .")
    if text.startswith("."):
        text = replace + text.lstrip(". ") if replace else text.lstrip(". ")
        text = text.rstrip(" .")
    if not text:
        return DEFAULT
    if _is_device(text):
        text = "_" + text
    lowered = text.lower()
    if lowered[lowered.rfind(".") :] in _LAUNCHED or lowered.endswith(_OURS):
        text += NEUTRAL
    return _cut(text, MAX_BYTES)


def _visible(char: str) -> str:
    if " " < char < "\x7f":
        return char
    kind = unicodedata.category(char)
    if kind == "Cf":
        return ""
    return " " if kind == "Zs" else char


def _cut(name: str, limit: int) -> str:
    """Shorten a name to a number of bytes; the extension stays."""
    if len(name.encode("utf-8", "replace")) <= limit:
        return name
    stem, extension = split_extension(name)
    kept = stem.encode("utf-8", "replace")[: limit - len(extension)].decode("utf-8", "ignore")
    return unicodedata.normalize("NFC", kept).rstrip(" .") + extension


def safe_path(text: str, *, replace: str = "_") -> str:
    """Make a safe relative path of any text, `/` or a backslash between components; never empty, never climbing.

    Packages remove what a name can't hold (`replace=""`); everybody else marks it.
    """
    parts = [part for part in re.split(r"[/\\]", text[: 16 * 1024]) if part.strip(" .")]
    if parts and re.fullmatch(r"[A-Za-z]:", parts[0]):
        parts = parts[1:]
    return "/".join(safe_name(part, replace=replace) for part in parts[:64]) or DEFAULT


def split_extension(name: str) -> tuple[str, str]:
    """Split a name into stem and extension, `.tar.gz`, `.json.gz.asc` and `.7z.001` kept whole."""
    volume = re.search(r"\.[^.]+\.[^.]+$", name)
    if volume is not None and volume.start() > 0 and (_VOLUME.fullmatch(volume[0]) or _RAR_PART.fullmatch(volume[0])):
        return name[: volume.start()], volume[0]
    stem, extension = _last(name)
    whole = extension
    while extension.lower() in _BESIDE or extension.lower() == NEUTRAL:
        inner, extension = _last(stem)
        if not extension:
            break
        stem, whole = inner, extension + whole
    if extension.lower() in _PACKED:
        inner, outer = _last(stem)
        if outer and len(outer) <= 6:
            stem, whole = inner, outer + whole
    return stem, whole


def _last(name: str) -> tuple[str, str]:
    dot = name.rfind(".")
    if dot <= 0 or not _EXTENSION.fullmatch(name, dot):
        return name, ""
    return name[:dot], name[dot:]


def numbered(name: str, n: int) -> str:
    """Give the nth other name for a taken one: `name (1).tar.gz`."""
    if n <= 0:
        return name
    stem, extension = split_extension(name)
    mark = f" ({n})"
    room = 255 - len(".part.journal") - len(mark) - len(extension)
    kept = stem if len(stem) * 4 <= room else stem.encode("utf-8", "ignore")[:room].decode("utf-8", "ignore")
    return f"{kept}{mark}{extension}"


def collision_key(name: str) -> str:
    """Give the key under which names fall together on file systems that fold case or composition."""
    if name.isascii():
        return name.lower().rstrip(" .")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold()).rstrip(" .")


def check_template(template: str) -> None:
    """Refuse a name template that can't be filled in.

    Raises:
        RequestError: INVALID_OPTION, naming what is wrong.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise RequestError(Code.INVALID_OPTION, f"name_template {template!r}: {error}.") from None
    for _, name, spec, conversion in parts:
        if name is not None and (name not in FIELDS or spec or conversion):
            known = ", ".join(sorted(FIELDS))
            raise RequestError(Code.INVALID_OPTION, f"name_template has {{{name}}}; it may hold {known}.")
