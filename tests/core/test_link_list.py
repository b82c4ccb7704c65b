"""Lists of links in aria2's manner: what is read, what is refused, and how options go over a wish."""

from __future__ import annotations

import pytest

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.link_list import LONGEST, parse_header, parse_size, read, to_request
from tui_downloads.core.spec import AddRequest, OnConflict

URL = "https://example.org/a"
BASE = AddRequest("", folder="/d")


def wish(*options: str) -> AddRequest:
    (entry,) = read([URL, *(f"  {option}" for option in options)])
    return to_request(entry, BASE)


def test_links_mirrors_comments_and_marks_of_order():
    """One link a line, mirrors after tabs, comments and blank lines passed over, a mark of byte order dropped."""
    entries = read(["\ufeff# list\n", "\n", f"{URL}\thttps://mirror.example/a\r\n", "http://b.example/\n"])
    assert [(entry.line, entry.urls) for entry in entries] == [
        (3, [URL, "https://mirror.example/a"]),
        (4, ["http://b.example/"]),
    ]
    assert to_request(entries[0], BASE).mirrors == ("https://mirror.example/a",)


@pytest.mark.parametrize(
    "lines", [["  out=x"], [URL, "  nonsense"], ["x" * (LONGEST + 1)]], ids=["first", "no =", "long"]
)
def test_what_is_neither_link_nor_option_is_refused_with_its_line(lines):
    """The line is named."""
    with pytest.raises(DownloadError, match="Line") as caught:
        read(lines)
    assert caught.value.code == Code.INVALID_OPTION


def test_options_go_over_the_wish():
    """What stands below a link is its own."""
    found = wish(
        "out=name.bin", "dir=/other", "pause=true", "gid=0123456789abcdef", "header=X-A: 1", "header=X-B: 2",
        "checksum=sha-256=" + "a" * 64, "split=4", "max-download-limit=2M", "timeout=5", "connect-timeout=6",
        "max-tries=3", "user-agent=me", "referer=http://r.example/", "all-proxy=http://p.example:1", "http-user=u",
        "http-passwd=p", "allow-overwrite=true", "seed-time=0", "lowest-speed-limit=1K", "https-proxy-user=pu",
        "ftp-proxy-passwd=pp",
    )  # fmt: skip
    assert (found.name, found.folder, found.paused, found.gid) == ("name.bin", "/other", True, "0123456789abcdef")
    assert found.credentials.headers == (("X-A", "1"), ("X-B", "2"))
    assert (found.credentials.user, found.credentials.password) == ("u", "p")
    assert (found.credentials.proxy_user, found.credentials.proxy_password) == ("pu", "pp")
    options = found.options
    assert (options.connections, options.limit, options.timeout, options.connect_timeout) == (4, 2 << 20, 5.0, 6.0)
    assert (options.retries, options.user_agent, options.referer) == (2, "me", "http://r.example/")
    assert options.min_rate == 1024
    assert (options.proxy, options.on_conflict) == ("http://p.example:1", OnConflict.OVERWRITE)
    assert options.checksum == "sha-256:" + "a" * 64


def test_overwriting_is_only_what_says_true():
    """`allow-overwrite=false` changes nothing."""
    assert wish("allow-overwrite=false").options.on_conflict is None


@pytest.mark.parametrize(
    "option",
    ["split=many", "checksum=md5=zz", "header=no colon", "max-download-limit=fast", "timeout=nan", "timeout=-1"],
)
def test_a_bad_option_is_refused_with_its_line_and_name(option):
    """Nothing of the list is guessed, and no word of Python's is told."""
    with pytest.raises(DownloadError, match=f"Line 2 of the list, {option.split('=')[0]}: ") as refused:
        wish(option)
    assert "int()" not in refused.value.message


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("chekcsum=md5=x", "Line 3 of the list: there is no option 'chekcsum'; did you mean checksum?"),
        ("zzz=1", "Line 3 of the list: there is no option 'zzz'."),
    ],
)
def test_an_option_that_nobody_knows_is_refused_with_the_nearest(option, said):
    """A misspelt checksum must not mean none; aria2's own input files are taken as aria2 takes them."""
    (entry,) = read([URL, "  out=a", f"  {option}"])
    with pytest.raises(DownloadError) as refused:
        to_request(entry, BASE)
    assert refused.value.message == said and "#" in refused.value.next_step
    assert to_request(entry, BASE, strict=False).name == "a"


def test_names_and_tries_are_meant_as_aria2_means_them():
    """Without renaming what is there stays, and zero tries are no end of tries."""
    found = wish("auto-file-renaming=false", "max-tries=0").options
    assert (found.on_conflict, found.retries) == (OnConflict.SKIP, 1000)
    assert wish("auto-file-renaming=true").options.on_conflict is None


def test_headers_hold_no_line_breaks():
    """A name is a token, a value one line."""
    assert parse_header("X-A:  b ") == ("X-A", "b")
    for bad in ("X A: b", ": b", "X-A", "X-A: b\nEvil: c"):
        with pytest.raises(DownloadError):
            parse_header(bad)


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("1k", 1024), ("1.5M", 1572864), ("2GiB", 2 << 30), ("1T", 1 << 40), ("10MB/s", 10 << 20)],
)
def test_sizes_are_powers_of_1024(text, size):
    """K, M, G and T, with or without B, iB and /s."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "5x", "-1", "1e99", "nan"])
def test_other_sizes_are_refused(text):
    """What is no size is told with examples."""
    with pytest.raises(DownloadError, match="not a size"):
        parse_size(text)
