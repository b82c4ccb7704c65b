from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.files.conftest import URL, listing
from tui_downloads.core.spans import SpanSet
from tui_downloads.files import claim
from tui_downloads.files.recovery import find, scan, sweep


def test_parts_are_found_with_what_is_safe(make_part, folder):
    """Enough to rebuild the list."""
    part = make_part(10)
    part.write(0, [b"abc"])
    part.checkpoint(SpanSet([(0, 3)]))
    part.close()
    (found,) = scan([folder, folder])
    assert (found.origin, found.path, found.durable) == (part.origin, part.path, SpanSet([(0, 3)]))


def test_parts_being_written_are_skipped(make_part, folder):
    """They are given only on request, and say so."""
    make_part()
    assert list(scan([folder])) == []
    assert [found.locked for found in scan([folder], locked=True)] == [True]


def test_foreign_and_damaged_files_are_passed_over(make_part, folder, tmp_path):
    """Nothing of it raises, nothing is touched."""
    Path(f"{folder}/a.part.journal").write_text("diary")
    Path(f"{folder}/b.part").write_text("b")
    os.mkdir(f"{folder}/c.part.journal")
    os.symlink("/dev/zero", f"{folder}/d.part.journal")
    make_part(name="e").close()
    os.unlink(f"{folder}/e.part")
    before = listing(folder)
    assert list(scan([folder, str(tmp_path / "gone")])) == []
    assert listing(folder) == before


def test_a_file_that_has_its_name_is_cleared(make_part, folder):
    """A crash between naming the file and dropping its part leaves no download to go on with."""
    for name in ("a", "b"):
        part = make_part(4, name=name)
        part.write(0, [b"data"])
        part.checkpoint(SpanSet([(0, 4)]))
        part.close()
    os.link(f"{folder}/a.part", f"{folder}/a (1)")
    os.rename(f"{folder}/b.part", f"{folder}/b")
    assert list(scan([folder])) == []
    assert listing(folder) == ["a (1)", "b"]


def test_a_link_is_found(make_part, folder):
    """`get` finds its part again, a free one before one in use."""
    held = make_part(name="a")
    assert find(folder, URL) == held.path
    free = make_part(name="b")
    free.close()
    assert find(folder, URL) == free.path
    assert find(folder, "https://other.example/") is None


def test_temporary_files_of_a_process_that_ended_are_swept(folder):
    """At once where it is known to have ended; another machine's and a living one's are left alone."""
    script = "from tui_downloads.files import claim; print(claim.temporary())"
    dead = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    prefix = len(claim.TEMPORARY_PREFIX)
    foreign = f"{dead[:prefix]}ffffffff{dead[prefix + 8 :]}"
    for name in (dead, foreign, mine := claim.temporary()):
        Path(f"{folder}/{name}").write_text("")
    assert sweep(folder) == ([dead] if sys.platform == "linux" else [])
    assert {foreign, mine} <= set(listing(folder))


def test_old_temporary_files_of_ours_are_swept(folder):
    """Only ours, only after a day."""
    mine = claim.temporary()
    names = [mine, ".tui-downloads-notes.tmp", "a.tmp"]
    for name in names:
        Path(f"{folder}/{name}").write_text("")
        os.utime(f"{folder}/{name}", (0, 0))
    assert sweep(folder) == []
    later = os.stat(f"{folder}/{mine}").st_ctime + 25 * 3600
    assert sweep(folder, now=later) == [mine]
    assert listing(folder) == sorted(names[1:])
