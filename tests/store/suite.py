"""What every store promises. A test module inherits `StoreSuite` and gives the fixture `store`."""

from __future__ import annotations

import pytest
from msgspec import structs

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import Kind, Query
from tui_downloads.store.base import HostRow, Intent
from tui_downloads.store.memory import kept

from .builders import CANARY, build, ended, full


def same(left, right) -> bool:
    """Compare downloads field by field; they compare by identity themselves."""
    names = [field.name for field in structs.fields(left)]
    return {name: getattr(left, name) for name in names} == {name: getattr(right, name) for name in names}


async def names_of(store, query) -> list[str]:
    """Walk all pages and give the ids."""
    out, cursor = [], None
    while True:
        page = await store.page(structs.replace(query, cursor=cursor))
        out += [view.id for view in page.items]
        if page.cursor is None:
            return out
        cursor = page.cursor


class StoreSuite:
    async def test_every_field_comes_back(self, store):
        """A download is read as it was written, credentials and files included."""
        await store.insert([build(1), full()])
        assert same(await store.get(full().id), kept(full()))
        assert same(await store.get(build(1).gid), build(1))

    async def test_a_link_that_turns_out_to_be_a_package_stays_one(self, store):
        """The kind is found out while a download lives, and lists choose by it."""
        download = build(1)
        await store.insert([download])
        download.kind = Kind.PACKAGE
        await store.save([download])
        assert (await store.get(download.id)).kind is Kind.PACKAGE
        assert await names_of(store, Query(kinds=frozenset({Kind.PACKAGE}))) == [download.id]

    async def test_what_is_read_is_a_copy(self, store):
        """Changing what was read changes nothing that is stored."""
        await store.insert([full()])
        found = await store.get(full().id)
        found.name, found.files[0].path = "other", "other"
        found.meta["k"] = 0
        assert same(await store.get(full().id), kept(full()))

    @pytest.mark.parametrize(
        ("state", "stored"),
        [
            (State.RESOLVING, State.QUEUED),
            (State.TRANSFERRING, State.QUEUED),
            (State.VERIFYING, State.QUEUED),
            (State.WAITING, State.QUEUED),
            (State.PAUSING, State.PAUSED),
            (State.PAUSED, State.PAUSED),
            (State.FAILED, State.FAILED),
        ],
    )
    async def test_states_are_stored_as_a_restart_should_find_them(self, store, state, stored):
        """Running states are never found in the store."""
        download = build(1)
        await store.insert([download])
        download.state = state
        download.speed = 5.0
        await store.save([download])
        found = await store.get(download.id)
        assert (found.state, found.speed, found.waiting) == (stored, 0.0, None)

    async def test_ids_that_are_no_unicode_are_unknown(self, store):
        """Half a surrogate pair is nobody's id, and looking for it is no error."""
        await store.insert([build(1)])
        assert await store.get("\ud800") is None
        assert await store.known(["\ud800"]) == set()
        await store.delete(["\ud800"])

    async def test_load_gives_what_has_not_ended_in_queue_order(self, store):
        """Higher priority first, then position; ended downloads stay away."""
        await store.insert(
            [build(1, position=5.0), build(2, position=1.0), build(3, priority=1, position=9.0), ended(4), full(5)]
        )
        found = await store.load()
        assert [download.id[:8] for download in found] == ["00000005", "00000003", "00000002", "00000001"]
        assert found[0].request.credentials == full().request.credentials

    async def test_save_writes_changes_of_request_and_files(self, store):
        """Merged changes, new secrets, more files and fewer files are all found again."""
        download = full()
        await store.insert([download])
        download.request = download.request.with_(credentials=build(1).request.credentials, mirrors=())
        download.url = "https://new.example.org/x"
        download.files[1].path = "renamed"
        download.files.append(structs.replace(download.files[1], id="3", path="third"))
        await store.save([download])
        assert same(await store.get(download.id), kept(download))
        download.files = download.files[:1]
        await store.save([download])
        assert same(await store.get(download.id), kept(download))
        download.files = []
        await store.save([download])
        assert same(await store.get(download.id), kept(download))

    async def test_a_plain_file_may_become_more_and_less(self, store):
        """One file may say what its download says, more than that, and the same again."""
        download = build(1)
        await store.insert([download])
        for change in (
            {"part": "/x.part", "done": 5},
            {"part": None, "done": 0},
            {"original": "odd"},
            {"original": ""},
        ):
            download.files[0] = structs.replace(download.files[0], **change)
            await store.save([download])
            assert same(await store.get(download.id), kept(download)), change

    async def test_ended_downloads_can_be_saved_and_live_again(self, store):
        """A retry of an ended download is found by load, and ends once more."""
        download = ended(1, State.FAILED)
        await store.insert([download])
        download.state, download.finished_at = State.QUEUED, None
        await store.save([download])
        assert [found.id for found in await store.load()] == [download.id]
        download.state, download.finished_at = State.COMPLETE, 9.0
        await store.finish([download])
        assert await store.counts() == {State.COMPLETE: 1}

    async def test_a_deleted_download_is_not_brought_back_by_a_late_save(self, store):
        """Saving what is gone writes nothing."""
        download = build(1)
        await store.insert([download])
        await store.delete([download.id])
        await store.save([download])
        assert await store.get(download.id) is None
        await store.insert([download])
        assert same(await store.get(download.id), download)

    async def test_a_taken_id_or_gid_refuses_the_whole_insert(self, store):
        """Nothing of a refused insert stays."""
        await store.insert([build(1)])
        for clash in (build(1, gid="f" * 16), build(9, gid=build(1).gid)):
            with pytest.raises(RequestError) as caught:
                await store.insert([build(5), clash])
            assert caught.value.code is Code.DUPLICATE
        assert await store.known([build(5).id, build(1).id, build(1).gid, "nobody"]) == {build(1).id, build(1).gid}

    async def test_finish_drops_intents(self, store):
        """An intent lasts until its download is finished, whatever the size of the numbers."""
        one, two = build(1), build(2)
        await store.insert([one, two])
        intents = [
            Intent(one.id, "1", "/f", "a.part", "a", 2**64 - 1, 2**63 + 5, 10),
            Intent(two.id, "1", "/f", "b.part", "b\udcff", 1, 2, 3),
        ]
        await store.intend(intents)
        assert await store.intents() == intents
        one.state, one.finished_at = State.COMPLETE, 5.0
        await store.finish([one])
        assert await store.intents() == intents[1:]
        await store.delete([two.id])
        assert await store.intents() == []

    async def test_views_show_no_secret(self, store):
        """Pages and exports carry nothing of the credentials."""
        await store.insert([full()])
        page = await store.page(Query())
        exported = [view async for view in store.export(Query())]
        view = kept(full()).view()
        assert page.items == (structs.replace(view, url=redact(view.url)),)
        assert CANARY not in repr(page) + repr(exported)

    async def test_a_page_says_where_the_next_begins(self, store):
        """Pages join without gap or overlap while equal keys keep their order."""
        await store.insert([ended(n, name="same") for n in range(1, 6)] + [build(n, name="same") for n in range(6, 10)])
        first = await store.page(Query(sort="name", limit=4))
        assert (len(first.items), first.total) == (4, 9)
        second = await store.page(Query(sort="name", limit=4, cursor=first.cursor))
        assert (len(second.items), second.total) == (4, None)
        forward = await names_of(store, Query(sort="name", limit=2))
        assert forward == [build(n).id for n in range(1, 10)]
        assert await names_of(store, Query(sort="name", limit=2, reverse=True)) == forward[::-1]

    @pytest.mark.parametrize("cursor", ["", "x", "é", "AAAA", "WyJuYW1lIiwwLDEsMl0", "a" * 10_000])
    async def test_a_foreign_cursor_is_refused(self, store, cursor):
        """A cursor that is not ours, or of another order, gets one clear line."""
        with pytest.raises(RequestError) as caught:
            await store.page(Query(cursor=cursor))
        assert caught.value.code is Code.INVALID_OPTION

    async def test_an_unknown_order_is_refused(self, store):
        """The sort names a column of ours and nothing else."""
        with pytest.raises(RequestError):
            await store.page(Query(sort="name; DROP TABLE downloads"))

    @pytest.mark.parametrize(
        "text", ["'", '"', "%", "_", "*", "a OR b", "') OR 1=1 --", "\x00", "\udcff", "NEAR(", "- "]
    )
    async def test_a_search_is_text_and_nothing_else(self, store, text):
        """No character of a search has a meaning of its own."""
        await store.insert([ended(1, name="plain"), ended(2, name=f"with {text} inside")])
        found = await names_of(store, Query(text=f"with {text} in"))
        assert found == [build(2).id]

    async def test_search_looks_at_name_link_folder_and_error(self, store):
        """Each of them is searched, without regard to case."""
        await store.insert(
            [
                ended(1, name="ÄPFEL.iso"),
                ended(2, url="https://example.org/Pears"),
                ended(3, folder="/srv/Plums"),
                ended(4, State.FAILED, error=full().error),
            ]
        )
        for text, number in (("äpfel", 1), ("PEARS", 2), ("plums", 3), ("went DEAD", 4)):
            assert await names_of(store, Query(text=text)) == [build(number).id], text

    async def test_filters_of_a_query(self, store):
        """Owner, kind, host, ids, states and time each narrow the list."""
        await store.insert([ended(n, owner="bob" if n % 2 else "eve") for n in range(1, 7)] + [full()])
        assert await names_of(store, Query(owner="eve")) == [build(n).id for n in (2, 4, 6)]
        assert await names_of(store, Query(kinds=frozenset({Kind.PACKAGE}))) == [full().id]
        assert await names_of(store, Query(host="FILES1.example.org")) == [build(n).id for n in (1, 4, 7)]
        assert await names_of(store, Query(ids=(build(3).id, build(5).gid))) == [build(3).id, build(5).id]
        assert await names_of(store, Query(states=frozenset({State.PAUSED}))) == [full().id]
        assert await names_of(store, Query(since=2_000_002.0, until=2_000_004.0)) == [build(n).id for n in (2, 3, 4)]

    async def test_counts(self, store):
        """Counts follow every change and keep owners apart."""
        await store.insert([ended(1), ended(2, owner="bob"), ended(3, State.FAILED), build(4)])
        assert await store.counts() == {State.COMPLETE: 2, State.FAILED: 1, State.QUEUED: 1}
        assert await store.counts("bob") == {State.COMPLETE: 1}
        await store.delete([build(1).id])
        assert await store.counts() == {State.COMPLETE: 1, State.FAILED: 1, State.QUEUED: 1}

    async def test_forget_drops_ended_downloads_only(self, store):
        """A moment and states narrow what is forgotten; unfinished downloads always stay."""
        await store.insert([ended(n) for n in range(1, 5)] + [ended(5, State.FAILED), build(6)])
        assert await store.forget(before=2_000_003.0) == 2
        assert await store.forget(states=[State.FAILED, State.QUEUED]) == 1
        assert await names_of(store, Query()) == [build(n).id for n in (3, 4, 6)]
        assert await store.forget() == 2
        assert (await store.page(Query())).total == 1

    async def test_export_gives_everything_found(self, store):
        """An export is the query's list without pages."""
        await store.insert([ended(n) for n in range(1, 30)])
        views = [view async for view in store.export(Query(limit=3, sort="size", reverse=True))]
        assert [view.id for view in views] == [build(n).id for n in range(29, 0, -1)]

    async def test_notes_keep_the_newest(self, store):
        """The log of a download is bounded and goes with it."""
        await store.insert([build(1)])
        await store.note(build(1).id, [(float(n), f"n{n}") for n in range(150)])
        await store.note(build(1).id, [(float(n), f"n{n}") for n in range(150, 260)])
        await store.note("nobody", [(1.0, "lost")])
        found = await store.notes(build(1).id)
        assert (len(found), found[0], found[-1]) == (200, (60.0, "n60"), (259.0, "n259"))
        await store.delete([build(1).id])
        assert await store.notes(build(1).id) == []

    async def test_hosts_and_settings(self, store):
        """Small things are remembered and replaced."""
        await store.save_host(HostRow("b.example", 4, 1.0, "429"))
        await store.save_host(HostRow("a.example", 2, 2.0, "503"))
        await store.save_host(HostRow("b.example", 1, 3.0, "refused"))
        assert await store.hosts() == [HostRow("a.example", 2, 2.0, "503"), HostRow("b.example", 1, 3.0, "refused")]
        await store.remember({"tab": "history", "sort": "name"})
        await store.remember({"tab": "active"})
        assert [await store.setting(key) for key in ("tab", "sort", "none")] == ["active", "name", None]

    async def test_hostile_text_comes_back_as_it_was(self, store):
        """Lone surrogates, controls and markup are only text."""
        hostile = "a\udcffb\x1b]52;c;x\x07\u202egpj.[/b]" + "x" * 4000
        download = build(1, name=hostile, folder="/srv/\udc80", title=hostile, files=[])
        await store.insert([download, build(2)])
        assert same(await store.get(download.id), download)
        download.title += "!"
        download.state, download.finished_at = State.COMPLETE, 3.0
        await store.finish([download])
        assert same(await store.get(download.id), download)
        assert (await store.page(Query(text="[/b]"))).items[0].name == hostile
