"""Filling the settings: file, environment, flags, and every way to get them wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.config.load import Reader, examine, keys, load, variables
from tui_downloads.config.settings import Settings
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.spec import OnConflict


@pytest.fixture
def file(tmp_path):
    def write(text: str):
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refused(path, environ=None, overrides=None) -> RequestError:
    with pytest.raises(RequestError) as caught:
        load(path, environ or {}, overrides)
    assert "\n" not in caught.value.message
    return caught.value


def test_defaults_stand_without_a_file(tmp_path):
    """A file that is not there is an empty one."""
    assert load(tmp_path / "none.toml", {}) == Settings()


def test_values_of_every_kind(file):
    """Units, lists, switches, choices and tables of tables."""
    path = file(
        """
        folder = "~/x"
        downloads = 3
        rate = "1.5M"
        timeout = "1m30s"
        on_conflict = "skip"
        [policy]
        private = false
        blocked = ["*.example.org"]
        [screen]
        ascii = true
        tick = 0.25
        [[categories]]
        folder = "iso"
        types = ["iso"]
        [[schedule]]
        start = 08:00:00
        end = "18:00"
        rate = "2M"
        """
    )
    settings = load(path, {})
    assert (settings.downloads, settings.rate, settings.timeout) == (3, 1572864, 90.0)
    assert settings.on_conflict is OnConflict.SKIP
    assert (settings.policy.private, settings.policy.blocked) == (False, ("*.example.org",))
    assert (settings.screen.ascii, settings.screen.tick) == (True, 0.25)
    assert settings.categories[0].types == ("iso",)
    assert (settings.schedule[0].start, settings.schedule[0].end, settings.schedule[0].rate) == (28800, 64800, 2097152)


def test_environment_beats_the_file_and_flags_beat_both(file):
    """The order is: defaults, file, environment, flags."""
    path = file("downloads = 2\nconnections = 3\n[screen]\ntheme = 'a'\n")
    environ = {"TUI_DOWNLOADS_CONNECTIONS": "4", "TUI_DOWNLOADS_SCREEN_THEME": "b", "OTHER": "x"}
    settings = load(path, environ, {"screen.theme": "c", "hooks.on_complete": ("notify", "done")})
    assert (settings.downloads, settings.connections, settings.screen.theme) == (2, 4, "c")
    assert settings.hooks.on_complete == ("notify", "done")


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("\ndownlods = 3", 2, "Did you mean downloads?"),
        ("[screen]\n\nthem = 'x'", 3, "Did you mean screen.theme?"),
        ("[sceen]\ntheme = 'x'", 1, "Did you mean screen?"),
        ("theme = 'x'", 1, "Did you mean screen.theme?"),
        ("a = 1\n[[categories]]\nfolder = 'x'\nhost = ['a']", 1, "config show"),
    ],
)
def test_unknown_keys_suggest_the_nearest(file, text, line, hint):
    """The message says where, the next step says what was probably meant."""
    path = file(text)
    error = refused(path)
    assert error.code is Code.INVALID_OPTION
    assert error.message.startswith(f"{path}:{line}: ")
    assert hint in error.next_step


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("downloads = 'many'", "whole number"),
        ("downloads = 0", "at least 1"),
        ("downloads = true", "whole number"),
        ("rate = '10 parsecs'", "size"),
        ("rate = -1", "at least 0"),
        ("timeout = 'soon'", "duration"),
        ("timeout = 0", "at least"),
        ("on_conflict = 'explode'", "rename, skip, overwrite"),
        ("verify_digests = 1", "true or false"),
        ("folder = 3", "text"),
        ("folder = 'a\\u0007'", "text"),
        ('folder = "a\\u0007"', "control"),
        ("[policy]\nblocked = [1]", "list of texts"),
        ("[log]\nlevel = 'loud'", "debug, info"),
        ("screen = 3", "[screen]"),
        ("categories = 3", "[[categories]]"),
        ("[[categories]]\nname = 'x'", "needs folder"),
        ("[[schedule]]\nstart = '25:00'\nend = '1:00'", "time of day"),
        ("[[schedule]]\nstart = '5:00'\nend = '1:00'\ndays = ['moon']", "no day"),
        ("[policy]\nblocked = ['https://example.org/']", "domains such as"),
        ("[policy]\nallowed = ['ex*mple.org']", "domains such as"),
        ("[proxy]\nall = 'gopher://h'", "KIND://HOST:PORT"),
        ("[proxy]\nno_proxy = ['10.0.0.0/99']", "networks"),
        ("[hooks]\nwebhooks = ['ftp://h/x']", "http://"),
        ("name_template = '{nope}'", "fields are among {category}"),
        ("[endpoint]\ndialects = ['native', 'nope']", "some of native"),
        ("downloads = ", "not TOML"),
        ("downloads = 1\ndownloads = 2", "not TOML"),
        ("\x00", "not TOML"),
    ],
)
def test_wrong_values_are_told_in_one_line(file, text, wanted):
    """Each mistake names the file and what was expected."""
    path = file(text)
    if "'a\\u0007'" in text:
        assert load(path, {}).folder == "a\\u0007"
        return
    error = refused(path)
    assert str(path) in error.message
    assert wanted in error.message


def test_what_is_checked_further_takes_what_is_right(file):
    """Rules about what a text says leave alone what people write."""
    settings = load(
        file(
            """
            name_template = "{date}-{name}"
            [policy]
            blocked = ["*.example.org", "10.0.0.1", "b\u00fccher.example", "*"]
            [proxy]
            http = "proxy:3128"
            https = "socks5h://me:secret@[::1]:1080"
            all = "direct"
            no_proxy = ["localhost", ".example.org", "10.0.0.0/8", "*", "host:8080", "::1"]
            [hooks]
            webhooks = ["https://example.org/hook?key=1"]
            [endpoint]
            dialects = []
            """
        ),
        {},
    )
    assert settings.proxy.http == "proxy:3128" and settings.endpoint.dialects == ()


def test_the_environment_is_named_in_its_mistakes():
    """A wrong or nearly right variable says so; strangers of our prefix are left alone."""
    assert "TUI_DOWNLOADS_RATE" in refused(None, {"TUI_DOWNLOADS_RATE": "x"}).message
    assert "TUI_DOWNLOADS_CONNECTIONS" in refused(None, {"TUI_DOWNLOADS_CONECTIONS": "1"}).next_step
    assert load(None, {"TUI_DOWNLOADS_HOME": "/x", "TUI_DOWNLOADS_TOKEN": "y"}) == Settings()


def test_a_wrong_secret_is_not_repeated():
    """S20: the message about a proxy does not quote it."""
    error = refused(None, {}, {"proxy.all": "http://u:canary@\x07"})
    assert "canary" not in error.message + error.next_step


def test_examine_lists_every_mistake_and_keeps_the_rest(file):
    """`config check` shows all at once."""
    settings, problems = examine(file("downloads = 0\nrate = 'x'\nretries = 9\n[nope]\n"), {})
    assert len(problems) == 3
    assert settings.retries == 9


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    """A folder in its place, for one."""
    assert refused(tmp_path).code is Code.STATE_UNUSABLE


def test_every_key_has_its_own_variable():
    """No two settings share a name in the environment."""
    assert len(variables()) == len([key for key in keys() if key not in ("categories", "schedule")])


@given(st.sampled_from(sorted(keys())), st.text(max_size=20) | st.integers() | st.floats() | st.lists(st.text()))
def test_any_value_is_taken_or_refused(key, value):
    """Hostile values become problems, never exceptions."""
    reader = Reader()
    reader.put(key, value, "here")
    assert all("\n" not in problem.message for problem in reader.problems)


@given(st.text(max_size=80))
def test_any_text_is_a_file_or_a_problem(text):
    """Whatever stands in the file, the answer is settings or a sentence."""
    reader = Reader()
    reader.file(text, "config.toml")
    assert all(problem.place.startswith("config.toml") for problem in reader.problems)


def test_loading_imports_nothing_heavy():
    """D13: a run with a home and no file pays for none of these."""
    code = (
        "import sys, tui_downloads.config.load as l, tui_downloads.config.paths as p; l.load(None, {});"
        " p.find({'TUI_DOWNLOADS_HOME': '/x'});"
        " heavy = ('platformdirs', 'tomlkit', 'tomllib', 'difflib', 'hashlib', 'tempfile');"
        " print([name for name in heavy if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
