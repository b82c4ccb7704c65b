"""The settings screen writes the settings file and nothing is lost in it."""

from __future__ import annotations

import pytest

from tui_downloads.core.errors import RequestError
from tui_downloads.tui.settings_book import FileBook, keymap, screen_settings


def test_a_value_is_written_and_comments_stay(tmp_path):
    """The same file, the same comments."""
    path = tmp_path / "config.toml"
    path.write_text("# mine\n[screen]\ntheme = 'dark' # calm\n")
    book = FileBook(str(path))
    book.write("screen.theme", "light")
    assert "# mine" in path.read_text() and book.screen().theme == "light"


@pytest.mark.parametrize(
    ("key", "value", "shown"), [("screen.bell", "true", "true"), ("downloads", "9", "9"), ("screen.tick", "2s", "2")]
)
def test_values_of_every_kind(tmp_path, key, value, shown):
    """Switches, numbers, durations."""
    book = FileBook(str(tmp_path / "config.toml"))
    book.write(key, value)
    assert next(entry.value for entry in book.entries() if entry.key == key) == shown


def test_lists_are_separated_by_commas(tmp_path):
    """As the file shows them."""
    book = FileBook(str(tmp_path / "config.toml"))
    book.write("screen.columns", "name, size")
    assert book.screen().columns == ("name", "size")


def test_a_secret_is_set_and_taken_away_and_never_shown(tmp_path):
    """A proxy with its password."""
    path = tmp_path / "config.toml"
    book = FileBook(str(path))

    def value() -> str:
        [entry] = [entry for entry in book.entries() if entry.key == "proxy.https"]
        assert entry.secret and "hunter2" not in repr(entry)
        return entry.value

    assert value() == ""
    book.write("proxy.https", "http://me:hunter2@proxy.example:3128")
    assert value() == "set" and "hunter2" in path.read_text()
    book.write("proxy.https", "")
    assert value() == "" and "hunter2" not in path.read_text()


@pytest.mark.parametrize(
    "key", ["folder", "downloads", "connections", "rate", "proxy.all", "policy.private", "endpoint.listen",
            "screen.theme", "screen.keys", "screen.density"],
)  # fmt: skip
def test_what_the_screen_has_to_offer_is_there_and_explained(tmp_path, key):
    """Folder, parallel, connections, limits, proxy, policy, endpoint, theme, keys, density."""
    [entry] = [entry for entry in FileBook(str(tmp_path / "config.toml")).entries() if entry.key == key]
    assert len(entry.explanation) > 10


def test_a_refused_value_changes_nothing(tmp_path):
    """One clear sentence."""
    path = tmp_path / "config.toml"
    book = FileBook(str(path))
    with pytest.raises(RequestError):
        book.write("downloads", "many")
    assert not path.exists() or "many" not in path.read_text()


def test_the_callers_engine_hears_of_changes(tmp_path):
    """So that they apply while running."""
    heard = []
    FileBook(str(tmp_path / "config.toml"), heard.append).write("downloads", "7")
    assert heard[0].downloads == 7


def test_keymaps_are_dotted_or_tables(tmp_path):
    """A damaged file is an empty one, and that is told; one that is not there is nobody's fault."""
    path = tmp_path / "keys.toml"
    path.write_text('"download.pause" = "w"\n[queue]\nup = "U"\n')
    assert keymap(str(path)) == ({"download.pause": "w", "queue.up": "U"}, "")
    path.write_text("= nonsense")
    keys, trouble = keymap(str(path))
    assert keys == {} and "not valid TOML" in trouble
    assert keymap(str(tmp_path / "absent.toml")) == ({}, "")


def test_screen_settings_come_from_the_settings(tmp_path):
    """With the keymap beside the file."""
    (tmp_path / "keys.toml").write_text('"app.quit" = "Q"\n')
    book = FileBook(str(tmp_path / "config.toml"))
    assert screen_settings(book._settings(), book.path).keys == {"app.quit": "Q"}
