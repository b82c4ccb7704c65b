"""Where a package's files go: safe, unlike each other everywhere, and numbered when taken."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.names import collision_key
from tui_downloads.core.spec import OnConflict
from tui_downloads.engine.layout import claim_folder, lay_out, place_in
from tui_downloads.sources.base import FileSpec


def places(*paths: str, **more) -> list[str]:
    specs = [FileSpec(("http://a.test/x",), path) for path in paths]
    return [record.path for record in place_in("P", lay_out(specs, **more))]


@pytest.mark.parametrize("paths,expected", [
    (["a", "a"], ["P/a", "P/a (1)"]),
    (["a.txt", "A.TXT", "a.TXT"], ["P/a.txt", "P/A (1).TXT", "P/a (2).TXT"]),
    (["x", "x/y"], ["P/x (1)", "P/x/y"]),
    (["e\u0301", "\u00e9"], ["P/\u00e9", "P/\u00e9 (1)"]),
    (["a/../b", "./c", "//d", "..\\e"], ["P/a/b", "P/c", "P/d", "P/e"]),
    (["a<b>:c.txt", "nul", "C:\\x"], ["P/abc.txt", "P/_nul", "P/x"]),
    (["", ""], ["P/x", "P/x (1)"]),
])  # fmt: skip
def test_paths_are_safe_and_unlike_each_other(paths, expected):
    """What a name can't hold is removed; what falls together is numbered."""
    assert places(*paths) == expected


def test_a_folder_that_repeats_the_title_is_left_out():
    """A package called P whose files lie in P/ has no P in P."""
    assert places("My P/a", "My P/b/c", title="My P") == ["P/a", "P/b/c"]
    assert places("My P/a", "b", title="My P") == ["P/My P/a", "P/b"]


def test_numbers_paths_and_globs_choose():
    """Nothing chosen is everything."""
    specs = [FileSpec((), path, renew="1") for path in ("a.txt", "d/b.txt", "d/c.bin")]
    chosen = [[record.selected for record in lay_out(specs, select=select)] for select in
              (None, ["1"], ["d/b.txt"], ["*.txt"], ["d/*"])]  # fmt: skip
    assert chosen == [[True] * 3, [True, False, False], [False, True, False], [True, True, False], [False, True, True]]


def test_a_choice_of_nothing_is_an_error():
    """A pattern that no file has is a mistake, and no package without files."""
    with pytest.raises(DownloadError, match="None of the package's 1 files"):
        lay_out([FileSpec((), "a.txt", renew="1")], select=["*.iso"])


@given(st.lists(st.text(alphabet="aA.é/\\ \x00:\u202e", max_size=8), min_size=1, max_size=30))
def test_no_list_of_paths_collides_or_climbs(paths):
    """Whatever the paths, each file has a place of its own inside of the folder, on every system."""
    found = places(*paths)
    keys = ["/".join(map(collision_key, path.split("/"))) for path in found]
    folders = {key[: at.start()] for key in keys for at in re.finditer("/", key)}
    assert len(set(keys)) == len(keys) and not folders & set(keys)
    assert all(path.startswith("P/") and ".." not in path.split("/") for path in found)


def test_ten_thousand_twins_are_numbered_quickly():
    """A count is kept, so that the last twin does not try every number before it."""
    assert places(*["same.bin"] * 10_000)[-1] == "P/same (9999).bin"


def test_a_path_that_is_too_long_is_shortened_from_its_middle():
    """The file's own name stays, and the system can hold the path."""
    (path,) = places("/".join(["folder" * 20] * 60) + "/name.bin")
    assert path.endswith("/name.bin") and len(path) < 2100


def test_a_folder_is_claimed_once(tmp_path):
    """A taken name is numbered; whoever completes a folder gets the one that is there."""
    parent = str(tmp_path)
    rename, skip = OnConflict.RENAME, OnConflict.SKIP
    assert [claim_folder(parent, "T", "", rename) for _ in range(2)] == ["T", "T (1)"]
    assert claim_folder(parent, "T", "", skip) == "T"
    os.symlink("/nowhere", tmp_path / "L")
    assert claim_folder(parent, "L", "", skip) == "L (1)"


@pytest.mark.parametrize("title,url,name", [
    ("", "http://a.test/pub/iso/", "iso"), ("", "http://a.test/", "a.test"), ("  ", "", "package"),
    ("../../x", "", "x"), ("..", "http://a.test/x", "download"),
])  # fmt: skip
def test_a_package_without_a_title_is_named_by_its_link(tmp_path, title, url, name):
    """The last folder of the link, or its host; a hostile title leads nowhere."""
    assert claim_folder(str(tmp_path), title, url, OnConflict.RENAME) == name
