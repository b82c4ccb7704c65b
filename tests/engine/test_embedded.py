"""The embedded engine against the practice server: files, faults, commands and restarts."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

from tui_downloads.core.errors import Code, DownloadError, RequestError, TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits, Proof, Query
from tui_downloads.core.spec import Change, Credentials, OnConflict, Options, Policy
from tui_downloads.demo.content import block, digest

BIG = 12_000_000
SLOW = "rate=2000000"


async def test_a_small_file_needs_no_part(bench):
    """A body of known size up to 1 MiB is published whole, with the right bytes."""
    id = await bench.add(bench.server.file(20_000, "small.bin"))
    view = await bench.complete(id)
    assert (view.name, view.size, view.done) == ("small.bin", 20_000, 20_000)
    assert bench.names() == ["small.bin"]
    assert bench.digest("small.bin") == digest("small.bin", 20_000)


async def test_an_empty_file_is_complete(bench):
    """Zero bytes are a file (F14)."""
    view = await bench.complete(await bench.add(bench.server.file(0, "empty.bin")))
    assert view.size == 0 and (bench.folder / "empty.bin").read_bytes() == b""


async def test_a_large_file_comes_through_several_connections(bench):
    """Without flags, a server that caps each connection is asked by several."""
    id = await bench.add(bench.server.file(BIG, "large.bin", rate=3_000_000))
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("large.bin", BIG)
    assert len({request.connection for request in bench.server.requests}) > 1
    assert bench.names() == ["large.bin"]


@pytest.mark.parametrize(
    "options",
    [
        {"norange": True},
        {"chunked": True},
        {"close": True},
        {"etag": "weak"},
        {"etag": "none", "nolm": True},
        {"shorter": 300_000, "first": 3},
        {"longer": 300_000},
        {"wrongrange": "missing", "mid": True},
        {"wrongrange": "shift", "mid": True},
        {"ifrange": "ignore"},
    ],
    ids=str,
)
async def test_odd_but_legal_servers_give_the_right_file(bench, options):
    """F1, F4, F5, F6, F12, F22: whatever the server does with ranges, the file is the file."""
    id = await bench.add(bench.server.file(3_000_000, "odd.bin", **options))
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("odd.bin", 3_000_000)


@pytest.mark.parametrize("options", [{"truncate": 700_000}, {"reset": 700_000}, {"status": 503}], ids=str)
async def test_passing_faults_are_retried(bench, options):
    """F18, F33, F36: what fails at first goes on from what is there."""
    id = await bench.add(bench.server.file(3_000_000, "retry.bin", first=2, **options))
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("retry.bin", 3_000_000)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, Code.REMOTE_FILE_NOT_FOUND),
        (401, Code.AUTH_REQUIRED),
        (403, Code.AUTH_REQUIRED),
        (410, Code.REMOTE_FILE_NOT_FOUND),
    ],
)
async def test_refusals_end_with_a_next_step(bench, status, code):
    """F27, F28: the user is told the one next step."""
    view = await bench.failed(await bench.add(bench.server.file(5_000, "no.bin", status=status)))
    assert view.error.code == code and view.error.next_step
    assert bench.names() == []


async def test_login_from_the_link_moves_apart(bench):
    """Userinfo of a link is used and never shown."""
    url = bench.server.file(5_000, "login.bin", auth="me:secret").replace("http://", "http://me:secret@")
    id = await bench.add(url)
    view = await bench.complete(id)
    assert "secret@" not in view.url
    assert "secret@" not in repr(await bench.detail(id))


async def test_pause_and_resume_keep_the_bytes(bench):
    """Pausing drains and makes safe; resuming asks only for what is missing."""
    id = await bench.add(bench.server.file(BIG, "pause.bin", rate=1_500_000))
    await bench.until(id, lambda view: view.done > 1_000_000)
    (outcome,) = await bench.engine.pause([id])
    assert outcome.ok and outcome.download.state is State.PAUSED
    kept = (await bench.get(id)).done
    assert kept > 0 and bench.names() == ["pause.bin.part", "pause.bin.part.journal"]
    before = sum(request.sent for request in bench.server.requests)
    await bench.engine.change(id, Change(connections=4))
    await bench.engine.resume([id])
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("pause.bin", BIG)
    assert sum(request.sent for request in bench.server.requests) - before < BIG - kept + 4_000_000


async def test_a_restart_goes_on(bench):
    """Closing checkpoints; the next engine takes the list up and finishes."""
    id = await bench.add(bench.server.file(BIG, "again.bin", rate=1_500_000))
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.close()
    assert "again.bin.part" in bench.names()
    await bench.start()
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("again.bin", BIG)


async def test_a_file_swapped_between_two_runs_is_never_mixed(bench):
    """F11: a new ETag of equal size restarts, and the old part goes when the new file is complete."""
    id = await bench.add(bench.server.file(BIG, "swap.bin", rate=1_500_000))
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.close()
    bench.server.swap("swap.bin", 1)
    await bench.start()
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("swap.bin", BIG, version=1)
    assert view.discarded > 0
    assert bench.names() == ["swap.bin"]


async def test_a_weak_validator_joins_only_after_an_overlap_agreed(bench):
    """F12: equal size and date, no strong validator: bytes decide, and the result says so."""
    id = await bench.add(bench.server.file(BIG, "weak.bin", rate=1_500_000, etag="weak"))
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.close()
    await bench.start()
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("weak.bin", BIG)
    assert view.proof is Proof.UNPROVEN


async def test_a_wrong_checksum_is_not_complete(bench):
    """F50: the file is kept aside under another name."""
    options = Options(checksum="sha256:" + "0" * 64)
    view = await bench.failed(await bench.add(bench.server.file(2_000_000, "sum.bin"), options=options))
    assert view.error.code == Code.CHECKSUM_MISMATCH
    assert "sum.bin" not in bench.names()


async def test_a_right_checksum_is_proof(bench):
    """The result says what proved it."""
    options = Options(checksum="sha256:" + digest("sum.bin", 2_000_000))
    view = await bench.complete(await bench.add(bench.server.file(2_000_000, "sum.bin"), options=options))
    assert view.proof is Proof.CHECKSUM


async def test_a_servers_digest_is_honoured(bench):
    """Repr-Digest proves a file, and a wrong one fails it."""
    good = await bench.complete(await bench.add(bench.server.file(2_000_000, "d.bin", digest="sha-256")))
    assert good.proof is Proof.DIGEST
    bad = await bench.failed(await bench.add(bench.server.file(2_000_000, "e.bin", digest="sha-256,wrong")))
    assert bad.error.code == Code.CHECKSUM_MISMATCH


async def test_the_name_that_is_taken_stays(bench):
    """F47: nothing is overwritten unless asked for; skip counts as complete."""
    bench.folder.mkdir(exist_ok=True)
    (bench.folder / "taken.bin").write_bytes(b"mine")
    url = bench.server.file(3_000, "taken.bin")
    renamed = await bench.complete(await bench.add(url))
    assert renamed.name == "taken (1).bin"
    skipped = await bench.complete(await bench.add(url, options=Options(on_conflict=OnConflict.SKIP)))
    assert skipped.meta["skipped"] and (bench.folder / "taken.bin").read_bytes() == b"mine"
    await bench.complete(await bench.add(url, options=Options(on_conflict=OnConflict.OVERWRITE)))
    assert bench.digest("taken.bin") == digest("taken.bin", 3_000)


async def test_the_same_link_twice_shares_no_part(bench):
    """Two downloads of one link into one folder both end well."""
    url = bench.server.file(3_000_000, "twin.bin", rate=3_000_000)
    first, second = await bench.add(url), await bench.add(url)
    views = [await bench.complete(first), await bench.complete(second)]
    assert {view.name for view in views} == {"twin.bin", "twin (1).bin"}
    assert views[1].duplicate_of == first
    assert bench.digest("twin.bin") == bench.digest("twin (1).bin") == digest("twin.bin", 3_000_000)


async def test_cancel_keeps_the_part_and_retry_continues(bench):
    """Cancelled is an end, and not the end of the bytes."""
    id = await bench.add(bench.server.file(BIG, "cancel.bin", rate=1_500_000))
    await bench.until(id, lambda view: view.done > 500_000)
    await bench.engine.cancel([id])
    assert (await bench.get(id)).state is State.CANCELLED
    assert "cancel.bin.part" in bench.names()
    await bench.engine.retry([id])
    await bench.complete(id)
    assert bench.digest("cancel.bin") == digest("cancel.bin", BIG)


async def test_remove_with_files_deletes_what_was_made(bench):
    """Remove with files takes the finished file; plain remove never does."""
    kept = await bench.add(bench.server.file(3_000, "kept.bin"))
    gone = await bench.add(bench.server.file(3_000, "gone.bin"))
    await bench.complete(kept)
    await bench.complete(gone)
    await bench.engine.remove([kept])
    await bench.engine.remove([gone], files=True)
    assert bench.names() == ["kept.bin"]
    assert bench.engine.snapshot().downloads == {}


async def test_remove_can_be_undone(bench):
    """A removed download comes back with its part, and goes on."""
    id = await bench.add(bench.server.file(BIG, "undo.bin", rate=1_500_000))
    await bench.until(id, lambda view: view.done > 500_000)
    await bench.engine.remove([id])
    assert id not in bench.engine.snapshot().downloads
    (outcome,) = await bench.engine.restore([id])
    assert outcome.ok and outcome.download.state is State.PAUSED
    await bench.engine.resume([id])
    await bench.complete(id)
    assert bench.digest("undo.bin") == digest("undo.bin", BIG)


async def test_bad_wishes_are_refused_one_by_one(bench):
    """A wish that can't be is refused with its reason; its neighbours are added."""
    from tui_downloads.core.spec import AddRequest

    wishes = [
        AddRequest("ht!tp://x"),
        AddRequest("gopher://example.org/x"),
        AddRequest(bench.server.file(10, "a.bin"), policy=Policy(blocked=("127.0.0.1",))),
        AddRequest(bench.server.file(10, "a.bin"), options=Options(checksum="sha256:zz")),
        AddRequest(bench.server.file(10, "fine.bin")),
    ]
    outcomes = await bench.engine.add(wishes)
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [
        Code.INVALID_URL, Code.INVALID_URL, Code.DOMAIN_BLOCKED, Code.INVALID_OPTION, None,
    ]  # fmt: skip
    await bench.complete(outcomes[-1].id)


