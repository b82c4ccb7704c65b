from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.files.conftest import listing, origin
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spans import SpanSet
from tui_downloads.core.spec import OnConflict
from tui_downloads.files import claim
from tui_downloads.files.base import Published
from tui_downloads.files.part import PartFile
from tui_downloads.files.publish import Ready, abandon, land, prepare, set_aside
from tui_downloads.files.taken import Known


def publish(*items: Ready) -> list[Published | DownloadError]:
    return land(items, prepare(items))


def whole(make_part, name: str = "file.bin", body: bytes = b"content") -> PartFile:
    part = make_part(len(body), name=name)
    part.write(0, [body])
    part.checkpoint(SpanSet([(0, len(body))]))
    return part


def refuse(*ways: str):
    """Make ways of claiming answer as a file system that has none of them."""

    def change(monkeypatch) -> None:
        for way in ways:

            def unsupported(*args: object) -> None:
                raise OSError(errno.EPERM, "no such thing here")

            monkeypatch.setattr(claim, way, unsupported)

    return change


WAYS = [refuse(), refuse("rename_exclusive"), refuse("link_exclusive", "rename_exclusive")]


@pytest.fixture(params=WAYS, ids=["renameat2", "links", "placeholder"])
def way(request, monkeypatch):
    request.param(monkeypatch)


def test_bodies_get_their_names(way, folder):
    """A batch of bodies appears whole, with nothing beside it."""
    items = [Ready(folder, f"{n}.txt", body=b"x" * n, mtime=1.5e9) for n in range(70)]
    assert [item.name for item in publish(*items)] == [item.name for item in items]
    assert len(listing(folder)) == 70
    status = os.stat(f"{folder}/5.txt")
    assert (status.st_size, status.st_mtime, status.st_mode & 0o111) == (5, 1.5e9, 0)


def test_a_part_becomes_the_file(way, make_part, folder):
    """The part has the final name and mode, and its journal is gone."""
    mask = os.umask(0)
    os.umask(mask)
    part = whole(make_part)
    (done,) = publish(Ready(folder, "file.bin", part=part, mtime=1.5e9))
    assert done == Published("file.bin", f"{folder}/file.bin")
    assert listing(folder) == ["file.bin"]
    status = os.stat(f"{folder}/file.bin")
    assert (status.st_mode & 0o777, status.st_mtime) == (0o666 & ~mask, 1.5e9)


def test_what_is_there_is_never_replaced(way, make_part, folder):
    """A target that appeared meanwhile stays, the new file is numbered (F47)."""
    part = whole(make_part, "a.tar.gz")
    Path(f"{folder}/a.tar.gz").write_text("theirs")
    first, second = publish(Ready(folder, "a.tar.gz", part=part), Ready(folder, "a.tar.gz", body=b"2"))
    assert (first.name, second.name) == ("a (1).tar.gz", "a (2).tar.gz")
    assert Path(f"{folder}/a.tar.gz").read_text() == "theirs"


def test_skip_leaves_the_target(way, make_part, folder):
    """With skip the target stays and ours goes."""
    Path(f"{folder}/a").write_text("theirs")
    part = whole(make_part, "a")
    done = publish(Ready(folder, "a", OnConflict.SKIP, part=part), Ready(folder, "a", OnConflict.SKIP, body=b"other"))
    assert [item.skipped for item in done] == [True, True]
    assert listing(folder) == ["a"]
    assert Path(f"{folder}/a").read_text() == "theirs"


def test_overwrite_replaces_and_keeps_the_mode(way, folder):
    """The new file is no more open than the one it replaces, and never executable (S11)."""
    Path(f"{folder}/a").write_text("theirs")
    os.chmod(f"{folder}/a", 0o700)
    publish(Ready(folder, "a", OnConflict.OVERWRITE, body=b"ours"))
    assert Path(f"{folder}/a").read_text() == "ours"
    assert os.stat(f"{folder}/a").st_mode & 0o777 == 0o600
    assert listing(folder) == ["a"]


def test_overwrite_never_replaces_a_folder(way, folder):
    """A folder in the way gets a numbered neighbour."""
    os.mkdir(f"{folder}/a")
    (done,) = publish(Ready(folder, "a", OnConflict.OVERWRITE, body=b"ours"))
    assert done.name == "a (1)"


