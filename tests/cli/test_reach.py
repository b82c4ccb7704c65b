"""Commands with a service and without: they work on the same list, and without one nothing starts."""

from __future__ import annotations

import json
import time

import pytest

from tests.cli.conftest import Program, until

MB = 1_000_000


def ids(program: Program, *arguments: str) -> list[str]:
    return [item["id"] for item in program.json("list", *arguments)["items"]]


def test_add_without_a_service_stores_and_starts_nothing(program: Program, practice) -> None:
    """The id is printed, the download is queued, and the server was never asked."""
    done = program("add", practice.file(1000, "a.bin"))
    assert ids(program) == done.stdout.split()
    assert program.json("list")["items"][0]["state"] == "queued"
    assert practice.requests == [] and "No service runs" in done.stderr


def test_a_service_takes_up_what_was_added_before(program: Program, practice) -> None:
    """Queued without a service, fetched by the next one."""
    id = program("add", practice.file(1000, "a.bin")).stdout.strip()
    with program.serving():
        program("wait", id)
    assert (program.home / "downloads/a.bin").stat().st_size == 1000


def test_commands_at_once_wait_for_each_other(program: Program, practice) -> None:
    """Several commands on the state itself do not fail for the lock."""
    children = [program.start("add", "--paused", practice.file(1000, f"{n}.bin")) for n in range(3)]
    for child in children:
        assert child.wait(60) == 0
    assert len(ids(program)) == 3


def test_steering_without_a_service(program: Program, practice) -> None:
    """Pause, resume, cancel, retry and remove change the list and nothing runs."""
    id = program("add", practice.file(1000, "a.bin")).stdout.strip()
    for command, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("retry", "queued")):
        program(command, id)
        assert program.json("show", id)["download"]["state"] == state
    program("remove", id)
    assert ids(program) == [] and practice.requests == []


def test_steering_a_service(service: Program, practice) -> None:
    """The same commands through the socket, while it runs."""
    id = service("add", practice.file(400 * MB, "a.bin", rate=MB)).stdout.strip()
    until(lambda: ids(service, "-s", "transferring") == [id], "the transfer")
    for command, state in (("pause", "paused"), ("resume", ""), ("cancel", "cancelled"), ("retry", "")):
        found = service.json(command, id)["outcomes"][0]
        assert found["ok"] and (not state or found["download"]["state"] == state)
    assert service("remove", id, "--files").stdout.split() == [id[:8], "removed"]
    assert ids(service) == []


def test_ids_by_prefix_gid_and_all(program: Program, practice) -> None:
    """Any unique beginning of an id will do, several and --all too."""
    program("add", "-P", "--paused", practice.file(10, "NUMBER.bin").replace("NUMBER", "[1-3]"))
    items = program.json("list")["items"]
    first = items[0]
    length = next(n for n in range(1, 37) if sum(item["id"].startswith(first["id"][:n]) for item in items) == 1)
    assert program.json("show", first["id"][:length])["download"]["id"] == first["id"]
    assert program.json("show", first["gid"])["download"]["id"] == first["id"]
    assert len(program.json("resume", "--all")["outcomes"]) == 3
    assert len(program.json("pause", "-s", "queued")["outcomes"]) == 3


def test_what_is_no_id_and_what_is_unknown(program: Program) -> None:
    """3, with one line; nothing said is a usage error."""
    assert "no id" in program("pause", "zebra", code=3).stderr
    assert "no download" in program("pause", "ffffffff", code=3).stderr
    assert "Say which" in program("pause", code=2).stderr
    assert "no state" in program("pause", "-s", "nonsense", code=2).stderr


def test_a_command_for_the_wrong_state_says_so(program: Program, practice) -> None:
    """The outcome of each id is told, and the exit code is that of the refusal."""
    id = program("add", "--paused", practice.file(10, "a.bin")).stdout.strip()
    done = program("retry", id, code=2)
    assert "can't be retried" in done.stderr
    assert program.json("retry", id, code=2)["outcomes"][0]["error"]["code"] == "INVALID_STATE"


def test_wait_gives_the_cause(service: Program, practice) -> None:
    """0 when complete, the cause's code when not; --any ends with the first."""
    good = service("add", practice.file(1000, "a.bin")).stdout.strip()
    bad = service("add", practice.file(1000, "b.bin", status=404)).stdout.strip()
    slow = service("add", practice.file(50 * MB, "c.bin", rate=100_000)).stdout.strip()
    service("wait", good)
    found = service.json("wait", good, bad, code=3)
    assert {item["state"] for item in found["items"]} == {"complete", "failed"}
    service("wait", "--any", good, slow)
    service("wait", slow, "--timeout", "0.3", code=5)
    service("pause", slow)
    service("wait", slow, code=7)


