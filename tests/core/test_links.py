"""Links: one canonical spelling, and what of them may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import (
    bare,
    name_from_link,
    parse_link,
    public,
    raw_name,
    redact,
    redact_text,
    secret_parameter,
    secret_query,
)


def fetched(text: str) -> str:
    return parse_link(text).url_without_userinfo


def refused(text: str) -> str:
    with pytest.raises(DownloadError) as caught:
        parse_link(text)
    assert caught.value.code is Code.INVALID_URL
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://example.org", "http://example.org/"),
        ("https://example.org/a/file-1.bin", "https://example.org/a/file-1.bin"),
        ("HTTPS://Example.ORG:443/A", "https://example.org/A"),
        ("https://example.org:8443/", "https://example.org:8443/"),
        ("https://example.org:08443/", "https://example.org:8443/"),
        ("https://example.org:/", "https://example.org/"),
        ("http://example.org./x", "http://example.org/x"),
        ("http://example.org/a b.zip", "http://example.org/a%20b.zip"),
        ("http://example.org/ü?q=ü ", None),
        ("http://example.org/ü?q=ü x#ü", "http://example.org/%C3%BC?q=%C3%BC%20x"),
        ("http://example.org/%zz%41", "http://example.org/%zz%41"),
        ("http://example.org/a/./b/../c", "http://example.org/a/c"),
        ("http://example.org/a/%2E%2e/../../c/.", "http://example.org/c/"),
        ("http://example.org/..", "http://example.org/"),
        ("http://example.org/.hidden", "http://example.org/.hidden"),
        ("http://example.org?x=1", "http://example.org/?x=1"),
        ("http://example.org/?", "http://example.org/?"),
        ("http://example.org/a\\b", "http://example.org/a%5Cb"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://BÜCHER.example/", "http://xn--bcher-kva.example/"),
        ("http://faß.example/", "http://xn--fa-hia.example/"),
        ("http://例え。テスト/", "http://xn--r8jz45g.xn--zckzah/"),
        ("http://exa%6dple.org/", "http://example.org/"),
        ("http://[2001:DB8::0:1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://017700000001/", "http://127.0.0.1/"),
        ("http://0/", "http://0.0.0.0/"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("http://my_host/", "http://my_host/"),
        ("ftp://example.org/a;type=i", "ftp://example.org/a;type=i"),
        ("ftps://example.org/a", "ftps://example.org/a"),
        ("sftp://example.org:22/~/a", "sftp://example.org/~/a"),
        ("http://example.org/\udcff", "http://example.org/%FF"),
    ],
)  # fmt: skip
def test_a_link_has_one_canonical_spelling(text: str, url: str | None):
    """Scheme, host, port, path and query are normalised as browsers do; the fetch sees the result."""
    if url is None:
        refused(text)
    else:
        assert fetched(text) == url


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("example.org/file.zip", "Did you mean https://example.org/file.zip ?"),
        ("//example.org/file.zip", "Did you mean https://example.org/file.zip ?"),
        ("http:/example.org/x", "Did you mean http://example.org/x ?"),
        ("https:example.org/x", "Did you mean https://example.org/x ?"),
        ("http:///example.org/x", "Did you mean http://example.org/x ?"),
        ("http://", "no host"),
        ("http://./", "no host"),
        ("http://user@/", "no host"),
        ("not a link", "no scheme"),
        ("file:///etc/passwd", "file://"),
        ("magnet:?xt=urn:btih:abc", "magnet:"),
        ("data:text/plain,x", "data:"),
        ("javascript:alert(1)", "javascript:"),
        ("gopher://example.org/", "gopher://"),
        ("/etc/passwd", "path"),
        ("./a.zip", "path"),
        (" http://example.org/", "space"),
        ("http://example.org/ ", "space"),
        ("http://example.org/a\nb", "control character"),
        ("\thttp://example.org/", "control character"),
        ("http://example.org/\x85", "control character"),
        ("http://example.org/\ud800", "can't be encoded"),
        ("http://example.org/" + "a" * 20000, "longer"), ("http://example.org/" + "é" * 8000, "percent-encoded"),
        ("http://" + "a" * 2000 + "/", "too long"),
        ("http://" + "a" * 64 + ".org/", "too long"),
        ("http://" + "a." * 140 + "org/", "too long"),
        ("http://example.org:0/", "port"),
        ("http://example.org:65536/", "port"),
        ("http://example.org:8x/", "port"),
        ("http://[::1/", "bracket"),
        ("http://[::1]x/", "bracket"),
        ("http://[::g]/", "IPv6"),
        ("http://[fe80::1%25et/", "bracket"),
        ("http://[fe80::1%25e|h]/", "IPv6"),
        ("http://exa mple.org/", "not a valid name"),
        ("http://a\\b.org/", "not a valid name"),
        ("http://a..org/", "not a valid name"),
        ("http://-a.org/", "not a valid name"),
        ("http://a%ff.org/", "not a valid name"),
        ("http://a%41\udcff.org/", "not a valid name"),
        ("http://256.1.1.1/", "not a valid address"),
        ("http://1.2.3.4.5/", "not a valid address"),
        ("http://example.0x/", "not a valid address"),
        ("http://a℀b.org/", "not a valid name"),
        ("http://a℀ü.org/", "not a valid name"),
        ("http://\u0301a.org/", "no host name has"),
        ("http://ex\u202eample.org/", "no host name has"),
        ("http://us\x7fer@example.org/", "control character"),
        ("http://us%0aer@example.org/", "user or password"),
        ("http://u:p%00@example.org/", "user or password"),
        ("ftp://example.org/a%0d%0aDELE", "control character"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_link_is_refused_with_a_reason(text: str, says: str):
    """Every refusal is one sentence that says what is wrong."""
    assert says in refused(text)


def test_a_hint_is_only_given_where_it_may_be_right():
    """Words with spaces and very long texts get no guess, and a guess shows no secrets."""
    assert "Did you mean" not in refused("my file.zip")
    assert "Did you mean" not in refused("example.org/" + "a" * 300)
    assert "hush" not in refused("user:hush@example.org/x?token=hush")


def test_userinfo_is_taken_out_and_decoded():
    """User and password leave the link; the last at-sign ends them."""
    link = parse_link("https://us%65r:p%40s:s@w@example.org/x")
    assert (link.user, link.password, link.host) == ("user", "p@s:s@w", "example.org")
    assert link.url_without_userinfo == "https://example.org/x"


def test_an_origin_is_scheme_host_and_port():
    """The scheme's own port is the same as none."""
    assert parse_link("https://A.org:443/x").origin == ("https", "a.org", 443) == parse_link("https://a.org").origin
    assert parse_link("https://a.org:444/x").origin != parse_link("https://a.org").origin