def test_overwriting_a_link_does_not_follow_it(way, folder, tmp_path):
    """A symbolic link is replaced, its target is not written."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, f"{folder}/a")
    publish(Ready(folder, "a", OnConflict.OVERWRITE, body=b"ours"))
    assert (victim.read_text(), Path(f"{folder}/a").read_text()) == ("precious", "ours")


def test_a_dangling_link_is_not_written_through(way, folder, tmp_path):
    """A planted link is a taken name (S8)."""
    os.symlink(tmp_path / "nowhere", f"{folder}/a")
    (done,) = publish(Ready(folder, "a", body=b"ours"))
    assert done.name == "a (1)"
    assert not (tmp_path / "nowhere").exists()


def test_case_makes_no_second_name(folder):
    """Names that differ in case only would be one file elsewhere (F48)."""
    Path(f"{folder}/Read.txt").write_text("theirs")
    (done,) = publish(Ready(folder, "read.txt", body=b"ours"))
    assert done.name == "read (1).txt"


def test_a_deleted_name_is_free_at_once(folder):
    """A remembered listing does not keep a name that was freed."""
    known = Known()
    items = [Ready(folder, "a", body=b"1"), Ready(folder, "B", body=b"1")]
    land(items, prepare(items), known)
    os.unlink(f"{folder}/a")
    os.unlink(f"{folder}/B")
    items = [Ready(folder, "a", body=b"2"), Ready(folder, "b", body=b"2")]
    assert [item.name for item in land(items, prepare(items), known)] == ["a", "b"]


def test_many_of_one_name(folder):
    """A thousand files of one name are numbered through."""
    items = [Ready(folder, "a.b", body=b"")] * 1000
    assert publish(*items)[-1].name == "a (999).b"


def test_a_part_of_wrong_length_is_not_published(make_part, folder):
    """What is not whole never gets its name."""
    part = make_part(10)
    part.write(0, [b"12345"])
    (done,) = publish(Ready(folder, "file.bin", part=part))
    assert done.code is Code.PART_LOST
    assert listing(folder) == ["file.bin.part", "file.bin.part.journal"]


def test_a_part_replaced_before_landing_is_not_published(make_part, folder):
    """Somebody else's file under the part's name does not become the download."""
    part = whole(make_part)
    items = [Ready(folder, "file.bin", part=part)]
    landings = prepare(items)
    os.rename(part.path, f"{folder}/away")
    Path(part.path).write_text("foreign")
    (done,) = land(items, landings)
    assert done.code is Code.PART_LOST
    assert "file.bin" not in listing(folder)


def test_a_name_that_leads_elsewhere_is_refused(folder):
    """Only plain components are published."""
    names = ["../a", "/etc/x", "", ".", "..", "a/b", "a\0b"]
    done = publish(*[Ready(folder, name, body=b"") for name in names])
    assert {item.code for item in done} == {Code.FOLDER_UNUSABLE}
    assert listing(folder) == []


def test_one_bad_folder_does_not_spoil_a_batch(folder, tmp_path):
    """Each file of a batch fails or lands for itself."""
    (tmp_path / "file").write_text("")
    good, bad = publish(Ready(folder, "a", body=b""), Ready(str(tmp_path / "file"), "b", body=b""))
    assert (good.name, bad.code) == ("a", Code.FOLDER_UNUSABLE)


def test_a_poisoned_part_is_not_published(make_part, folder, monkeypatch):
    """After a failed flush the bytes are not trusted (F45)."""
    part = whole(make_part)

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "lost")

    monkeypatch.setattr(os, "fdatasync", fail)
    (done,) = publish(Ready(folder, "file.bin", part=part))
    monkeypatch.undo()
    (again,) = publish(Ready(folder, "file.bin", part=part))
    assert (done.code, again.code) == (Code.DISK_ERROR, Code.DISK_ERROR)
    assert "file.bin" not in listing(folder)


def test_a_full_disk_leaves_no_litter(small_disk):
    """Bodies that do not fit fail, the others land."""
    done = publish(*[Ready(small_disk, f"{n}", body=bytes(1 << 20)) for n in range(6)])
    failed = [item for item in done if isinstance(item, DownloadError)]
    assert {item.code for item in failed} == {Code.DISK_FULL}
    assert len(listing(small_disk)) == 6 - len(failed)


@pytest.mark.parametrize("conflict", list(OnConflict))
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_torture(way, tmp_path, faults, conflict, number):
    """Whichever call fails once: what is published is whole, what is foreign stays, what failed can go on (T3)."""
    body = os.urandom(3000)

    def setting(name: str) -> tuple[str, list[Ready]]:
        folder = str(tmp_path / name)
        os.mkdir(folder)
        Path(f"{folder}/taken").write_text("theirs")
        part = PartFile.create(folder, "p", origin(len(body), name="p"))
        part.write(0, [body])
        part.checkpoint(SpanSet([(0, len(body))]))
        items = [Ready(folder, "p", conflict, part=part), Ready(folder, "q", conflict, body=body)]
        return folder, [*items, Ready(folder, "taken", OnConflict.RENAME, body=body)]

    _, items = setting("count")
    total = len(faults.run(lambda: publish(*items)))
    for at in range(total):
        folder, items = setting(f"at-{at}")
        results: list[Published | DownloadError] = []
        faults.run(lambda items=items, results=results: results.extend(publish(*items)), at, number)
        assert Path(f"{folder}/taken").read_text() == "theirs"
        for item, result in zip(items, results, strict=True):
            if isinstance(result, Published):
                assert Path(result.path).read_bytes() == body
                continue
            assert "\n" not in result.message
            if item.part is not None and not any(Path(f"{folder}/{n}").exists() for n in ("p", "p (1)")):
                item.part.close()
                again = PartFile.open(f"{folder}/p.part")
                assert again.read(0, len(body) + 1) == body
                again.close()
        if isinstance(results[0], DownloadError):
            items[0].part.close()


def test_setting_aside_keeps_the_bytes(make_part, folder):
    """A file with the wrong checksum is kept beside, never over another (F50)."""
    Path(f"{folder}/file.bin.bad").write_text("older")
    path = set_aside(whole(make_part))
    assert Path(path).read_bytes() == b"content"
    assert listing(folder) == ["file (1).bin.bad", "file.bin.bad"]


def test_what_is_given_up_before_it_landed_leaves_no_temporary_file(folder):
    """A body's goes, and its target was never there."""
    items = [Ready(folder, f"{number}.bin", body=b"x") for number in range(3)]
    landings = prepare(items)
    assert len(listing(folder)) == 3
    abandon(items, landings)
    assert listing(folder) == []
