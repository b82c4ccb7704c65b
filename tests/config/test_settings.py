"""What the settings decide by themselves: limits by the hour, and categories."""

from __future__ import annotations

import pytest

from tui_downloads.config.settings import Category, ScheduleRule, Settings

HOUR = 3600


def test_the_schedule_changes_only_what_it_names():
    """The first rule that holds decides; what it leaves out stays."""
    rules = (ScheduleRule(8 * HOUR, 18 * HOUR, ("mon",), rate=100), ScheduleRule(0, 24 * HOUR, downloads=1))
    settings = Settings(rate=7, downloads=3, schedule=rules)
    at_work, at_night, unasked = settings.limits(0, 9 * HOUR), settings.limits(0, 20 * HOUR), settings.limits()
    assert (at_work.rate, at_work.downloads) == (100, 3)
    assert (at_night.rate, at_night.downloads) == (7, 1)
    assert (unasked.rate, unasked.downloads) == (7, 3)


@pytest.mark.parametrize(("weekday", "hour", "holds"), [(4, 23, True), (5, 5, True), (5, 23, False), (4, 5, False)])
def test_a_rule_over_midnight_belongs_to_the_day_it_begins(weekday, hour, holds):
    """Friday 22:00 to 06:00 covers Saturday's morning."""
    assert ScheduleRule(22 * HOUR, 6 * HOUR, ("fri",)).holds(weekday, hour * HOUR) is holds


def test_every_condition_of_a_category_must_hold():
    """Host, type and pattern narrow together, without regard to case."""
    category = Category("images", hosts=("*.example.org",), types=("iso", "image/*"), pattern="*-AMD64*")
    assert category.matches(host="CDN.example.org", name="x-amd64.ISO")
    assert category.matches(host="a.example.org", name="x-amd64", content_type="image/png; q=1")
    assert not category.matches(host="example.com", name="x-amd64.iso")
    assert not category.matches(host="a.example.org", name="x-arm64.iso")
    assert not category.matches(host="a.example.org", name="x-amd64.zip")


def test_the_first_category_that_matches_decides():
    """Order is the user's."""
    settings = Settings(categories=(Category("a", types=("iso",)), Category("b")))
    assert settings.category(host="h", name="x.iso").folder == "a"
    assert settings.category(host="h", name="x.zip").folder == "b"
    assert Settings().category(host="h", name="x") is None


def test_secrets_stay_out_of_the_repr():
    """A proxy's password must not reach a log by accident."""
    from tui_downloads.config.load import load

    settings = load(
        None, {"TUI_DOWNLOADS_PROXY_ALL": "http://u:canary@p", "TUI_DOWNLOADS_ENDPOINT_ARIA2_SECRET": "canary"}
    )
    assert "canary" not in repr(settings)
