from __future__ import annotations

import os
import subprocess

import pytest

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.files.folder import Folder, check_folder, device_of, inside, open_folder


def refused(work) -> DownloadError:
    with pytest.raises(DownloadError) as info:
        work()
    assert info.value.code is Code.FOLDER_UNUSABLE
    assert "\n" not in info.value.message
    return info.value


def test_missing_folders_are_made_and_remembered(tmp_path):
    """What we made is known, so that it can be removed again."""
    with open_folder(str(tmp_path / "a" / "b")) as folder:
        assert folder.made == (f"{tmp_path}/a", f"{tmp_path}/a/b")
    with open_folder(str(tmp_path / "a" / "b")) as folder:
        assert folder.made == ()


def test_nothing_is_made_unasked(tmp_path):
    """Without `make` a missing folder is an error."""
    refused(lambda: Folder.open(str(tmp_path / "a"), make=False))
    assert os.listdir(tmp_path) == ["home"]


def test_a_file_is_no_folder(tmp_path):
    """A file in the way is told."""
    (tmp_path / "f").write_text("")
    refused(lambda: open_folder(str(tmp_path / "f")))
    refused(lambda: open_folder(str(tmp_path / "f" / "g")))
    refused(lambda: check_folder(str(tmp_path / "f" / "g")))


def test_messages_are_one_clean_line(tmp_path):
    """A folder's name can't put escapes on the terminal."""
    error = refused(lambda: Folder.open(str(tmp_path / "a\n\x1b[31mb\u202e"), make=False))
    assert all(char.isprintable() for char in error.message)


def test_checking_makes_nothing(tmp_path):
    """A folder that could be made is good, and is not made."""
    assert check_folder(str(tmp_path / "a" / "b"))
    assert not (tmp_path / "a").exists()


def test_our_own_folders_are_refused(tmp_path):
    """State and configuration are no place for downloads, by whatever path (S5, S4)."""
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "link").symlink_to(state)
    for path in ("state", "state/sub", "link", "x/../state", "link/sub"):
        refused(lambda path=path: check_folder(str(tmp_path / path), [str(state)]))
    check_folder(str(tmp_path / "state-of-things"), [str(state)])


def test_links_out_of_a_folder_are_seen(tmp_path):
    """Containment is judged by real paths, never by prefix."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "out").symlink_to("/")
    root = str(tmp_path / "in")
    assert inside(root, f"{root}/a/b")
    assert not inside(root, f"{root}/out/etc")
    assert not inside(root, f"{root}-other")
    refused(lambda: Folder.open(f"{root}/out/etc", within=root))


def test_an_unmounted_disk_is_not_written_into_its_mount_point(small_disk):
    """Nothing lands in the empty folder of a disk that went away."""
    target = f"{small_disk}/downloads"
    device = device_of(target)
    assert device == small_disk
    Folder.open(target, device=device).close()
    subprocess.run(["umount", small_disk], check=True)
    error = refused(lambda: Folder.open(target, device=device))
    assert "not mounted" in error.message
    refused(lambda: check_folder(target, device=device))
    assert os.listdir(small_disk) == []


def test_a_read_only_disk_is_refused(small_disk):
    """Before the first byte, with the next step."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    refused(lambda: check_folder(small_disk))
    refused(lambda: open_folder(f"{small_disk}/a"))


def test_too_little_room_is_told(tmp_path):
    """A known size is held against the room there is."""
    with pytest.raises(DownloadError) as info:
        check_folder(str(tmp_path), need=1 << 60)
    assert info.value.code is Code.DISK_FULL


def test_an_empty_path_is_refused():
    """Nothing, and a path with a NUL, name no folder."""
    refused(lambda: open_folder(""))
    refused(lambda: open_folder("/a\0b"))