async def test_max_time_ends_a_slow_download(bench):
    """DOWNLOAD_TIMEOUT counts from leaving the queue and keeps the part."""
    options = Options(max_time=0.5)
    view = await bench.failed(await bench.add(bench.server.file(BIG, "slow.bin", rate=500_000), options=options))
    assert view.error.code == Code.DOWNLOAD_TIMEOUT
    assert "slow.bin.part" in bench.names()


async def test_a_limit_of_connections_is_learned(bench):
    """F32: a server that answers 429 above 4 connections gets 4, and nothing fails."""
    id = await bench.add(bench.server.file(BIG, "cap.bin", rate=1_000_000, cap=4))
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("cap.bin", BIG)
    hosts = await bench.engine.hosts()
    assert hosts[0].ceiling is not None and hosts[0].ceiling <= 4


async def test_renaming_while_running_keeps_the_bytes(bench):
    """A change of name and folder moves the part and goes on."""
    id = await bench.add(bench.server.file(BIG, "old.bin", rate=1_500_000))
    await bench.until(id, lambda view: view.done > 500_000)
    view = await bench.engine.change(id, Change(name="new.bin", folder=str(bench.folder / "inner")))
    assert view.name == "new.bin"
    view = await bench.complete(id)
    assert view.path == str(bench.folder / "inner" / "new.bin")
    assert (bench.folder / "inner" / "new.bin").stat().st_size == BIG


