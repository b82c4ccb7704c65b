"""Typed links are judged line by line."""

from __future__ import annotations

import pytest

from tui_downloads.engine.fake import FakeEngine
from tui_downloads.tui.adding import judge, known_links, looks_like_links, parse_headers, parse_start


def test_each_line_has_its_own_verdict():
    """Good, bad, twice, comment."""
    verdicts = judge("https://a.example/x\nnonsense\n# no\n\nhttps://a.example/x", {})
    assert [verdict.ok for verdict in verdicts] == [True, False, False]


def test_a_link_that_is_here_already_is_told():
    """With the download that has it."""
    fake = FakeEngine()
    fake.put("https://a.example/x")
    [verdict] = judge("https://a.example/x", known_links(fake.snapshot().downloads.values()))
    assert verdict.ok and verdict.twin is not None


def test_a_list_for_aria2_may_be_pasted():
    """Options stand indented below their link, mirrors after tabs; a link may be indented, too."""
    text = "https://a.example/x\thttps://b.example/x\n  out=y.bin\n\tsplit=2\n  https://c.example/z\n"
    first, second = judge(text, {})
    assert first.entry.urls == ["https://a.example/x", "https://b.example/x"]
    assert (first.entry.options, first.own) == ([("out", "y.bin"), ("split", "2")], "1 mirror, 2 options")
    assert (second.text, second.entry, second.own) == ("https://c.example/z", None, "")


@pytest.mark.parametrize(
    "text", ["https://a.example/x\n  checksum=sha-256=12", "https://a.example/x\tnonsense", "https://a/[1-999999]"]
)
def test_what_stands_with_a_link_is_judged_too(text):
    """Before anything is added."""
    [verdict] = judge(text, {})
    assert verdict.problem and not verdict.text


def test_a_pattern_is_spelt_out():
    """Each of its links has a verdict of its own, and the options of its line."""
    verdicts = judge("https://a.example/[08-10].{iso,sum}\n  dir=/d", {})
    assert [verdict.text.rpartition("/")[2] for verdict in verdicts] == [
        "08.iso", "08.sum", "09.iso", "09.sum", "10.iso", "10.sum",
    ]  # fmt: skip
    assert {verdict.entry.urls[0] for verdict in verdicts} == {verdict.text for verdict in verdicts}


def test_secrets_are_not_shown():
    """Neither in good nor in bad lines."""
    verdicts = judge("https://me:hunter2@a.example/x\nnope://me:hunter2@b.example/", {})
    assert "hunter2" not in "".join(verdict.shown + repr(verdict) for verdict in verdicts)


def test_a_curl_command_is_one_line():
    """However many it is written on."""
    [verdict] = judge("curl 'https://a.example/x' \\\n  -H 'Cookie: a=b' \\\n  --compressed", {})
    assert verdict.ok and verdict.curl is not None and verdict.curl.headers == (("Cookie", "a=b"),)


def test_a_curl_command_that_sends_is_refused():
    """With the reason."""
    [verdict] = judge("curl https://a.example/x -d a=b", {})
    assert "sends data" in verdict.problem


@pytest.mark.parametrize(
    ("text", "yes"),
    [("https://a.example/x", True), ("https://a.example\nftp://b.example/y", True), ("hello", False), ("", False),
     ("curl https://a.example/x", True), ("see https://a.example", False),
     ("htps://a.example\nhttps://b.example/y", True)],
)  # fmt: skip
def test_what_opens_the_dialog_when_pasted(text, yes):
    """One line that is a link; the verdicts tell of the others."""
    assert looks_like_links(text) is yes


def test_headers_are_name_and_value():
    """One a line."""
    assert parse_headers("A: b\n\nC:d") == (("A", "b"), ("C", "d"))
    with pytest.raises(ValueError, match="Header 2"):
        parse_headers("A: b\nnonsense")


@pytest.mark.parametrize(("text", "after"), [("+45m", 2700), ("2h", 7200), ("30 s", 30)])
def test_delays(text, after):
    """From now."""
    assert parse_start(text, 1000.0) == 1000.0 + after


def test_times_of_day_are_in_the_future():
    """Today or tomorrow."""
    now = 1_790_000_000.0
    assert now < parse_start("00:00", now) <= now + 86_400 + 3600
    assert parse_start("", now) is None
    with pytest.raises(ValueError, match="22:30"):
        parse_start("25:00", now)
