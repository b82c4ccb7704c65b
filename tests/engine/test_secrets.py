"""S20: canaries in every secret's place are looked for in every artefact that an engine leaves or tells."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Bench
from tui_downloads import wire
from tui_downloads.config.settings import HookSettings
from tui_downloads.core.snapshots import Kind, Query
from tui_downloads.core.spec import AddRequest, Credentials, Options
from tui_downloads.daemon import OneLine
from tui_downloads.demo.server import serve_in_thread
from tui_downloads.engine import transfer as transfers
from tui_downloads.engine import ytdlp
from tui_downloads.engine.rules import Rules

SIZE = 3_000_000
MARK = "c4n4ry"
SPAWNED: list[object] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen":
        SPAWNED.append(arguments)


sys.addaudithook(_watch)  # the interpreter tells of every program that anybody here starts, with its environment


@pytest.fixture
def spawned() -> list[object]:
    """Give the arguments and environments of the programs that a test starts."""
    SPAWNED.clear()
    return SPAWNED


@pytest.fixture
def secrets() -> Credentials:
    cookies = f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{MARK}-cookie\n"
    return Credentials(
        headers=(("X-Token", f"{MARK}-header"), ("Authorization", f"Bearer {MARK}-bearer")),
        user="me",
        password=f"{MARK}-password",
        cookies=cookies,
        proxy_user="me",
        proxy_password=f"{MARK}-proxy",
        extra={"password": f"{MARK}-extra"},
    )


def found(text: object) -> bool:
    return MARK in (text if isinstance(text, str) else repr(text))


def views(shown: object) -> str:
    """Give a view as text without the query of its link, which is the owner's to copy; faces redact what they draw."""
    return repr(shown).replace(f"token={MARK}-query&sig={MARK}-sig", "")


def files_with_canaries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes())


async def lived(bench: Bench, secrets: Credentials, caplog) -> list[str]:
    """Live through adding, pausing, failing and completing; give everything that was told but the owner's own views."""
    told: list[object] = []
    signed = {"token": f"{MARK}-query", "sig": f"{MARK}-sig"}
    bench.server.ration = 600_000
    url = bench.server.file(SIZE, "a.bin", **signed)
    id = await bench.add(url.replace("://", f"://me:{MARK}-userinfo@"), credentials=secrets)
    await bench.until(id, lambda view: view.done > 300_000)
    told += [views(await bench.detail(id)), views(bench.engine.snapshot()), await bench.engine.describe()]
    await bench.engine.pause([id])
    journals = [path.read_bytes().decode("latin-1") for path in bench.folder.glob("*.journal")]
    assert journals
    told += journals
    bench.server.ration = None
    refused = bench.server.file(10, "no.bin", status=403, **signed)
    failed = await bench.add(refused, credentials=secrets)
    await bench.failed(failed)
    with serve_in_thread(proxy_login="me:other") as proxy:
        options = Options(proxy=f"http://127.0.0.1:{proxy.port}")
        behind = await bench.add("http://files.example/x.bin", credentials=secrets, options=options)
        await bench.failed(behind)
    await bench.engine.resume([id])
    await bench.complete(id)
    for one in (id, failed, behind):
        told.append(views(await bench.detail(one)))
    page = await bench.engine.page(Query())
    told += [views(page), *bench.engine.news(0)]
    told += [views(wire.dump(item)) for item in page.items]
    told += [caplog.text, str(await bench.engine.hosts())]
    return [text if isinstance(text, str) else repr(text) for text in told]


async def export(bench: Bench, form: str) -> str:
    """Give the history as its owner takes it home."""
    request = AddRequest("", kind=Kind.EXPORT, source={"format": form}, name=f"history.{form}")
    (outcome,) = await bench.engine.add([request])
    await bench.complete(outcome.id)
    return (bench.folder / f"history.{form}").read_text()


async def test_no_canary_is_told_or_left(tmp_path, server, secrets, caplog, spawned):
    """Views, events, logs, journals, exports and hooks hold none; of the database only the tables of secrets do."""
    caplog.set_level("DEBUG", logger="tui_downloads")
    tell = "import json, os, sys; open(sys.argv[1], 'a').write(json.dumps(dict(os.environ)) + chr(10))"
    command = (sys.executable, "-c", tell, str(tmp_path / "hooks"))
    hooks = HookSettings(on_added=command, on_complete=command, on_failed=command)
    bench = Bench(tmp_path / "downloads", server, rules=Rules(hooks=hooks))
    await bench.start()
    told = await lived(bench, secrets, caplog)
    exports = [await export(bench, form) for form in ("csv", "json")]
    assert all("a.bin" in text and "no.bin" in text for text in exports)
    assert [text for text in (*told, *exports) if found(text)] == []
    await bench.engine.close()
    assert spawned and not found(spawned)
    assert files_with_canaries(tmp_path / "downloads") == []
    assert not found((tmp_path / "hooks").read_text())
    assert tables_with_canaries(tmp_path / "list.db") <= {"credentials", "links"}