async def test_history_outlives_the_engine(bench):
    """Ended downloads are found after a restart, by page and by id."""
    id = await bench.add(bench.server.file(3_000, "story.bin"))
    await bench.complete(id)
    await bench.engine.close()
    await bench.start()
    page = await bench.engine.page(Query(states=frozenset({State.COMPLETE}), text="story"))
    assert [item.id for item in page.items] == [id]
    assert (await bench.get(id)).state is State.COMPLETE


async def test_events_tell_the_story_in_order(bench):
    """added, states, complete: each once, numbered without a gap."""
    seen = []

    async def follow():
        async for event in bench.engine.events(0):
            seen.append(event)
            if event.state == "complete":
                return

    task = asyncio.create_task(follow())
    await bench.complete(await bench.add(bench.server.file(3_000, "news.bin")))
    await asyncio.wait_for(task, 60)
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert seen[0].type == "added" and seen[-1].data["path"].endswith("news.bin")


async def test_the_rate_limit_holds_for_all_together(bench):
    """A limit set while running slows every connection down together."""
    await bench.engine.set_limits(Limits(rate=1_000_000))
    loop = asyncio.get_running_loop()
    began = loop.time()
    ids = [await bench.add(bench.server.file(1_500_000, f"rate{i}.bin")) for i in range(2)]
    for id in ids:
        await bench.complete(id)
    # Not a timing test of the machine: 3 MB can't come faster than the limit lets them, bursts included.
    assert loop.time() - began > 2.0


