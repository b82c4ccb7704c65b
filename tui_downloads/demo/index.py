"""The page at the root of the practice server: the path language, and the catalog to click on."""

from __future__ import annotations

import html
import inspect
import re

from tui_downloads.demo import faults
from tui_downloads.demo.catalog import CATALOG

_OPTION = re.compile(r'^    (\w+): [^\n]*= [^\n]*\n(?:    """(.+?)""")?', re.MULTILINE | re.DOTALL)


def _options() -> list[tuple[str, str]]:
    """Give each option with the sentence that explains it, read from where it is declared."""
    return [(match[1], match[2] or "") for match in _OPTION.finditer(inspect.getsource(faults))]


def index_page(origin: str) -> bytes:
    """Write the page for a server that is reached at `origin`."""
    files = "".join(
        f'<li><a href="{html.escape(item.path)}">{html.escape(item.name)}</a> {item.size:,} bytes. {item.note}</li>'
        for item in CATALOG
    )
    options = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in _options())
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Practice server</title>
<h1>Practice server</h1><p>{html.escape(origin)}f/SIZE/NAME?OPTION=VALUE&amp;…, and
digest/ALGO/SIZE/NAME for its checksum.</p><h2>Files</h2><ul>{files}</ul><h2>Options</h2><dl>{options}</dl></html>
"""
    return page.encode()
