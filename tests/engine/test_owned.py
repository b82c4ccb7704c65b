"""What one caller may see and touch."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tui_downloads.core.errors import Code, Forbidden, NotFound
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind, Limits, Query
from tui_downloads.core.spec import AddRequest, Change, Options, Policy
from tui_downloads.engine.caller import Caller, contains
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.owned import OwnedEngine
from tui_downloads.engine.owners import Owners

ANN = Caller("ann", "control", private=False, may_choose_proxy=False)
BOB = Caller("bob", "control", private=False, may_choose_proxy=False)


@pytest.fixture
async def engines():
    """Give the whole engine, and it as ann and bob see it."""
    engine = FakeEngine()
    await engine.start()
    owners = Owners(engine)
    return engine, OwnedEngine(engine, ANN, owners), OwnedEngine(engine, BOB, owners)


async def add(engine, **fields):
    return (await engine.add([AddRequest("https://example.org/a", **fields)]))[0]


async def test_everybody_sees_their_own(engines):
    """Lists, snapshots and totals hold nothing of others."""
    _, ann, bob = engines
    id = (await add(ann, paused=True)).id
    assert (list(ann.snapshot().downloads), list(bob.snapshot().downloads)) == ([id], [])
    assert (ann.snapshot().totals.paused, bob.snapshot().totals.paused) == (1, 0)
    assert (await bob.page(Query())).items == ()
    assert (await bob.page(Query(owner="ann"))).items == ()


@pytest.mark.parametrize("command", ["pause", "resume", "cancel", "retry", "remove", "restore"])
async def test_nobody_touches_what_is_not_theirs(engines, command):
    """A command on another's download answers as for an unknown id and does nothing."""
    engine, ann, bob = engines
    id = (await add(ann)).id
    outcome = (await getattr(bob, command)([id]))[0]
    assert isinstance(outcome.error, NotFound)
    assert outcome.error.message == f"There is no download {id}."
    assert engine.snapshot().downloads[id].state is State.QUEUED


async def test_nobody_moves_changes_or_reads_what_is_not_theirs(engines):
    """The same for moving, changing and looking."""
    _, ann, bob = engines
    id = (await add(ann)).id
    assert isinstance((await bob.move([id], "top"))[0].error, NotFound)
    with pytest.raises(NotFound):
        await bob.change(id, Change(priority=1))
    with pytest.raises(NotFound):
        await bob.get(id)


async def test_a_gid_opens_no_back_door(engines):
    """Another's gid is as unknown as the id."""
    engine, ann, bob = engines
    id = (await add(ann)).id
    gid = engine.snapshot().downloads[id].gid
    assert isinstance((await bob.cancel([gid]))[0].error, NotFound)


async def test_events_are_ones_own(engines):
    """News of others are not passed on, nor their removal."""
    _, ann, bob = engines
    heard = []

    async def read():
        async for event in bob.events(0):
            heard.append(event.id)

    task = asyncio.create_task(read())
    theirs, mine = (await add(ann)).id, (await add(bob)).id
    await ann.remove([theirs])
    await bob.pause([mine])
    async with asyncio.timeout(60):
        while heard.count(mine) < 2:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(heard) == {mine}


async def test_a_bundle_holds_only_ones_own(engines):
    """Ids in a bundle are checked as in a command."""
    _, ann, bob = engines
    id = (await add(ann)).id
    outcome = (await bob.add([AddRequest("", kind=Kind.BUNDLE, source={"ids": [id]})]))[0]
    assert isinstance(outcome.error, NotFound)


async def test_duplicates_do_not_tell_of_others(engines):
    """The same link of another user neither answers nor refuses."""
    _, ann, bob = engines
    theirs = (await add(ann)).id
    for duplicate in ("existing", "refuse"):
        outcome = await add(bob, duplicate=duplicate)
        assert outcome.ok
        assert outcome.download.owner == "bob"
        assert outcome.id != theirs
        await bob.remove([outcome.id])


async def test_policy_is_narrowed_and_never_widened(engines):
    """What a caller asks for can't exceed what they may."""
    engine, ann, _ = engines
    await add(ann, policy=Policy(private=True, may_choose_proxy=True))
    asked = engine.calls[-1][1][0].policy
    assert (asked.private, asked.may_choose_proxy) == (False, False)


@pytest.mark.parametrize(
    ("ours", "wish", "found"),
    [((), ("a.org",), ("a.org",)), (("a.org",), (), ("a.org",)), (("*.a.org",), ("x.a.org",), ("x.a.org",)),
     (("*.a.org",), ("xa.org",), ("nothing.invalid",))],
)  # fmt: skip
def test_domains_are_narrowed(ours, wish, found):
    """A wish outside what is allowed allows nothing."""
    assert Caller(allowed=ours).policy(Policy(allowed=wish)).allowed == found