def test_a_link_shows_no_secrets():
    """Neither repr nor display has userinfo or secret values."""
    link = parse_link("https://user:hush@a.org/x?token=hush&page=2#frag")
    assert repr(link) == "Link(https://a.org/x?token=…&page=2)"
    assert link.display == "https://a.org/x?token=…&page=2"
    assert link.fragment == "frag"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h/x?y#z", "https://h/x?y#z"),
        ("https://h/x@y", "https://h/x@y"),
        (" https://u:p@h/", " https://h/"),
        ("//u:p@h/", "//h/"),
        ("u:p@h/x", "h/x"),
        ("https:\\\\u:p@h", "https:\\\\h"),
        ("no link", "no link"),
        ("", ""),
    ],
)
def test_public_has_no_userinfo(url: str, shown: str):
    """Userinfo is cut even where the text is no good link."""
    assert public(url) == shown


def test_bare_has_neither_userinfo_nor_query_nor_fragment():
    """History and other users see only where a file came from."""
    assert bare("https://u:p@h/x?token=1#z") == "https://h/x"
    assert bare("https://h/x#z?y") == "https://h/x"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h/x", "https://h/x"),
        ("https://h/x?X-Amz-Signature=abc&list=1", "https://h/x?X-Amz-Signature=…&list=1"),
        ("https://h/x?secret=&a", "https://h/x?secret=&a"),
        ("https://h/x?%74oken=abc", "https://h/x?%74oken=…"),
        ("https://h/x?" + "a" * 30, "https://h/x?…"),
    ],
)
def test_redact_hides_secret_values(url: str, shown: str):
    """Names of parameters stay, secret values do not."""
    assert redact(url) == shown


