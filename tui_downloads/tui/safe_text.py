"""The one door for text that others wrote: links, names, messages. Nothing passes that a terminal would obey.

Widgets get `safe_text`: literal Content, never markup. Lines that are drawn cell by cell get `visible` and `fit`, whose
result is plain text that becomes a Segment as it is. What would be invisible or obeyed is shown as a token.
"""

from __future__ import annotations

import re
import unicodedata

from rich.cells import cell_len, chop_cells, set_cell_size
from textual.content import Content

LONGEST = 4096
"""Characters of one text that are looked at; the middle of a longer one is cut out."""
LONGEST_TAIL = 20
"""Cells of the end of a text that stay when its middle is cut out."""
MARKS = 2
"""Combining marks that may follow one character."""

_NAMES = {
    0x061C: "ALM", 0x200B: "ZWSP", 0x200E: "LRM", 0x200F: "RLM", 0x2028: "LS", 0x2029: "PS", 0x202A: "LRE",
    0x202B: "RLE", 0x202C: "PDF", 0x202D: "LRO", 0x202E: "RLO", 0x2060: "WJ", 0x2066: "LRI", 0x2067: "RLI",
    0x2068: "FSI", 0x2069: "PDI", 0xFEFF: "BOM", 0x00AD: "SHY", 0x180E: "MVS", 0x2061: "FA", 0x2062: "IT",
    0x2063: "IS", 0x2064: "IP", 0x3164: "HF", 0x115F: "HCF", 0x1160: "HJF", 0xFFA0: "HHF",
}  # fmt: skip


def _tokens() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(0x20)}
    table[0x7F] = "␡"
    table.update({code: f"‹{code:02X}›" for code in range(0x80, 0xA0)})
    table.update({code: f"‹{name}›" for code, name in _NAMES.items()})
    # Joiners and variation selectors only change how neighbours look, and terminals disagree about the width.
    table.update(dict.fromkeys([0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)], ""))
    # So do tones of skin; and two letters are a flag on one terminal and two boxes on another.
    table.update(dict.fromkeys(range(0x1F3FB, 0x1F400), ""))
    table.update({0x1F1E6 + letter: chr(ord("A") + letter) for letter in range(26)})
    table.update(dict.fromkeys(range(0xE0000, 0xE0080), "�"))
    return table


_TABLE = _tokens()
_ORDINARY = re.compile(r"[ -~]*\Z")
_SURROGATES = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """Replace everything that a terminal would obey or hide by something that is seen; the result has one line."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"
    if _ORDINARY.match(text):
        return text
    text = _SURROGATES.sub("�", text).translate(_TABLE)
    return text if text.isascii() else _tame(text)


def _tame(text: str) -> str:
    """Bound the marks that pile up on one character, and give a mark at the start something to sit on."""
    kept: list[str] = []
    marks = MARKS
    for char in text:
        if char > "\u02ff" and (unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me")):
            marks += 1
            if marks > MARKS:
                continue
        else:
            marks = 0
            if unicodedata.category(char) in ("Cf", "Cn", "Co"):
                char = "�"
        kept.append(char)
    return "".join(kept)


def fit(text: str, width: int, *, dots: str = "…") -> str:
    """Make untrusted text exactly `width` cells wide; a longer one loses its middle and keeps its extension."""
    return pad(elide(visible(text), width, dots=dots), width)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Make safe text exactly `width` cells wide, filling on the left where `right` is asked for."""
    if text.isascii():
        filled = text.rjust(width) if right else text.ljust(width)
        return filled[:width]
    if right:
        return " " * max(0, width - cell_len(text)) + set_cell_size(text, min(width, cell_len(text)))
    return set_cell_size(text, width)


def elide(text: str, width: int, *, dots: str = "…") -> str:
    """Cut the middle out of safe text that is wider than `width`; as much of the end stays as of the beginning.

    Parts of one thing differ at the end, just before the extension.
    """
    if (len(text) if text.isascii() else cell_len(text)) <= width:
        return text
    if width <= len(dots) + 2:
        return _head(text, width)
    tail = min(LONGEST_TAIL, (width - len(dots)) // 2)
    return _head(text, width - len(dots) - tail) + dots + _tail(text, tail)


def elide_end(text: str, width: int, *, dots: str = "…") -> str:
    """Cut the end off safe text that is wider than `width`: for sentences, whose beginning says most."""
    if cell_len(text) <= width:
        return text
    return _head(text, max(0, width - len(dots))).rstrip() + dots if width > len(dots) else _head(text, width)


def fold(text: str, width: int, most: int) -> list[str]:
    """Break a safe sentence between words into at most `most` lines; what does not fit is cut off its end."""
    lines = [""]
    words = text.split(" ")
    for at, word in enumerate(words):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width or not lines[-1]:
            lines[-1] = joined
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = " ".join([lines[-1], *words[at:]])
            break
    return [elide_end(line, width) if at == len(lines) - 1 else elide(line, width) for at, line in enumerate(lines)]


def _head(text: str, width: int) -> str:
    if text.isascii():
        return text[:width]
    return chop_cells(text, width)[0] if width > 0 else ""


def _tail(text: str, width: int) -> str:
    if width <= 0:
        return ""
    if text.isascii():
        return text[-width:]
    start = len(text)
    used = 0
    while start > 0:
        step = cell_len(text[start - 1])
        if used + step > width:
            break
        used += step
        start -= 1
    return text[start:]


def safe_text(text: str, style: str = "", *, width: int | None = None) -> Content:
    """Give untrusted text to a widget: literal, visible, never markup; elided in the middle where `width` is given."""
    shown = visible(text)
    if width is not None:
        shown = elide(shown, width)
    return Content.styled(shown, style) if style else Content(shown)


def words(*parts: str | tuple[str, str] | Content) -> Content:
    """Join texts and (text, style) pairs into one literal Content; each text passes the same door."""
    made = []
    for part in parts:
        if isinstance(part, Content):
            made.append(part)
        elif isinstance(part, tuple):
            made.append(Content.styled("\n".join(visible(line) for line in part[0].split("\n")), part[1]))
        else:
            made.append(Content("\n".join(visible(line) for line in part.split("\n"))))
    return Content("").join(made) if made else Content("")


def typed(text: str) -> str:
    """Clean text for a field that the user edits: what can't be seen is dropped, not replaced."""
    text = _SURROGATES.sub("", text)
    return "".join(
        char for char in text if char == " " or (char.isprintable() and ord(char) not in _NAMES) or char == "\u200d"
    )
