"""Packages through the embedded engine: structure, states, choosing, pausing, and hostile lists."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest
from msgspec.structs import replace

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind, Limits
from tui_downloads.core.spec import AddRequest, OnConflict, Options
from tui_downloads.demo.content import digest

TYPE = "application/vnd.tui-downloads.manifest+json"


def page(body: bytes | str, content_type: str = "application/json", extra: str = "") -> bytes:
    body = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def publish(bench, path: str, files: list[dict], content_type: str = TYPE, **more) -> str:
    """Serve a manifest and give its link."""
    bench.server.script[path] = page(json.dumps({"files": files, **more}), content_type)
    return bench.server.url(path)


def entry(bench, path: str, size: int = 1000, **options) -> dict:
    name = path.rpartition("/")[2]
    return {"path": path, "url": bench.server.file(size, name, **options), "size": size,
            "digests": {"sha256": digest(name, size)}}  # fmt: skip


def tree(bench) -> list[str]:
    return sorted(
        os.path.relpath(os.path.join(root, name), bench.folder)
        for root, _, names in os.walk(bench.folder) for name in names
    )  # fmt: skip


async def test_a_manifest_rebuilds_its_folders(bench):
    """Every file is in its place in a folder named after the package, proven by its digest."""
    files = [entry(bench, "one.bin"), entry(bench, "deep/er/two.bin", 3_000_000), entry(bench, "deep/three.bin", 0)]
    view = await bench.complete(await bench.add(publish(bench, "/p.json", files, title="My: Pack*age")))
    assert (view.kind, view.name, view.title) == (Kind.PACKAGE, "My Package", "My: Pack*age")
    assert tree(bench) == ["My Package/deep/er/two.bin", "My Package/deep/three.bin", "My Package/one.bin"]
    assert bench.digest("My Package/deep/er/two.bin") == digest("two.bin", 3_000_000)
    assert (view.files_total, view.files_done, view.size, view.done) == (3, 3, 3_001_000, 3_001_000)
    detail = await bench.detail(view.id)
    assert {file.state for file in detail.files} == {"complete"} and detail.files[1].original == "deep/er/two.bin"


async def test_a_taken_folder_is_numbered(bench):
    """A second package of the same name disturbs nothing."""
    link = publish(bench, "/p.json", [entry(bench, "a.bin")], title="P")
    await bench.complete(await bench.add(link))
    second = await bench.complete(await bench.add(link))
    assert second.name == "P (1)" and tree(bench) == ["P (1)/a.bin", "P/a.bin"]


async def test_skip_keeps_what_is_there(bench):
    """With `skip` the same folder is completed, and files that are there are left."""
    link = publish(bench, "/p.json", [entry(bench, "a.bin"), entry(bench, "b.bin")], title="P")
    await bench.complete(await bench.add(link))
    (bench.folder / "P" / "a.bin").write_bytes(b"mine")
    (bench.folder / "P" / "b.bin").unlink()
    await bench.complete(await bench.add(link, options=Options(on_conflict=OnConflict.SKIP)))
    assert tree(bench) == ["P/a.bin", "P/b.bin"] and (bench.folder / "P" / "a.bin").read_bytes() == b"mine"


async def test_hostile_paths_stay_in_the_folder(bench):
    """Traversal, absolute paths, drives, devices and twins by case become safe names of their own."""
    hostile = ["../../evil", "/etc/passwd", "C:\\Windows\\x", "a/../../../up", "CON", "A.txt", "a.TXT", "x", "x/y",
               "\u202egnp.exe", "." * 300, "n" * 5000, "/".join("d" * 90), "a\x00b"]  # fmt: skip
    files = [{**entry(bench, "f.bin", 10), "path": path} for path in hostile]
    view = await bench.complete(await bench.add(publish(bench, "/p.json", files, title="../../T")))
    paths = tree(bench)
    assert len(paths) == len(hostile) and all(path.startswith(f"{view.name}/") for path in paths)
    assert view.name == "T" and len({path.lower() for path in paths}) == len(paths)
    outside = [path for path in bench.folder.parent.iterdir() if path.name not in ("downloads", "home")]
    assert not [path for path in outside if not path.name.startswith("list.db")]


async def test_only_chosen_files_are_fetched(bench):
    """A glob or a number chooses; the rest stays queued and unfetched."""
    files = [entry(bench, "a.mp4"), entry(bench, "b.txt"), entry(bench, "d/c.mp4")]
    link = publish(bench, "/p.json", files, title="P")
    view = await bench.complete(await bench.add(link, source={"select": ["*.mp4"]}))
    assert tree(bench) == ["P/a.mp4", "P/d/c.mp4"]
    assert [file.selected for file in (await bench.detail(view.id)).files] == [True, False, True]


async def test_one_bad_file_does_not_stop_the_others(bench):
    """The package fails with the file's error, the others are complete, and a retry fetches only what is missing."""
    files = [
        entry(bench, "a.bin"),
        {"path": "gone.bin", "url": bench.server.file(5, "g", status=403)},
        entry(bench, "b.bin"),
    ]
    id = await bench.add(publish(bench, "/p.json", files, title="P"))
    view = await bench.failed(id)
    assert view.error.code == "AUTH_REQUIRED"
    states = {file.name: file.state for file in (await bench.detail(id)).files}
    assert states == {"a.bin": "complete", "gone.bin": "failed", "b.bin": "complete"}
    asked = len(bench.server.requests)
    await bench.engine.retry([id])
    await bench.failed(id)
    again = [request.target for request in bench.server.requests[asked:]]
    assert again and all("/g?" in target for target in again)


