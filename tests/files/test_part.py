from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.files.conftest import URL, listing, origin
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Validator
from tui_downloads.core.spans import SpanSet
from tui_downloads.files import journal
from tui_downloads.files.base import Owner, PartTaken
from tui_downloads.files.choice import Choice, choose
from tui_downloads.files.part import PartFile


def failing(code: Code):
    class Match:
        def __enter__(self):
            self.raised = pytest.raises(DownloadError)
            self.info = self.raised.__enter__()
            return self.info

        def __exit__(self, *args):
            caught = self.raised.__exit__(*args)
            assert self.info.value.code is code, self.info.value
            assert "\n" not in self.info.value.message
            return caught

    return Match()


def test_part_and_journal_are_made_together_and_private(make_part, folder):
    """Both files appear at once, readable by nobody else."""
    make_part()
    assert listing(folder) == ["file.bin.part", "file.bin.part.journal"]
    assert {os.stat(f"{folder}/{name}").st_mode & 0o777 for name in os.listdir(folder)} == {0o600}


def test_bytes_go_to_their_places(make_part):
    """Chunks are written one behind the other from an offset."""
    part = make_part(10)
    part.write(6, [b"67", b"8", b"9"])
    part.write(0, [b"012345"])
    assert part.read(0, 20) == b"0123456789"


def test_more_chunks_than_the_system_takes_at_once(make_part):
    """A list longer than IOV_MAX is written whole."""
    part = make_part()
    chunks = [bytes([n % 256]) * 3 for n in range(2500)]
    part.write(5, chunks)
    assert part.read(5, 9000) == b"".join(chunks)


@pytest.mark.parametrize("chunks", [[b"abcdefgh"], [b"abc", b"", b"defgh"]])
def test_a_short_write_is_finished(make_part, monkeypatch, chunks):
    """A write that the system cuts short is taken up where it stopped."""
    part = make_part()
    real, realv = os.pwrite, os.pwritev
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data)[:2], at))
    monkeypatch.setattr(os, "pwritev", lambda fd, data, at: realv(fd, [data[0][:1]], at))
    part.write(3, chunks)
    assert part.read(3, 10) == b"abcdefgh"


def test_only_checkpoints_survive(make_part):
    """A part opened anew knows what the last checkpoint knew."""
    part = make_part(100)
    part.write(0, [b"x" * 50])
    part.checkpoint(SpanSet([(0, 20), (30, 40)]))
    part.write(60, [b"y" * 10])
    part.close()
    again = PartFile.open(part.path)
    assert again.durable == SpanSet([(0, 20), (30, 40)])
    assert again.origin == part.origin
    again.close()


def test_a_part_held_by_us_is_in_use(make_part):
    """Neither opening nor making it disturbs whoever writes it."""
    part = make_part()
    with failing(Code.IN_USE):
        PartFile.open(part.path)
    with failing(Code.IN_USE):
        make_part()


def _open_elsewhere(path: str, answers) -> None:
    try:
        PartFile.open(path)
        answers.put("opened")
    except DownloadError as error:
        answers.put(error.code.value)


def test_a_part_held_by_another_process_is_in_use(make_part):
    """Two processes never share a part."""
    part = make_part()
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    for expected in ("IN_USE", "opened"):
        child = context.Process(target=_open_elsewhere, args=(part.path, answers))
        child.start()
        assert answers.get(timeout=60) == expected
        child.join()
        part.close()
    answers.close()
    answers.join_thread()


def test_taken_names_say_whose_they_are(make_part, folder):
    """Ours of the same link, ours of another, and a foreign file are told apart and left alone."""
    make_part().close()
    for url, owner in ((URL, Owner.SAME), ("https://other.example/", Owner.OTHER)):
        with pytest.raises(PartTaken) as info:
            PartFile.create(folder, "file.bin", origin(url=url))
        assert info.value.owner is owner
    with open(f"{folder}/foreign.part", "w") as file:
        file.write("mine")
    with pytest.raises(PartTaken) as info:
        make_part(name="foreign")
    assert info.value.owner is Owner.FOREIGN
    assert Path(f"{folder}/foreign.part").read_text() == "mine"


def test_a_foreign_journal_is_left_alone(make_part, folder):
    """A file that only has a journal's name blocks the part's name and stays."""
    with open(f"{folder}/a.part.journal", "w") as file:
        file.write("diary")
    with pytest.raises(PartTaken):
        make_part(name="a")
    assert listing(folder) == ["a.part.journal"]
    assert Path(f"{folder}/a.part.journal").read_text() == "diary"


