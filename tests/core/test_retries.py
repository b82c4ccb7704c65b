"""When to try again, what servers ask for, and what is remembered of hosts."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.retries import DOUBTS, Backoff, Ceiling, GiveUp, HostBook, Retry, decide, parse_retry_after

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("99999999999999999999", 3600.0),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        (formatdate(NOW + 10**7, usegmt=True), 3600.0),
        ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1" * 50, None),
        ("x" * 65, None),
        ("²", None),
        ("Fri, 32 Foo 2023 99:99:99 GMT", None),
        ("Tue Nov 14 22:13:50 2023", 30.0),
        ("Mon, 01 Jan 0001 00:00:00 +2359", None),
    ],
)
def test_retry_after(text, seconds):
    """Seconds or a date, bounded to an hour; what says nothing is None."""
    assert parse_retry_after(text, NOW) == seconds


@given(st.one_of(st.text(), st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,9} \d+:\d+:\d+ [-+A-Z0-9]+")))
def test_no_retry_after_ever_raises(text):
    """A server's field is hostile input."""
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= 3600


def test_waits_double_up_to_the_cap():
    """1, 2, 4 … 300 seconds."""
    backoff = Backoff()
    assert [backoff.most(tries) for tries in (0, 1, 2, 3, 8, 9, 10, 10**6)] == [1, 1, 2, 4, 128, 256, 300, 300]


def test_the_jitter_is_full():
    """Any wait up to the longest is possible, so that clients do not come together."""
    backoff = Backoff(base=2.0)
    assert [backoff.wait(3, random) for random in (0.0, 0.5, 1.0)] == [0.0, 4.0, 8.0]


def broken(code: Code = Code.NETWORK_ERROR, **facts) -> DownloadError:
    return DownloadError(code, "It broke.", **facts)


def test_a_broken_connection_is_tried_again():
    """The error says that it may help."""
    assert decide(broken(), 0, 0.5) == Retry(0.5, 1)
    assert decide(broken(), 2, 1.0) == Retry(4.0, 3)


def test_tries_end():
    """After as many retries as are allowed it is given up."""
    error = broken()
    assert decide(error, 4, 1.0) == Retry(16.0, 5)
    assert decide(error, 5, 1.0) == GiveUp(error, 6)
    assert decide(error, 0, 1.0, retries=0) == GiveUp(error, 1)


@pytest.mark.parametrize("code", [Code.AUTH_REQUIRED, Code.TLS_ERROR, Code.DOMAIN_BLOCKED, Code.DISK_ERROR])
def test_what_does_not_help_is_not_tried(code):
    """A refusal, a bad certificate or a policy stays what it is."""
    error = broken(code)
    assert decide(error, 0, 1.0) == GiveUp(error, 1)


def test_the_error_has_the_last_word():
    """An error may say otherwise than its code."""
    assert isinstance(decide(broken(retry=False), 0, 1.0), GiveUp)
    assert isinstance(decide(broken(Code.TLS_ERROR, retry=True), 0, 1.0), Retry)


@pytest.mark.parametrize("status", [404, 410, 421, None])
def test_a_missing_file_is_tried_once_more(status):
    """A mirror may lag behind; a second look is enough."""
    error = broken(Code.REMOTE_FILE_NOT_FOUND, status=status)
    assert decide(error, 0, 1.0) == Retry(1.0, 1)
    assert decide(error, 1, 1.0) == GiveUp(error, 2)
    assert isinstance(decide(error, 0, 1.0, retries=0), GiveUp)


def test_what_the_server_asks_for_wins():
    """Its seconds count and not our wait, with a little jitter on top."""
    error = broken(Code.RATE_LIMITED, retry_after=30.0, status=429)
    assert decide(error, 0, 0.0) == Retry(30.0, 1, asked=True)
    assert decide(error, 0, 1.0) == Retry(31.0, 1, asked=True)
    assert decide(broken(retry_after=1.0), 0, 1.0) == Retry(1.1, 1, asked=True)
    assert decide(broken(retry_after=10.0**9), 0, 0.0) == Retry(3600.0, 1, asked=True)


def test_a_server_that_only_asks_to_wait_gets_more_tries():
    """A busy server is not a broken one."""
    error = broken(Code.RATE_LIMITED)
    assert isinstance(decide(error, 7, 0.0, retries=2), Retry)
    assert isinstance(decide(error, 8, 0.0, retries=2), GiveUp)
    assert isinstance(decide(error, 0, 0.0, retries=0), GiveUp)


