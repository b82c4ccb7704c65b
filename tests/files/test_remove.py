from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.files.conftest import listing
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.files.remove import Made, remove_files, remove_folders


def tree(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_files_and_then_empty_folders_go(tmp_path):
    """What was made for a download goes, and nothing else."""
    root = tmp_path / "d"
    tree(root, "set/a", "set/sub/deep/b", "set/sub/theirs", "other")
    assert remove_files(str(root), ["set/a", "set/sub/deep/b"], str(root / "set")) == ["set/a", "set/sub/deep/b"]
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [
        "other",
        "set",
        "set/sub",
        "set/sub/theirs",
    ]


def test_the_download_folder_itself_stays(tmp_path):
    """An empty download folder is not ours to remove."""
    root = tmp_path / "d"
    tree(root, "a")
    remove_files(str(root), ["a"], str(root) + "/")
    assert root.exists()


def test_a_file_put_there_since_stays(folder):
    """Inode and size tell ours from theirs (S9)."""
    Path(f"{folder}/a").write_text("theirs")
    inode = os.stat(f"{folder}/a").st_ino
    assert remove_files(folder, ["a"], known={"a": Made(inode + 1, 6)}) == []
    assert remove_files(folder, ["a"], known={"a": Made(inode, 7)}) == []
    assert remove_files(folder, ["a"], known={"a": Made(inode, 6)}) == ["a"]


def test_links_folders_and_missing_files_are_left(folder, tmp_path):
    """Only regular files go."""
    (tmp_path / "victim").write_text("precious")
    os.symlink(tmp_path / "victim", f"{folder}/link")
    os.mkdir(f"{folder}/folder")
    assert remove_files(folder, ["link", "folder", "missing", "no/where"]) == []
    assert listing(folder) == ["folder", "link"]


@pytest.mark.parametrize("path", ["../victim", "/etc/hostname", "out/victim", "a/../../victim", ""])
def test_paths_that_lead_out_are_refused(folder, tmp_path, path):
    """Neither dots nor links reach another folder (S4)."""
    (tmp_path / "victim").write_text("precious")
    os.symlink(tmp_path, f"{folder}/out")
    with pytest.raises(DownloadError) as info:
        remove_files(folder, [path])
    assert info.value.code is Code.FOLDER_UNUSABLE
    assert (tmp_path / "victim").exists()


def test_a_link_to_a_folder_is_not_removed(tmp_path):
    """A symbolic link in place of a folder stays, with all behind it."""
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "link")
    assert remove_folders(str(tmp_path / "link")) == []
    assert (tmp_path / "real").exists()
