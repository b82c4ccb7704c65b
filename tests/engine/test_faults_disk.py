"""The fault matrix, rows F42 to F56, through the whole engine: what the disk, the list and the system do to a file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Bench
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.spec import Change, Options
from tui_downloads.demo.content import digest
from tui_downloads.engine import committer
from tui_downloads.engine.endings import NO_SPACE
from tui_downloads.engine.lock import EngineLock
from tui_downloads.files import flush, part
from tui_downloads.files.faults import translate

SIZE = 6_000_000
RATE = 1_500_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a small disk of its own; only root can mount one."""
    point = tmp_path / "disk"
    point.mkdir()
    if os.geteuid() != 0 or not mount(point):
        pytest.skip("mounting a small disk needs root")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=False, capture_output=True)


def mount(point: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(point)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def fill(folder: Path) -> Path:
    """Leave no room on a disk."""
    plug = folder / "plug"
    with plug.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65536)
    return plug


async def test_f42_a_full_disk_is_waited_out_by_all_on_it(bench, disk):
    """Everybody on the disk waits, nobody fails, and all go on by themselves with what they had."""
    url = [bench.server.file(SIZE, f"full{n}.bin", rate=RATE) for n in range(2)]
    ids = [await bench.add(link, folder=str(disk), options=Options(connections=1)) for link in url]
    for id in ids:
        await bench.until(id, lambda view: view.done > 1_000_000)
    plug = fill(disk)
    for id in ids:
        view = await bench.until(id, lambda view: view.state is State.WAITING)
        assert view.waiting.reason == NO_SPACE and view.done > 500_000
    plug.unlink()
    for number, id in enumerate(ids):
        view = await bench.complete(id)
        assert bench.server.requests and view.discarded == 0
        assert sha(disk / f"full{number}.bin") == digest(f"full{number}.bin", SIZE)


async def test_f42_a_file_that_does_not_fit_waits_before_its_first_byte(bench, disk):
    """Room is looked for first; what fits meanwhile goes on."""
    large = await bench.add(bench.server.file(60_000_000, "large.bin"), folder=str(disk))
    view = await bench.until(large, lambda view: view.state is State.WAITING)
    assert view.waiting.reason == NO_SPACE and view.done == 0
    await bench.complete(await bench.add(bench.server.file(2_000_000, "fits.bin"), folder=str(disk)))


async def test_f42_a_small_file_waits_for_room_too(bench, disk):
    """What is in memory when the disk is full waits as a part does, and is written when there is room."""
    plug = fill(disk)
    id = await bench.add(bench.server.file(200_000, "small.bin"), folder=str(disk))
    view = await bench.until(id, lambda view: view.state is State.WAITING)
    assert (view.waiting.reason, view.error) == (NO_SPACE, None)
    plug.unlink()
    view = await bench.complete(id)
    assert sha(disk / "small.bin") == digest("small.bin", 200_000)
    assert view.attempts == 0


