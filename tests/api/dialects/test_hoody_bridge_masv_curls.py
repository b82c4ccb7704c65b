"""The documents' own commands, with curl over real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.dialects import seed_curls
from tests.api.dialects.seed_curls import Curl, run
from tests.api.service import Service, service
from tui_downloads.api.dialects import bridge, hoody, masv
from tui_downloads.api.server import Listener
from tui_downloads.api.settings import ApiSettings
from tui_downloads.core.lifecycle import State

DIALECTS = [hoody.make, bridge.make, masv.make]
LINK = "https://files.example.com/data.csv"
PACKAGE = "https://get.massive.app/AbC?secret=xyz"


@pytest.fixture
async def listeners(tmp_path: Path):
    """Give a service with a listener for each dialect, and one with everything at its root."""
    wanted = [
        Listener("127.0.0.1", 0, dialect="hoody"),
        Listener("127.0.0.1", 0, dialect="bridge"),
        Listener("127.0.0.1", 0, no_auth=True, dialect="masv"),
        Listener("127.0.0.1", 0),
    ]
    settings = ApiSettings(strict_hoody_download=True)
    async with service(tmp_path, settings=settings, dialects=DIALECTS, listeners=wanted) as found:
        yield found


def values(made: Service, listener: int, **more: str) -> dict[str, str]:
    """Give what is put into the commands."""
    assert made.server is not None
    base = made.server.addresses[listener].rstrip("/")
    return {"base": base, "token": made.secrets["ann"], "link": LINK, "folder": str(made.folder / "x"), **more}


@pytest.mark.servers
@pytest.mark.parametrize("mount", ["listener", "mount", "combined"])
async def test_hoodys_commands(listeners: Service, server_program: Any, mount: str):
    """Each command of document 000 gets the fields of its example, at each of the three places."""
    program = server_program("curl")
    found = values(listeners, 0 if mount == "listener" else 3)
    if mount == "mount":
        found["base"] += "/hoody"
    for curl in seed_curls.HOODY:
        # The one path that two documents share carries both documents' fields at the combined root.
        if mount == "combined" and curl.name == "active everywhere":
            both = await run(Curl(**{**_fields(curl), "example": None}), found, program)
            assert set(seed_curls.ACTIVE["downloads"][0]) < set(both["downloads"][0])
        else:
            await run(curl, found, program)
    (download,) = listeners.engine.snapshot().downloads.values()
    assert (download.name, download.folder) == ("data.csv", str(listeners.folder / "Downloads"))


def _fields(curl: Curl) -> dict[str, Any]:
    return {name: getattr(curl, name) for name in curl.__dataclass_fields__}


@pytest.mark.servers
@pytest.mark.parametrize("mount", ["listener", "mount", "combined"])
async def test_bridges_commands(listeners: Service, server_program: Any, mount: str):
    """Document 001's command makes a download; its literal body, the name of a type, is 422."""
    found = values(listeners, 1 if mount == "listener" else 3)
    if mount == "mount":
        found["base"] += "/bridge"
    for curl in seed_curls.BRIDGE:
        await run(curl, found, server_program("curl"))
    assert len(listeners.engine.snapshot().downloads) == 1


@pytest.mark.servers
async def test_masvs_commands(listeners: Service, server_program: Any):
    """Each command of document 003 does what its sentence says, without a token, as at the agent."""
    program = server_program("curl")
    commands = {curl.name: curl for curl in seed_curls.MASV}
    found = values(listeners, 2, link=PACKAGE)
    engine = listeners.engine

    async def create() -> str:
        id: str = (await run(commands["create"], found, program))["download_id"]
        found["id"] = id
        return id

    id = await create()
    (listed,) = (await run(commands["list"], found, program))["downloads"]
    assert (listed["download_id"], listed["state"]) == (id, "transferring")
    assert (await run(commands["details"], found, program))["files"]
    await run(commands["pause"], found, program)
    assert engine.snapshot().downloads[id].state is State.PAUSED
    await run(commands["resume"], found, program)
    assert engine.snapshot().downloads[id].state is State.QUEUED
    await run(commands["delete by state"], found, program)
    assert id in engine.snapshot().downloads
    for name, files in (
        ("delete", False),
        ("delete with files", True),
        ("delete all", False),
        ("delete by states", False),
        ("delete all with files", True),
        ("delete by states with files", True),
    ):
        id = id if name == "delete" else await create()
        await run(commands[name], found, program)
        assert not engine.snapshot().downloads
        assert ("remove_files" if files else "remove", (id,)) in engine.calls


def test_every_change_is_named_and_nothing_is_left_to_fill_in():
    """The argument vectors have no placeholder of a document left, and each change says why."""
    put = {"base": "http://127.0.0.1:1", "token": "t", "link": LINK, "folder": "/f", "id": "i"}
    for curl in seed_curls.ALL:
        assert all(change.why for change in curl.changes)
        argv = curl.argv(put)
        assert argv[0] == "curl"
        if "literal" not in curl.name:
            assert not any(mark in word for word in argv for mark in ("<", "$", "example.com/D", "LINK_", "{API"))
        for word in argv:
            if word.startswith("{"):
                json.loads(word)
