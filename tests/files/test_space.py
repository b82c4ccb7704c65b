from __future__ import annotations

from tui_downloads.files import space


def test_free_space_of_a_folder_to_be_made(tmp_path, small_disk):
    """The nearest folder that exists answers."""
    room = space.free(f"{small_disk}/a/b")
    assert room is not None
    assert 0 < room <= 4 << 20
    assert space.device(f"{small_disk}/a") != space.device(str(tmp_path))


def test_a_closed_descriptor_has_no_answer():
    """What can't be told is None."""
    assert space.free(-1) is None
