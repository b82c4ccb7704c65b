"""How the database is opened: private, owned, checked, upgraded, and set aside when it is damaged."""

from __future__ import annotations

import os
import sqlite3
import stat

import pytest

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.snapshots import Query
from tui_downloads.store import migrations, opening
from tui_downloads.store.sqlite import SqliteStore

from .builders import build, ended, full
from .suite import same


async def filled(path, number=3):
    store = SqliteStore(path)
    await store.open()
    await store.insert([full(), *(ended(n) for n in range(100, 100 + number))])
    await store.close()


async def refusal(path) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await SqliteStore(path, patience=0.05).open()
    return caught.value


@pytest.mark.parametrize("umask", [0o000, 0o777])
async def test_file_and_folder_are_private_under_any_umask(tmp_path, umask):
    """S11: 0600 in 0700, the WAL too."""
    before = os.umask(umask)
    try:
        store = SqliteStore(tmp_path / "state" / "d.db")
        await store.open()
        await store.insert([full()])
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE(os.stat(tmp_path / "state" / name).st_mode) for name in ("", "d.db", "d.db-wal")}
    await store.close()
    assert modes == {"": 0o700, "d.db": 0o600, "d.db-wal": 0o600}


async def test_a_second_owner_is_refused(tmp_path):
    """F53: exactly one connection has the file; the other waits a while and gets a clear line."""
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    await store.insert([build(1)])
    assert (await refusal(tmp_path / "d.db")).code is Code.IN_USE
    assert same(await store.get(build(1).id), build(1))
    await store.close()


async def test_a_newer_schema_is_refused_untouched(tmp_path):
    """F55: not a byte is changed, and the message names both versions."""
    path = tmp_path / "d.db"
    await filled(path)
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO migrations (name) VALUES ('0099 from the future')")
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    error = await refusal(path)
    assert error.code is Code.STATE_UNUSABLE
    assert "schema 99" in error.message and f"schema {len(migrations.MIGRATIONS)}" in error.message
    assert path.read_bytes() == before


async def test_an_unknown_step_is_refused(tmp_path):
    """F55: a database with steps of another branch is as foreign as a newer one."""
    path = tmp_path / "d.db"
    await filled(path)
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO migrations (name) VALUES ('0001 something else')")
    database.close()
    assert "0001 something else" in (await refusal(path)).message


async def test_a_database_of_another_program_is_refused(tmp_path):
    """A file that is not ours is not used and not set aside."""
    path = tmp_path / "d.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks (x)")
    database.close()
    before = path.read_bytes()
    assert "another program" in (await refusal(path)).message
    assert path.read_bytes() == before
    assert not [name for name in os.listdir(tmp_path) if name.startswith("d.db") and name != "d.db"]


async def test_an_upgrade_leaves_a_backup(tmp_path, monkeypatch):
    """F55: one transaction after a backup, and a sentence for the log."""
    path = tmp_path / "d.db"
    await filled(path)
    step = ("0099 colours", ("ALTER TABLE downloads ADD COLUMN colour TEXT",))
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, step))
    store = SqliteStore(path)
    sentence = await store.open()
    assert "0099 colours" in sentence
    assert (await store.get(full().id)).name == full().name
    await store.close()
    (backup,) = [name for name in os.listdir(tmp_path) if f".schema-{len(migrations.MIGRATIONS) - 1}-" in name]
    assert stat.S_IMODE(os.stat(tmp_path / backup).st_mode) == 0o600
    with sqlite3.connect(tmp_path / backup) as database:
        assert database.execute("SELECT count(*) FROM downloads").fetchone() == (4,)
    database.close()


async def test_a_failed_upgrade_changes_nothing(tmp_path, monkeypatch):
    """F55: a step that fails takes the steps before it back."""
    path = tmp_path / "d.db"
    await filled(path)
    steps = (
        ("0098 good", ("CREATE TABLE extra (x)",)),
        ("0099 bad", ("CREATE TABLE extra (x)",)),
    )
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *steps))
        await refusal(path)
    store = SqliteStore(path)
    assert await store.open() == ""
    assert (await store.get(full().id)).name == full().name
    await store.close()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + b"\xff" * 5000, b"not a database at all" * 100])