def test_wait_without_a_service_does_not_hang(program: Program, practice) -> None:
    """13, and how to start one."""
    program("add", practice.file(1000, "a.bin"))
    assert "serve" in program("wait", code=13).stderr


def test_watch_follows_events(service: Program, practice) -> None:
    """Lines of JSON from added to complete."""
    child = service.start("watch", "--json", "--count", "3")
    until(lambda: child.stderr is not None and "Watching" in child.stderr.readline(), "the first line")
    link = practice.file(1000, "a.bin")

    def added() -> bool:
        service("add", link)
        return child.poll() is not None

    until(added, "three events")
    assert child.stdout is not None
    events = [json.loads(line) for line in child.stdout.read().splitlines()]
    assert len(events) == 3 and all({"seq", "at", "type", "id", "state"} <= event.keys() for event in events)


def test_move_changes_the_order(program: Program, practice) -> None:
    """The last goes to the top."""
    added = program("add", "-P", practice.file(10, "NUMBER.bin").replace("NUMBER", "[1-3]")).stdout.split()
    program("move", added[2], "top")
    order = [item["id"] for item in program.json("list", "--sort", "position")["items"]]
    assert order[0] == added[2]
    assert "Where to" in program("move", added[0], "sideways", code=2).stderr


def test_change_and_limit_one_download(program: Program, practice) -> None:
    """Name, priority and rate of one download."""
    id = program("add", "--paused", practice.file(10, "a.bin")).stdout.strip()
    program("change", id, "--name", "b.bin", "--priority", "7")
    program("limit", "100K", id)
    view = program.json("show", id)["download"]
    assert (view["name"], view["priority"], view["limit"]) == ("b.bin", 7, 102400)


def test_limits_of_a_service_and_of_the_settings(program: Program) -> None:
    """A running service takes them at once; without one they are written."""
    program("limit", "5M", "--downloads", "3")
    assert program("config", "show", "rate", "downloads").stdout == 'downloads = 3\nrate = "5M"\n'
    with program.serving():
        assert program.json("limit")["rate"] == 5 << 20
        program("limit", "none")
        assert program.json("limit")["rate"] == 0


def test_list_filters_sorts_and_bounds(program: Program, practice) -> None:
    """Words, terms, states, host, order, and what is left out is said."""
    for name in ("apple.bin", "pear.bin", "plum.bin"):
        program("add", "--paused", "-o", name, practice.file(10, name))
    names = [item["name"] for item in program.json("list", "--sort", "name")["items"]]
    assert names == ["apple.bin", "pear.bin", "plum.bin"]
    assert "pear" not in program("list", "--", "state:paused", "-pear").stdout
    assert [item["name"] for item in program.json("list", "name:plu")["items"]] == ["plum.bin"]
    assert program.json("list", "--text", "apple")["items"][0]["name"] == "apple.bin"
    assert program.json("list", "--state", "complete")["items"] == []
    assert program.json("list", "--host", "nowhere.example")["items"] == []
    short = program("list", "-n", "2")
    assert len(short.stdout.splitlines()) == 3 and "-n 0" in short.stderr
    assert "did you mean" in program("list", "stat:paused", code=2).stderr


def test_history_errors_and_export(service: Program, practice) -> None:
    """Ended downloads are shown, failures with their next step, and both forms of the export are whole."""
    service("add", practice.file(1000, "=1+2.csv"), practice.file(10, "gone.bin", status=404))
    until(lambda: len(service.json("history")["items"]) == 2, "both ends")
    assert "Check the link" in service("errors").stdout
    rows = json.loads(service("history", "--export", "json", "-").stdout)
    assert {row["state"] for row in rows} == {"complete", "failed"}
    service("history", "--export", "csv", "out.csv")
    text = (service.cwd / "out.csv").read_text()
    assert text.startswith("id,state,name,") and len(text.splitlines()) == 3
    assert (service.cwd / "out.csv").stat().st_mode & 0o777 == 0o600
    service("history", "--forget", "--yes", "-s", "failed")
    assert len(service.json("history")["items"]) == 1


def test_export_and_import(program: Program, practice, tmp_path) -> None:
    """What was exported is added again elsewhere, with its options, and twice is once."""
    program("add", "--paused", "-o", "mine.bin", "--limit", "10K", "--priority", "3", practice.file(10, "a.bin"))
    program("export", "-o", "list.json")
    other = Program(tmp_path / "other", program.cwd)
    other("import", "list.json")
    other("import", "list.json")
    items = other.json("list")["items"]
    assert [(item["name"], item["limit"], item["priority"], item["state"]) for item in items] == [
        ("mine.bin", 10240, 3, "paused")
    ]
    assert "no list" in other("import", "-", given="{}", code=2).stderr
    assert "url" in other("import", "-", given='[{"ur": "x"}]', code=2).stderr


