"""OfflineTube's dialect: shapes, words, statuses, names, two users."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.api.dialects.stage_b import SIZE, finish, no_default, put, state_of
from tests.api.service import service
from tui_downloads.api.auth import Door
from tui_downloads.api.dialects import _spanish as spanish
from tui_downloads.api.dialects import offlinetube
from tui_downloads.core.download import FileRecord
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import Move, State, can
from tui_downloads.core.snapshots import Kind

FIELDS = [
    "id", "url", "title", "thumbnail", "status", "progress", "speed", "eta", "filesize", "downloaded_bytes",
    "format_note", "is_playlist", "playlist_index", "playlist_total", "filename", "quality", "download_type",
    "error_message", "created_at", "completed_at",
]  # fmt: skip
LINK = "https://video.example.org/watch?v=dQw4w9WgXcQ"
MOUNTS = ["", "/offlinetube"]


@pytest.fixture
async def tube(tmp_path: Path):
    """Give a service that speaks OfflineTube's dialect."""
    async with service(tmp_path, dialects=[offlinetube.make]) as made:
        yield made


@pytest.mark.parametrize("mount", MOUNTS)
async def test_start_answers_one_id_under_both_names(tube, mount):
    """POST /api/download gives download_id and id, the same."""
    answer = await tube.client("ann").post(f"{mount}/api/download", json={"url": LINK, "quality": "1080p"})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"download_id", "id"}
    assert body["id"] == body["download_id"]
    request = tube.engine.calls[-1][1][0]
    assert request.kind is Kind.MEDIA and request.owner == "ann" and request.dialect == "offlinetube"
    assert dict(request.source) == {"quality": "1080p", "media_type": "video", "format_id": ""}


async def test_start_takes_the_documented_defaults(tube):
    """Without more than a link it is video at 720p."""
    await tube.client("ann").post("/api/download", json={"url": LINK})
    assert tube.engine.calls[-1][1][0].source["quality"] == "720p"


