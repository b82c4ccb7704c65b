"""Changes reach the queue, whoever waits, and what is here of the file."""

from __future__ import annotations

import hashlib

import pytest

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits, Proof
from tui_downloads.core.spec import Change, Options
from tui_downloads.demo.content import digest
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import serve_in_thread

SIZE = 3_000_000


async def test_a_queued_download_with_another_link_waits_for_its_new_host(bench):
    """A busy host does not hold up what it does not serve any more."""
    await bench.engine.set_limits(Limits(per_host=1))
    busy = await bench.add(bench.server.file(SIZE, "busy.bin", rate=300_000))
    await bench.until(busy, lambda view: view.done > 0)
    id = await bench.add(bench.server.file(10, "there.bin"))
    with serve_in_thread() as other:
        view = await bench.engine.change(id, Change(url=other.file(10, "here.bin")))
        assert view.host == f"127.0.0.1:{other.port}"
        await bench.complete(id)
    assert (await bench.get(busy)).state is State.TRANSFERRING


async def test_a_waiting_download_with_another_link_waits_no_longer(bench):
    """What its old server asked for does not bind the new one."""
    id = await bench.add(bench.server.file(SIZE, "old.bin", status=503, retry_after="600"))
    await bench.until(id, lambda view: view.state is State.WAITING)
    with serve_in_thread() as other:
        await bench.engine.change(id, Change(url=other.file(SIZE, "old.bin")))
        await bench.complete(id)


async def test_a_download_that_was_parked_is_moved_after_its_bytes_are_safe(bench, tmp_path):
    """A move waits for whoever still writes the part."""
    options = Options(connections=1)
    ids = [await bench.add(bench.server.file(SIZE, f"{n}.bin", rate=1_000_000), options=options) for n in range(2)]
    for id in ids:
        await bench.until(id, lambda view: view.done > 300_000)
    await bench.engine.set_limits(Limits(downloads=1))
    await bench.engine.change(ids[1], Change(folder=str(tmp_path / "elsewhere")))
    await bench.engine.set_limits(Limits())
    view = await bench.complete(ids[1])
    assert view.folder == str(tmp_path / "elsewhere") and view.discarded == 0


SHOULD_HAVE = 400_000
PIECES = 1_400_000
STATES = ("queued", "paused", "failed", "running")


async def brought_to(bench, state: str, path: str) -> str:
    """Add a download and bring it to a state; all but a queued one have a part."""
    options = Options(connections=1, retries=0)
    server = bench.server
    if state == "queued":
        await bench.engine.set_limits(Limits(downloads=1))
        await bench.add(server.file(SIZE, "busy.bin", rate=1), options=options)
        return await bench.add(server.url(path), options=options)
    server.ration = SHOULD_HAVE
    id = await bench.add(server.url(path), options=options)
    await bench.until(id, lambda view: view.done > 0)
    if state == "paused":
        await bench.engine.pause([id])
    if state == "failed":
        await bench.engine.change(id, Change(url=server.file(PIECES, "expired.bin", status=403)))
        await bench.failed(id)
    return id


async def let_go(bench, state: str, id: str) -> None:
    bench.server.ration = None
    await bench.engine.set_limits(Limits())
    if state == "paused":
        await bench.engine.resume([id])
    if state == "failed":
        await bench.engine.retry([id])


@pytest.mark.parametrize("state", STATES)
async def test_everything_of_a_download_can_be_changed(bench, tmp_path, state):
    """Name, folder, link, headers, limit, priority, connections and checksum, in each state; no byte is lost by it."""
    path = file_path(PIECES, "old.bin")
    id = await brought_to(bench, state, path)
    elsewhere, before = tmp_path / "elsewhere", await bench.get(id)
    changes = (
        Change(limit=50_000_000),
        Change(priority=3),
        Change(connections=2),
        Change(headers=(("X-Ticket", "fresh"),)),
        Change(checksum=f"sha256:{digest('old.bin', PIECES)}"),
        Change(name="new.bin"),
        Change(folder=str(elsewhere)),
        Change(url=bench.server.url(path + "?token=2")),
    )
    for change in changes:
        await bench.engine.change(id, change)
    view = await bench.get(id)
    if state != "running":
        assert view.state is before.state
    parts = [one.name for one in elsewhere.glob("*.part")] if elsewhere.exists() else []
    assert parts == ([] if state == "queued" else ["new.bin.part"])
    await let_go(bench, state, id)
    view = await bench.complete(id)
    assert (view.path, view.priority, view.limit) == (str(elsewhere / "new.bin"), 3, 50_000_000)
    assert (view.proof, view.discarded) == (Proof.CHECKSUM, 0)
    assert hashlib.sha256((elsewhere / "new.bin").read_bytes()).hexdigest() == digest("old.bin", PIECES)
    last = bench.server.requests[-1]
    assert last.target.endswith("?token=2") and last.headers.get("x-ticket") == "fresh"
    assert (await bench.detail(id)).options["connections"] == 2
    assert bench.names() == ([] if state != "queued" else ["busy.bin.part", "busy.bin.part.journal"])


@pytest.mark.parametrize("state", ["paused", "failed", "running"])
async def test_a_link_to_another_file_begins_again(bench, state):
    """What the joining rules do not allow is not joined: the new link's file comes whole, and it is said what went."""
    id = await brought_to(bench, state, file_path(PIECES, "one.bin"))
    await bench.engine.change(id, Change(url=bench.server.file(PIECES, "other.bin")))
    await let_go(bench, state, id)
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("other.bin", PIECES)
    assert view.discarded > 0


@pytest.mark.parametrize(
    "change",
    [
        Change(name=" "),
        Change(url="gopher://h/x"),
        Change(checksum="sha256:12"),
        Change(limit=-1),
        Change(connections=0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("state", ["paused", "running"])
async def test_a_change_that_makes_no_sense_leaves_all_as_it_was(bench, state, change):
    """A refusal stops nobody and changes nothing."""
    id = await brought_to(bench, state, file_path(PIECES, "same.bin"))
    with pytest.raises(TuiDownloadsError):
        await bench.engine.change(id, change)
    await let_go(bench, state, id)
    view = await bench.complete(id)
    assert (bench.digest("same.bin"), view.discarded) == (digest("same.bin", PIECES), 0)
