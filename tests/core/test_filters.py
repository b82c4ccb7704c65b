"""The filter language: what passes, what a store is asked, and what is said of terms that mean nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.filters import KEYS, Filter, parse
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, ErrorView, Kind, Query


def view(**facts) -> DownloadView:
    """Make a view with what a test is about."""
    base = {
        "id": "id-1", "gid": "gid-1", "kind": Kind.LINK, "state": State.FAILED, "folder": "/home/me/Downloads",
        "url": "https://files.example.org/pub/Ubuntu-24.iso", "name": "Ubuntu-24.iso", "host": "files.example.org",
        "owner": "bob", "size": 5 << 30, "done": 1 << 30, "speed": 2e6, "priority": 3, "created_at": 1000.0,
        "error": ErrorView("NETWORK_ERROR", "The connection broke.", "network", "Retry.", True),
    }  # fmt: skip
    return DownloadView(**base | facts)


@pytest.mark.parametrize(
    "text",
    [
        "", "ubuntu", "UBUNTU -debian", "state:failed", "state:complete,failed", "state:error", "-state:active",
        "host:example", "host=files.example.org", "-host=example.org", "name:24", "owner:bob", "folder:downloads",
        "size>1g", "size>=5gib", "size<6GB", "size<=5g", "size:5g", "size=5368709120", "-size>1t", "done>500m",
        "left:4g", "left>3g", "percent:20", "percent<50%", "speed>1m/s", "speed>1mb/s", "age>10m", "age<1d", "age<2w",
        "priority:3", "priority>-1", "kind:link,media", "error:network", "error:broke", '"connection broke"',
        'error:"connection broke"', "url:pub/", "id:gid-1", "id=gid-1", "https://files.example.org/",
        "state:failed host:example size>1g ubuntu -done>2g owner:bob", "name:debian,ubuntu", "STATE:Failed",
        "-", "-kind:media",
    ],
)  # fmt: skip
def test_what_passes(text):
    """Every one of these describes the same failed download."""
    found = parse(text)
    if text != "-":
        assert found.matches(view(), now=3000.0)
    assert found.problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "debian", "-ubuntu", "state:complete", "-state:failed", "host:example.com", "host=example.org", "size<1g",
        "size>5g", "age>1h", "priority:0", "kind:media", "-kind:link", "owner:alice", "error:checksum", "percent>20",
        "ubuntu state:queued", "category:music", "type:video", "via:aria2", '"ubuntu 24"',
    ],
)  # fmt: skip
def test_what_does_not_pass(text):
    """And none of these does."""
    assert not parse(text).matches(view(), now=3000.0)


def test_what_is_not_known_is_not_compared():
    """A download of unknown size is neither large nor small."""
    unknown = view(size=None, error=None)
    for text in ("size>0", "size<1t", "left>0", "percent>0", "error:x"):
        assert not parse(text).matches(unknown)
    assert not parse("broke").matches(unknown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stat:failed", "There is no key “stat”; did you mean state?"),
        ("zzz:1", f"There is no key “zzz”; keys are {', '.join(KEYS)}."),
        ("state:faild", "There is no state “faild”; did you mean failed?"),
        ("kind:medai", "There is no kind “medai”; did you mean media?"),
        ("kind:zzz", "There is no kind “zzz”; it is one of link, package, media, bundle, export."),
        ("size>", "“size” needs a value, such as size>1g."),
        ("state:", "“state” needs a value, such as state:failed."),
        ("host:", "“host” needs a value, such as host:text."),
        ("size>big", "“big” is no value of “size”; write size>1g."),
        ("size>1x", "“1x” is no value of “size”; write size>1g."),
        ("age<1y", "“1y” is no value of “age”; write age<2d."),
        ("priority>1k", "“1k” is no value of “priority”; write priority>0."),
        ("percent>1k", "“1k” is no value of “percent”; write percent>50."),
        ("-speed>fast", "“fast” is no value of “speed”; write speed>1m."),
        ("host>a", "“host” can't be compared with >; write host:text."),
    ],
)
def test_a_term_without_sense_is_reported(text, message):
    """The message says what to write instead, and the other terms still filter."""
    found = parse(f"{text} ubuntu")
    assert [str(problem) for problem in found.problems] == [message]
    assert found.problems[0].term == text
    assert found.matches(view())
    assert not found.matches(view(name="x", url="y"))


def test_a_filter_without_terms_is_false():
    """A face can ask whether anything is filtered at all."""
    assert not parse("  ")
    assert not parse("nokey:1")
    assert parse("x")
    assert Filter().matches(view())


@pytest.mark.parametrize(
    ("text", "query", "exact"),
    [
        ("", Query(), True),
        ("ubuntu", Query(text="ubuntu"), True),
        ("ubuntu iso", Query(text="ubuntu"), False),
        ("state:failed", Query(states=frozenset({State.FAILED})), True),
        ("state:failed,paused -state:paused", Query(states=frozenset({State.FAILED})), True),
        ("state:failed state:paused", Query(states=frozenset({State.FAILED})), False),
        ("host=example.org", Query(host="example.org"), True),
        ("host:example.org", Query(), False),
        ("host=a,b", Query(), False),
        ("kind:media", Query(kinds=frozenset({Kind.MEDIA})), True),
        ("kind:media kind:link", Query(kinds=frozenset({Kind.MEDIA})), False),
        ("kind:media -kind:link", Query(kinds=frozenset({Kind.MEDIA})), True),
        ("size>1g -ubuntu", Query(), False),
        ("-kind:link,package,media,bundle,export", Query(), False),
        ("-state:active,unfinished,done,error,cancelled", Query(), False),
    ],
)
def test_what_a_store_is_asked(text, query, exact):
    """What a query can say is said to it; the rest is left to `matches`."""
    found = parse(text)
    assert (found.asked, found.exact) == (query, exact)


def test_a_query_keeps_its_page():
    """Order, page and limits of the view stay; its states are narrowed."""
    base = Query(states=frozenset({State.FAILED, State.COMPLETE}), sort="size", limit=7, host="h", text="t")
    found = parse("state:failed").query(base)
    assert found == Query(states=frozenset({State.FAILED}), sort="size", limit=7, host="h", text="t")
    assert parse("state:queued").query(base).states == base.states
    assert parse("x").query() == Query(text="x")


words = st.sampled_from([*KEYS, "-", '"', ":", "=", "<", ">=", ",", "1g", "failed", " ", "ubuntu", "%", "/s", "9" * 30])


@given(st.one_of(st.text(), st.lists(words).map("".join)))
def test_no_text_ever_raises(text):
    """Whatever is typed is a filter; what passes it is among what the store is asked for."""
    found = parse(text)
    for item in (view(), view(size=None, error=None, state=State.QUEUED, kind=Kind.MEDIA)):
        if found.matches(item, 3000.0):
            assert not found.asked.states or item.state in found.asked.states
            assert not found.asked.kinds or item.kind in found.asked.kinds
            assert not found.asked.host or found.asked.host.casefold() == item.host
    assert all(str(problem) for problem in found.problems)
