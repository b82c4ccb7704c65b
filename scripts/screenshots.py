"""Take the pictures of `screenshots/`: SVG from Textual, PNG from the same cells.

What they show is real: the engine downloaded from the practice server for half a minute, and clock and data are frozen
as they stood then, in `screenshots/scene.json`. The same screen gives the same bytes.

python scripts/screenshots.py [NAME…] [--folder DIR]   take them
python scripts/screenshots.py --record                 let the scene play anew first
python scripts/screenshots.py --check [NAME…]          take each twice, write none; fails where two takes differ from
                                                       each other or from what is in the folder
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

os.environ.update(TZ="UTC", LC_ALL="C.UTF-8", TEXTUAL_ANIMATIONS="none", COLORTERM="truecolor")
for _name in ("SSH_CONNECTION", "SSH_TTY", "NO_COLOR"):
    os.environ.pop(_name, None)
time.tzset()
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "screenshots"
SCENE = FOLDER / "scene.json"
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import scene  # noqa: E402
from rich.cells import cell_len  # noqa: E402

from tui_downloads.engine.base import Engine  # noqa: E402
from tui_downloads.tui.options import ScreenSettings  # noqa: E402
from tui_downloads.tui.run import build  # noqa: E402

CELL, LINE, FONT = 12.2, 24.4, 20.27
"""Geometry of Rich's SVG, and the font size at which DejaVu Sans Mono is as wide as a cell."""


@dataclass(frozen=True)
class Picture:
    """One picture: what is pressed before it is taken."""

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    theme: str = "dark"
    paste: bool = False
    ascii: bool = False
    plain: bool = False


TYPED = "ubuntu size>100m"

PICTURES = (
    Picture("active", ("space", "down", "down", "space", "up")),
    Picture("details", ("enter",)),
    Picture("details-connections", ("enter", "2")),
    Picture("add", paste=True),
    Picture("queue", ("2", "down")),
    Picture("history", ("3", "down", "down")),
    Picture("history-search", ("3", "/", *("space" if key == " " else key for key in TYPED))),
    Picture("errors", ("4", "down")),
    Picture("log", ("5",)),
    Picture("remove-with-files", ("v", "down", "down", "D")),
    Picture("settings", ("f3", "down", "down", "down")),
    Picture("help", ("?",)),
    Picture("palette", (":", "l", "i", "m")),
    Picture("limits", ("t",)),
    Picture("quit", ("q",)),
    Picture("wide", ("down",), size=(200, 50)),
    Picture("preview", ("space", "down", "down", "space", "up"), size=(150, 42)),
    Picture("preview-below", ("w", "down", "down")),
    Picture("preview-errors", ("4", "down", "down", "down"), size=(150, 42)),
    Picture("active-80x24", ("down",), size=(80, 24)),
    Picture("details-80x24", ("enter",), size=(80, 24)),
    Picture("add-80x24", size=(80, 24), paste=True),
    Picture("errors-80x24", ("4",), size=(80, 24)),
    Picture("active-40x12", ("down",), size=(40, 12)),
    Picture("add-40x12", size=(40, 12), paste=True),
    Picture("light", ("down",), theme="light"),
    Picture("comfortable", ("m", "down")),
    Picture("ascii", ("down",), ascii=True),
    Picture("plain", ("down",), plain=True),
)


def pasted(still: scene.Still) -> str:
    """Give what the pictures of the add dialog paste: one that is here, two that are new, one that is wrong."""
    known = still.recording.links[scene.GOING[0][1]]
    return f"""{known}
https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.17.tar.xz.sign
htps://mirror.example.edu/readme.txt
https://ftp.gnu.org/gnu/emacs/emacs-30.2.tar.xz"""


async def take(picture: Picture, still: scene.Still) -> str:
    """Play a picture's keys and give its SVG."""
    settings = ScreenSettings(theme=picture.theme, ascii=picture.ascii, plain=picture.plain)
    app = build(cast(Engine, still), settings=settings, book=still.book, clock=lambda: still.at)
    app.session.speeds.extend(still.recording.speeds)
    # What failed and ended while the scene was played belongs to the session that is shown.
    app.session.opened_at = still.at - scene.SECONDS
    app.session.keep_in_background = lambda: None
    async with app.run_test(size=picture.size) as pilot:
        await pilot.pause()
        if picture.paste:
            app.main.action_download_add(pasted(still))
            await pilot.pause()
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause()
        # The news are followed for ever, so only these are waited for; an empty list would mean all of them.
        busy = [worker for worker in app.workers if worker.group in ("store", "details", "command")]
        if busy:
            await app.workers.wait_for_complete(busy)
        if picture.name == "palette":
            await pilot.pause(0.5)
        if app.focused is not None and hasattr(app.focused, "cursor_blink"):
            app.focused.cursor_blink = False
        await pilot.pause()
        return uncut(app.export_screenshot(title="tui-downloads"))


