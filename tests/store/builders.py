"""Downloads for the tests of the store."""

from __future__ import annotations

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import ErrorView, Kind, Proof
from tui_downloads.core.spec import AddRequest, Credentials, OnConflict, Options, Policy

CANARY = "c4n4ry-5ecret"


def build(number: int = 1, **changes) -> Download:
    """Make a plain download; what is given replaces what it says."""
    url = changes.pop("url", f"https://files{number % 3}.example.org/pool/file-{number}.iso")
    owner = changes.pop("owner", "local")
    request = changes.pop("request", AddRequest(url, owner=owner))
    values = {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "gid": f"{number:016x}",
        "kind": Kind.LINK,
        "folder": "/home/user/downloads",
        "name": f"file-{number}.iso",
        "created_at": 1_000_000.0 + number,
        "position": float(number),
        "host": f"files{number % 3}.example.org",
        "files": [FileRecord(path=f"file-{number}.iso")],
        **changes,
    }
    return Download(request=request, url=url, **values)


def full(number: int = 7) -> Download:
    """Make a download in which every stored field says something."""
    error = ErrorView("NETWORK_ERROR", "The line went dead.", "network", "Retry.", True, 4, 5.5, 503)
    url = f"https://mirror.example.org/data-{number}.tar.gz?signature={CANARY}"
    request = AddRequest(
        url,
        kind=Kind.PACKAGE,
        mirrors=("https://other.example.org/a", "ftp://third.example.org/b"),
        folder="sub",
        name="wanted.tar.gz",
        options=Options(
            connections=3, checksum="md5:00", timeout=4.5, connect_timeout=2.0, max_time=90.0, retries=2,
            on_conflict=OnConflict.SKIP, limit=1000, min_rate=10, proxy="http://proxy.example.org:3128",
            user_agent="me", referer="https://example.org/", cacert="/ca", cert="/cert", key="/key", ip_version=6,
            interface="eth0", netrc=True, verify="auto", known_hosts="/known", category="sets",
        ),
        credentials=Credentials(
            headers=(("Authorization", f"Bearer {CANARY}"), ("X-Key", CANARY)),
            user="bob",
            password=CANARY,
            cookies=f"example.org\tTRUE\t/\tFALSE\t0\tsid\t{CANARY}",
            proxy_user="pu",
            proxy_password=CANARY,
            extra={"package": CANARY},
        ),
        policy=Policy(False, ("a.example", "*.b.example"), ("c.example",), ("/home/user",), False),
        owner="carol",
        dialect="hoody",
        priority=3,
        paused=True,
        start_at=123.5,
        gid="00000000000000aa",
        title="A title",
        duplicate="refuse",
        top=True,
        source={"ids": [1, 2], "preset": "best"},
        meta={"seen": {"deep": [True, None, 1.5]}},
    )  # fmt: skip
    files = [
        FileRecord(
            id="1", path="a/b.bin", original="b?.bin", urls=("https://x.example/1",), size=10, done=4, state="failed",
            selected=False, digests=(("sha-256", "ab"),), pieces=("sha1", 4, ("aa", "bb", "cc")), checksum="md5:11",
            proof=Proof.DIGEST, error=error, part="/home/user/a/b.bin.part", renew="again",
        ),
        FileRecord(id="2", path="a/c.bin", size=2**40, done=2**40, state="complete", proof=Proof.CHECKSUM),
    ]  # fmt: skip
    return build(
        number, url=url, request=request, kind=Kind.PACKAGE, state=State.PAUSED, final_url="https://cdn.example.org/x",
        title="Grüße 你好", size=2**40 + 10, done=2**40 + 4, files=files, priority=3, limit=1000, started_at=11.0,
        finished_at=12.0, active_seconds=3.25, attempts=2, discarded=77, error=error, checksum="md5:22",
        proof=Proof.UNPROVEN, validator='"etag"', content_type="application/gzip", duplicate_of="other",
        meta={"k": [1, {"x": "y"}]},
    )  # fmt: skip


def ended(number: int, state: State = State.COMPLETE, **changes) -> Download:
    """Make a download that has ended."""
    values = {"finished_at": 2_000_000.0 + number, "size": number * 10, "done": number * 10, **changes}
    return build(number, state=state, **values)
