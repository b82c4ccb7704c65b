"""Bundles and exports: what is in the zip, what is refused, what is told, and what is cleaned."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
import stat
import subprocess
import time
import zipfile

import pytest
from msgspec.structs import replace

from tests.files.conftest import small_disk  # noqa: F401
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest
from tui_downloads.demo.content import block, digest
from tui_downloads.engine.cleaner import Cleaner
from tui_downloads.engine.zipping import Member, zip_stream
from tui_downloads.files.base import Origin
from tui_downloads.files.part import PartFile


def page(body: str, content_type: str = "application/vnd.tui-downloads.manifest+json") -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return (head + body).encode()


async def file(bench, name: str, size: int = 1000, **fields) -> str:
    id = await bench.add(bench.server.file(size, name), **fields)
    await bench.complete(id)
    return id


async def package(bench, title: str, paths: list[str]) -> str:
    files = [{"path": path, "url": bench.server.file(500, path.rpartition("/")[2])} for path in paths]
    bench.server.script["/p.json"] = page(json.dumps({"title": title, "files": files}))
    id = await bench.add(bench.server.url("/p.json"))
    await bench.complete(id)
    return id


async def bundle(bench, ids: list[str], **source) -> str:
    fields = {key: source.pop(key) for key in ("name", "owner", "folder") if key in source}
    (outcome,) = await bench.engine.add([AddRequest("", kind=Kind.BUNDLE, source={"ids": ids, **source}, **fields)])
    assert outcome.ok, outcome.error
    return outcome.id


def opened(bench, name: str) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(bench.folder / name)
    assert archive.testzip() is None
    return archive


@pytest.mark.parametrize("compress", [False, True])
async def test_a_bundle_holds_files_and_folders_in_the_order_asked(bench, compress):
    """Requested things are at the root, folders have entries of their own and come depth first."""
    one = await file(bench, "one.bin")
    pack = await package(bench, "Päck", ["b/c.bin", "a.bin", "b/d/e.bin"])
    view = await bench.complete(await bundle(bench, [one, pack], compress=compress))
    assert (view.name, view.kind, view.content_type) == ("archive.zip", Kind.BUNDLE, "application/zip")
    assert (view.files_total, view.files_done) == (4, 4)
    with opened(bench, "archive.zip") as archive:
        names = archive.namelist()
        assert names == ["one.bin", "Päck/", "Päck/a.bin", "Päck/b/", "Päck/b/c.bin", "Päck/b/d/", "Päck/b/d/e.bin"]
        method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        assert {entry.compress_type for entry in archive.infolist() if not entry.is_dir()} == {method}
        assert archive.getinfo("Päck/a.bin").flag_bits & 0x800
    assert view.size == (bench.folder / "archive.zip").stat().st_size


@pytest.mark.servers
async def test_unzip_accepts_it(bench, server_program):
    """The usual program tests it without a complaint."""
    await bench.complete(await bundle(bench, [await file(bench, "one.bin", 100_000)]))
    done = subprocess.run([server_program("unzip"), "-t", bench.folder / "one.bin.zip"], capture_output=True)
    assert done.returncode == 0, done


async def test_one_thing_gives_the_zip_its_name_and_duplicates_are_numbered(bench):
    """Two downloads of one name are both in the zip."""
    ids = [await file(bench, "x.bin"), await file(bench, "x.bin", folder="other")]
    await bench.complete(await bundle(bench, ids))
    await bench.complete(await bundle(bench, ids[:1]))
    assert opened(bench, "archive.zip").namelist() == ["x.bin", "x (1).bin"]
    assert "x.bin.zip" in bench.names()


async def test_a_zip_never_replaces_another(bench):
    """A second bundle of the same name is numbered."""
    one = await file(bench, "x.bin")
    names = [(await bench.complete(await bundle(bench, [one], name="z.zip"))).name for _ in range(2)]
    assert names == ["z.zip", "z (1).zip"]


async def test_a_part_that_a_crash_left_of_a_zip_makes_room(bench):
    """It is never gone on with; one that somebody is writing is left alone."""
    one = await file(bench, "x.bin")
    left = PartFile.create(str(bench.folder), "z.zip", Origin("gone", "1", "", "z.zip"))
    left.write(0, [b"torn"])
    left.close()
    assert (await bench.complete(await bundle(bench, [one], name="z.zip"))).name == "z.zip"
    held = PartFile.create(str(bench.folder), "y.zip", Origin("other", "1", "", "y.zip"))
    assert (await bench.complete(await bundle(bench, [one], name="y.zip"))).name == "y.zip"
    assert "y.zip.part" in bench.names()
    held.discard()
    assert not [name for name in bench.names() if ".part" in name]


async def test_a_start_clears_what_a_crash_left_of_zips(bench):
    """Where the list is lost, a torn zip does not become a download of its own."""
    await bench.engine.close()
    for path in bench.folder.parent.glob("list.db*"):
        path.write_bytes(b"this is no database" * 500)
    bench.folder.mkdir(exist_ok=True)
    PartFile.create(str(bench.folder), "z.zip", Origin("gone", "1", "", "z.zip")).close()
    await bench.start()
    assert bench.names() == [] and not bench.engine.snapshot().downloads


async def test_a_disk_without_room_is_waited_for(bench, small_disk):  # noqa: F811
    """Nothing is written before there is room for all of it; then the zip is made by itself."""
    one = await file(bench, "x.bin", 5_000_000)
    id = await bundle(bench, [one], name="z.zip", folder=small_disk)
    view = await bench.until(id, lambda view: view.waiting is not None)
    assert view.waiting.reason == "no space left on the disk" and not os.listdir(small_disk)
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=20m", small_disk], check=True)
    await bench.complete(id)
    with zipfile.ZipFile(f"{small_disk}/z.zip") as archive:
        assert archive.testzip() is None and archive.getinfo("x.bin").file_size == 5_000_000


async def test_too_much_is_refused_and_says_how_much(bench):
    """The limit is named, the size is told, and nothing is left behind."""
    view = await bench.failed(await bundle(bench, [await file(bench, "x.bin", 5000)], max_bytes=4999))
    assert view.error.code == "QUOTA_EXCEEDED" and view.size == 5000 and bench.names() == ["x.bin"]


@pytest.mark.parametrize("ids", [[], ["no-such"], ["same", "same"]])
async def test_ids_that_make_no_sense_are_refused(bench, ids):
    """None, unknown ones and doubles."""
    assert (await bench.failed(await bundle(bench, ids))).error.code in ("INVALID_OPTION", "NOT_FOUND")


async def test_what_belongs_to_another_is_unknown(bench):
    """A bundle is made of its owner's downloads only, and does not even tell that there are others."""
    theirs = await file(bench, "secret.bin", owner="ann")
    view = await bench.failed(await bundle(bench, [theirs], owner="bob"))
    assert view.error.code == "NOT_FOUND" and "secret" not in view.error.message


