"""The list of settings is whole, and the page made of it is current."""

from __future__ import annotations

from pathlib import Path

from tui_downloads.config.document import documentation, page, shown_setting
from tui_downloads.config.load import keys, load
from tui_downloads.config.settings import LISTS, REMOTE


def test_the_page_is_current():
    """`python -m tui_downloads.config.document --write` makes it."""
    assert Path(__file__).parents[2].joinpath("docs", "settings.md").read_text(encoding="utf-8") == page()


def test_every_setting_is_explained():
    """A field without a docstring does not ship."""
    entries = documentation()
    assert {entry.key for entry in entries if entry.section not in LISTS} == set(keys()) - set(LISTS)
    assert all(entry.explanation.endswith(".") for entry in entries)


def test_what_the_api_may_set_exists_and_is_live():
    """S38: an allow-list, and nothing of the network's borders, programs or the disk in it."""
    entries = {entry.key: entry for entry in documentation()}
    assert all(entries[key].live and not entries[key].secret for key in REMOTE)
    assert not [key for key in REMOTE if key.startswith(("hooks", "policy", "endpoint", "proxy", "log", "folder"))]


def test_shown_values_hide_secrets():
    """A secret is told as set or not."""
    settings = load(None, {}, {"proxy.all": "http://u:canary@p", "rate": "10M"})
    shown = {entry.key: shown_setting(settings, entry) for entry in documentation() if entry.section not in LISTS}
    assert (shown["proxy.all"], shown["proxy.http"], shown["rate"]) == ("set", "not set", '"10M"')
    assert "canary" not in repr(shown)