async def test_secrets_are_nowhere_to_be_read(bench):
    """S20: header, password and cookie values reach no view, event or file but the secrets' own table."""
    canary = "c4n4ry-s3cret"
    secrets = Credentials(headers=(("X-Token", canary),), user="me", password=canary)
    id = await bench.add(bench.server.file(2_000_000, "secret.bin", rate=1_000_000), credentials=secrets)
    await bench.until(id, lambda view: view.done > 100_000)
    assert canary not in repr(await bench.detail(id)) + repr(bench.engine.snapshot())
    assert canary not in (bench.folder / "secret.bin.part.journal").read_bytes().decode("latin-1")
    assert all(canary not in repr(event) for event in bench.engine.news(0))


def test_a_closed_engine_says_so(tmp_path: Path):
    """Commands on a closed engine are refused in words."""
    from tui_downloads.engine.embedded import EmbeddedEngine, Setup

    async def run() -> None:
        engine = EmbeddedEngine(Setup(folder=str(tmp_path)))
        with pytest.raises(TuiDownloadsError, match="closed"):
            await engine.pause(["x"])

    asyncio.run(run())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_an_unwritable_folder_is_the_users_to_mend(bench, tmp_path):
    """F43: choose another place."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    view = await bench.failed(await bench.add(bench.server.file(3_000, "x.bin"), folder=str(locked / "in")))
    assert view.error.code == Code.FOLDER_UNUSABLE


async def test_our_own_folders_are_no_target(tmp_path, server):
    """S5: state and config are never written into."""
    from tui_downloads.core.spec import AddRequest
    from tui_downloads.engine.adding import Adding

    adding = Adding(str(tmp_path), (str(tmp_path / "state"),))
    with pytest.raises(DownloadError) as caught:
        adding.record(AddRequest(server.file(1, "x"), folder=str(tmp_path / "state" / "deep")), position=1)
    assert caught.value.code == Code.FOLDER_UNUSABLE
    assert block("x", 0, 1)


async def test_downloads_of_one_host_share_its_seats(bench):
    """Two downloads that could use every connection of a host make room for a third and a fourth."""
    await bench.engine.set_limits(Limits(downloads=4, per_host=6, per_download=6))
    ids = [await bench.add(bench.server.file(60_000_000, f"share{n}.bin", rate=400_000)) for n in range(2)]
    for id in ids:
        await bench.until(id, lambda view: view.connections >= 2)
    ids += [await bench.add(bench.server.file(60_000_000, f"share{n}.bin", rate=400_000)) for n in (2, 3)]
    for id in ids:
        await bench.until(id, lambda view: view.state is State.TRANSFERRING)
    assert bench.server.connections


async def test_a_start_that_fails_leaves_the_list_closed(bench, monkeypatch):
    """What went wrong after the list was opened is told, and the next start finds nobody in its way."""
    from tui_downloads.engine.recovery import Recovery

    await bench.engine.close()

    async def fail(self, *, damaged: bool) -> None:
        raise RequestError(Code.STATE_UNUSABLE, "no")

    with monkeypatch.context() as patch:
        patch.setattr(Recovery, "take_up", fail)
        with pytest.raises(RequestError):
            await bench.start()
    gc.collect()  # an open list would be complained of here
    await bench.start()


async def test_the_file_of_a_running_download_is_as_far_as_its_download(bench):
    """Who looks at the files sees the same as who looks at the download."""
    id = await bench.add(bench.server.file(8_000_000, "far.bin", rate=2_000_000))
    await bench.until(id, lambda view: view.done > 500_000)
    (file,) = (await bench.detail(id)).files
    assert (file.state, file.size) == ("transferring", 8_000_000) and file.done > 500_000