def test_an_orphaned_journal_gives_way(make_part, folder):
    """A journal of ours whose part was deleted does not block its name."""
    make_part(url="https://old.example/").close()
    os.unlink(f"{folder}/file.bin.part")
    part = make_part()
    assert part.origin.url == URL
    assert not part.durable


def _end_before_the_journal(folder: str) -> None:
    journal.Journal.create = lambda *_: os._exit(9)
    PartFile.create(folder, "a.zip", origin(name="a.zip"))


def test_what_a_kill_before_the_journal_leaves_is_taken_over(make_part, folder):
    """It holds nothing, so the file need not be called `a (1).zip`, and nothing stays behind."""
    child = multiprocessing.get_context("spawn").Process(target=_end_before_the_journal, args=(folder,))
    child.start()
    child.join()
    assert (child.exitcode, listing(folder)) == (9, ["a.zip.part"])
    assert choose(folder, "a.zip", URL) == Choice("a.zip")
    part = make_part(name="a.zip")
    assert listing(folder) == ["a.zip.part", "a.zip.part.journal"]
    part.write(0, [b"here"])
    part.checkpoint(SpanSet([(0, 4)]))
    part.close()
    again = PartFile.open(part.path)
    assert again.durable.total == 4
    again.close()


@pytest.mark.parametrize("kind", ["bytes", "mode", "links", "held"])
def test_an_empty_part_that_may_be_anothers_is_left_alone(make_part, folder, kind):
    """Others make parts, too; only what looks like our own, and is nobody's, is taken over."""
    path = Path(f"{folder}/a.zip.part")
    path.write_bytes(b"x" if kind == "bytes" else b"")
    path.chmod(0o644 if kind == "mode" else 0o600)
    if kind == "links":
        os.link(path, f"{folder}/twin")
    with path.open("rb") as file:
        if kind == "held":
            fcntl.flock(file, fcntl.LOCK_EX)
        assert choose(folder, "a.zip", URL) == Choice("a (1).zip")
        with pytest.raises(PartTaken):
            make_part(name="a.zip")


@pytest.mark.parametrize("suffix", [".part", ".part.journal"])
def test_planted_links_are_not_followed(make_part, folder, tmp_path, suffix):
    """A symbolic link in place of a part or journal is refused, and its target stays."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, f"{folder}/x{suffix}")
    with pytest.raises(PartTaken):
        make_part(name="x")
    assert victim.read_text() == "precious"


def test_opening_through_a_link_is_refused(make_part, folder):
    """A part that became a link is lost, not followed."""
    part = make_part()
    part.close()
    os.rename(part.path, f"{folder}/elsewhere")
    os.symlink(f"{folder}/elsewhere", part.path)
    with failing(Code.PART_LOST):
        PartFile.open(part.path)


def test_a_pipe_in_place_of_a_part_does_not_block(make_part, folder):
    """What is no regular file is refused at once."""
    part = make_part()
    part.close()
    os.unlink(part.path)
    os.mkfifo(part.path)
    with failing(Code.PART_LOST):
        PartFile.open(part.path)


def test_a_missing_part_is_lost(make_part):
    """The journal alone promises nothing."""
    part = make_part()
    part.close()
    os.unlink(part.path)
    with failing(Code.PART_LOST):
        PartFile.open(part.path)


def test_a_replaced_part_is_foreign(make_part):
    """Another file under the part's name is not taken for it, and not changed."""
    part = make_part(8)
    part.write(0, [b"original"])
    part.checkpoint(SpanSet([(0, 8)]))
    part.close()
    os.rename(part.path, part.path + ".away")
    with open(part.path, "wb") as file:
        file.write(b"somebody")
    with failing(Code.PART_LOST):
        PartFile.open(part.path)
    assert Path(part.path).read_bytes() == b"somebody"


def test_a_copied_pair_goes_on(make_part, folder, tmp_path):
    """Part and journal restored from a copy are known by their bytes."""
    part = make_part(8)
    part.write(0, [b"original"])
    part.checkpoint(SpanSet([(0, 8)]))
    part.close()
    shutil.copytree(folder, tmp_path / "copy")
    again = PartFile.open(str(tmp_path / "copy" / "file.bin.part"))
    assert again.durable == SpanSet([(0, 8)])
    again.close()