@pytest.mark.parametrize(
    ("name", "secret"),
    [("token", True), ("access_token", True), ("Signature", True), ("api-key", True), ("apikey", True),
     ("X-Goog-Credential", True), ("sig", True), ("password", True), ("page", False), ("version", False),
     ("keyword", False)],
)  # fmt: skip
def test_secret_parameters_are_known_by_name(name: str, secret: bool):
    """Exact names and telling parts of names count."""
    assert secret_parameter(name) is secret


def test_secret_query_tells_links_that_expire_or_open_doors():
    """Only a secret in the query counts."""
    assert secret_query("https://h/x?sig=1")
    assert not secret_query("https://u@h/x?page=1#z")


def test_redact_text_finds_links_in_sentences():
    """Every link in a sentence is redacted, the rest stays."""
    assert redact_text("from https://u:p@h/x?token=1 to 'ftp://a:b@c/'") == "from https://h/x?token=… to 'ftp://c/'"
    assert redact_text("nothing here") == "nothing here"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b.zip?x=/y#z", "b.zip"),
        ("https://h/a/", "download"),
        ("https://h", "download"),
        ("https://h/na%C3%AFve.txt", "naïve.txt"),
        ("https://h/na%EFve.txt", "naïve.txt"),
        ("https://h/..%2F..%2Fetc%2Fpasswd", "__.._etc_passwd"),
        ("https://h/.bashrc", "_bashrc"),
        ("https://h/%41\udcff.zip", "Aí³¿.zip"),
        ("a/b.zip", "b.zip"),
        ("b.zip", "download"),
    ],
)
def test_a_name_comes_from_the_end_of_the_path(url: str, name: str):
    """The last component, decoded, made safe."""
    assert name_from_link(url) == name


def test_a_link_without_a_name_is_named_by_its_type():
    """A folder's page is index.html."""
    assert name_from_link("https://h/", "text/html; charset=utf-8") == "index.html"
    assert name_from_link("https://h/", "application/zip") == "download.zip"
    assert raw_name("https://h/") == ""


# Lone surrogates are what bytes that are no UTF-8 become in arguments and files.
ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_parsing_never_raises_anything_else(text: str):
    """Any text is a link or an INVALID_URL."""
    for candidate in (text, "http://" + text, "ftp://h/" + text, "https://h/?" + text):
        try:
            link = parse_link(candidate)
        except DownloadError as error:
            assert error.code is Code.INVALID_URL
        else:
            again = parse_link(link.url_without_userinfo)
            assert again.url_without_userinfo == link.url_without_userinfo
            assert again.origin == link.origin
            assert link.url_without_userinfo.isascii()


@given(st.text(alphabet="abc.-0x1%:@[]/?#\\ü。\u00ad", max_size=30))
@settings(max_examples=200)
def test_the_canonical_spelling_is_stable(text: str):
    """Parsing the canonical spelling gives itself."""
    try:
        link = parse_link("http://" + text)
    except DownloadError:
        return
    assert fetched(link.url_without_userinfo) == link.url_without_userinfo


@given(ANY, st.text(alphabet="abc", min_size=5, max_size=5))
def test_showing_never_raises(text: str, word: str):
    """Whatever the text, it can be shown, and a password in a good link is not in it."""
    for show in (public, bare, redact, redact_text, raw_name, name_from_link):
        show(text)
        assert "hush!" not in show(f"https://user:hush!@{word}.org/{word}")
