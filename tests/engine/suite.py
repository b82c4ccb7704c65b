"""The conformance suite of the engine's promise: subclass `EngineSuite` and give a `bench` fixture.

It knows nothing of the engine behind the promise. The bench makes links of a known fate, and lets time pass until
something is true, by moving a clock or by waiting.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

import pytest

from tui_downloads.core.errors import Code, Conflict, NotFound, TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Event, Limits, Query
from tui_downloads.core.spec import AddRequest, Change
from tui_downloads.engine.base import Engine


class Bench(ABC):
    """An engine under test and the links it is fed with."""

    engine: Engine

    @abstractmethod
    def good(self, name: str) -> str:
        """Give a link that completes soon."""

    @abstractmethod
    def slow(self, name: str) -> str:
        """Give a link that keeps transferring for as long as a test lasts."""

    @abstractmethod
    def missing(self, name: str) -> str:
        """Give a link whose file is not there."""

    @abstractmethod
    async def until(self, true: Callable[[], bool]) -> None:
        """Let time pass until something is true; fail when it never is."""

    async def state(self, id: str, *states: State) -> DownloadView:
        """Let time pass until a download is in one of some states, and give it."""

        def there() -> bool:
            view = self.engine.snapshot().downloads.get(id)
            return view is not None and view.state in states

        await self.until(there)
        return self.engine.snapshot().downloads[id]

    async def add(self, url: str, **fields: object) -> str:
        """Add one download and give its id."""
        outcome = (await self.engine.add([AddRequest(url, **fields)]))[0]
        assert outcome.error is None
        await self.until(lambda: outcome.id in self.engine.snapshot().downloads)
        return outcome.id


async def poll(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something is true; fail after a deadline."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


class EngineSuite:
    """Rules that every engine keeps."""

    async def test_a_good_link_completes(self, bench: Bench):
        """A download that can be fetched becomes complete, with its size and all its bytes."""
        id = await bench.add(bench.good("a.bin"))
        view = await bench.state(id, State.COMPLETE)
        assert view.size == view.done
        assert view.finished_at is not None

    async def test_an_outcome_carries_the_download(self, bench: Bench):
        """Adding answers with the id and the view of what was added, in the order asked."""
        urls = [bench.slow("one.bin"), bench.slow("two.bin")]
        outcomes = await bench.engine.add([AddRequest(url, paused=True) for url in urls])
        assert [outcome.ok for outcome in outcomes] == [True, True]
        assert [outcome.download.url for outcome in outcomes] == urls
        assert [outcome.download.state for outcome in outcomes] == [State.PAUSED, State.PAUSED]

    async def test_a_bad_link_is_refused_beside_a_good_one(self, bench: Bench):
        """One refusal does not keep the others out; where nothing was stored the id is empty."""
        outcomes = await bench.engine.add([AddRequest("gopher://x/"), AddRequest(bench.slow("b.bin"), paused=True)])
        assert (outcomes[0].id, outcomes[0].error.code) == ("", Code.INVALID_URL)
        assert outcomes[1].ok

    async def test_a_missing_file_fails(self, bench: Bench):
        """A failure carries its code and what to do next."""
        id = await bench.add(bench.missing("nope.bin"))
        view = await bench.state(id, State.FAILED)
        assert view.error is not None
        assert view.error.code == Code.REMOTE_FILE_NOT_FOUND.value
        assert view.error.next_step

    async def test_pause_and_resume(self, bench: Bench):
        """Pausing returns when it is paused; resuming queues it again."""
        id = await bench.add(bench.slow("c.bin"))
        await bench.state(id, State.TRANSFERRING)
        assert [o.ok for o in await bench.engine.pause([id])] == [True]
        assert (await bench.state(id, State.PAUSED)).connections == 0
        assert [o.ok for o in await bench.engine.resume([id])] == [True]
        await bench.state(id, State.TRANSFERRING)

    async def test_what_the_table_forbids_is_refused(self, bench: Bench):
        """Resuming what is not paused changes nothing and says INVALID_STATE."""
        id = await bench.add(bench.slow("d.bin"), paused=True)
        await bench.engine.cancel([id])
        outcome = (await bench.engine.resume([id]))[0]
        assert outcome.error.code is Code.INVALID_STATE
        assert (await bench.engine.get(id)).download.state is State.CANCELLED

    async def test_cancel_and_retry(self, bench: Bench):
        """A cancelled download can be queued again."""
        id = await bench.add(bench.slow("e.bin"))
        await bench.state(id, State.TRANSFERRING)
        await bench.engine.cancel([id])
        await bench.state(id, State.CANCELLED)
        assert (await bench.engine.retry([id]))[0].ok
        await bench.state(id, State.QUEUED, State.RESOLVING, State.TRANSFERRING)

    async def test_commands_answer_for_each_id(self, bench: Bench):
        """A command over many ids does what it can and says for each how it went."""
        id = await bench.add(bench.slow("f.bin"))
        unknown = "00000000-0000-4000-8000-000000000000"
        outcomes = await bench.engine.pause([unknown, id])
        assert isinstance(outcomes[0].error, NotFound)
        assert outcomes[1].ok

    async def test_unknown_ids_are_not_found(self, bench: Bench):
        """Asking for what is not there raises NotFound."""
        with pytest.raises(NotFound):
            await bench.engine.get("00000000-0000-4000-8000-000000000000")

    async def test_a_gid_finds_a_download(self, bench: Bench):
        """The gid stands for the id."""
        id = await bench.add(bench.slow("g.bin"), paused=True)
        gid = bench.engine.snapshot().downloads[id].gid
        assert (await bench.engine.get(gid)).download.id == id

    async def test_remove_and_restore(self, bench: Bench):
        """A removal is undone within its window."""
        id = await bench.add(bench.slow("h.bin"), paused=True)
        assert (await bench.engine.remove([id]))[0].ok
        await bench.until(lambda: id not in bench.engine.snapshot().downloads)
        assert (await bench.engine.restore([id]))[0].ok
        await bench.until(lambda: id in bench.engine.snapshot().downloads)

    async def test_restore_of_what_was_not_removed(self, bench: Bench):
        """Restoring what is in the list is told apart from restoring what is unknown."""
        id = await bench.add(bench.slow("r.bin"), paused=True)
        there, unknown = await bench.engine.restore([id, "nothing"])
        assert isinstance(there.error, Conflict) and there.id == id
        assert isinstance(unknown.error, NotFound)
        assert id in bench.engine.snapshot().downloads

    async def test_a_removed_download_is_gone(self, bench: Bench):
        """After removing, nothing finds it."""
        id = await bench.add(bench.slow("i.bin"), paused=True)
        await bench.engine.remove([id], files=True)
        with pytest.raises(NotFound):
            await bench.engine.get(id)

    async def test_the_queue_is_ordered(self, bench: Bench):
        """Moving to the top makes it the first of its priority."""
        await bench.engine.set_limits(Limits(downloads=1))
        ids = [await bench.add(bench.slow(f"q{n}.bin")) for n in range(4)]
        await bench.state(ids[0], State.TRANSFERRING)
        assert (await bench.engine.move([ids[3]], "top"))[0].ok

        page = await bench.engine.page(Query(states=frozenset({State.QUEUED}), sort="position"))
        assert [view.id for view in page.items] == [ids[3], ids[1], ids[2]]

    async def test_limits_take_effect_while_running(self, bench: Bench):
        """More seats let more downloads run."""
        await bench.engine.set_limits(Limits(downloads=1))
        ids = [await bench.add(bench.slow(f"l{n}.bin")) for n in range(2)]
        await bench.state(ids[0], State.TRANSFERRING)
        assert bench.engine.snapshot().downloads[ids[1]].state is State.QUEUED
        await bench.engine.set_limits(Limits(downloads=2))
        await bench.state(ids[1], State.TRANSFERRING)
        assert bench.engine.snapshot().limits.downloads == 2

    async def test_a_page_filters_and_counts(self, bench: Bench):
        """A query finds by state and text, and its first page has the total."""
        id = await bench.add(bench.slow("findme.bin"), paused=True)
        await bench.add(bench.good("other.bin"))
        page = await bench.engine.page(Query(states=frozenset({State.PAUSED}), text="findme"))
        assert ([view.id for view in page.items], page.total, page.cursor) == ([id], 1, None)

    async def test_pages_follow_one_another(self, bench: Bench):
        """Cursors give every download once, in order."""
        ids = [await bench.add(bench.slow(f"p{n}.bin"), paused=True) for n in range(5)]
        seen: list[str] = []
        cursor = None
        for _ in range(5):
            page = await bench.engine.page(Query(limit=2, cursor=cursor))
            seen += [view.id for view in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert sorted(seen) == sorted(ids)

    async def test_a_change_is_seen(self, bench: Bench):
        """What was changed is in the answer and in the view."""
        id = await bench.add(bench.slow("m.bin"), paused=True)
        view = await bench.engine.change(id, Change(priority=3, limit=1000))
        assert (view.priority, view.limit) == (3, 1000)
        await bench.until(lambda: bench.engine.snapshot().downloads[id].priority == 3)

    async def test_a_change_of_nothing_known_raises(self, bench: Bench):
        """Changing what is not there raises NotFound."""
        with pytest.raises(NotFound):
            await bench.engine.change("00000000-0000-4000-8000-000000000000", Change(priority=1))

    async def test_meta_is_merged(self, bench: Bench):
        """A face finds again what it left."""
        id = await bench.add(bench.slow("n.bin"), paused=True, meta={"a": 1})
        await bench.engine.change(id, Change(meta={"b": [2]}))
        assert dict((await bench.engine.get(id)).download.meta) == {"a": 1, "b": [2]}

    async def test_events_tell_the_story(self, bench: Bench):
        """A reader from the beginning hears that a download was added and that it completed."""
        heard: list[Event] = []

        async def read() -> None:
            async for event in bench.engine.events(0):
                heard.append(event)

        task = asyncio.create_task(read())
        try:
            id = await bench.add(bench.good("o.bin"))
            await bench.state(id, State.COMPLETE)
            await bench.until(lambda: any(e.state == "complete" and e.id == id for e in heard))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        own = [event for event in heard if event.id == id]
        assert own[0].type == "added"
        assert [event.seq for event in heard] == sorted({event.seq for event in heard})

    async def test_forget_drops_ended_ones_only(self, bench: Bench):
        """Forgetting leaves what has not ended."""
        kept = await bench.add(bench.slow("r.bin"), paused=True)
        gone = await bench.add(bench.slow("s.bin"), paused=True)
        await bench.engine.cancel([gone])
        assert await bench.engine.forget(states=[State.CANCELLED.value]) == 1
        assert (await bench.engine.get(kept)).download.state is State.PAUSED
        with pytest.raises(NotFound):
            await bench.engine.get(gone)

    async def test_the_snapshot_stays_the_same_until_something_changes(self, bench: Bench):
        """A face may compare by identity."""
        await bench.add(bench.slow("t.bin"), paused=True)
        await asyncio.sleep(0.1)  # the news of the add may still be on its way to a remote copy
        assert bench.engine.snapshot() is bench.engine.snapshot()

    async def test_totals_agree_with_the_list(self, bench: Bench):
        """Totals count what the viewer may see."""
        await bench.add(bench.slow("u.bin"), paused=True)
        done = await bench.add(bench.good("v.bin"))
        await bench.state(done, State.COMPLETE)
        await bench.until(lambda: bench.engine.snapshot().totals.complete == 1)
        assert bench.engine.snapshot().totals.paused == 1

    async def test_owner_and_dialect_are_kept(self, bench: Bench):
        """Who asked, and in which dialect, is told in the view."""
        id = await bench.add(bench.slow("w.bin"), paused=True, dialect="masv")
        assert (await bench.engine.get(id)).download.dialect == "masv"

    async def test_every_refusal_is_one_of_ours(self, bench: Bench):
        """A nonsense place in the queue is refused with our error, whichever way."""
        id = await bench.add(bench.slow("x.bin"))
        try:
            outcomes = await bench.engine.move([id], "sideways")
        except TuiDownloadsError as error:
            assert error.code in (Code.INVALID_OPTION, Code.INVALID_STATE)
        else:
            assert isinstance(outcomes[0].error, TuiDownloadsError)

    async def test_describe_names_a_version(self, bench: Bench):
        """Diagnosis begins with which engine this is."""
        assert "version" in await bench.engine.describe()

    async def test_ended_states_are_in_the_history(self, bench: Bench):
        """Ended downloads are found by the same query."""
        id = await bench.add(bench.good("y.bin"))
        await bench.state(id, State.COMPLETE)
        page = await bench.engine.page(Query(states=ENDED, sort="finished", reverse=True))
        assert page.items[0].id == id
