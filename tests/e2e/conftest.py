"""Fixtures of the proofs over real processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.service import Home, new_home
from tui_downloads.demo.server import PracticeServer, serve_in_thread


@pytest.fixture
def place() -> Iterator[Home]:
    """Give a home of the program."""
    with new_home() as home:
        yield home


@pytest.fixture
def origin() -> Iterator[PracticeServer]:
    """Give a practice server."""
    with serve_in_thread() as running:
        yield running