async def test_owner_can_not_be_chosen(engines):
    """Who adds owns, whatever the request says; administrators may add for others."""
    engine, ann, _ = engines
    assert (await add(ann, owner="bob")).download.owner == "ann"
    boss = OwnedEngine(engine, Caller("boss", "admin"))
    assert (await add(boss, owner="bob")).download.owner == "bob"
    assert (await add(boss)).download.owner == "boss"


async def test_folders_are_held_by_real_path(engines, tmp_path: Path):
    """Neither `..`, nor a link, nor a common prefix leads out."""
    engine, *_ = engines
    mine, other = tmp_path / "mine", tmp_path / "mine-not"
    mine.mkdir()
    other.mkdir()
    (mine / "link").symlink_to(other)
    ann = OwnedEngine(engine, Caller("ann", "control", folders=(str(mine),)))
    for folder in ("../mine-not", str(other), "link", "link/x", "/etc"):
        outcome = await add(ann, folder=folder)
        assert isinstance(outcome.error, Forbidden), folder
    assert (await add(ann, folder="sub")).download.folder == str(mine / "sub")
    assert (await add(ann)).download.folder == str(mine)
    assert not contains([str(mine)], str(other))


async def test_a_change_of_folder_has_the_same_check(engines, tmp_path: Path):
    """Every setter of a path shares it."""
    engine, *_ = engines
    ann = OwnedEngine(engine, Caller("ann", "control", folders=(str(tmp_path),)))
    id = (await add(ann, paused=True)).id
    with pytest.raises(Forbidden):
        await ann.change(id, Change(folder="/etc"))


async def test_kinds_are_permitted_one_by_one(engines):
    """A caller who may only add links gets links, and nothing else."""
    engine, *_ = engines
    ann = OwnedEngine(engine, Caller("ann", "control", kinds=frozenset({Kind.LINK})))
    assert (await add(ann)).download.kind is Kind.LINK
    assert isinstance((await add(ann, kind=Kind.MEDIA)).error, Forbidden)


@pytest.mark.parametrize(
    "options", [Options(netrc=True), Options(cert="/etc/x"), Options(known_hosts="/x"), Options(proxy="http://p")]
)
async def test_the_machines_own_files_are_not_for_callers(engines, options):
    """Options that name the service's files, or a proxy, need an unrestricted administrator."""
    _, ann, _ = engines
    assert isinstance((await add(ann, options=options)).error, Forbidden)


async def test_the_quota_of_queued_downloads(engines):
    """What exceeds it is refused, the rest is added, also by two at once."""
    engine, *_ = engines
    ann = OwnedEngine(engine, Caller("ann", "control", quota_queued=3))
    found = await asyncio.gather(*(ann.add([AddRequest(f"https://example.org/{n}")] * 2) for n in range(3)))
    codes = [outcome.error.code if outcome.error else None for outcomes in found for outcome in outcomes]
    assert codes.count(None) == 3
    assert set(codes) == {None, Code.QUOTA_EXCEEDED}


async def test_the_quota_of_bytes(engines):
    """Whoever has it all may add nothing."""
    engine, *_ = engines
    ann = OwnedEngine(engine, Caller("ann", "control", quota_bytes=1000))
    id = (await add(ann)).id
    engine._downloads[id].size = 1000
    engine._touch(id)
    assert (await add(ann)).error.code is Code.QUOTA_EXCEEDED


async def test_reading_is_only_reading():
    """The scope read changes nothing, control no limits."""
    engine = FakeEngine()
    reader = OwnedEngine(engine, Caller("eve", "read"))
    for call in (reader.add([]), reader.pause([]), reader.restore([]), reader.forget(), reader.change("x", Change())):
        with pytest.raises(Forbidden):
            await call
    with pytest.raises(Forbidden):
        await OwnedEngine(engine, ANN).set_limits(Limits())


async def test_forgetting_is_for_ones_own(engines):
    """Dropping history leaves that of others."""
    engine, ann, bob = engines
    theirs, mine = (await add(ann)).id, (await add(bob)).id
    await ann.cancel([theirs])
    await bob.cancel([mine])
    assert await bob.forget() == 1
    assert set(engine.snapshot().downloads) == {theirs}


async def test_restore_is_for_who_removed_it(engines):
    """A removed download can be brought back by its owner, not by others."""
    _, ann, bob = engines
    id = (await add(ann)).id
    await ann.remove([id])
    assert isinstance((await bob.restore([id]))[0].error, NotFound)
    assert (await ann.restore([id]))[0].ok


async def test_closing_leaves_the_engine_open(engines):
    """The wrapper of one caller does not close everybody's engine."""
    engine, ann, _ = engines
    await ann.close()
    assert engine.started
