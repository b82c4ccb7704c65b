"""What the command line says of packages and media pages, and what becomes of it."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from tests.cli.conftest import Program
from tui_downloads.core.errors import Exit
from tui_downloads.demo.content import digest

MANIFEST = "application/vnd.tui-downloads.manifest+json"


def page(body: str, content_type: str) -> bytes:
    data = body.encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + data


def tree(program: Program) -> list[str]:
    return sorted(str(path.relative_to(program.cwd)) for path in program.cwd.rglob("*") if path.is_file())


def listing(practice) -> str:
    """Serve a folder with a folder in it, and give its link."""
    practice.script["/pub/"] = page('<a href="a.txt">a</a><a href="b.iso">b</a><a href="sub/">s</a>', "text/html")
    practice.script["/pub/sub/"] = page('<a href="c.txt">c</a>', "text/html")
    for path in ("/pub/a.txt", "/pub/b.iso", "/pub/sub/c.txt"):
        practice.script[path] = page(path, "text/plain")
    return practice.url("/pub/")


@pytest.mark.parametrize("options,expected", [
    ([], ["pub/a.txt", "pub/b.iso", "pub/sub/c.txt"]),
    (["--include", "*.txt"], ["pub/a.txt", "pub/sub/c.txt"]),
    (["--exclude", "sub"], ["pub/a.txt", "pub/b.iso"]),
    (["--depth", "1"], ["pub/a.txt", "pub/b.iso"]),
    (["--select", "2"], ["pub/b.iso"]),
])  # fmt: skip
def test_recursive_fetches_what_is_listed(program: Program, practice, options, expected):
    """Depth, patterns and choices bound what comes of a directory listing."""
    program("get", "-q", "-R", *options, listing(practice))
    assert tree(program) == expected


def test_a_list_of_this_machine_is_fetched(program: Program, practice):
    """A metalink file gives link, name and digest; a manifest file a whole package."""
    sha, link = digest("m.bin", 9000), practice.file(9000, "m.bin")
    (program.cwd / "x.meta4").write_text(
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="m.bin"><size>9000</size>'
        f'<hash type="sha-256">{sha}</hash><url>{link}</url></file></metalink>'
    )
    (program.cwd / "y.json").write_text(json.dumps({"title": "Y", "files": [{"path": "d/m.bin", "url": link}]}))
    program("get", "-q", "-M", "x.meta4", "-M", "y.json")
    assert tree(program) == ["Y/d/m.bin", "m.bin", "x.meta4", "y.json"]
    assert hashlib.sha256((program.cwd / "m.bin").read_bytes()).hexdigest() == sha


def test_verify_auto_holds_a_file_against_its_list(program: Program, practice):
    """A checksum file beside the link that says otherwise is a mismatch."""
    link = practice.file(5000, "v.bin")
    practice.script["/f/5000/v.bin.sha256"] = page("0" * 64 + "  v.bin\n", "text/plain")
    program("get", "--verify", "auto", link, code=int(Exit.CHECKSUM))
    assert not (program.cwd / "v.bin").exists()


@pytest.mark.parametrize("options,said", [
    (["--depth", "2"], "--recursive"),
    (["--quality", "720p", "-R"], "media pages only"),
    (["--quality", "721p"], "720p"),
    (["--kind", "link", "-R"], "packages only"),
    (["--password-file", "missing"], "can't be read"),
    (["-M", "missing"], "can't be read"),
    (["-M", "nonsense"], "not JSON"),
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(program: Program, options, said):
    """One clear line, and nothing is fetched."""
    (program.cwd / "nonsense").write_text("hello")
    done = program("get", *options, "http://127.0.0.1:9/x", code=None)
    assert done.returncode != 0 and said in done.stderr


def test_a_package_is_shown_with_its_files_and_the_choice_can_be_changed(service: Program, practice):
    """`show` lists the files with their states; `change --select` leaves the others out."""
    # The first would take an hour, so that the choice always comes before its end.
    links = {"a.bin": practice.file(400_000_000, "a.bin", rate=100_000), "b.txt": practice.file(4000, "b.txt")}
    files = [{"path": f"d/{name}", "url": link} for name, link in links.items()]
    practice.script["/p.json"] = page(json.dumps({"title": "P", "files": files}), MANIFEST)
    (id,) = service("add", practice.url("/p.json")).stdout.split()
    deadline = time.monotonic() + 60
    while len(shown := service.json("show", id)["files"]) < 2:
        assert time.monotonic() < deadline
    assert [file["path"] for file in shown] == ["P/d/a.bin", "P/d/b.txt"]
    assert "None of its files" in service("change", id, "--select", "*.iso", code=None).stderr
    service("change", id, "--select", "*.txt")
    service("wait", id)
    text = service("show", id).stdout
    assert "left out" in text and "P/d/b.txt" in text and "The link leads to a manifest" in text
    assert [file["selected"] for file in service.json("show", id)["files"]] == [False, True]


def interrupted(program: Program, practice, *command: str) -> None:
    """Kill a `get` in the middle, and run the same command to its end."""
    child = program.start("get", "-q", *command)
    deadline = time.monotonic() + 60
    while not (list(program.cwd.rglob("*.journal")) and len(list(program.cwd.rglob("d/*.bin"))) > 2):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.01)
    child.kill()
    child.wait()
    program("get", "-q", *command)


def test_the_same_command_goes_on_with_a_package(program: Program, practice):
    """After SIGKILL the folder is completed, not doubled: whole files stay, parts are gone on with."""
    sizes = {f"f{n}.bin": (2_500_000 if n % 2 else 40_000) for n in range(12)}
    files = [{"path": f"d/{name}", "url": practice.file(size, name, rate=1_000_000)} for name, size in sizes.items()]
    practice.script["/p.json"] = page(json.dumps({"title": "P", "files": files}), MANIFEST)
    interrupted(program, practice, practice.url("/p.json"))
    assert {path: hashlib.sha256((program.cwd / path).read_bytes()).hexdigest() for path in tree(program)} == {
        f"P/d/{name}": digest(name, size) for name, size in sizes.items()
    }
    assert len([request for request in practice.requests if "/f0.bin" in request.path]) == 1
    program("get", "-q", practice.url("/p.json"))
    assert len(tree(program)) == 2 * len(sizes)  # a finished folder is not touched again
