"""The service as a process: killed, ended, reloaded, found in possession, and sent to the background."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.e2e.service import Home, digest_of, reaches, until, view
from tui_downloads.demo.content import digest
from tui_downloads.demo.server import PracticeServer
from tui_downloads.engine.lock import held_by

COUNT = 20
SIZE = 1_500_000


def add_many(client, origin: PracticeServer, count: int = COUNT, rate: int = 150_000) -> dict[str, str]:
    """Add slow downloads in one request and give their ids by name."""
    names = [f"part-{n}.bin" for n in range(count)]
    body = {"downloads": [{"url": origin.file(SIZE + n, name, rate=rate)} for n, name in enumerate(names)]}
    outcomes = client.post("/v1/downloads", json=body).json()["outcomes"]
    assert [outcome["error"] for outcome in outcomes] == [None] * count
    return {name: outcome["id"] for name, outcome in zip(names, outcomes, strict=True)}


def moving(client, ids) -> bool:
    """Say whether every download has got bytes and is not at its end."""
    views = [view(client, id) for id in ids]
    return all(found["state"] == "transferring" and 0 < found["done"] < found["size"] for found in views)


def check(place: Home, client, ids: dict[str, str]) -> None:
    """Wait for every download and compare every byte."""
    for n, (name, id) in enumerate(ids.items()):
        reaches(client, id, "complete")
        assert digest_of(place.downloads / name) == digest(name, SIZE + n)


def test_kill_with_twenty_active_downloads(place: Home, origin: PracticeServer):
    """After kill -9 and a start every download goes on where it was, and every hash is right."""
    place.write_settings(f"downloads = {COUNT}\nconnections = 64\nper_host = {COUNT * 2}\nper_download = 2\n")
    service = place.serve()
    with service.local() as client:
        ids = add_many(client, origin)
        until(lambda: moving(client, ids.values()), "all twenty moving")
        assert service.end(signal.SIGKILL) == -signal.SIGKILL
    again = place.serve()
    with again.local() as client:
        assert {found["id"] for found in client.get("/v1/downloads?limit=100").json()["items"]} == set(ids.values())
        check(place, client, ids)
        assert sorted(path.name for path in place.downloads.iterdir() if not path.name.startswith(".")) == sorted(ids)
    assert again.end() == 0


def test_kill_keeps_what_was_checkpointed(place: Home, origin: PracticeServer):
    """What one life checkpointed, the next does not fetch again."""
    service = place.serve()
    name = "large.bin"
    with service.local() as client:
        body = {"url": origin.file(30_000_000, name, rate=2_000_000), "options": {"connections": 2}}
        id = client.post("/v1/downloads", json=body).json()["id"]
        until(lambda: view(client, id)["done"] > 9_000_000, "some megabytes")
        assert client.post(f"/v1/downloads/{id}/pause").status_code == 200
        kept = view(client, id)["done"]
        service.end(signal.SIGKILL)
    again = place.serve()
    with again.local() as client:
        found = view(client, id)
        assert (found["state"], found["done"]) == ("paused", kept)
        assert client.post(f"/v1/downloads/{id}/resume").status_code == 200
        reaches(client, id, "complete")
    assert digest_of(place.downloads / name) == digest(name, 30_000_000)


def test_sigterm_drains_in_bounded_time(place: Home, origin: PracticeServer):
    """Running downloads and an open event stream do not hold up the end; the next start goes on."""
    service = place.serve()
    with service.local() as client:
        ids = add_many(client, origin, 5)
        until(lambda: moving(client, ids.values()), "all five moving")
        with client.stream("GET", "/v1/events") as stream:
            next(stream.iter_bytes())
            # Draining has 5 seconds and the checkpoint 30; beyond that a service manager would kill.
            assert service.end(seconds=40.0) == 0
    assert held_by(place.paths.lock) is None
    again = place.serve()
    with again.local() as client:
        check(place, client, ids)


def test_sighup_reads_the_settings_again(place: Home):
    """New limits are in force without a restart."""
    place.write_settings("downloads = 3\n")
    service = place.serve()
    with service.local() as client:
        assert client.get("/v1/limits").json()["downloads"] == 3
        place.write_settings('downloads = 7\nrate = "2M"\n')
        service.process.send_signal(signal.SIGHUP)
        until(lambda: client.get("/v1/limits").json()["downloads"] == 7, "the new limit")
        assert client.get("/v1/limits").json()["rate"] > 0


def test_safe_settings_are_changed_from_afar(place: Home):
    """They are in force and in the file; limits that were changed while running stay; security settings are refused."""
    service = place.serve()
    with service.local() as client:
        assert client.put("/v1/limits", json={"downloads": 3}).status_code == 200
        answer = client.patch("/v1/settings", json={"timeout": 7, "on_conflict": "skip"})
        assert (answer.status_code, answer.json()["timeout"], answer.json()["limits"]["downloads"]) == (200, 7, 3)
        assert "timeout = 7" in Path(place.paths.settings_file).read_text()
        for name in ("folder", "hooks.on_complete", "endpoint.listen", "proxy.all", "log.file", "policy.private"):
            assert client.patch("/v1/settings", json={"timeout": 9, name: "x"}).status_code == 422
        assert client.get("/v1/settings").json()["timeout"] == 7
    assert service.end() == 0


def test_sighup_with_a_mistake_in_the_file_changes_nothing(place: Home):
    """The mistake is in the log, and the service goes on as it was."""
    place.write_settings("downloads = 3\n")
    service = place.serve()
    with service.local() as client:
        place.write_settings("downloads = [broken\n")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: "stay as they were" in place.log, "the line in the log")
        assert client.get("/v1/limits").json()["downloads"] == 3
    assert service.process.poll() is None


def test_serve_on_a_held_lock_says_who_holds_it(place: Home):
    """The second one ends with 10 and names process, kind and time; the first one goes on."""
    service = place.serve()
    said = place.run("serve", code=10).stderr
    assert f"process {service.process.pid} (serve) since {time.strftime('%Y')}" in said
    with service.local() as client:
        assert client.get("/healthz").status_code == 200


def test_a_lock_of_a_dead_service_is_stale(place: Home):
    """After kill -9 the file names the dead one, and nobody believes it."""
    service = place.serve()
    service.end(signal.SIGKILL)
    assert str(service.process.pid) in Path(place.paths.lock).read_text()
    assert held_by(place.paths.lock) is None
    assert place.serve().end() == 0


def test_daemon_comes_up_answers_and_ends(place: Home, origin: PracticeServer):
    """It outlives the command that started it, commands reach it, and SIGTERM to the lock's pid ends it."""
    said = place.run("serve", "--daemon").stderr
    pid = place.owner_pid()
    assert f"process {pid} (serve)" in said
    place.run("add", origin.file(100_000, "d.bin"))
    until(lambda: (place.downloads / "d.bin").exists(), "the file")
    assert digest_of(place.downloads / "d.bin") == digest("d.bin", 100_000)
    os.kill(pid, signal.SIGTERM)
    until(lambda: held_by(place.paths.lock) is None, "the lock given back")
    assert not os.path.exists(place.paths.socket)


def test_daemon_on_a_held_lock_says_who_holds_it(place: Home):
    """`serve --daemon` ends with a failure that names the process in possession."""
    service = place.serve()
    said = place.run("serve", "--daemon", code=10).stderr
    assert f"process {service.process.pid}" in said