def test_no_try_is_spent_offline():
    """While the network is down, time passes and tries do not."""
    assert decide(broken(), 5, 1.0, online=False, backoff=Backoff(cap=10.0)) == Retry(10.0, 5)


def test_a_host_comes_down_by_halves():
    """8, 4, 2, 1."""
    book = HostBook()
    found = [book.refused("h", connections, NOW + 10 * step) for step, connections in enumerate((8, 4, 2, 1))]
    assert found == [4, 2, 1, 1]


def test_refusals_of_one_moment_count_once():
    """Connections that were opened together are refused together."""
    book = HostBook()
    assert [book.refused("h", 8, NOW), book.refused("h", 7, NOW + 0.5)] == [4, 4]


def test_a_ceiling_never_rises_by_a_refusal():
    """A refusal with many connections open does not lift what was learned."""
    book = HostBook([Ceiling("h", 2, NOW)])
    assert book.refused("h", 16, NOW + 60) == 2


def test_a_ceiling_doubles_each_hour_and_is_forgotten():
    """A busy hour must not slow a host for long; nor does a clock that was set back."""
    book = HostBook([Ceiling("h", 2, NOW), Ceiling("future", 2, NOW + 99)])
    assert [book.ceiling("h", NOW + 3600 * hour) for hour in (0, 0.9, 1, 2, 4.9)] == [2, 2, 4, 8, 32]
    assert book.ceiling("h", NOW + 5 * 3600) is None
    assert book.ceiling("future", NOW) is None
    assert list(book) == []


def test_a_refusal_after_an_hour_counts_from_what_was_tried():
    """It comes down by halves again."""
    book = HostBook([Ceiling("h", 2, NOW)])
    assert book.refused("h", 4, NOW + 3700) == 2
    assert book.ceiling("h", NOW + 3700 + 3500) == 2


def test_a_refusal_that_may_be_about_one_path_is_believed_when_a_second_path_is_refused():
    """One forbidden link says nothing of the host's others."""
    book = HostBook()
    assert [book.refused("h", 8, NOW + 10 * step, path="/a") for step in range(3)] == [None, None, None]
    assert book.refused("h", 8, NOW + 60, "it answered 403", path="/b") == 4
    assert "it answered 403" in book.explain("h", NOW + 60)


def test_two_paths_refused_hours_apart_say_nothing_together():
    """Each may have had a reason of its own."""
    book = HostBook()
    book.refused("h", 8, NOW, path="/a")
    assert book.refused("h", 8, NOW + 4000, path="/b") is None


def test_a_host_s_word_counts_at_once():
    """A refusal that names no path is of the host, whatever was doubted."""
    book = HostBook()
    book.refused("h", 8, NOW, path="/a")
    assert book.refused("h", 8, NOW + 10) == 4


def test_doubts_are_bounded():
    """A list of a million hosts must not be kept for ever."""
    book = HostBook()
    for number in range(DOUBTS + 1):
        book.refused(str(number), 8, NOW, path="/a")
    assert book.refused("0", 8, NOW, path="/b") is None


def test_a_ceiling_explains_itself():
    """A user who wonders why only two connections are open gets the reason, and when more are tried."""
    book = HostBook()
    book.refused("h", 4, NOW, "it answered 429")
    assert book.explain("h", NOW + 1800) == (
        "h is asked with at most 2 connections: it answered 429; twice as many are tried in 30 min, forgotten in 4 h."
    )
    assert "at most 4 connections" in book.explain("h", NOW + 3600)
    assert book.explain("other", NOW) == ""
    assert str(Ceiling("h", 1, NOW)) == "h is asked with at most 1 connection"


def test_a_host_that_asked_for_a_pause_is_left_alone():
    """The longest pause counts, and ends."""
    book = HostBook()
    book.hold("h", 20.0)
    book.hold("h", 10.0)
    assert book.retry_at("h", 15.0) == 20.0
    assert book.retry_at("h", 20.0) is None
    assert book.retry_at("h", 0.0) is None


def test_a_host_can_be_forgotten():
    """The user knows better."""
    book = HostBook([Ceiling("h", 2, NOW)])
    book.hold("h", NOW + 9)
    book.forget("h")
    assert (book.ceiling("h", NOW), book.retry_at("h", NOW)) == (None, None)