_CLIP = re.compile(r'(clip-terminal">\s*<rect x="0" y="0" width="[\d.]+" height=")([\d.]+)')


def uncut(svg: str) -> str:
    """Show the whole last line: Rich's frame ends 3 units above its lower edge."""
    return _CLIP.sub(lambda match: f"{match.group(1)}{float(match.group(2)) + 3:.1f}", svg)


_TEXT = re.compile(
    r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+" clip-path="[^"]+">([^<]*)</text>'
)
_LOW, _SHADES = "▁▂▃▄▅▆▇█", {"░": 0.25, "▒": 0.5, "▓": 0.75}


def _place(match: re.Match[str]) -> str:
    """Put each word at its own cell, and draw blocks as rectangles, so that no font can shift or split anything."""
    look, x, y, text = match.group(1), float(match.group(2)), float(match.group(3)), html.unescape(match.group(4))
    made, word, start, at = [], "", 0, 0

    def flush() -> None:
        if word.strip():
            made.append(f'<text class="{look}" x="{x + start * CELL:.1f}" y="{y}">{html.escape(word)}</text>')

    for char in text.replace("\xa0", " "):
        wide = cell_len(char) != 1
        drawn = _LOW.find(char)
        if char == " " or wide or drawn >= 0 or char in _SHADES or char == "▌":
            flush()
            word = ""
            left, top = x + at * CELL, y - 18.5
            if drawn >= 0:
                high = LINE * (drawn + 1) / 8
                box = f'x="{left:.1f}" y="{top + LINE - high:.2f}" width="{CELL}" height="{high:.2f}"'
                made.append(f'<rect class="{look}" {box} shape-rendering="crispEdges"/>')
            elif char in _SHADES:
                box = f'x="{left:.1f}" y="{top:.2f}" width="{CELL}" height="{LINE}" opacity="{_SHADES[char]}"'
                made.append(f'<rect class="{look}" {box}/>')
            elif char == "▌":
                made.append(f'<rect class="{look}" x="{left:.1f}" y="{top:.2f}" width="{CELL / 2}" height="{LINE}"/>')
            elif char != " ":
                made.append(f'<text class="{look}" x="{left:.1f}" y="{y}">{html.escape(char)}</text>')
            at += cell_len(char)
            start = at
            continue
        if not word:
            start = at
        word += char
        at += 1
    flush()
    return "".join(made)


def for_png(svg: str) -> str:
    """Rewrite an SVG so that a rasterizer without `textLength` draws the same cells."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code, monospace", "DejaVu Sans Mono, Noto Sans Mono, monospace")
    svg = svg.replace("font-size: 20px", f"font-size: {FONT}px", 1)
    return _TEXT.sub(_place, svg)


def both(picture: Picture, still: scene.Still) -> dict[str, bytes]:
    """Take a picture and give it in both forms, by file name."""
    svg = asyncio.run(take(picture, still))
    done = subprocess.run(["rsvg-convert"], input=for_png(svg).encode(), stdout=subprocess.PIPE, check=True)
    return {f"{picture.name}.svg": svg.encode(), f"{picture.name}.png": done.stdout}


def complaints(picture: Picture, still: scene.Still, folder: Path) -> list[str]:
    """Take a picture twice and say what is not the same; PNG is not held against the folder, for its fonts differ."""
    first, second = both(picture, still), both(picture, still)
    found = [f"{name}: two takes differ" for name in first if first[name] != second[name]]
    path = folder / f"{picture.name}.svg"
    if not path.exists() or path.read_bytes() != first[path.name]:
        found.append(f"{path.name}: is not what the screen looks like; run scripts/screenshots.py")
    return found


def main() -> int:
    """Take the pictures that were asked for, or all; give 1 where a check found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    wanted = [picture for picture in PICTURES if not chosen.names or picture.name in chosen.names]
    if chosen.record:
        scene.record(SCENE)
    found: list[str] = []
    with scene.kept(SCENE) as still:
        for picture in wanted:
            if chosen.check:
                found += complaints(picture, still, chosen.folder)
                continue
            chosen.folder.mkdir(exist_ok=True)
            for name, content in both(picture, still).items():
                (chosen.folder / name).write_bytes(content)
            print(chosen.folder / f"{picture.name}.png")
    print("\n".join(found) or f"{len(wanted)} pictures {'are the same twice' if chosen.check else 'taken'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
