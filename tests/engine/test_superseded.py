"""What becomes of the part of an older version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui_downloads.core.spans import SpanSet
from tui_downloads.engine.leftovers import Leftovers
from tui_downloads.engine.superseded import Superseded, reopen
from tui_downloads.files.base import Origin
from tui_downloads.files.part import PartFile

URL = "http://host/file.bin"


@pytest.fixture
def part(tmp_path: Path) -> PartFile:
    made = PartFile.create(str(tmp_path), "file.bin", Origin(id="1" * 32, file="1", url=URL, name="file.bin", size=10))
    made.write(0, [b"01234"])
    return made


def here(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_part_that_is_put_aside_keeps_its_bytes_under_another_name(part, tmp_path):
    """The name is free for the new version; what was here is safe."""
    older = Superseded()
    older.put(part, SpanSet([(0, 5)]))
    assert older.waiting and here(tmp_path) == ["file.bin.old.part", "file.bin.old.part.journal"]
    again = PartFile.open(older.paths[0])
    assert again.durable.total == 5 and again.read(0, 5) == b"01234"
    again.close()


def test_it_gets_its_name_back(part, tmp_path):
    """When nothing of the new version came, a later run must find the old one."""
    older = Superseded()
    older.put(part, SpanSet([(0, 5)]))
    assert older.take_back() == os.path.join(tmp_path, "file.bin.part")
    assert here(tmp_path) == ["file.bin.part", "file.bin.part.journal"] and older.paths == []


def test_taking_back_what_somebody_took_is_harmless(part, tmp_path):
    """A part that is gone or in use is left alone."""
    older = Superseded()
    assert older.take_back() is None
    older.put(part, SpanSet([(0, 5)]))
    holder = PartFile.open(older.paths[0])
    assert older.take_back() is None and older.paths
    holder.close()


def test_all_are_dropped_with_the_new_file(part, tmp_path):
    """What an earlier session put aside goes as well; what is not ours stays."""
    older = Superseded()
    older.put(part, SpanSet([(0, 5)]))
    foreign = tmp_path / "foreign.part"
    foreign.write_bytes(b"x")
    later = Superseded()
    later.known([*older.paths, str(foreign)], "file.bin")
    later.drop()
    assert here(tmp_path) == ["foreign.part"] and later.paths == []


def test_nothing_known_waits_for_nothing():
    """A journal that names no older part leaves no name to be taken back."""
    older = Superseded()
    older.known([], "file.bin")
    assert not older.waiting


def test_of_several_the_one_that_holds_most_stays(part, tmp_path):
    """A server that changes all the time does not fill the disk."""
    older = Superseded()
    older.put(part, SpanSet([(0, 5)]))
    for held, kept in ((b"012", 5), (b"01234567", 8)):
        origin = Origin(id="1" * 32, file="1", url=URL, name="file.bin", size=10)
        again = PartFile.create(str(tmp_path), "file.bin", origin)
        again.write(0, [held])
        older.put(again, SpanSet([(0, len(held))]))
        assert older.waiting and len(older.paths) == 1 and len(here(tmp_path)) == 2
        stays = PartFile.open(older.paths[0])
        assert stays.durable.total == kept
        stays.close()


def test_one_without_a_successor_is_gone_on_with_under_its_name(part, tmp_path):
    """A run was killed before the new version began: the next one finds the file's name again."""
    older = Superseded()
    older.put(part, SpanSet([(0, 5)]))
    again = reopen(older.paths[0])
    assert (again.name, again.durable.total, dict(again.origin.extra)) == ("file.bin", 5, {})
    again.close()
    assert here(tmp_path) == ["file.bin.part", "file.bin.part.journal"]


async def test_of_a_links_parts_the_newest_is_gone_on_with_and_the_others_are_known(part, tmp_path):
    """So that they go when the file is complete, however often a run was killed."""
    older = Superseded()
    older.put(part, SpanSet([(0, 5)]))
    origin = Origin(id="1" * 32, file="1", url=URL, name="file.bin", size=10)
    newer = PartFile.create(str(tmp_path), "file.bin", origin)
    newer.close()
    assert await Leftovers().take(str(tmp_path), URL) == [newer.path, *older.paths]
    assert await Leftovers().take(str(tmp_path), "http://host/other") == []


def test_what_this_run_put_aside_stays_known_when_a_journal_is_read(part, tmp_path):
    """An older part is put aside again after the journal of another was taken up."""
    older = Superseded()
    older.put(part, SpanSet([(0, 5)]))
    (path,) = older.paths
    older.known([], "file.bin")
    assert older.paths == [path] and older.waiting