async def test_start_takes_audio_and_a_format(tube):
    """download_type and format_id reach the source."""
    await tube.client("ann").post("/api/download", json={"url": LINK, "download_type": "audio", "format_id": "140"})
    source = tube.engine.calls[-1][1][0].source
    assert (source["media_type"], source["format_id"]) == ("audio", "140")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, spanish.BAD_JSON),
        (b"[]", 400, spanish.BAD_JSON),
        (b"{}", 422, spanish.NO_URL),
        (b'{"url": 5}', 422, spanish.NO_URL),
        (b'{"url": " "}', 422, spanish.NO_URL),
        (b'{"url": "https://e.org/", "quality": "9000p"}', 422, spanish.BAD_QUALITY),
        (b'{"url": "https://e.org/", "quality": 720}', 422, spanish.BAD_QUALITY),
        (b'{"url": "https://e.org/", "download_type": "text"}', 422, spanish.BAD_TYPE),
        (b'{"url": "https://e.org/", "format_id": ["x"]}', 422, spanish.BAD_FORMAT),
        (b'{"url": "gopher://e.org/"}', 400, "La URL no es válida"),
    ],
)
async def test_start_says_in_spanish_what_is_wrong(tube, body, status, detail):
    """What can't be used is refused in the document's language, and nothing is added."""
    headers = {"content-type": "application/json"}
    answer = await tube.client("ann").post("/api/download", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(detail)
    assert not tube.engine.snapshot().downloads


async def test_the_list_is_a_bare_array_with_every_field(tube):
    """GET /api/downloads has exactly the document's fields, in their types."""
    put(tube, State.TRANSFERRING, name="film.mp4", title="Una película")
    (record,) = (await tube.client("ann").get("/api/downloads")).json()
    assert list(record) == FIELDS
    assert record["title"] == "Una película" and record["filename"] == "film.mp4"
    assert record["status"] == "downloading" and record["progress"] == 50.0
    assert record["filesize"] == SIZE and record["downloaded_bytes"] == SIZE // 2
    assert record["speed"].endswith("/s") and record["download_type"] == "video"
    assert record["is_playlist"] is False and record["completed_at"] is None
    assert "T" in record["created_at"]


async def test_meta_of_the_media_reaches_the_list(tube):
    """Quality, note, thumbnail and place in a playlist come from what the source found."""
    meta = {
        "quality": "480p", "download_type": "audio", "format_note": "480p avc1", "thumbnail": "https://i.example/t.jpg",
        "is_playlist": True, "playlist_index": 2, "playlist_total": 9,
    }  # fmt: skip
    put(tube, State.COMPLETE, name="song.m4a", meta=meta)
    (record,) = (await tube.client("ann").get("/api/downloads")).json()
    assert {key: record[key] for key in meta} == meta
    assert record["status"] == "completed" and record["progress"] == 100 and record["completed_at"]


@pytest.mark.parametrize("state", list(State))
async def test_each_state_has_its_word(tube, state):
    """No state of the engine is without a word of the document."""
    id = put(tube, state)
    (record,) = (await tube.client("ann").get("/api/downloads")).json()
    words = {"pending", "downloading", "processing", "completed", "error", "cancelled"}
    assert record["id"] == id and record["status"] == offlinetube.STATUS[state] and record["status"] in words
    assert bool(record["error_message"]) == (state is State.FAILED)


async def test_the_list_is_newest_first(tube):
    """What was added last is at the top."""
    client = tube.client("ann")
    first = (await client.post("/api/download", json={"url": LINK})).json()["id"]
    tube.engine.tick(1)
    second = (await client.post("/api/download", json={"url": LINK + "2"})).json()["id"]
    assert [record["id"] for record in (await client.get("/api/downloads")).json()] == [second, first]


@pytest.mark.parametrize(
    ("name", "type"),
    [("a.mp4", "video/mp4"), ("a.m4a", "audio/m4a"), ("a.webm", "video/webm"), ("a.zip", "application/zip")],
)
async def test_the_file_has_its_type(tube, name, type):
    """Content-Type goes by the extension."""
    id = put(tube, State.COMPLETE, name=name)
    answer = await tube.client("ann").get(f"/api/download/{id}/file")
    assert answer.status_code == 200 and answer.headers["content-type"] == type and len(answer.content) == SIZE


async def test_the_file_is_offered_under_the_original_title(tube):
    """The title and not the cleaned name; filename* first and filename last."""
    id = put(tube, State.COMPLETE, name="Cancion_ otono.mp4", title="Canción: otoño")
    answer = await tube.client("ann").get(f"/api/download/{id}/file")
    disposition = answer.headers["content-disposition"]
    assert disposition == (
        "attachment; filename*=UTF-8''Canci%C3%B3n%3A%20oto%C3%B1o.mp4; filename=\"Cancion: otono.mp4\""
    )
    assert disposition.split("filename=")[1].replace('"', "") == "Cancion: otono.mp4"


async def test_the_file_has_ranges(tube):
    """A part is a 206, what is not there a 416 in our shape."""
    id = put(tube, State.COMPLETE)
    client = tube.client("ann")
    part = await client.get(f"/api/download/{id}/file", headers={"range": "bytes=10-19"})
    assert (
        part.status_code == 206 and part.headers["content-range"] == f"bytes 10-19/{SIZE}" and len(part.content) == 10
    )
    beyond = await client.get(f"/api/download/{id}/file", headers={"range": "bytes=5000-"})
    assert beyond.status_code == 416 and beyond.json() == {"detail": "El archivo no tiene ese rango"}


@pytest.mark.parametrize("state", [state for state in State if state is not State.COMPLETE])
async def test_an_unfinished_file_is_not_available(tube, state):
    """Whatever it does, before it is complete there is no file."""
    id = put(tube, state)
    answer = await tube.client("ann").get(f"/api/download/{id}/file")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Descarga no disponible o no completada"})


async def test_an_unknown_file_is_not_available(tube):
    """An id that nobody has is told like an unfinished one."""
    answer = await tube.client("ann").get("/api/download/550e8400-e29b-41d4-a716-446655440000/file")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Descarga no disponible o no completada"})


async def test_several_files_are_asked_for_by_number(tube):
    """A package has no file of its own; a video is not hidden by its subtitles."""
    id = put(tube, State.COMPLETE, name="one.mp4", title="The Film")
    download = tube.engine._downloads[id]
    (tube.folder / "two.srt").write_bytes(b"text")
    download.files += [FileRecord("2", "two.srt", "two.srt", size=4, done=4, state="complete")]
    client = tube.client("ann")
    for kind, status, playlist in ((Kind.PACKAGE, 409, True), (Kind.MEDIA, 200, False)):
        download.kind = kind
        tube.engine._touch(id)
        assert (await client.get(f"/api/download/{id}/file")).status_code == status
        assert (await client.get("/api/downloads")).json()[0]["is_playlist"] is playlist
        second = await client.get(f"/api/download/{id}/file?file=2")
        assert second.content == b"text" and 'filename="two.srt"' in second.headers["content-disposition"]
        assert (await client.get(f"/api/download/{id}/file?file=3")).status_code == 404


async def test_a_deleted_file_is_told_apart(tube):
    """Complete, but gone from the disk."""
    id = put(tube, State.COMPLETE, name="gone.bin")
    (tube.folder / "gone.bin").unlink()
    answer = await tube.client("ann").get(f"/api/download/{id}/file")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Archivo físico no encontrado"})


@pytest.mark.parametrize("state", list(State))
async def test_cancel_in_each_state(tube, state):
    """What can be cancelled is and stays in the list; again is the same; what has ended is a conflict."""
    id = put(tube, state)
    client = tube.client("ann")
    answer = await client.delete(f"/api/downloads/{id}")
    if can(state, Move.CANCEL) or state is State.CANCELLED:
        assert (answer.status_code, answer.json()) == (200, {"message": "Descarga cancelada"})
        assert (await client.get("/api/downloads")).json()[0]["status"] == "cancelled"
    else:
        assert (answer.status_code, answer.json()) == (409, {"detail": spanish.ENDED})
        assert state_of(tube, id) is state


@pytest.mark.parametrize("state", list(State))
async def test_remove_in_each_state(tube, state):
    """Record and files go, whatever it was doing."""
    id = put(tube, state)
    client = tube.client("ann")
    answer = await client.delete(f"/api/downloads/{id}/remove")
    assert (answer.status_code, answer.json()) == (200, {"message": "Descarga eliminada"})
    assert (await client.get("/api/downloads")).json() == []
    assert tube.engine.calls[-1] == ("remove_files", (id,))


@pytest.mark.parametrize("path", ["/api/downloads/nope", "/api/downloads/nope/remove"])
async def test_deleting_the_unknown_is_not_found(tube, path):
    """The document's sentence for it."""
    answer = await tube.client("ann").delete(path)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Descarga no encontrada"})


async def test_nobody_sees_or_touches_what_is_not_theirs(tube):
    """Bob's answers about Ann's download are those about nothing."""
    id = put(tube, State.COMPLETE)
    bob = tube.client("bob")
    assert (await bob.get("/api/downloads")).json() == []
    assert (await bob.get(f"/api/download/{id}/file")).json() == {"detail": spanish.NOT_READY}
    for path in (f"/api/downloads/{id}", f"/api/downloads/{id}/remove"):
        answer = await bob.delete(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": spanish.NOT_FOUND})
    assert state_of(tube, id) is State.COMPLETE


async def test_a_reader_starts_and_ends_nothing(tube):
    """The scope read is for the list and the file."""
    id = put(tube, State.QUEUED, owner="eve")
    eve = tube.client("eve")
    assert (await eve.get("/api/downloads")).status_code == 200
    for answer in (await eve.post("/api/download", json={"url": LINK}), await eve.delete(f"/api/downloads/{id}")):
        assert (answer.status_code, answer.json()) == (403, {"detail": "No tiene permiso para hacer esto"})


async def test_an_administrator_sees_others_links_without_their_secrets(tube):
    """A signed query is its owner's."""
    put(tube, State.QUEUED, url="https://u.example.org/a?signature=canary")
    (record,) = (await tube.client("root").get("/api/downloads")).json()
    assert record["url"] == "https://u.example.org/a"


CALLS = [
    ("POST", "/api/download"), ("GET", "/api/downloads"), ("GET", "/api/download/x/file"),
    ("DELETE", "/api/downloads/x"), ("DELETE", "/api/downloads/x/remove"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("mount", MOUNTS)
async def test_without_a_token_every_call_is_refused(tube, method, path, mount):
    """401 in the dialect's shape."""
    answer = await tube.client().request(method, mount + path)
    assert answer.status_code == 401 and "www-authenticate" in answer.headers
    assert answer.json() == {"detail": "Se necesita un token válido"}


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/download", "POST"), ("/api/downloads", "GET, HEAD"), ("/api/download/x/file", "GET, HEAD"),
        ("/api/downloads/x", "DELETE"), ("/api/downloads/x/remove", "DELETE"),
    ],
)  # fmt: skip
async def test_a_wrong_method_is_told_what_is_allowed(tube, path, allow):
    """405 with Allow, for every path."""
    answer = await tube.client("ann").request("PUT", "/offlinetube" + path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json() == {"detail": "Método no permitido"}


async def test_a_body_that_is_no_json_type_is_refused(tube):
    """415 in the dialect's shape."""
    answer = await tube.client("ann").post("/api/download", data={"url": LINK})
    assert answer.status_code == 415 and list(answer.json()) == ["detail"]


async def test_an_unknown_path_is_told_in_spanish(tube):
    """404 below the mount, with or without a slash at the end."""
    for path in ("/offlinetube/nope", "/offlinetube/api/downloads/", "/offlinetube"):
        answer = await tube.client("ann").get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "No encontrado"})


async def test_a_failure_inside_is_told_without_its_cause(tube, monkeypatch):
    """500 in the dialect's shape; no trace."""
    monkeypatch.setattr(offlinetube, "record", lambda *_: 1 / 0)
    put(tube, State.QUEUED)
    answer = await tube.client("ann").get("/api/downloads")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Error interno"})


async def test_too_many_failures_are_told_in_spanish(tube):
    """401 with Retry-After."""
    client = tube.client()
    answers = [await client.get("/offlinetube/api/downloads", headers={"authorization": "Bearer x"}) for _ in range(12)]
    assert answers[-1].status_code == 401 and "retry-after" in answers[-1].headers
    assert answers[-1].json() == {"detail": spanish.STATUSES[401]}


async def test_a_strict_listener_serves_the_dialect_at_its_root(tube):
    """With `dialect=offlinetube,no-auth` the document's curl lines work as they stand."""
    client = tube.client(door=Door("no-auth", "offlinetube", "127.0.0.1"))
    id = (await client.post("/api/download", json={"url": LINK})).json()["download_id"]
    finish(tube, id, b"hello")
    assert (await client.get(f"/api/download/{id}/file")).content == b"hello"
    assert (await client.get("/v1/downloads")).status_code == 404


@pytest.mark.parametrize("state", list(State))
async def test_no_answer_is_a_frameworks(tube, state):
    """Every call in every state is answered with JSON of ours, never with a 500."""
    client = tube.client("ann")
    for method, template in CALLS:
        id = put(tube, state)
        answer = await client.request(method, "/offlinetube" + template.replace("/x", f"/{id}"))
        assert answer.status_code < 500
        no_default(answer)


def test_every_code_has_a_sentence():
    """A new code can't be told in English."""
    assert set(spanish.CODES) == set(Code)


def test_every_state_has_a_word():
    """A new state can't be left out."""
    assert set(offlinetube.STATUS) == set(State)


@pytest.mark.parametrize(
    ("speed", "text"), [(0, ""), (512, "512 B/s"), (850_000, "850.0 KB/s"), (5_200_000, "5.2 MB/s"), (3e9, "3.0 GB/s")]
)
def test_speeds_are_written_as_in_the_document(speed, text):
    """A number with one place, and its unit."""
    assert offlinetube.speed_text(speed) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0, "0s"), (45, "45s"), (125, "2m 5s"), (3785, "1h 3m"), (1e12, "")]
)
def test_times_are_written_as_in_the_document(seconds, text):
    """Seconds first."""
    assert offlinetube.eta_text(seconds) == text


async def test_answers_are_json(tube):
    """Also the empty list."""
    answer: httpx.Response = await tube.client("ann").get("/api/downloads")
    assert answer.headers["content-type"] == "application/json" and json.loads(answer.text) == []