async def test_an_unfinished_download_is_refused(bench):
    """Only what is complete goes in."""
    id = await bench.add(bench.server.file(1000, "x.bin"), paused=True)
    assert (await bench.failed(await bundle(bench, [id]))).error.code == "INVALID_STATE"


async def test_a_file_that_is_gone_or_a_link_is_named(bench):
    """Whatever stands in the file's place, nothing but the file goes in."""
    id = await file(bench, "x.bin")
    (bench.folder / "x.bin").unlink()
    assert (await bench.failed(await bundle(bench, [id]))).error.code == "NOT_FOUND"
    (bench.folder / "x.bin").symlink_to("/etc/passwd")
    assert (await bench.failed(await bundle(bench, [id]))).error.code == "NOT_FOUND"


async def test_cancel_leaves_nothing(bench):
    """A zip that is not finished goes with its download's cancel."""
    id = await file(bench, "x.bin")
    with (bench.folder / "x.bin").open("r+b") as sparse:
        sparse.truncate(3 << 30)
    job = await bundle(bench, [id], compress=True)
    await bench.until(job, lambda view: view.done > 0)
    await bench.engine.cancel([job])
    assert (await bench.get(job)).state is State.CANCELLED and bench.names() == ["x.bin"]


async def test_an_old_bundle_is_cleaned_with_its_zip_and_a_kept_one_stays(bench):
    """Age counts from creation; sources are never touched."""
    one = await file(bench, "x.bin")
    old = await bundle(bench, [one], name="old.zip", keep=60)
    kept = await bundle(bench, [one], name="kept.zip", keep=0)
    for id in (old, kept):
        await bench.complete(id)
    desk = bench.engine._desk
    cleaned = await bench.engine._call(Cleaner(desk, 0.0).clean(time.time() + 61))
    assert cleaned == [old] and bench.names() == ["kept.zip", "x.bin"]


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_an_export_lists_the_owners_history_without_secrets(bench, form):
    """Rows of the owner only, links without their secrets, formulas disarmed."""
    await file(bench, "=cmd.bin")
    await bench.complete(await bench.add(bench.server.file(10, "t.bin") + "?token=canary"))
    await file(bench, "theirs.bin", owner="ann")
    (outcome,) = await bench.engine.add([AddRequest("", kind=Kind.EXPORT, source={"format": form}, name=f"h.{form}")])
    await bench.complete(outcome.id)
    text = (bench.folder / f"h.{form}").read_text()
    rows = json.loads(text) if form == "json" else list(csv.DictReader(io.StringIO(text)))
    assert {row["name"].lstrip("'") for row in rows} == {"=cmd.bin", "t.bin"} and "canary" not in text
    assert form == "json" or not any(row["name"].startswith("=") for row in rows)
    assert {row["state"] for row in rows} == {"complete"}


