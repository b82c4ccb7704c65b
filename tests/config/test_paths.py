"""Where things are."""

from __future__ import annotations

import os
import stat

import pytest

from tui_downloads.config.paths import SOCKET_LIMIT, find, make_private
from tui_downloads.core.errors import Code, RequestError


def test_a_home_holds_everything(tmp_path):
    """TUI_DOWNLOADS_HOME puts config, state, runtime and downloads under one folder."""
    paths = find({"TUI_DOWNLOADS_HOME": str(tmp_path)})
    folders = (paths.config, paths.state, paths.runtime, paths.downloads)
    assert folders == tuple(str(tmp_path / name) for name in ("config", "state", "runtime", "downloads"))
    assert paths.private == folders[:3]
    assert not os.listdir(tmp_path / "state") if (tmp_path / "state").exists() else True


def test_without_a_home_the_system_decides(monkeypatch, tmp_path):
    """platformdirs knows the folders of each system."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    paths = find({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert paths.config.endswith("tui-downloads") and paths.state.endswith("tui-downloads")
    assert paths.runtime == str(tmp_path / "tui-downloads")


def test_a_missing_runtime_folder_has_a_short_stand_in():
    """Two homes of one user never share a socket."""
    first, second = (find({"TUI_DOWNLOADS_HOME": "/" + name * 80}).socket for name in "ab")
    assert first != second
    assert max(len(os.fsencode(path)) for path in (first, second)) <= SOCKET_LIMIT
    assert len(os.fsencode(find({"XDG_RUNTIME_DIR": "/nowhere"}).socket)) <= SOCKET_LIMIT


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o277])
def test_folders_are_private_under_any_umask(tmp_path, umask):
    """S11: 0700, also where the folder was there before."""
    loose = tmp_path / "loose"
    loose.mkdir(mode=0o755)
    before = os.umask(umask)
    try:
        folders = [make_private(str(tmp_path / "a")), make_private(str(loose))]
    finally:
        os.umask(before)
    assert [stat.S_IMODE(os.stat(folder).st_mode) for folder in folders] == [0o700, 0o700]


def test_a_file_in_its_place_is_refused(tmp_path):
    """One clear line with the next step."""
    (tmp_path / "f").write_text("x")
    with pytest.raises(RequestError) as caught:
        make_private(str(tmp_path / "f"))
    assert caught.value.code is Code.STATE_UNUSABLE


def test_a_link_in_a_shared_folder_is_refused(tmp_path):
    """Somebody may have planted it; in a folder of ours it is the user's choice."""
    shared, own, real = tmp_path / "shared", tmp_path / "own", tmp_path / "real"
    for folder in (shared, own, real):
        folder.mkdir()
    shared.chmod(0o1777)
    (shared / "x").symlink_to(real)
    (own / "x").symlink_to(real)
    with pytest.raises(RequestError):
        make_private(str(shared / "x"))
    assert make_private(str(own / "x")) == str(own / "x")