async def test_a_file_with_a_wrong_digest_fails_alone(bench):
    """A manifest's digest is held against the file."""
    wrong = {**entry(bench, "a.bin"), "digests": {"sha256": "0" * 64}}
    id = await bench.add(publish(bench, "/p.json", [wrong, entry(bench, "b.bin")], title="P"))
    assert (await bench.failed(id)).error.code == "CHECKSUM_MISMATCH"
    assert [file.state for file in (await bench.detail(id)).files] == ["failed", "complete"]


async def test_pause_keeps_what_is_done_and_resume_goes_on(bench):
    """Files that were whole are not fetched again, and parts go on."""
    files = [entry(bench, "small.bin"), entry(bench, "large.bin", 6_000_000, rate=3_000_000)]
    id = await bench.add(publish(bench, "/p.json", files, title="P"))
    await bench.until(id, lambda view: view.done > 1_500_000)
    await bench.engine.pause([id])
    assert (await bench.get(id)).state is State.PAUSED
    asked = len(bench.server.requests)
    await bench.engine.resume([id])
    await bench.complete(id)
    assert bench.digest("P/large.bin") == digest("large.bin", 6_000_000)
    targets = [request.target for request in bench.server.requests[asked:]]
    assert targets and not [target for target in targets if "small.bin" in target or "p.json" in target]


async def test_packages_do_not_wait_for_each_others_idle_seats(bench):
    """Where a host takes few connections, each package goes on with the one it has."""
    await bench.engine.set_limits(replace(Limits(), per_host=2))
    requests = []
    for title in ("P", "Q"):
        files = [entry(bench, f"{title}-{number}.bin") for number in range(2)]
        requests.append(AddRequest(publish(bench, f"/{title}.json", files, title=title)))
    for outcome in await bench.engine.add(requests):
        await bench.complete(outcome.id)


async def test_a_restart_goes_on_with_the_package(bench):
    """Stopped in the middle, the next engine fetches the rest into the same folder."""
    files = [entry(bench, f"f{n}.bin", 400_000, rate=400_000) for n in range(24)]
    id = await bench.add(publish(bench, "/p.json", files, title="P"))
    await bench.until(id, lambda view: view.files_done > 3)
    await bench.engine.close()
    await bench.start()
    await bench.complete(id)
    assert tree(bench) == sorted(f"P/f{n}.bin" for n in range(24))
    assert all(bench.digest(f"P/f{n}.bin") == digest(f"f{n}.bin", 400_000) for n in range(24))


async def test_a_folder_that_was_a_listing_comes_whole(bench):
    """A directory listing asked for as a package is walked and fetched."""
    bench.server.script["/pub/"] = page('<a href="../">up</a><a href="sub/">s</a>', "text/html")
    bench.server.script["/pub/sub/"] = page('<a href="x.txt">x</a>', "text/html")
    bench.server.script["/pub/sub/x.txt"] = page("hello", "text/plain")
    view = await bench.complete(await bench.add(bench.server.url("/pub/"), kind=Kind.PACKAGE))
    assert view.name == "pub" and (bench.folder / "pub/sub/x.txt").read_text() == "hello"


@pytest.mark.parametrize("body", ["{", "[]", '{"files":[]}', '{"files":[{"path":"a","url":"file:///etc/passwd"}]}'])
async def test_a_list_that_makes_no_sense_is_one_clear_error(bench, body):
    """Nothing is made, and the error says that the list is at fault."""
    bench.server.script["/p.json"] = page(body, TYPE)
    view = await bench.failed(await bench.add(bench.server.url("/p.json"), kind=Kind.PACKAGE))
    assert view.error.code == "SOURCE_INVALID" and tree(bench) == []


async def test_a_blocked_domain_is_left_out(bench):
    """A list can't lead where the caller's policy does not allow to go."""
    from tui_downloads.core.spec import Policy

    files = [entry(bench, "a.bin"), {"path": "b.bin", "url": "http://blocked.test/b"}]
    link = publish(bench, "/p.json", files, title="P")
    await bench.complete(await bench.add(link, policy=Policy(blocked=("blocked.test",))))
    assert tree(bench) == ["P/a.bin"]


async def test_many_small_files_arrive_whole(bench):
    """A few hundred files in deep folders, none missing and none twice."""
    files = [entry(bench, f"{n % 7}/{n % 5}/deep/f{n}.bin", 50 + n) for n in range(300)]
    view = await bench.complete(await bench.add(publish(bench, "/p.json", files, title="P")))
    assert len(tree(bench)) == 300 and view.files_done == 300
    assert view.done == sum(50 + n for n in range(300))


CHILD = """
import asyncio, sys
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.embedded import EmbeddedEngine, Setup

async def main():
    engine = EmbeddedEngine(Setup(folder=sys.argv[1], database=sys.argv[2]))
    await engine.start()
    (outcome,) = await engine.add([AddRequest(sys.argv[3])])
    print(outcome.id, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_package_survives_kill_9(bench, tmp_path):
    """Killed in the middle, the next engine finishes it: every file whole, none twice, no part left."""
    files = [entry(bench, f"{n % 4}/f{n}.bin", 2_500_000, rate=1_500_000) for n in range(20)]
    link = publish(bench, "/p.json", files, title="P")
    await bench.engine.close()
    database = str(tmp_path / "killed.db")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(bench.folder), database, link], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    id = child.stdout.readline().strip()
    deadline = time.monotonic() + 60
    while not (bench.folder / "P").exists() or len([p for p in tree(bench) if p.endswith(".bin")]) < 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    child.kill()
    child.wait()
    child.stdout.close()
    bench._setup["database"] = database
    await bench.start()
    await bench.complete(id)
    assert tree(bench) == sorted(f"P/{n % 4}/f{n}.bin" for n in range(20))
    assert all(bench.digest(f"P/{n % 4}/f{n}.bin") == digest(f"f{n}.bin", 2_500_000) for n in range(20))
