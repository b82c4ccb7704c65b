"""Every command of the documents of OfflineTube and Alfresco, as it is printed there, with what is put in.

Document 002 prints curl and wget; document 004 prints calls of its JavaScript client and their HTTP requests. The
places are those of `seed_curls`: `base`, `link` and `id`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.api.dialects.seed_curls import Change, Curl

EXAMPLE_ID = "550e8400-e29b-41d4-a716-446655440000"
API_HOST = Change("https://api.example.com", "{base}", "host: the document's stands for one's own server")
YOUR_HOST = Change("https://your-api.com", "{base}", "host: the document's stands for one's own server")
PLACEHOLDER = Change("{download_id}", "{id}", "id: the document's is a placeholder")
OLD_ID = Change(EXAMPLE_ID, "{id}", "id: the document's is an example")
VARIABLE = Change("$DOWNLOAD_ID", "{id}", "id: a variable that the script before has set")
LINK = Change("https://www.youtube.com/watch?v=dQw4w9WgXcQ", "{link}", "link: one that can be fetched")

GET_FILE = Curl(
    "002",
    "get file",
    "curl --request GET \\\n  --url https://api.example.com/api/download/{download_id}/file",
    (API_HOST, PLACEHOLDER),
    200,
)
SAVE_FILE = Curl(
    "002",
    "save under its name",
    f"curl -O -J https://your-api.com/api/download/{EXAMPLE_ID}/file",
    (YOUR_HOST, OLD_ID),
    200,
)
WGET_FILE = Curl(
    "002",
    "save under its name with wget",
    f"wget --content-disposition https://your-api.com/api/download/{EXAMPLE_ID}/file",
    (YOUR_HOST, OLD_ID),
    200,
)
START = Curl(
    "002",
    "step 1: start",
    """curl -X POST https://your-api.com/api/download \\
  -H "Content-Type: application/json" \\
  -d '{"url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ", "quality": "720p"}'""",
    (YOUR_HOST, LINK),
    200,
    {"download_id": EXAMPLE_ID, "id": EXAMPLE_ID},
)
LIST = Curl("002", "step 2: wait", "curl -s https://your-api.com/api/downloads", (YOUR_HOST,), 200)
SAVE_LAST = Curl(
    "002", "step 3: save", "curl -O -J https://your-api.com/api/download/$DOWNLOAD_ID/file", (YOUR_HOST, VARIABLE), 200
)  # fmt: skip
NOT_READY = {"detail": "Descarga no disponible o no completada"}
FILE_GONE = {"detail": "Archivo físico no encontrado"}

OFFLINETUBE = (START, LIST, GET_FILE, SAVE_FILE, WGET_FILE, SAVE_LAST)


@dataclass(frozen=True)
class ClientCall:
    """A call that document 004 prints, and the request its text gives for it."""

    name: str
    printed: str
    """As in the example; its template literals are empty, so an id is put in."""
    method: str
    path: str
    """Relative to the base that the document names."""
    status: int


BASE = Change("https://localhost", "{base}", "host: the document's stands for one's own server")
ALL_URIS = "https://localhost/alfresco/api/-default-/public/alfresco/versions/1"
ALFRESCO = (
    ClientCall("createDownload", "downloadsApi.createDownload(downloadBodyCreate, opts)", "POST", "/downloads", 202),
    ClientCall("getDownload", "downloadsApi.getDownload(``, opts)", "GET", "/downloads/{downloadId}", 200),
    ClientCall("cancelDownload", "downloadsApi.cancelDownload(``)", "DELETE", "/downloads/{downloadId}", 202),
    ClientCall("content", "GET /nodes/{downloadId}/content", "GET", "/nodes/{downloadId}/content", 200),
    ClientCall("deleteNode", "DELETE /nodes/{downloadId}", "DELETE", "/nodes/{downloadId}", 204),
)
ENTRY = {"entry": {"filesAdded": 0, "bytesAdded": 0, "id": "", "totalFiles": 0, "totalBytes": 0, "status": "PENDING"}}
"""The document's Download in its DownloadEntry; it prints types and no values."""