def test_a_shortened_part_keeps_what_is_there(make_part):
    """Spans behind the end are dropped for good, even if the part grows again."""
    part = make_part(10_000)
    part.reserve(10_000)
    part.write(0, [b"z" * 10_000])
    part.checkpoint(SpanSet([(0, 10_000)]))
    part.close()
    os.truncate(part.path, 5_000)
    again = PartFile.open(part.path)
    assert again.durable == SpanSet([(0, 5_000)])
    again.reserve(10_000)
    again.close()
    third = PartFile.open(part.path)
    assert third.durable == SpanSet([(0, 5_000)])
    third.close()


def test_a_file_that_got_the_parts_number_is_not_taken_for_it(make_part):
    """A deleted part's inode goes to the next file: its first bytes tell, and it is left untouched."""
    part = make_part(100)
    part.write(0, [b"z" * 100])
    part.checkpoint(SpanSet([(0, 100)]))
    part.close()
    with open(part.path, "r+b") as other:
        other.write(b"mine" * 25)
    with failing(Code.PART_LOST):
        PartFile.open(part.path)


def test_a_part_with_a_second_name_is_not_written(make_part, folder):
    """Writing an unfinished part must not change another file."""
    part = make_part(10)
    part.write(0, [b"abcde"])
    part.checkpoint(SpanSet([(0, 5)]))
    part.close()
    os.link(part.path, f"{folder}/other")
    with failing(Code.PART_LOST):
        PartFile.open(part.path)


def test_reserving_takes_no_room(make_part):
    """The length is set, the disk is not filled."""
    part = make_part(1 << 30)
    part.reserve(1 << 30)
    assert part.length == 1 << 30
    assert part.size_on_disk < 1 << 20


def test_a_file_larger_than_the_disk_is_refused_before_its_first_byte(make_part):
    """Space is checked before the first byte."""
    with failing(Code.DISK_FULL) as info:
        make_part().reserve(1 << 60)
    assert "bytes free" in info.value.message


def test_a_failed_flush_poisons(make_part, monkeypatch):
    """Bytes since the last good checkpoint are distrusted until the part is opened anew (F45)."""
    part = make_part(20)
    part.write(0, [b"a" * 10])
    part.checkpoint(SpanSet([(0, 10)]))
    part.write(10, [b"b" * 10])
    real = os.fdatasync

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "lost")

    monkeypatch.setattr(os, "fdatasync", fail)
    with failing(Code.DISK_ERROR):
        part.checkpoint(SpanSet([(0, 20)]))
    monkeypatch.setattr(os, "fdatasync", real)
    assert part.poisoned
    with failing(Code.DISK_ERROR):
        part.checkpoint(SpanSet([(0, 20)]))
    assert part.durable == SpanSet([(0, 10)])
    part.close()
    again = PartFile.open(part.path)
    assert again.durable == SpanSet([(0, 10)])
    again.close()


def test_beginning_again_forgets_everything(make_part):
    """After a rewrite nothing of the old version counts."""
    part = make_part(10)
    part.write(0, [b"old" * 3])
    part.checkpoint(SpanSet([(0, 9)]))
    part.rewrite(replace(part.origin, validator=Validator('"new"'), size=5))
    part.close()
    again = PartFile.open(part.path)
    assert (again.durable, again.length, again.origin.validator.etag) == (SpanSet(), 0, '"new"')
    again.close()


def test_amending_keeps_the_bytes(make_part):
    """A fresh link is remembered, the spans stay."""
    part = make_part(10)
    part.write(0, [b"abc"])
    part.checkpoint(SpanSet([(0, 3)]))
    part.amend(replace(part.origin, url="https://fresh.example/"))
    part.close()
    again = PartFile.open(part.path)
    assert (again.origin.url, again.durable) == ("https://fresh.example/", SpanSet([(0, 3)]))
    again.close()


def test_moving_takes_part_and_journal(make_part, folder, tmp_path):
    """The part goes on in its new place under its new name."""
    part = make_part(10)
    part.write(0, [b"abc"])
    part.checkpoint(SpanSet([(0, 3)]))
    part.move(str(tmp_path / "new" / "place"), "b.bin")
    part.write(3, [b"def"])
    part.checkpoint(SpanSet([(0, 6)]))
    part.close()
    assert listing(folder) == []
    again = PartFile.open(f"{tmp_path}/new/place/b.bin.part")
    assert (again.read(0, 9), again.durable, again.origin.name) == (b"abcdef", SpanSet([(0, 6)]), "b.bin")
    again.close()


