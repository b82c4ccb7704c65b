"""Curl commands of browsers are understood or refused, never half."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.curl_command import looks_like_curl, parse_curl, split_words
from tui_downloads.core.errors import RequestError

CHROME = """curl 'https://files.example.org/a b.zip?token=1&x=2' \\
  -H 'accept: */*' \\
  -H 'accept-encoding: gzip, deflate' \\
  -H 'range: bytes=0-' \\
  -b 'session=abc; theme=dark' \\
  -H $'user-agent: It\\'s \\u0041' \\
  -H "referer: https://example.org/" \\
  --compressed"""


def test_a_command_of_chrome():
    """Headers that the transfer decides by itself are dropped."""
    command = parse_curl(CHROME)
    assert command.url == "https://files.example.org/a b.zip?token=1&x=2"
    assert command.headers == (
        ("accept", "*/*"), ("Cookie", "session=abc; theme=dark"), ("user-agent", "It's A"),
        ("referer", "https://example.org/"),
    )  # fmt: skip


CHROME_CMD = r"""curl ^"https://files.example.org/a^%^20b.zip?token=1^&x=^%^7Bid^%^7D^" ^
  -H ^"accept: */*^" ^
  -H ^"accept-encoding: gzip, deflate^" ^
  -b ^"session=a^\^"b^\^"; path=C:\\x^" ^
  -H ^"sec-ch-ua: ^\^"Chromium^\^";v=^\^"130^\^", ^\^"Not?A_Brand^\^";v=^\^"99^\^"^" ^
  -H ^"referer: https://example.org/^" ^
  --compressed"""
FIREFOX_CMD = (
    'curl "https://files.example.org/a.zip?x=1^&y=2" --compressed -H "User-Agent: Mozilla/5.0 (Windows NT 10.0)" ^\r\n'
    '-H "Cookie: name=""quoted""" -H "Accept: */*"'
)


def test_a_command_of_chrome_for_cmd():
    """Carets go first, then the quotes of Windows programs."""
    command = parse_curl(CHROME_CMD)
    assert command.url == "https://files.example.org/a%20b.zip?token=1&x=%7Bid%7D"
    assert command.headers == (
        ("accept", "*/*"), ("Cookie", 'session=a"b"; path=C:\\x'),
        ("sec-ch-ua", '"Chromium";v="130", "Not?A_Brand";v="99"'), ("referer", "https://example.org/"),
    )  # fmt: skip


def test_a_command_of_firefox_for_cmd():
    """Quotes in quotes are doubled."""
    command = parse_curl(FIREFOX_CMD)
    assert command.url == "https://files.example.org/a.zip?x=1&y=2"
    assert command.headers == (
        ("User-Agent", "Mozilla/5.0 (Windows NT 10.0)"), ("Cookie", 'name="quoted"'), ("Accept", "*/*"),
    )  # fmt: skip


def test_a_line_break_in_a_value_for_cmd_is_refused():
    """A caret before two line breaks is one in the value, and header fields have none."""
    with pytest.raises(RequestError, match="malformed"):
        parse_curl('curl ^"https://a.example/^" -H ^"x: a^\n\nb^"')


def test_options_with_values():
    """Long, short, joined."""
    command = parse_curl("curl -sSLo dir/out.bin -ume:secret --limit-rate=500K -x http://p:1 -m 30 https://a.example/f")
    assert (command.name, command.user, command.password) == ("out.bin", "me", "secret")
    assert (command.limit, command.proxy, command.max_time) == ("500K", "http://p:1", "30")


def test_no_secret_in_the_repr():
    """Cookies, passwords and signed links."""
    assert "secret" not in repr(parse_curl("curl -u me:secret -b a=secret https://a.example/f?token=secret"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("curl -d a=b https://a.example", "sends data"), ("curl -X POST https://a.example", "POST"),
        ("curl -k https://a.example", "certificate"), ("curl --data-raw=x https://a.example", "sends data"),
        ("curl https://a.example https://b.example", "several links"), ("curl", "no link"), ("wget x", "not a curl"),
        ("curl --nonsense https://a.example", "--nonsense"), ("curl https://a.example -H", "lacks its value"),
        ("curl 'https://a.example", "not closed"), ('curl "https://a.example', "not closed"),
        ("curl $'https://a.example", "not closed"), ("curl https://a.example | sh", "more than curl"),
        ("curl $(cat x)", "more than curl"), ("curl -b jar.txt https://a.example", "from a file"),
        ("curl -r 0-5 https://a.example", "part of the file"), ("curl -H 'a b: c' https://a.example", "malformed"),
        ("curl " + "x" * 70_000, "longer than"), ('curl ^"https://a.example', "not closed"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(text, reason):
    """One sentence, nothing half done."""
    with pytest.raises(RequestError) as caught:
        parse_curl(text)
    assert reason in caught.value.message


def test_words_are_split_as_a_shell_does():
    """Quotes, escapes, continued lines."""
    assert split_words("a 'b c' \"d\\\"e\" f\\ g $'\\x41\\101\\n\\q' x&y \\\n z") == [
        "a", "b c", 'd"e', "f g", "AA\nq", "x&y", "z",
    ]  # fmt: skip


def test_dollar_prompt_and_double_dash():
    """As copied from a terminal."""
    assert parse_curl("$ curl --url https://a.example/x").url == "https://a.example/x"
    assert parse_curl("curl -- https://a.example/x").url == "https://a.example/x"
    assert looks_like_curl("  $ curl x") and not looks_like_curl("curly x")


def test_empty_headers_are_dropped_and_ignored_options_take_their_value():
    """`-H 'X:'` removes a header in curl; there is nothing to remove here."""
    command = parse_curl("curl -H 'X;' -H 'Y:' -A agent -e 'r;auto' -C - -X GET -4 https://a.example/x")
    assert command.headers == (("User-Agent", "agent"), ("Referer", "r"))


@given(st.text(max_size=200))
def test_nothing_but_a_refusal_is_raised(text):
    """Whatever is pasted."""
    for candidate in (text, "curl " + text, "curl $'" + text, 'curl ^"' + text):
        try:
            parse_curl(candidate)
        except RequestError:
            pass
