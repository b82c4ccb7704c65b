"""The Content-Disposition field (RFC 6266, RFC 8187): reading whatever servers send, writing what browsers read."""

from __future__ import annotations

import binascii
import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes

from .late import late

MAX_LENGTH = 8 * 1024
_TOKEN = late(r"[^\s;=\"]+")
_CONTINUED = late(r"filename\*([0-9]{1,3})(\*?)", re.ASCII)
_WORD = late(r"=\?([A-Za-z0-9_\-]{1,40})(?:\*[A-Za-z\-]*)?\?([bBqQ])\?([^?]*)\?=")
# Not every codec: some of Python's are slow, warn, or are no charsets at all.
_CHARSET = late(
    r"utf-?8|us-ascii|iso-8859-(?:[1-9]|1[013-6])|(?:windows|cp)-?125[0-8]|gb(?:k|2312|18030)|big5|shift_jis|"
    r"euc-(?:jp|kr)|koi8-[ru]|iso-2022-jp",
    re.IGNORECASE,
)
_PERCENT = late(r"%[0-9A-Fa-f]{2}")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SURROGATE = late(r"[\ud800-\udfff]")
_CONTROL = late(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def filename(value: str) -> str:
    """Give the file name that a field's value names, decoded but not cleaned; empty where there is none.

    `filename*` wins over `filename`; of a name with a path only the last component counts.
    """
    found = _parameters(_SURROGATE.sub("_", value[:MAX_LENGTH]))
    extended = found.get("filename*", "")
    name = "" if _BROKEN.search(extended) else _extended(extended)
    # A broken `filename*` is ignored (RFC 8187, section 3.2.1), unless it is all there is.
    name = name or _pieces(found) or _plain(found.get("filename", "")) or _extended(extended)
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _parameters(value: str) -> dict[str, str]:
    """Collect the parameters; the first of a name counts. A value without a disposition type is read as well."""
    found: dict[str, str] = {}
    at = 0
    while at < len(value):
        token = _TOKEN.match(value, at)
        if token is None:
            at += 1
            continue
        at = _spaces(value, token.end())
        if at < len(value) and value[at] == "=":
            text, at = _value(value, _spaces(value, at + 1))
            found.setdefault(token[0].lower(), text)
    return found


def _spaces(value: str, at: int) -> int:
    while at < len(value) and value[at] in " \t":
        at += 1
    return at


def _value(value: str, at: int) -> tuple[str, int]:
    if value[at : at + 1] != '"':
        end = value.find(";", at)
        end = len(value) if end < 0 else end
        return value[at:end].strip(), end + 1
    out: list[str] = []
    at += 1
    while at < len(value) and value[at] != '"':
        # Old Microsoft servers send whole paths unescaped, so a backslash escapes nothing but a quote and itself.
        if value[at] == "\\" and value[at + 1 : at + 2] in ('"', "\\"):
            at += 1
        out.append(value[at])
        at += 1
    return "".join(out), at + 1


def _extended(value: str) -> str:
    """Decode `charset'language'percent-encoded`; empty where it is broken, so that `filename` may be tried."""
    charset, quote_mark, rest = value.strip('"').partition("'")
    _, second, text = rest.partition("'")
    if not quote_mark or not second:
        # Without charset and language it is what the server took `filename*` for: percent-encoded UTF-8.
        return _percent(value)
    return _decode(unquote_to_bytes(text), charset)


def _pieces(found: dict[str, str]) -> str:
    """Join the continuations of RFC 2231, `filename*0*=…; filename*1=…`."""
    if len(found) < 2 and "filename*0" not in found and "filename*0*" not in found:
        return ""
    pieces: dict[int, tuple[str, bool]] = {}
    for key, value in found.items():
        match = _CONTINUED.fullmatch(key)
        if match is not None:
            pieces.setdefault(int(match[1]), (value, bool(match[2])))
    if 0 not in pieces:
        return ""
    charset, data = "utf-8", b""
    for index in range(len(pieces)):
        if index not in pieces:
            break
        value, encoded = pieces[index]
        if index == 0 and encoded and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        data += unquote_to_bytes(value) if encoded else value.encode()
    return _decode(data, charset) or data.decode("utf-8", "replace")


def _decode(data: bytes, charset: str) -> str:
    if _CHARSET.fullmatch(charset):
        try:
            return data.decode(charset)
        except UnicodeError:
            pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""


def _plain(value: str) -> str:
    """Decode a `filename`: raw UTF-8 or Latin-1 bytes, percent-encoding, and RFC 2047 words, as browsers do."""
    text = raw_text(value)
    if "=?" in text:
        text = _WORD.sub(_word, text)
    return _percent(text) if "%" in text else text


def raw_text(value: str) -> str:
    """Decode a field's value whose bytes were taken for Latin-1: UTF-8 where they are that, else as they are."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _percent(text: str) -> str:
    if not _PERCENT.search(text):
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:
        return text


def _word(match: re.Match[str]) -> str:
    charset, kind, text = match.groups()
    data = text.encode("ascii", "ignore")
    try:
        if kind in "bB":
            return _decode(binascii.a2b_base64(data + b"=="), charset) or match[0]
        return _decode(binascii.a2b_qp(data, header=True), charset) or match[0]
    except binascii.Error:
        return match[0]


def content_disposition(title: str, kind: str = "attachment") -> str:
    """Write the field for an answer of ours: `filename*` first, an ASCII `filename` last."""
    title = _CONTROL.sub("_", title) or "download"
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    plain = re.sub(r'[\\"%/]', "_", plain).strip() or "download"
    if plain.startswith(".") and not title.startswith("."):
        plain = "download" + plain
    return f"{kind}; filename*=UTF-8''{quote(title, safe='!#$&+-.^_`|~')}; filename=\"{plain}\""
