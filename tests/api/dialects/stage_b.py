"""A stage for the dialects: a service in process, downloads in every state, and what every error must not be."""

from __future__ import annotations

import hashlib
import itertools

import httpx

from tests.api.service import Service, own
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind
from tui_downloads.engine.fake_stage import error_view

SIZE = 1000
_count = itertools.count(1)


def put(made: Service, state: State, *, owner: str = "ann", name: str = "", **fields: object) -> str:
    """Put a download in a state on the stage, its file on disk when it is complete, and give its id."""
    name = name or f"file{next(_count)}.bin"
    url = str(fields.pop("url", "") or f"https://files.example.org/{hashlib.md5(name.encode()).hexdigest()}/x")
    kind = fields.pop("kind", Kind.LINK)
    error = error_view(Code.REMOTE_FILE_NOT_FOUND, "The file is not there (404).", 0) if state is State.FAILED else None
    done = SIZE if state is State.COMPLETE else 0 if state is State.QUEUED else SIZE // 2
    id = made.engine.put(url, state=state, name=name, size=SIZE, done=done, error=error, **fields)
    download = made.engine._downloads[id]
    download.kind, download.done = kind, done
    made.engine._file(download)
    own(made, id, owner)
    if state is State.COMPLETE:
        (made.folder / name).write_bytes(bytes(n % 251 for n in range(SIZE)))
    return id


def adopt(made: Service, id: str, dialect: str) -> None:
    """Say which face a download of the stage was added by."""
    download = made.engine._downloads[id]
    download.request = download.request.with_(dialect=dialect)
    made.engine._touch(id)


def finish(made: Service, id: str, content: bytes) -> None:
    """Make a download that was added complete, with a file on disk."""
    download = made.engine._downloads[id]
    download.name = download.name or "file.bin"
    (made.folder / download.name).write_bytes(content)
    download.state = State.COMPLETE
    download.size = download.done = len(content)
    download.finished_at = made.engine.now
    made.engine._file(download)
    made.engine._touch(id)


def state_of(made: Service, id: str) -> State:
    """Give a download's state."""
    return made.engine._downloads[id].state


def no_default(answer: httpx.Response) -> None:
    """Fail for what a framework says by itself."""
    for text in ('{"detail":"Not Found"}', '{"detail":"Method Not Allowed"}', "Internal Server Error", '"loc"'):
        assert text not in answer.text, answer.text
