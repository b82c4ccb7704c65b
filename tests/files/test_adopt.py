from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.files.conftest import listing
from tui_downloads.core.spans import SpanSet
from tui_downloads.files.adopt import adopt
from tui_downloads.files.base import Published
from tui_downloads.files.publish import Ready, prepare


@pytest.fixture
def landing(make_part, folder):
    """A part that was prepared, and whose process died then."""
    part = make_part(4)
    part.write(0, [b"data"])
    part.checkpoint(SpanSet([(0, 4)]))
    (landing,) = prepare([Ready(folder, "file.bin", part=part)])
    part.close()
    return landing


def test_a_part_without_its_name_is_not_adopted(landing, folder):
    """Its journal takes it up; nothing is touched."""
    assert adopt(landing) is None
    assert listing(folder) == ["file.bin.part", "file.bin.part.journal"]


@pytest.mark.parametrize("target", ["file.bin", "file (1).bin", "file (3).bin"])
@pytest.mark.parametrize("left", ["both", "journal", "neither"])
def test_a_linked_target_is_adopted(landing, folder, target, left):
    """Wherever the crash came, the target is found and what is left of the part goes."""
    os.link(f"{folder}/file.bin.part", f"{folder}/{target}")
    if left != "both":
        os.unlink(f"{folder}/file.bin.part")
    if left == "neither":
        os.unlink(f"{folder}/file.bin.part.journal")
    assert adopt(replace(landing, device=0)) == Published(target, f"{folder}/{target}")
    assert listing(folder) == [target]


def test_another_file_is_not_adopted(landing, folder):
    """A target that is not the part's file is somebody else's."""
    Path(f"{folder}/file.bin").write_bytes(b"data")
    assert adopt(landing) is None
    assert len(listing(folder)) == 3


def test_a_body_that_lacked_its_name_gets_it(folder):
    """A flushed body lands after the crash, over nothing."""
    Path(f"{folder}/a").write_text("theirs")
    (landing,) = prepare([Ready(folder, "a", body=b"ours")])
    assert adopt(landing) == Published("a (1)", f"{folder}/a (1)")
    assert adopt(landing) == Published("a (1)", f"{folder}/a (1)")
    assert listing(folder) == ["a", "a (1)"]


def test_a_folder_that_is_gone_has_nothing(landing, tmp_path):
    """An intent of a folder that is gone is no error."""
    assert adopt(replace(landing, folder=str(tmp_path / "gone"))) is None
