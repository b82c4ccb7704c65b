"""Secrets in the links of files lie apart."""

from __future__ import annotations

import json
import sqlite3

from tui_downloads.core.download import FileRecord
from tui_downloads.core.lifecycle import State
from tui_downloads.store.sqlite import SqliteStore

from .builders import CANARY, build

SIGNED = (f"https://a.example/1?sig={CANARY}", "https://b.example/1?page=2")
RENEW = f"https://c.example/watch?token={CANARY}"


def package(*files: FileRecord):
    return build(1, state=State.PAUSED, files=list(files))


def tables(path) -> set[str]:
    """Name the tables that hold the canary."""
    with sqlite3.connect(path) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name for name in names if CANARY in repr(database.execute(f"SELECT * FROM {name}").fetchall())}
    database.close()
    return found


async def test_links_come_back_whole_and_lie_apart(tmp_path):
    """Only the table of links holds what signs them; a link without a secret stays where it is."""
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    plain = FileRecord(id="2", path="b", urls=("https://a.example/2",))
    await store.insert([package(FileRecord(path="a", urls=SIGNED, renew=RENEW), plain)])
    await store.close()
    assert tables(tmp_path / "d.db") == {"links"}
    await store.open()
    (found,) = await store.load()
    assert [(file.urls, file.renew) for file in found.files] == [(SIGNED, RENEW), (plain.urls, "")]
    await store.close()


async def test_links_that_are_dropped_are_gone(tmp_path):
    """A file that needs its signed links no more leaves no secret behind; nor does a row that is deleted."""
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    download = package(FileRecord(path="a", urls=SIGNED), FileRecord(id="2", path="b", urls=SIGNED))
    await store.insert([download])
    download.files[0].urls = ()
    await store.save([download])
    assert [file.urls for file in (await store.get(download.id)).files] == [(), SIGNED]
    del download.files[1]
    await store.save([download])
    await store.close()
    assert tables(tmp_path / "d.db") == set()
    await store.open()
    download.files = [FileRecord(path="a", urls=SIGNED)]
    await store.load()
    await store.save([download])
    await store.delete([download.id])
    await store.close()
    assert tables(tmp_path / "d.db") == set()


async def test_lists_that_were_written_with_secrets_are_mended(tmp_path):
    """The upgrade moves them, and the links work as before."""
    path = tmp_path / "d.db"
    store = SqliteStore(path)
    await store.open()
    await store.insert([package(FileRecord(path="a", urls=("https://a.example/1",)), FileRecord(id="2", path="b"))])
    await store.close()
    with sqlite3.connect(path) as database:
        source = json.dumps({"urls": SIGNED, "renew": RENEW})
        database.execute("UPDATE files SET source = ? WHERE place = 0", (source,))
        database.execute("DROP TABLE links")
        database.execute("DELETE FROM migrations WHERE name LIKE '0002%'")
        database.execute("PRAGMA user_version = 1")
    database.close()
    assert tables(path) == {"files"}
    sentence = await store.open()
    assert "0002" in sentence
    (found,) = await store.load()
    assert (found.files[0].urls, found.files[0].renew) == (SIGNED, RENEW)
    await store.close()
    assert tables(path) == {"links"}
