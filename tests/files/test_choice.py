from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.files.conftest import URL, listing
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spec import OnConflict
from tui_downloads.files.choice import Choice, choose


def test_a_free_name_is_taken(folder):
    """Nothing is there: the name it is."""
    assert choose(folder, "a.zip", URL) == Choice("a.zip")


def test_a_missing_folder_has_every_name_free(tmp_path):
    """The folder is made later, not by asking."""
    assert choose(str(tmp_path / "new"), "a.zip", URL) == Choice("a.zip")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("conflict", "choice"),
    [
        (OnConflict.RENAME, Choice("a (2).tar.gz")),
        (OnConflict.SKIP, Choice("a.tar.gz", taken=True)),
        (OnConflict.OVERWRITE, Choice("a.tar.gz", taken=True)),
    ],
)
def test_a_taken_target_is_handled_by_policy(folder, conflict, choice):
    """Rename counts on, skip and overwrite say so."""
    for name in ("a.tar.gz", "a (1).tar.gz"):
        Path(f"{folder}/{name}").write_text("theirs")
    assert choose(folder, "a.tar.gz", URL, conflict) == choice


def test_our_part_of_the_link_is_gone_on_with(make_part, folder):
    """Even where it has a number."""
    Path(f"{folder}/a").write_text("theirs")
    make_part(name="a (1)").close()
    assert choose(folder, "a", URL) == Choice("a (1)", f"{folder}/a (1).part")


def test_a_part_of_another_link_is_passed_over(make_part, folder):
    """Two downloads of one name do not share a part."""
    make_part(name="a", url="https://other.example/").close()
    assert choose(folder, "a", URL) == Choice("a (1)")


def test_a_part_that_is_being_written_is_told(make_part, folder):
    """The caller may report it, or take the next name."""
    part = make_part(name="a")
    assert choose(folder, "a", URL) == Choice("a", part.path, locked=True)
    assert choose(folder, "a", URL, beside=True) == Choice("a (1)")


@pytest.mark.parametrize("name", ["a.part", "a.part.journal"])
def test_foreign_parts_are_passed_over(folder, name):
    """A part without a journal, or the other way round, is not ours to use."""
    Path(f"{folder}/{name}").write_text("theirs")
    assert choose(folder, "a", URL) == Choice("a (1)")
    assert listing(folder) == [name]


def test_an_orphaned_journal_does_not_block(make_part, folder):
    """Our own leftovers leave the name free."""
    make_part(name="a").close()
    os.unlink(f"{folder}/a.part")
    assert choose(folder, "a", URL) == Choice("a")


def test_another_spelling_is_taken(make_part, folder):
    """Case makes no second name, for files and parts (F48)."""
    Path(f"{folder}/A").write_text("")
    make_part(name="B", url="https://other.example/").close()
    assert choose(folder, "a", URL).name == "a (1)"
    assert choose(folder, "b", URL).name == "b (1)"


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc/passwd", "a\0"])
def test_names_that_lead_elsewhere_are_refused(folder, name):
    """Only plain components are chosen."""
    with pytest.raises(DownloadError) as info:
        choose(folder, name, URL)
    assert info.value.code is Code.FOLDER_UNUSABLE
