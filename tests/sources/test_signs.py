"""What a link shows before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tui_downloads.core.snapshots import Kind
from tui_downloads.sources.auto import detect
from tui_downloads.sources.base import Wish
from tui_downloads.sources.signs import plain, unfolds


@pytest.mark.parametrize("url", [
    "http://a.test/x.iso", "http://a.test/x.meta4", "http://a.test/X.METALINK?a=b", "https://get.massive.app/ID?secret=s",
    "http://a.test/?x=.meta4", "http://a.test/SHA256SUMS", "https://get.massive.io/A", "http://a.test/get.massive.app",
])  # fmt: skip
@pytest.mark.parametrize("kind", [None, Kind.LINK, Kind.PACKAGE])
def test_a_link_that_is_called_plain_has_no_source(url, kind):
    """The quick look never says `plain` of what a source claims."""
    assert not plain(url, kind, {}) or detect(Wish(url), kind) is None


def test_only_types_that_name_lists_unfold():
    """JSON as such is a file."""
    assert unfolds("application/metalink+xml; x=y") and not unfolds("application/json")


def test_a_plain_link_needs_no_parser():
    """The engine does not import XML, HTML, zip or media before it needs them."""
    heavy = ("defusedxml", "html.parser", "zipfile", "tui_downloads.sources.auto", "tui_downloads.engine.media",
             "tui_downloads.engine.bundles", "yt_dlp")  # fmt: skip
    code = f"import sys, tui_downloads.engine.embedded; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
