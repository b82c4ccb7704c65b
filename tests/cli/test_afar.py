"""Settings that may be changed over the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui_downloads.cli.afar import NAMES, AfarSettings, schemas
from tui_downloads.config.load import load
from tui_downloads.core.errors import RequestError


class Book:
    """A settings file and what is in force."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text("# mine\nrate = 5\n")
        self.settings = load(str(path))
        self.afar = AfarSettings(str(path), lambda: self.settings, self.changed)

    async def changed(self) -> None:
        self.settings = load(str(self.path))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "config.toml")


@pytest.mark.may_block
async def test_a_change_is_written_and_in_force(book):
    """Comments and other settings stay; null takes a setting out again."""
    await book.afar.change({"timeout": 7, "history.keep_days": 30.0, "on_conflict": "skip", "media.preset": "720p"})
    found = book.afar.read()
    assert (found["timeout"], found["history.keep_days"], found["media.preset"]) == (7.0, 30, "720p")
    assert book.path.read_text().startswith("# mine\nrate = 5\n")
    await book.afar.change({"timeout": None})
    assert "timeout" not in book.path.read_text()


@pytest.mark.may_block
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0), ("timeout", "7"), ("timeout", True), ("timeout", 1e300), ("retries", 1.5), ("retries", -1),
        ("on_conflict", "destroy"), ("verify_digests", "yes"), ("media.preset", "best; rm"), ("media.preset", ""),
        ("history.keep_days", [1]), ("max_time", {}),
    ],
)  # fmt: skip
async def test_one_wrong_value_changes_nothing(book, name, value):
    """Not even what is right beside it."""
    before = book.path.read_text()
    with pytest.raises(RequestError):
        await book.afar.change({"connect_timeout": 3, name: value})
    assert book.path.read_text() == before


def test_nothing_of_the_borders_is_among_them():
    """S38: no folder, host, proxy, program, listener, log or screen; each has a schema."""
    assert set(schemas()) == set(NAMES)
    borders = ("folder", "proxy", "policy", "endpoint", "hooks", "log", "screen", "media.ffmpeg", "user_agent")
    assert not [name for name in NAMES if name.startswith(borders)]
