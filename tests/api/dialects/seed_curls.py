"""Every `curl` of the documents of Hoody files, Bridge and MASV Agent, as it is printed there, with what is put in.

The printed text is kept as it is; `changes` names each substitution and why it is made, and the argument vector is read
off the result by the rules of the shell. `values` fills the places: `base` (scheme, host and port of a listener),
`token`, `link` (what to download), `folder` (where MASV puts it) and `id` (of a download that is there).
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Change:
    """A substitution in a printed command."""

    printed: str
    put: str
    why: str


@dataclass(frozen=True)
class Curl:
    """One command of a document."""

    document: str
    name: str
    printed: str
    changes: tuple[Change, ...]
    status: int
    example: Any = None
    """The answer that the document prints; None where it prints none."""

    def argv(self, values: Mapping[str, str]) -> list[str]:
        """Give the argument vector with the values in their places."""
        text = self.printed
        for change in self.changes:
            assert change.printed in text, (self.name, change.printed)
            text = text.replace(change.printed, change.put)
        known = {**values, "link_encoded": quote(values.get("link", ""), safe="")}
        # A shell drops a line break behind a backslash; `shlex` keeps it.
        return [fill(word, known) for word in shlex.split(text.replace("\\\n", ""))]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of `{name}`; other braces stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


HOST = Change("https://api.example.com", "{base}", "host: the document's stands for one's own server")
TOKEN = Change("<token>", "{token}", "token: the document's is a placeholder")
BREAK = Change(" \\ -H", " \\\n  -H", "the line break behind the backslash was lost in the copy of the page")
SOURCE = Change("https%3A%2F%2Ffiles.example.com%2Fdata.csv", "{link_encoded}", "link: one that can be fetched")

STARTED = {
    "download_id": "7a3f8b12-4d5e-4a1b-9c8f-2e6d7f8a9b0c",
    "filename": "renamed-data.csv",
    "path": "Downloads/renamed-data.csv",
    "success": True,
    "message": "Download started",
    "error": None,
}
ACTIVE = {
    "downloads": [
        {
            "id": "7a3f8b12-4d5e-4a1b-9c8f-2e6d7f8a9b0c",
            "filename": "dataset.zip",
            "file_path": "Downloads/dataset.zip",
            "directory": "Downloads",
            "url": "https://files.example.com/dataset.zip",
            "status": "downloading",
            "current_size": 52428800,
            "expected_size": 104857600,
            "progress_percentage": 50.0,
            "start_time": 1700000000,
        }
    ]
}
HISTORY = {
    "history": [
        {
            "id": "9c5d0e34-6f70-6c3d-be01-4a8f9b0c1d2e",
            "filename": "missing.csv",
            "file_path": "Downloads/missing.csv",
            "directory": "Downloads",
            "url": "https://files.example.com/missing.csv",
            "status": "failed",
            "total_bytes": None,
            "start_time": 1700000100,
            "end_time": 1700000105,
            "error": "REMOTE_FILE_NOT_FOUND",
        }
    ]
}

HOODY = (
    Curl(
        "000",
        "start",
        'curl -X GET "https://api.example.com/Downloads?download=https%3A%2F%2Ffiles.example.com%2Fdata.csv" \\ '
        '-H "Authorization: Bearer <token>"',
        (HOST, TOKEN, BREAK, SOURCE),
        201,
        STARTED,
    ),
    Curl(
        "000",
        "active in a directory",
        'curl -X GET "https://api.example.com/Downloads?downloads=" \\ -H "Authorization: Bearer <token>"',
        (HOST, TOKEN, BREAK),
        200,
        ACTIVE,
    ),
    Curl(
        "000",
        "active everywhere",
        'curl -X GET "https://api.example.com/api/v1/downloads" \\ -H "Authorization: Bearer <token>"',
        (HOST, TOKEN, BREAK),
        200,
        ACTIVE,
    ),
    Curl(
        "000",
        "history",
        'curl -X GET "https://api.example.com/?download_history=" \\ -H "Authorization: Bearer <token>"',
        (HOST, TOKEN, BREAK),
        200,
        HISTORY,
    ),
)

CREATE = """curl \\
  -X POST \\
  -H "Authorization: Bearer $TOKEN" \\
  -H 'Content-Type: application/json' \\
  -H 'Accept: application/json' \\
  -d '{"download":"{API::DownloadRequest}"}' \\
  http://<bridge>/api/downloads"""
BRIDGE_HOST = Change("http://<bridge>", "{base}", "host: the document's is a placeholder")
BRIDGE_TOKEN = Change("$TOKEN", "{token}", "token: a variable of the reader's shell")
REQUEST = Change(
    '"{API::DownloadRequest}"',
    '{"download_type":"url","info":{"url":"{link}"}}',
    "link: the document's is the name of a type whose fields it lists",
)
RESPONSE = {
    "download": {
        "id": "1",
        "download_type": "url",
        "user_id": "1",
        "state": "pending",
        "url": None,
    }
}
"""The fields of the document's DownloadResponse; it prints no values."""