def test_no_secret_in_any_output(program: Program, practice) -> None:
    """A canary in header, login, cookie and signed query appears in no export, list or log."""
    canary = "canary5f0c"
    link = practice.file(10, "a.bin").replace("http://", f"http://me:{canary}@") + f"?token={canary}"
    (program.cwd / "cookies.txt").write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{canary}\n")
    program(
        "add",
        "--paused",
        "-H",
        f"Authorization: Bearer {canary}",
        "-u",
        f"u:{canary}",
        "--cookies",
        "cookies.txt",
        link,
    )
    for arguments in (["list"], ["show", program.json("list")["items"][0]["id"]], ["export"], ["status", "--json"]):
        done = program(*arguments)
        assert canary not in done.stdout + done.stderr
    program("cancel", "--all")
    program("history", "--export", "json", "h.json")
    assert canary not in (program.cwd / "h.json").read_text()
    assert canary not in "".join(path.read_text(errors="replace") for path in program.home.rglob("*.log"))


def test_copy_as_curl(program: Program, practice) -> None:
    """A browser's command becomes a download with its headers; one that sends is refused."""
    link = practice.file(10, "a.bin")
    program("add", "--paused", "--curl", f"curl '{link}' -H 'X-Mine: 1' --compressed")
    program("add", "--paused", f"curl '{link}' -o other.bin")
    program("add", "--paused", "--curl", "-", given=f"curl '{link}'")
    assert len(ids(program)) == 3
    assert "sends data" in program("add", "--curl", f"curl '{link}' -d x=1", code=2).stderr


def test_start_at_keeps_it_in_the_queue(service: Program, practice) -> None:
    """Not before its time."""
    id = service("add", "--start-at", "+1h", practice.file(10, "a.bin")).stdout.strip()
    view = service.json("show", id)["download"]
    assert view["state"] == "queued" and view["start_at"] > time.time() + 3000
    assert "no moment" in service("add", "--start-at", "soon", practice.file(10, "b.bin"), code=2).stderr


def test_bundle_and_pull(service: Program, practice) -> None:
    """Finished files are zipped by the service and fetched to here, proven."""
    added = service("add", "-P", practice.file(100_000, "NUMBER.bin").replace("NUMBER", "[1-2]")).stdout.split()
    service("wait", *added)
    zipped = service("bundle", *added, "-o", "both.zip").stdout.strip()
    service("wait", zipped)
    found = service.json("pull", zipped, "-d", "here")
    assert found["path"] == str(service.cwd / "here/both.zip") and found["size"] > 200_000
    assert service("pull", added[0], "-o", "one.bin").stdout.strip() == str(service.cwd / "one.bin")


def test_a_bundle_may_be_deflated_bounded_and_kept_for_a_time(service: Program, practice) -> None:
    """What is too large is refused when it is made."""
    one = service("add", practice.file(100_000, "a.bin")).stdout.strip()
    service("wait", one)
    small = service("bundle", one, "--max-size", "50K").stdout.strip()
    service("wait", small, code=None)
    assert service.json("show", small)["download"]["error"]["code"] == "QUOTA_EXCEEDED"
    kept = service("bundle", one, "--compress", "--keep", "1d", "--max-size", "1M").stdout.strip()
    service("wait", kept)
    assert service.json("show", kept)["download"]["state"] == "complete"
    assert "is not" in service("bundle", one, "--keep", "soon", code=2).stderr


def test_pull_needs_a_service(program: Program) -> None:
    """13."""
    program("pull", "--all", code=13)


@pytest.mark.parametrize("remote", ["http://127.0.0.1:1", "127.0.0.1:1"])
def test_a_remote_that_does_not_answer(program: Program, remote: str) -> None:
    """13 and one line."""
    done = program("list", "--remote", remote, code=13)
    assert len(done.stderr.splitlines()) == 1


def test_status_names_the_service(service: Program) -> None:
    """Who holds the state, and where it answers."""
    found = service.json("status")
    assert found["owner"]["what"] == "serve" and found["service"].startswith("unix:")


def test_remove_with_files_leaves_what_is_not_ours(service: Program, practice) -> None:
    """The finished file goes, what lies beside it stays."""
    id = service("add", practice.file(1000, "a.bin")).stdout.strip()
    service("wait", id)
    (service.home / "downloads/mine.txt").write_text("x")
    service("remove", "--files", id)
    assert [path.name for path in (service.home / "downloads").iterdir()] == ["mine.txt"]
