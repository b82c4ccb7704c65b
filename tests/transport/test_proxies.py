"""Which proxy a request goes through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.proxies import bypasses, choose_proxy, environment_has_proxies, parse_proxy


def choose(scheme="http", host="h.example", port=80, configured=None, no_proxy=None, **environ):
    found = choose_proxy(
        scheme, host, port, configured=configured, no_proxy=no_proxy, user="u", password="p", environ=environ
    )
    return None if found is None else found.url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("proxy:3128", "http://proxy:3128"),
        ("http://proxy", "http://proxy:80"),
        ("https://proxy/", "https://proxy:443"),
        ("SOCKS5H://127.0.0.1", "socks5h://127.0.0.1:1080"),
        ("socks4a://[::1]:9", "socks4a://[::1]:9"),
    ],
)
def test_a_proxy_is_read(text, url):
    """Kind, host and port, with the kinds' own ports."""
    assert parse_proxy(text).url == url


@pytest.mark.parametrize("text", ["", "ftp://p", "http://p:0", "http://p:99999", "http://a b", "http://p/path", "x://"])
def test_what_is_no_proxy_is_refused(text):
    """INVALID_OPTION, with the kinds that there are and without the text, which may carry a password."""
    with pytest.raises(DownloadError) as caught:
        parse_proxy(text)
    assert caught.value.code is Code.INVALID_OPTION


def test_a_proxys_repr_has_no_password():
    """Secrets never reach a repr."""
    assert "secret" not in repr(parse_proxy("http://user:secret@p:1"))


def test_userinfo_of_a_variable_is_decoded():
    """Credentials in an environment variable are percent-encoded."""
    proxy = parse_proxy("http://us%40er:p%3Aw@p:1")
    assert (proxy.user, proxy.password) == ("us@er", "p:w")


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ({}, None),
        ({"http_proxy": "a:1"}, "http://a:1"),
        ({"HTTP_PROXY": "a:1"}, None),
        ({"scheme": "https", "http_proxy": "a:1"}, None),
        ({"scheme": "https", "HTTPS_PROXY": "a:1"}, "http://a:1"),
        ({"scheme": "https", "https_proxy": "b:1", "HTTPS_PROXY": "a:1"}, "http://b:1"),
        ({"scheme": "ftp", "ftp_proxy": "a:1"}, "http://a:1"),
        ({"scheme": "sftp", "ALL_PROXY": "socks5h://a"}, "socks5h://a:1080"),
        ({"http_proxy": "a:1", "all_proxy": "b:1"}, "http://a:1"),
        ({"http_proxy": "a:1", "no_proxy": "example"}, None),
        ({"http_proxy": "a:1", "NO_PROXY": "*"}, None),
        ({"http_proxy": "a:1", "no_proxy": "", "NO_PROXY": ""}, "http://a:1"),
        ({"http_proxy": "a:1", "configured": ""}, None),
        ({"http_proxy": "a:1", "configured": "socks5://c"}, "socks5://c:1080"),
        ({"configured": "c:1", "NO_PROXY": "*"}, "http://c:1"),
        ({"configured": "c:1", "no_proxy": None, "NO_PROXY": "h.example"}, "http://c:1"),
    ],
)
def test_who_decides(arguments, url):
    """The option wins over the environment, the scheme's variable over the general one; HTTP_PROXY is not read."""
    if "no_proxy" in arguments:
        arguments = dict(arguments)
        rules = arguments.pop("no_proxy")
        found = choose_proxy(
            arguments.pop("scheme", "http"),
            "h.example",
            80,
            configured=arguments.pop("configured", None),
            no_proxy=None,
            environ=arguments | ({} if rules is None else {"no_proxy": rules}),
        )
        assert (None if found is None else found.url) == url
    else:
        assert choose(**arguments) == url


def test_no_proxy_of_the_caller_counts_for_its_own_proxy():
    """The caller's NO_PROXY list stands beside its proxy."""
    assert choose(configured="c:1", no_proxy="h.example") is None


def test_credentials_go_to_the_configured_proxy_only():
    """S18: what was given for one proxy is not told to the environment's."""
    found = choose_proxy(
        "http", "h", 80, configured=None, no_proxy=None, user="u", password="p", environ={"http_proxy": "a:1"}
    )
    assert (found.user, found.password) == ("", "")


@pytest.mark.parametrize(
    ("rules", "host", "port", "expected"),
    [
        ("example.org", "example.org", 80, True),
        ("example.org", "www.example.org", 80, True),
        ("example.org", "badexample.org", 80, False),
        (".example.org", "example.org", 80, True),
        ("*.example.org", "a.b.example.org", 80, True),
        ("EXAMPLE.org", "Example.ORG.", 80, True),
        ("a, b c", "c", 80, True),
        ("example.org:8080", "example.org", 80, False),
        ("example.org:8080", "example.org", 8080, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("127.0.0.1", "127.0.0.1", 80, True),
        ("127.0.0.1:81", "127.0.0.1", 80, False),
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:81", "::1", 81, True),
        ("fe80::/10", "fe80::1%eth0", 80, True),
        ("10.0.0.0/8", "ten.example", 80, False),
        ("", "a", 80, False),
        ("*", "anything", 80, True),
        (".", "anything", 80, False),
    ],
)
def test_no_proxy(rules, host, port, expected):
    """Names with what is below them, addresses, networks, ports."""
    assert bypasses(rules, host, port) is expected


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_is_a_list(rules, host):
    """Whatever stands in NO_PROXY, the question has an answer."""
    assert bypasses(rules, host, 80) in (True, False)


@given(st.text(max_size=60))
def test_any_text_is_a_proxy_or_refused(text):
    """Nothing but INVALID_OPTION comes out."""
    try:
        parse_proxy(text)
    except DownloadError as exc:
        assert exc.code is Code.INVALID_OPTION


def test_whether_there_are_any():
    """An empty variable and NO_PROXY alone are no proxies."""
    assert environment_has_proxies({"https_proxy": "a"})
    assert not environment_has_proxies({"https_proxy": "", "no_proxy": "a", "PATH": "x"})