def sha(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_f43_a_read_only_disk_is_the_users_to_mend(bench, disk):
    """Choose another place, and the download goes on there."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    id = await bench.add(bench.server.file(SIZE, "ro.bin"), folder=str(disk / "inner"))
    view = await bench.failed(id)
    assert view.error.code == Code.FOLDER_UNUSABLE and "folder" in view.error.next_step
    await bench.engine.change(id, Change(folder=str(bench.folder)))
    await bench.engine.retry([id])
    await bench.complete(id)


async def test_f43_a_folder_that_is_a_file_is_named(bench, tmp_path):
    """ENOTDIR is told in words, with the way out."""
    (tmp_path / "file").write_text("in the way")
    view = await bench.failed(await bench.add(bench.server.file(10, "x.bin"), folder=str(tmp_path / "file")))
    assert view.error.code == Code.FOLDER_UNUSABLE and view.error.resumable


async def test_f43_a_long_name_is_shortened(bench):
    """ENAMETOOLONG never comes: names are made to fit, their endings kept."""
    view = await bench.complete(await bench.add(bench.server.file(10, "n" * 400 + ".tar.gz")))
    assert len(view.name.encode()) <= 255 and view.name.endswith(".tar.gz")


def test_f43_a_file_too_large_for_its_disk_says_so(tmp_path, server):
    """EFBIG, here by a limit of the process: another place is wanted, and no part is left."""
    limit = (1_000_000, 1_000_000)
    done = subprocess.run(
        get(server.file(SIZE, "large.bin"), tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert done.returncode == 9 and "too large" in done.stderr + done.stdout
    assert not list(tmp_path.glob("*.part*"))


def test_f43_a_body_without_a_length_that_grows_too_large_says_so(tmp_path, server):
    """EFBIG in the middle: what is here is kept for another place."""
    limit = (1_000_000, 1_000_000)
    done = subprocess.run(
        get(server.file(SIZE, "grows.bin", close=True), tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert done.returncode == 9 and "too large" in done.stderr + done.stdout
    assert not (tmp_path / "grows.bin").exists()


@pytest.fixture
def old_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a roomy disk whose files end at 16 GiB, as those of FAT do at 4; only root can mount one."""
    point, image = tmp_path / "old", tmp_path / "image"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(40 << 30)  # no more than the file system's own blocks are ever written
    make = ["mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-N", "128", str(image)]
    for command in (make, ["mount", "-o", "loop", str(image), str(point)]):
        try:
            done = subprocess.run(command, check=False, capture_output=True)
        except FileNotFoundError:
            pytest.skip(f"{command[0]} is not installed")
        if done.returncode:
            pytest.skip("mounting an image needs root and loop devices")
    yield point
    subprocess.run(["umount", "-l", str(point)], check=False, capture_output=True)


async def test_f43_a_file_system_with_a_limit_is_told_before_a_byte_is_written(bench, old_disk):
    """There is room, but no file may be so large: another place is wanted, and goes on there after a change."""
    id = await bench.add(bench.server.file(20 << 30, "huge.bin", rate=1_000_000), folder=str(old_disk))
    view = await bench.failed(id)
    assert view.error.code == Code.FILE_TOO_LARGE and "larger files" in view.error.next_step
    assert not list(old_disk.glob("huge*")) and view.attempts <= 1
    await bench.engine.change(id, Change(folder=str(bench.folder)))
    await bench.engine.retry([id])
    await bench.until(id, lambda view: view.state in (State.WAITING, State.TRANSFERRING))


def get(url: str, folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "tui_downloads", "get", "-d", str(folder), *more, url]


async def test_f44_too_many_open_files_are_waited_out(bench, monkeypatch):
    """EMFILE passes: tried again, nothing lost."""
    real, left = part.PartFile.create, [2]

    def create(folder, name, origin):
        if left[0]:
            left[0] -= 1
            raise translate(OSError(errno.EMFILE, "too many"), folder)
        return real(folder, name, origin)

    monkeypatch.setattr(part.PartFile, "create", create)
    view = await bench.complete(await bench.add(bench.server.file(SIZE, "many.bin")))
    assert left == [0] and bench.digest(view.name) == digest("many.bin", SIZE)


async def test_f45_after_a_failed_flush_nothing_since_the_last_one_is_trusted(bench, monkeypatch):
    """The part is opened anew at what was safe, and the rest is fetched again."""
    real, calls = flush.data, [0]

    def data(fd):
        calls[0] += 1
        if calls[0] == 3:
            raise OSError(errno.EIO, "the disk says no")
        real(fd)

    monkeypatch.setattr(flush, "data", data)
    id = await bench.add(bench.server.file(SIZE, "sync.bin", rate=RATE), options=Options(connections=1))
    view = await bench.complete(id)
    assert calls[0] >= 3 and view.discarded > 0
    assert bench.digest(view.name) == digest("sync.bin", SIZE)


async def test_f45_a_disk_that_keeps_failing_is_the_users_turn(bench, monkeypatch):
    """No progress since the last failed flush: failed, and the part stays."""
    real, good = flush.data, [3]

    def data(fd):
        good[0] -= 1
        if good[0] < 0:
            raise OSError(errno.EIO, "the disk says no")
        real(fd)

    monkeypatch.setattr(flush, "data", data)
    view = await bench.failed(await bench.add(bench.server.file(SIZE, "bad.bin", rate=RATE)))
    assert (view.error.code, view.error.resumable) == (Code.DISK_ERROR, True)
    assert "bad.bin.part" in bench.names() and "bad.bin" not in bench.names()


async def paused(bench: Bench, name: str) -> str:
    id = await bench.add(bench.server.file(SIZE, name, rate=RATE))
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.pause([id])
    return id


async def test_f46_a_deleted_part_starts_again(bench):
    """What is gone is fetched again, and the log says why."""
    id = await paused(bench, "gone.bin")
    (bench.folder / "gone.bin.part").unlink()
    await bench.engine.resume([id])
    await bench.complete(id)
    assert bench.digest("gone.bin") == digest("gone.bin", SIZE)
    assert any("gone or not ours" in sentence for _, sentence in (await bench.detail(id)).log)


async def test_f46_a_shortened_part_fetches_what_it_lost(bench):
    """Only bytes that are still there are believed."""
    id = await paused(bench, "short.bin")
    os.truncate(bench.folder / "short.bin.part", 200_000)
    await bench.engine.resume([id])
    await bench.complete(id)
    assert bench.digest("short.bin") == digest("short.bin", SIZE)


async def test_f46_a_foreign_part_is_never_touched(bench):
    """Somebody else's file under the part's name stays as it is."""
    id = await paused(bench, "foreign.bin")
    (bench.folder / "foreign.bin.part").unlink()
    (bench.folder / "foreign.bin.part").write_bytes(b"mine" * 1000)
    await bench.engine.resume([id])
    view = await bench.complete(id)
    assert (bench.folder / "foreign.bin.part").read_bytes() == b"mine" * 1000
    assert sha(bench.folder / view.name) == digest("foreign.bin", SIZE)


async def test_f46_a_part_deleted_while_it_is_written_is_told_of(bench):
    """The user's turn, soon and not at the end; a retry fetches the file."""
    id = await bench.add(bench.server.file(SIZE, "while.bin", rate=500_000), options=Options(connections=1))
    await bench.until(id, lambda view: view.done > 500_000)
    (bench.folder / "while.bin.part").unlink()
    view = await bench.failed(id)
    assert view.error.code == Code.PART_LOST and view.done < SIZE
    await bench.engine.change(id, Change(url=bench.server.file(SIZE, "while.bin")))
    await bench.engine.retry([id])
    await bench.complete(id)
    assert bench.digest("while.bin") == digest("while.bin", SIZE)


async def test_f47_a_target_that_appears_meanwhile_stays(bench):
    """Published beside it, as ` (1)`."""
    id = await bench.add(bench.server.file(SIZE, "meanwhile.bin", rate=3_000_000))
    await bench.until(id, lambda view: view.done > 500_000)
    (bench.folder / "meanwhile.bin").write_bytes(b"mine")
    view = await bench.complete(id)
    assert view.name == "meanwhile (1).bin" and (bench.folder / "meanwhile.bin").read_bytes() == b"mine"
    assert bench.digest(view.name) == digest("meanwhile.bin", SIZE)


async def test_f48_names_that_differ_in_case_are_two_files_everywhere(bench):
    """The same rule on every system, so that a folder can be carried to any other."""
    one = await bench.complete(await bench.add(bench.server.file(3_000, "Read.ME")))
    two = await bench.complete(await bench.add(bench.server.file(3_000, "read.me")))
    assert (one.name, two.name.lower()) == ("Read.ME", "read (1).me")


async def test_f48_a_reserved_name_is_changed(bench):
    """CON is no name for a file anywhere."""
    view = await bench.complete(await bench.add(bench.server.file(3_000, "CON.txt")))
    assert view.name.upper().partition(".")[0] != "CON"


async def test_f49_a_part_moves_to_another_disk_whole(bench, disk):
    """Changing the folder carries the bytes over, and they are not fetched again."""
    id = await paused(bench, "move.bin")
    kept = (await bench.get(id)).done
    before = sum(request.sent for request in bench.server.requests)
    await bench.engine.change(id, Change(folder=str(disk)))
    assert not bench.names() and (disk / "move.bin.part").exists()
    await bench.engine.resume([id])
    await bench.complete(id)
    assert sha(disk / "move.bin") == digest("move.bin", SIZE)
    assert sum(request.sent for request in bench.server.requests) - before <= SIZE - kept + 1_000_000


async def test_an_unmounted_target_is_never_written_into_its_mount_point(bench, disk):
    """The disk of a download is gone after a restart: refused, and the bare mount point stays empty."""
    id = await bench.add(bench.server.file(SIZE, "usb.bin", rate=RATE), folder=str(disk / "films"))
    await bench.until(id, lambda view: view.done > 500_000)
    await bench.engine.close()
    subprocess.run(["umount", str(disk)], check=True)
    await bench.start()
    view = await bench.failed(id)
    assert view.error.code == Code.FOLDER_UNUSABLE and "not mounted" in view.error.message
    assert os.listdir(disk) == []
    mount(disk)
    await bench.engine.retry([id])
    await bench.complete(id)
    assert sha(disk / "films" / "usb.bin") == digest("usb.bin", SIZE)


async def test_f53_two_processes_do_not_share_a_state_folder(tmp_path):
    """One lock; the second is told who has it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; from tui_downloads.engine.lock import EngineLock\n"
        "lock = EngineLock(sys.argv[1]); lock.acquire('serve'); print('held', flush=True); sys.stdin.read()",
        str(tmp_path / "lock"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    await child.stdout.readline()
    with pytest.raises(RequestError) as caught:
        EngineLock(tmp_path / "lock").acquire("screen")
    assert caught.value.code is Code.IN_USE and caught.value.exit == 10
    child.stdin.close()
    await child.wait()


async def test_f54_the_list_belongs_to_one_process(bench):
    """Nobody else can lock what an engine has open; a list that somebody holds at the start is waited for."""
    await bench.complete(await bench.add(bench.server.file(10, "x.bin")))
    other = sqlite3.connect(bench.folder.parent / "list.db", isolation_level=None, timeout=0.1)
    with pytest.raises(sqlite3.OperationalError):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    await bench.engine.close()
    other = sqlite3.connect(bench.folder.parent / "list.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    opening = asyncio.create_task(bench.start())
    done, _ = await asyncio.wait([opening], timeout=0.3)
    assert not done
    other.execute("ROLLBACK")
    other.close()
    await opening
    assert bench.engine.snapshot().info.name == "embedded"


async def test_f54_a_list_that_cannot_be_written_stops_no_bytes(bench, monkeypatch):
    """The disk of the list is full for a while: the file arrives, and the list says so when it can."""
    store = bench.engine._desk.services.store
    real, full = type(store).save, [3]

    async def save(self, downloads):
        if full[0]:
            full[0] -= 1
            raise translate(OSError(errno.ENOSPC, "full"), "/state")
        await real(self, downloads)

    monkeypatch.setattr(type(store), "save", save)
    id = await bench.add(bench.server.file(SIZE, "unsaved.bin", rate=3_000_000))
    await bench.complete(id)
    await bench.engine.close()
    await bench.start()
    assert (await bench.get(id)).state is State.COMPLETE


@pytest.mark.parametrize("size", [20_000, SIZE])
async def test_f54_whole_files_wait_for_a_list_that_cannot_be_written(bench, monkeypatch, size):
    """Nothing gets its name before the list knows of it, and nothing fails meanwhile."""
    store = bench.engine._desk.services.store
    real, tries = type(store).intend, []

    async def intend(self, intents):
        tries.append(len(intents))
        if len(tries) < 3:
            assert "wanted.bin" not in bench.names()
            raise RequestError(Code.STATE_UNUSABLE, "The disk of the list is full.")
        await real(self, intents)

    monkeypatch.setattr(type(store), "intend", intend)
    monkeypatch.setattr(committer, "AGAIN", 0.01)
    await bench.complete(await bench.add(bench.server.file(size, "wanted.bin")))
    assert tries == [1, 1, 1] and bench.names() == ["wanted.bin"]


@pytest.mark.parametrize("size", [20_000, SIZE])
async def test_f54_an_engine_stops_although_its_list_cannot_be_written(bench, monkeypatch, size):
    """What was whole and had no name yet gets it by the next start."""
    store, asked = bench.engine._desk.services.store, asyncio.Event()
    loop = asyncio.get_running_loop()

    async def intend(self, intents):
        loop.call_soon_threadsafe(asked.set)
        raise RequestError(Code.STATE_UNUSABLE, "The disk of the list is full.")

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "intend", intend)
        patch.setattr(committer, "AGAIN", 0.01)
        id = await bench.add(bench.server.file(size, "wanted.bin"))
        await asyncio.wait_for(asked.wait(), 30)
        await bench.engine.close()
    await bench.start()
    assert (await bench.complete(id)).discarded == 0
    assert bench.names() == ["wanted.bin"] and bench.digest("wanted.bin") == digest("wanted.bin", size)


async def test_f54_a_broken_list_is_set_aside_and_rebuilt_from_the_journals(bench):
    """The database is garbage: kept under another name, the part is in the list again, paused, and goes on."""
    id = await bench.add(bench.server.file(SIZE, "lost.bin", rate=RATE))
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.close()
    home = bench.folder.parent
    for path in home.glob("list.db*"):
        path.write_bytes(b"this is no database" * 500)
    await bench.start()
    view = await bench.get(id)
    assert view.state is State.PAUSED and 0 < view.done < SIZE
    assert len(list(home.glob("list.db*"))) > 1
    await bench.engine.resume([id])
    await bench.complete(id)
    assert bench.digest("lost.bin") == digest("lost.bin", SIZE)


async def test_a_part_that_is_in_no_list_is_told_of_and_taken_up_by_its_link(bench):
    """A journal without a row is offered and never deleted: its link goes on where it is."""
    bench.server.ration = 1_500_000
    url = bench.server.file(SIZE, "stray.bin")
    id = await bench.add(url, options=Options(connections=1))
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.close()
    for path in bench.folder.parent.glob("list.db*"):
        path.unlink()
    await bench.start()
    told = [event.data["message"] for event in bench.engine.news(0) if event.type == "log"]
    assert [message for message in told if "stray.bin.part" in message and url in message]
    assert bench.names() == ["stray.bin.part", "stray.bin.part.journal"]
    bench.server.ration, before = None, len(bench.server.requests)
    view = await bench.complete(await bench.add(url, options=Options(connections=1)))
    assert (view.name, view.discarded) == ("stray.bin", 0)
    assert bench.digest("stray.bin") == digest("stray.bin", SIZE) and bench.names() == ["stray.bin"]
    _, *later = [request.range for request in bench.server.requests[before:]]
    assert later and all(int(asked.removeprefix("bytes=").partition("-")[0]) > 1_000_000 for asked in later)


async def test_f55_a_newer_list_is_refused_untouched(bench):
    """A later program's database is not opened, and not a byte of it changes."""
    await bench.complete(await bench.add(bench.server.file(10, "x.bin")))
    await bench.engine.close()
    path = bench.folder.parent / "list.db"
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO migrations (name) VALUES ('0099 from the future')")
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(RequestError) as caught:
        await bench.start()
    assert caught.value.code is Code.STATE_UNUSABLE and path.read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_f56_a_signal_makes_safe_and_leaves(tmp_path, server, number):
    """Bounded, with the documented status and a part that the same command finishes."""
    folder = tmp_path / "downloads"
    url = server.file(SIZE, "signal.bin", rate=RATE)
    child = subprocess.Popen(get(url, folder, "-q"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: sum(request.sent for request in server.requests) > 2_000_000)
    child.send_signal(number)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 7, said
    assert sorted(path.name for path in folder.iterdir()) == ["signal.bin.part", "signal.bin.part.journal"]
    done = subprocess.run(get(url, folder, "-q"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sha(folder / "signal.bin") == digest("signal.bin", SIZE)
    assert sum(request.sent for request in server.requests) < 2 * SIZE


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
