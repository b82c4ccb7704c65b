"""The shelf of the demo."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from tui_downloads.demo.catalog import CATALOG, demo_links
from tui_downloads.demo.server import PracticeServer


def test_every_link_of_the_catalog_is_answered(server: PracticeServer):
    """Each with its fate: most are files, one is missing, one asks to wait."""
    fates = []
    for link in demo_links(server):
        parts = urlsplit(link.url)
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        line.request("HEAD", f"{parts.path}?{parts.query}")
        fates.append(line.getresponse().status)
        line.close()
    assert (fates.count(200), fates.count(404), fates.count(429)) == (len(CATALOG) - 2, 1, 1)


def test_names_are_distinct_and_some_are_not_ascii():
    """The screen has to cope with wide characters."""
    names = [item.name for item in CATALOG]
    assert len(set(names)) == len(names)
    assert any(not name.isascii() for name in names)
