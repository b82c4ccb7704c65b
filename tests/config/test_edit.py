"""Writing single settings, comments kept."""

from __future__ import annotations

import os
import stat

import pytest

from tui_downloads.config.edit import differences, reload, write
from tui_downloads.config.load import load
from tui_downloads.config.settings import Settings
from tui_downloads.core.errors import RequestError

TEXT = """# my settings
downloads = 2  # not more

[screen]
# I like it bright
theme = "light"
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    return path


def test_comments_stay(path):
    """Only the value changes."""
    settings = write(path, "downloads", 7)
    assert path.read_text() == TEXT.replace("= 2", "= 7")
    assert settings.downloads == 7


def test_new_keys_and_sections_find_their_place(path):
    """A top-level key never lands inside a section."""
    write(path, "rate", "10M")
    write(path, "policy.blocked", "a.example, b.example")
    write(path, "screen.tick", "0.5s")
    settings = load(path, {})
    assert (settings.rate, settings.policy.blocked, settings.screen.tick) == (10485760, ("a.example", "b.example"), 0.5)
    assert 'rate = "10M"' in path.read_text() and "# I like it bright" in path.read_text()


def test_none_takes_a_key_out(path):
    """The default holds again."""
    assert write(path, "screen.theme", None).screen.theme == "dark"
    assert write(path, "policy.private", None) == load(path, {})


@pytest.mark.parametrize(("key", "value"), [("downloads", 0), ("nope", 1), ("screen.density", "odd"), ("rate", "x")])
def test_a_refused_value_leaves_the_file(path, key, value):
    """Nothing is written before it is checked."""
    with pytest.raises(RequestError):
        write(path, key, value)
    assert path.read_text() == TEXT


def test_a_broken_file_is_not_overwritten(path):
    """The user's mistake is told, not replaced."""
    path.write_text("downloads = = 3\n")
    with pytest.raises(RequestError, match=":1: "):
        write(path, "downloads", 4)
    assert path.read_text() == "downloads = = 3\n"


def test_the_file_is_private_and_made_with_its_folder(tmp_path):
    """S11: 0600 in 0700; nothing else is left behind."""
    path = tmp_path / "new" / "config.toml"
    write(path, "downloads", 4)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    assert os.listdir(path.parent) == ["config.toml"]


def test_a_link_to_the_file_stays_a_link(tmp_path, path):
    """People keep their settings elsewhere."""
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    write(link, "downloads", 9)
    assert link.is_symlink() and load(path, {}).downloads == 9


def test_reload_says_what_takes_effect_at_once(path):
    """The listener needs a start, the rate does not."""
    before = load(path, {})
    path.write_text(TEXT + '[endpoint]\nlisten = ["127.0.0.1:8080"]\n')
    after, changed = reload(path, before, {}, {"rate": "1M"})
    assert [(each.key, each.live) for each in changed] == [("rate", True), ("endpoint.listen", False)]
    assert differences(after, after) == []
    assert differences(Settings(), Settings()) == []
