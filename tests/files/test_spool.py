from __future__ import annotations

import os
from pathlib import Path

from tests.files.conftest import listing
from tui_downloads.files import spool


def test_records_come_back_in_order(tmp_path):
    """What was handed in first is taken in first, until it is dropped."""
    folder = str(tmp_path / "spool")
    for number in range(3):
        spool.hand_in(folder, {"number": number})
    taken = spool.take_in(folder)
    assert [record["number"] for _, record in taken] == [0, 1, 2]
    for path, _ in taken:
        spool.drop(path)
        spool.drop(path)
    assert spool.take_in(folder) == []


def test_the_spool_is_private(tmp_path):
    """0700 and 0600 under any umask (S11)."""
    folder = tmp_path / "spool"
    before = os.umask(0)
    try:
        path = spool.hand_in(str(folder), {})
    finally:
        os.umask(before)
    assert path is not None
    assert (folder.stat().st_mode & 0o777, os.stat(path).st_mode & 0o777) == (0o700, 0o600)


def test_damaged_records_stand_in_nobodys_way(tmp_path):
    """They are set aside, and the others are taken in."""
    folder = tmp_path / "spool"
    spool.hand_in(str(folder), {"good": True})
    (folder / "0.json").write_text("{")
    (folder / "1.json").write_text("[]")
    (folder / "2.json").write_bytes(b"\xff\xfe")
    (folder / "3.json").symlink_to("/etc/hostname")
    os.mkfifo(folder / "4.json")
    (folder / "5.json").write_text("[" * 100_000)
    assert [record for _, record in spool.take_in(str(folder))] == [{"good": True}]
    assert sum(name.endswith(".bad") for name in listing(str(folder))) == 6


def test_the_spool_is_bounded(tmp_path, monkeypatch):
    """A spool that nobody empties does not grow for ever, and is taken in by portions."""
    monkeypatch.setattr(spool, "SPOOL_LIMIT", 3)
    folder = str(tmp_path / "spool")
    handed = [spool.hand_in(folder, {}) for _ in range(5)]
    assert handed[3:] == [None, None]
    assert len(spool.take_in(folder, 2)) == 2
    monkeypatch.setattr(spool, "RECORD_LIMIT", 10)
    assert spool.hand_in(str(tmp_path / "other"), {"long": "x" * 20}) is None


def test_no_spool_is_an_empty_one(tmp_path):
    """A missing folder has no records."""
    assert spool.take_in(str(tmp_path / "none")) == []
    assert not Path(tmp_path / "none").exists()