BRIDGE = (
    Curl("001", "create", CREATE, (BRIDGE_HOST, BRIDGE_TOKEN, REQUEST), 201, RESPONSE),
    Curl("001", "create with the literal body", CREATE, (BRIDGE_HOST, BRIDGE_TOKEN), 422),
)

PORT = Change("http://localhost:8080", "{base}", "host: the port is one that is free")
ID = Change("{DOWNLOAD_ID}", "{id}", "id: the document's is a placeholder")
PACKAGE = Change(
    "https://get.massive.app/LINK_ID?secret=LINK_SECRET", "{link}", "link: the document's is a placeholder"
)
FOLDER = Change("/destination/folder", "{folder}", "folder: one that may be written to")
MASV = (
    Curl(
        "003",
        "create",
        """curl -X POST -H "Content-Type: application/json" http://localhost:8080/api/v1/downloads -d '{
  "url":"https://get.massive.app/LINK_ID?secret=LINK_SECRET",
  "dst_folder":"/destination/folder",
  "password": "optional_password"
}'""",
        (PORT, PACKAGE, FOLDER),
        200,
        {"download_id": "f98b1e92-1c67-48e4-9b9c-f2bb27a33375"},
    ),
    Curl("003", "list", "curl -X GET http://localhost:8080/api/v1/downloads", (PORT,), 200),
    Curl("003", "details", "curl -X GET http://localhost:8080/api/v1/downloads/{DOWNLOAD_ID}", (PORT, ID), 200),
    Curl(
        "003",
        "pause",
        'curl -X POST -H "Content-Type: application/json" http://localhost:8080/api/v1/downloads/{DOWNLOAD_ID}/pause',
        (PORT, ID),
        200,
    ),
    Curl(
        "003",
        "resume",
        'curl -X POST -H "Content-Type: application/json" http://localhost:8080/api/v1/downloads/{DOWNLOAD_ID}/resume',
        (PORT, ID),
        200,
    ),
    Curl("003", "delete", "curl -X DELETE http://localhost:8080/api/v1/downloads/{DOWNLOAD_ID}", (PORT, ID), 200),
    Curl(
        "003",
        "delete with files",
        "curl -X DELETE http://localhost:8080/api/v1/downloads/{DOWNLOAD_ID}?remove_files=true",
        (PORT, ID),
        200,
    ),
    Curl("003", "delete all", "curl -X DELETE http://localhost:8080/api/v1/downloads", (PORT,), 200),
    Curl(
        "003",
        "delete by state",
        "curl -X DELETE http://localhost:8080/api/v1/downloads?states=complete",
        (PORT,),
        200,
    ),
    Curl(
        "003",
        "delete by states",
        "curl -X DELETE http://localhost:8080/api/v1/downloads?states=complete,transferring",
        (PORT,),
        200,
    ),
    Curl(
        "003",
        "delete all with files",
        "curl -X DELETE http://localhost:8080/api/v1/downloads?remove_files=true",
        (PORT,),
        200,
    ),
    Curl(
        "003",
        "delete by states with files",
        "curl -X DELETE http://localhost:8080/api/v1/downloads?states=complete,transferring&remove_files=true",
        (PORT,),
        200,
    ),
)
ALL = HOODY + BRIDGE + MASV


async def run(curl: Curl, values: Mapping[str, str], program: str = "curl") -> Any:
    """Run a command and give its answer, once status and fields are found to be the document's."""
    argv = [program, "--silent", "--show-error", "--write-out", "\n%{http_code}", *curl.argv(values)[1:]]
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (curl.name, err.decode())
    text, _, status = out.decode().rpartition("\n")
    assert int(status) == curl.status, (curl.document, curl.name, status, text)
    answer = json.loads(text)
    if curl.example is not None:
        differences = unlike(answer, curl.example)
        assert not differences, (curl.document, curl.name, differences, text)
    return answer


def unlike(found: Any, example: Any, at: str = "answer") -> list[str]:
    """List how an answer differs from an example in its fields and their types; null stands for any type.

    Every record of a list is held against the example's first.
    """
    if found is None or example is None:
        return []
    if isinstance(example, dict):
        if not isinstance(found, dict) or list(found) != list(example):
            return [f"{at}: {found!r} has not the fields {list(example)}"]
        return [text for key in example for text in unlike(found[key], example[key], f"{at}.{key}")]
    if isinstance(example, list):
        if not isinstance(found, list):
            return [f"{at}: is no list"]
        return [text for n, item in enumerate(found) for text in unlike(item, example[0], f"{at}[{n}]")]
    return [] if type(found) is type(example) else [f"{at}: {found!r} is no {type(example).__name__}"]