async def test_the_links_of_a_list_s_files_are_secrets_too(tmp_path, server, spawned):
    """A metalink that signs its links leaves no signature but where secrets are, in no journal and in no event."""
    server.ration = 600_000
    signed = server.file(SIZE, "listed.bin", sig=f"{MARK}-sig").replace("&", "&amp;")
    metalink = (
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="listed.bin">'
        f"<size>{SIZE}</size><url>{signed}</url></file></metalink>"
    ).encode()
    kind = "application/metalink4+xml"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(metalink)}\r\nConnection: close\r\n\r\n"
    server.script["/list.meta4"] = head.encode() + metalink
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    id = await bench.add(server.url("/list.meta4"))
    await bench.until(id, lambda view: view.done > 300_000)
    await bench.engine.pause([id])
    assert tables_with_canaries(tmp_path / "list.db", copied=True) == {"links"}
    assert files_with_canaries(tmp_path / "downloads") == []
    assert not found(bench.engine.news(0))
    await bench.engine.close()
    server.ration = None
    await bench.start()
    await bench.engine.resume([id])
    assert (await bench.complete(id)).discarded == 0
    assert not found(await export(bench, "json"))
    await bench.engine.close()
    assert not found(spawned)


@pytest.mark.skipif(not ytdlp.installed(), reason="yt-dlp is not installed")
async def test_what_reads_a_page_is_told_its_secrets_by_a_pipe(tmp_path, server, secrets, spawned):
    """Arguments and environment of yt-dlp are seen by everybody on the machine."""
    server.script["/watch"] = b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    url = server.url(f"/watch?token={MARK}-query")
    await bench.failed(await bench.add(url, kind=Kind.MEDIA, credentials=secrets, options=Options(retries=0)))
    await bench.engine.close()
    assert spawned and not found(spawned)


async def test_a_fault_of_ours_is_reported_without_the_link_it_stumbled_over(bench, secrets, caplog, monkeypatch):
    """What failed is quoted by many an exception: neither the view, the events nor the log repeat its secrets."""

    async def stumble(transfer: Any) -> None:
        raise RuntimeError(f"no idea what to do with {transfer.mirrors[0].url}\n1970-01-01 INFO forged")

    monkeypatch.setattr(transfers.Transfer, "run", stumble)
    url = bench.server.file(SIZE, "a.bin", token=f"{MARK}-query", sig=f"{MARK}-sig")
    id = await bench.add(url.replace("://", f"://me:{MARK}-userinfo@"), credentials=secrets)
    await bench.failed(id)
    lines = "\n".join(OneLine("%(message)s").format(record) for record in caplog.records)
    assert "no idea what to do" in lines and "\n1970" not in lines
    told = [lines, views(await bench.detail(id)), *bench.engine.news(0)]
    assert [text for text in told if found(text)] == []


def tables_with_canaries(path: Path, *, copied: bool = False) -> set[str]:
    """Name the tables that hold one; of a list that is open, those of a copy."""
    if copied:
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{path}.copy{suffix}")
        path = path.with_name(f"{path.name}.copy")
    with sqlite3.connect(path) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: database.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    database.close()
    return {table for table, found_rows in rows.items() if found(found_rows)}


async def test_the_lists_files_are_the_owners_only(tmp_path, server, secrets):
    """S11: whatever the umask says."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    await bench.add(server.file(10, "x.bin"), credentials=secrets, paused=True)
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("list.db*")}
    assert modes and set(modes.values()) == {0}
    await bench.engine.close()


def test_a_get_says_nothing_of_its_secrets(tmp_path, server):
    """Output, NDJSON, journal, spool and the arguments of what it starts: only what the user typed is in `ps`."""
    url = server.file(SIZE, "g.bin", token=f"{MARK}-query").replace("://", f"://me:{MARK}-userinfo@")
    done = subprocess.run(
        [sys.executable, "-m", "tui_downloads", "get", "--json", "-d", str(tmp_path / "in"), "-H", f"X: {MARK}", url],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert all(json.loads(line) for line in done.stdout.splitlines())
    assert not found(done.stdout + done.stderr)
    assert [name for name in files_with_canaries(tmp_path) if name != "g.bin"] == []


async def test_a_signed_link_outlives_a_restart(tmp_path, server):
    """Its secret comes back from where secrets are, and the part is found by it; the history shows it hidden."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    server.ration = 900_000
    id = await bench.add(server.file(SIZE, "signed.bin", sig=f"{MARK}-sig"))
    await bench.until(id, lambda view: view.done > 500_000)
    await bench.engine.close()
    server.ration = None
    await bench.start()
    view = await bench.complete(id)
    assert f"{MARK}-sig" in server.requests[-1].target and view.discarded == 0
    assert sum(request.sent for request in server.requests) < SIZE + 1_500_000
    await bench.engine.close()
    await bench.start()
    (item,) = (await bench.engine.page(Query(text="signed"))).items
    assert not found(item.url) and found((await bench.get(id)).url)
    await bench.engine.close()