def member(path, name: str) -> Member:
    return Member(name, str(path), path.stat().st_size, path.stat().st_mtime)


def test_a_stream_is_the_same_zip_without_going_back(tmp_path):
    """What the API serves while it is made opens as well."""
    (tmp_path / "a").write_bytes(b"a" * 300_000)
    told = []
    members = [Member("d/"), member(tmp_path / "a", "d/ä")]
    body = b"".join(zip_stream(members, compress=True, counted=lambda files, done: told.append((files, done))))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None and archive.read("d/ä") == b"a" * 300_000
        assert stat.S_ISDIR(archive.getinfo("d/").external_attr >> 16)
    assert told[-1] == (1, 300_000)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path, change):
    """A zip never claims another size than it holds."""
    (tmp_path / "a").write_bytes(b"a" * 100)
    wrong = replace(member(tmp_path / "a", "a"), size=100 + change)
    with pytest.raises(Exception, match="changed"):
        list(zip_stream([wrong]))


def test_names_and_times_that_zip_can_not_hold_are_bent(tmp_path):
    """Lone surrogates and moments before 1980 do not stop a zip."""
    (tmp_path / "a").write_bytes(b"")
    odd = replace(member(tmp_path / "a", "a\udcff"), mtime=-1e9)
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_stream([odd])))) as archive:
        assert archive.infolist()[0].date_time[0] == 1980


def test_the_bytes_of_the_source_are_the_bytes_in_the_zip(tmp_path):
    """A known pattern comes out as it went in."""
    (tmp_path / "a").write_bytes(bytes(block("n", 0, 700_001)))
    with zipfile.ZipFile(io.BytesIO(b"".join(zip_stream([member(tmp_path / "a", "a")])))) as archive:
        assert hashlib.sha256(archive.read("a")).hexdigest() == digest("n", 700_001)
