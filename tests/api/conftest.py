"""Fixtures of the API's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.service import service


@pytest.fixture
async def made(tmp_path: Path):
    """Give a service in process."""
    async with service(tmp_path) as found:
        yield found


@pytest.fixture
async def live(tmp_path: Path):
    """Give a service on a Unix socket and a loopback port."""
    from tui_downloads.api.server import Listener

    async with service(tmp_path, listeners=[Listener("127.0.0.1", 0)]) as found:
        yield found