def test_moving_to_another_disk_copies(make_part, folder, small_disk):
    """Across disks the bytes and their holes arrive, and the old files go."""
    part = make_part(1 << 30)
    part.reserve(1 << 30)
    part.write(500_000_000, [b"abc"])
    part.checkpoint(SpanSet([(500_000_000, 500_000_003)]))
    part.move(small_disk, "far.bin")
    assert listing(folder) == []
    assert part.read(500_000_000, 3) == b"abc"
    part.close()
    again = PartFile.open(f"{small_disk}/far.bin.part")
    assert again.durable == SpanSet([(500_000_000, 500_000_003)])
    again.discard()
    assert listing(small_disk) == []


def test_moving_onto_another_part_is_refused(make_part, folder):
    """Somebody else's part stays, and ours stays where it is."""
    make_part(name="b.bin").close()
    part = make_part()
    with pytest.raises(PartTaken):
        part.move(folder, "b.bin")
    assert part.name == "file.bin"
    assert len(listing(folder)) == 4


def test_discarding_removes_only_what_is_ours(make_part, folder):
    """A file put in the part's place meanwhile stays."""
    part = make_part()
    os.unlink(part.path)
    with open(part.path, "w") as file:
        file.write("new")
    part.discard()
    assert listing(folder) == ["file.bin.part"]


def test_a_full_disk_loses_nothing(small_disk):
    """Filled and freed, the part goes on from its last checkpoint (T7)."""
    part = PartFile.create(small_disk, "big", origin(None))
    block = os.urandom(1 << 18)
    part.write(0, [block])
    part.checkpoint(SpanSet([(0, 1 << 18)]))
    ballast = f"{small_disk}/ballast"
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError):
        while True:
            os.write(fd, bytes(1 << 16))
    os.close(fd)
    with failing(Code.DISK_FULL):
        part.write(1 << 18, [block])
    os.unlink(ballast)
    part.write(1 << 18, [block])
    part.checkpoint(SpanSet([(0, 1 << 19)]))
    part.close()
    again = PartFile.open(part.path)
    assert again.durable == SpanSet([(0, 1 << 19)])
    assert again.read(0, 1 << 19) == block * 2
    again.close()


def test_a_long_life_is_compacted(make_part, folder, monkeypatch):
    """The journal stays small, and says the same."""
    monkeypatch.setattr("tui_downloads.files.journal.COMPACT_AT", 2000)
    part = make_part()
    part.write(0, [b"q" * 4000])
    spans = SpanSet()
    for at in range(0, 1500, 10):
        spans.add(at, at + 5)
        part.checkpoint(spans)
    part.close()
    assert os.stat(f"{folder}/file.bin.part.journal").st_size < 6_000
    again = PartFile.open(part.path)
    assert again.durable == spans
    again.close()


def pipe_with(body: bytes) -> int:
    """Give the reading end of a pipe that holds some bytes."""
    source, target = os.pipe()
    os.write(target, body)
    os.close(target)
    return source


def test_bytes_are_poured_out_of_a_pipe(folder):
    """They land at their offset, and no more of them than asked for."""
    part = PartFile.create(str(folder), "poured", origin(name="poured"))
    source = pipe_with(b"abcdef")
    part.pour(source, 10, 4)
    assert part.read(10, 10) == b"abcd" and os.read(source, 10) == b"ef"
    os.close(source)
    part.close()


def test_a_disk_that_takes_nothing_from_pipes_gets_them_written(folder, monkeypatch):
    """Some file systems refuse splice; the bytes are read and written instead."""

    def refused(*_, **__):
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(os, "splice", refused)
    part = PartFile.create(str(folder), "poured", origin(name="poured"))
    source = pipe_with(b"abcdef")
    part.pour(source, 3, 6)
    assert part.read(3, 10) == b"abcdef"
    os.close(source)
    part.close()


def test_a_full_disk_is_told_while_pouring(folder, monkeypatch):
    """What the disk says comes out in our words."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "no")

    monkeypatch.setattr(os, "splice", full)
    part = PartFile.create(str(folder), "poured", origin(name="poured"))
    source = pipe_with(b"abcdef")
    with pytest.raises(DownloadError) as caught:
        part.pour(source, 3, 6)
    assert caught.value.code is Code.DISK_FULL
    os.close(source)
    part.close()