async def test_a_file_that_is_no_database(tmp_path, content):
    """F54: rubbish is set aside, an empty file is simply a new list."""
    path = tmp_path / "d.db"
    path.write_bytes(content)
    store = SqliteStore(path)
    sentence = await store.open()
    await store.insert([build(1)])
    await store.close()
    aside = [name for name in os.listdir(tmp_path) if ".damaged-" in name]
    assert bool(sentence) == bool(content) == bool(aside)
    if aside:
        assert aside[0] in sentence
        assert (tmp_path / aside[0]).read_bytes() == content


async def test_what_can_be_read_of_a_damaged_list_is_kept(tmp_path):
    """F54: pages are destroyed; the rest of the list, secrets included, is carried over."""
    path = tmp_path / "d.db"
    await filled(path, 2000)
    content = bytearray(path.read_bytes())
    # The tree of downloads is long; a stretch in the middle of the file hits some of it.
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8 * 4096] = b"\xa5" * 8 * 4096
    path.write_bytes(content)
    (tmp_path / "d.db.suspect").touch()
    store = SqliteStore(path)
    sentence = await store.open()
    assert "set aside" in sentence
    assert same(await store.get(full().id), await store.get(full().gid))
    assert (await store.get(full().id)).request.credentials == full().request.credentials
    assert sum((await store.counts()).values()) > 500
    await store.close()
    assert len([name for name in os.listdir(tmp_path) if ".damaged-" in name]) == 1
    assert not [name for name in os.listdir(tmp_path) if ".reading" in name or ".suspect" in name]


async def test_damage_met_while_running_is_told_and_checked_at_the_next_start(tmp_path):
    """F54: the command is refused, and the next start does not trust the file."""
    path = tmp_path / "d.db"
    store = SqliteStore(path)
    await store.open()

    def fail(database):
        error = sqlite3.DatabaseError("malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with pytest.raises(RequestError, match="damaged"):
        await store._run(fail)
    await store.close()
    assert os.path.exists(str(path) + opening.SUSPECT)


async def test_a_folder_that_cannot_be_made(tmp_path):
    """An unusable state folder is one clear refusal."""
    (tmp_path / "file").write_text("x")
    error = await refusal(tmp_path / "file" / "d.db")
    assert error.code is Code.STATE_UNUSABLE
    assert "\n" not in error.message


async def test_a_planted_link_is_not_followed(tmp_path):
    """The database's own name must not lead elsewhere."""
    (tmp_path / "other").write_text("precious")
    (tmp_path / "d.db").symlink_to(tmp_path / "other")
    assert (await refusal(tmp_path / "d.db")).code is Code.STATE_UNUSABLE
    assert (tmp_path / "other").read_text() == "precious"


async def test_a_full_disk_refuses_and_loses_nothing(tmp_path):
    """F54: the transaction is undone, the store works on, and the same save succeeds when there is space."""
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    download = build(1)
    await store.insert([download])
    await store._run(lambda database: database.execute("PRAGMA max_page_count = 1").fetchall())
    download.title, download.done = "t" * 2_000_000, 5
    with pytest.raises(RequestError) as caught:
        await store.save([download])
    assert caught.value.code is Code.DISK_FULL
    assert same(await store.get(download.id), build(1))
    await store._run(lambda database: database.execute("PRAGMA max_page_count = 1073741823").fetchall())
    await store.save([download])
    assert same(await store.get(download.id), download)
    await store.close()


async def test_an_older_list_is_searched_to_its_last_letter(tmp_path):
    """The upgrade ends the texts of a list written before it, and the index is made anew."""
    path = tmp_path / "d.db"
    store = SqliteStore(path)
    await store.open()
    await store.insert([ended(1, folder="/data/zq"), ended(2)])
    await store.settle()
    await store.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE ended SET text = substr(text, 1, length(text) - 2)")
        database.execute("INSERT INTO search (search) VALUES ('rebuild')")
        database.execute("DELETE FROM migrations WHERE name LIKE '0003%'")
        database.execute("PRAGMA user_version = 2")
    database.close()
    assert "0003" in await store.open()
    for text in ("zq", "q", "/data/zq"):
        assert [view.id for view in (await store.page(Query(text=text))).items] == [build(1).id], text
    await store.close()
