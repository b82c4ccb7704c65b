"""File names that are safe on every system."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.names import (
    DEFAULT,
    MAX_BYTES,
    check_template,
    collision_key,
    numbered,
    safe_name,
    safe_path,
    split_extension,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("file.txt", "file.txt"), ("a b (1).tar.gz", "a b (1).tar.gz"), ("naïve 日本.txt", "naïve 日本.txt"),
        ("..", DEFAULT), (".", DEFAULT), ("", DEFAULT), ("   ", DEFAULT), ("a/b", "a_b"), ("a\\b", "a_b"),
        ("../../etc/passwd", "__.._etc_passwd"), ("C:\\x.exe", "C__x.exe"), ("file.txt:stream", "file.txt_stream"),
        ("\\\\server\\share", "__server_share"), ("a\x00b\x1fc\x7fd\x85e", "a_b_c_d_e"), ('<>"|?*', "______"),
        (" edge . ", "edge"), ("dots...", "dots"), (".bashrc", "_bashrc"), ("...x", "_x"), ("a\u00a0b", "a b"),
    ],
)  # fmt: skip
def test_s1_a_name_is_one_safe_component(text: str, name: str):
    """S1: separators, drives, streams, controls, edge dots and spaces are gone, the rest stays."""
    assert safe_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("con", "_con"), ("CON.txt", "_CON.txt"), ("nul .txt", "_nul .txt"), ("com1", "_com1"),
        ("LPT9.x.y", "_LPT9.x.y"),
        ("com¹.txt", "_com¹.txt"), ("aux.", "_aux"), ("conin$", "_conin$"), ("console", "console"), ("com10", "com10"),
    ],
)  # fmt: skip
def test_f48_devices_of_windows_are_renamed(text: str, name: str):
    """F48: a reserved name gets the same new name on every system."""
    assert safe_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("photo\u202egpj.exe", "photogpj.exe"), ("a\u200bb\u2060c\ufeffd", "abcd"), ("a\u2028b\nc", "a_b_c"),
        ("a\u3164b\u2800c\ufe0fd\u034fe\U000e0041f", "abcdef"), ("a\ud800b", "a_b"), ("e\u0301", "é"),
        ("e\u200d\u0301", "é"), ("x\ufffey", "x_y"),
    ],
)  # fmt: skip
def test_s6_what_reorders_or_hides_is_gone(text: str, name: str):
    """S6: bidi, invisible characters, newlines and lone surrogates; the rest is NFC."""
    assert safe_name(text) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x.desktop", "x.desktop.download"), ("x.URL", "x.URL.download"), ("x.webloc", "x.webloc.download"),
        ("x.lnk", "x.lnk.download"), ("x.lnk. ", "x.lnk.download"), ("x.l\u200bnk", "x.lnk.download"),
        ("foo.part.journal", "foo.part.journal.download"), ("desktop.ini", "desktop.ini.download"),
        ("x.lnk.zip", "x.lnk.zip"), ("lnk", "lnk"), ("é.desktop", "é.desktop.download"),
    ],
)  # fmt: skip
def test_s7_what_desktops_launch_gets_a_neutral_suffix(text: str, name: str):
    """S7: shortcuts and loaders, and names of our own journals."""
    assert safe_name(text) == name


def test_a_long_name_is_cut_and_keeps_its_extension():
    """A number and our own suffixes still fit behind it, in bytes."""
    for text in ("x" * 300 + ".tar.gz", "日" * 200 + ".tar.gz", "con." + "x" * 400):
        name = safe_name(text)
        assert len(name.encode()) <= MAX_BYTES
        assert len((numbered(name, 9999) + ".part.journal").encode()) <= 255
    assert safe_name("x" * 300 + ".tar.gz").endswith("x.tar.gz")
    assert safe_name("x" * 300 + ".lnk").endswith(".download")


def test_what_a_name_can_not_hold_may_be_removed():
    """Packages remove instead of marking."""
    assert safe_name('a:b?"c.txt', replace="") == "abc.txt"
    assert safe_name(".hidden", replace="") == "hidden"
    assert safe_name("?*:", replace="") == DEFAULT
    assert safe_name("<con>", replace="") == "_con"
    assert safe_name("...", replace="") == DEFAULT


@given(st.text(st.characters(exclude_categories=()), max_size=400), st.sampled_from(["", "_"]))
@example("\u0340.lnk", "_")
@example("." + "\u202e" * 20 + ".", "")
def test_every_name_is_safe_and_stays_as_it_is(text: str, mark: str):
    """S1, S2, S6: whatever the text; a safe name is its own safe name."""
    name = safe_name(text, replace=mark)
    assert name and safe_name(name, replace=mark) == name
    assert len(name.encode()) <= MAX_BYTES
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f]', name)
    assert not any(unicodedata.category(char) in ("Cf", "Cc", "Cs", "Zl", "Zp") for char in name)
    assert name[0] not in ". " and name[-1] not in ". "
    assert unicodedata.is_normalized("NFC", name)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a/b/c.txt", "a/b/c.txt"), ("../../etc/passwd", "etc/passwd"), ("/abs/x", "abs/x"), ("C:\\dir\\x", "dir/x"),
        ("a//./b", "a/b"), ("", DEFAULT), ("..", DEFAULT), ("con/.ssh/x.lnk", "_con/_ssh/x.lnk.download"),
        ("a\\..\\b", "a/b"),
    ],
)  # fmt: skip
def test_s12_a_path_stays_below_its_folder(text: str, path: str):
    """S12: names of manifests and metalinks climb nowhere."""
    assert safe_path(text) == path


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_every_path_is_safe(text: str):
    """Each component is a safe name."""
    for mark in ("", "_"):
        path = safe_path(text, replace=mark)
        assert all(safe_name(part, replace=mark) == part for part in path.split("/"))


def test_a_package_path_loses_what_it_can_not_hold():
    """Removed, not replaced."""
    assert safe_path('a?b/c"d.txt', replace="") == "ab/cd.txt"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.txt", ("a", ".txt")), ("a.tar.gz", ("a", ".tar.gz")), ("v1.2.tar.zst", ("v1.2", ".tar.zst")),
        ("dump.sql.gz", ("dump", ".sql.gz")), ("a.tar.gz.asc", ("a", ".tar.gz.asc")), ("a.7z.001", ("a", ".7z.001")),
        ("a.part2.rar", ("a", ".part2.rar")), ("noext", ("noext", "")), (".bashrc", (".bashrc", "")),
        ("libfoo.so.1", ("libfoo.so.1", "")), ("Mr. Smith", ("Mr. Smith", "")),
        ("x.lnk.download", ("x", ".lnk.download")),
        ("a.sha256", ("a", ".sha256")), ("a.b.zip", ("a.b", ".zip")), ("Mr. X.gz", ("Mr. X", ".gz")),
        ("a.documentation.gz", ("a.documentation", ".gz")), ("x.mp3", ("x", ".mp3")), (".7z.001", (".7z.001", "")),
    ],
)  # fmt: skip
def test_an_extension_is_kept_whole(name: str, parts: tuple[str, str]):
    """Packed, signed and split files have extensions of several parts."""
    assert split_extension(name) == parts


def test_a_taken_name_is_numbered_before_its_extension():
    """`name (1).tar.gz`."""
    assert numbered("name.tar.gz", 1) == "name (1).tar.gz"
    assert numbered("name", 12) == "name (12)"
    assert numbered("name", 0) == "name"
    assert numbered("日" * 90, 5).endswith("日 (5)")
    assert len((numbered("日" * 90, 5) + ".part.journal").encode()) <= 255


@given(st.text(st.characters(exclude_categories=()), max_size=300), st.integers(min_value=1, max_value=10**9))
def test_numbered_names_fit(text: str, n: int):
    """With our suffixes behind them, and they differ from the name."""
    name = numbered(safe_name(text), n)
    assert len((name + ".part.journal").encode()) <= 255
    assert f"({n})" in name


def test_f48_names_that_fall_together_are_the_same():
    """F48: case and composition do not tell files apart."""
    assert collision_key("README.txt") == collision_key("readme.TXT")
    assert collision_key("Straße") == collision_key("STRASSE")
    assert collision_key("e\u0301.txt") == collision_key("É.txt")
    assert collision_key("a") == collision_key("a.")
    assert collision_key("a") != collision_key("b")
    assert collision_key("A") == "a"


@pytest.mark.parametrize("template", ["{nope}", "{name", "{name!r}", "{name:>10}", "{0}", "{name.__class__}"])
def test_a_template_that_makes_no_sense_is_refused(template: str):
    """Only the known fields, and nothing that reaches into them."""
    check_template("{date}-{stem}.{ext} {{kept}}")
    with pytest.raises(RequestError) as caught:
        check_template(template)
    assert caught.value.code is Code.INVALID_OPTION
