"""The question to yt-dlp and what its answers mean, without a process."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_downloads.core.errors import Code
from tui_downloads.sources.media import (
    Choice,
    Way,
    arguments,
    failure,
    order,
    parse_media,
    parse_progress,
    question,
    unsupported,
)

URL = "https://a.test/watch?token=canary"


def words(text: str) -> list[str]:
    return shlex.split(text, comments=True)


@pytest.mark.parametrize(
    "quality,sort", [("best", None), ("2160p", "res:2160"), ("720p", "res:720"), ("240p", "res:240")]
)
def test_a_preset_sorts_by_height(quality, sort):
    """That height or lower, else the closest, is how yt-dlp sorts by `res`."""
    asked = words(question(URL, Choice(quality), Way(), ffmpeg="/ff"))
    assert (asked[asked.index("--format-sort") + 1] if "--format-sort" in asked else None) == sort


def test_audio_and_a_format_choose_for_themselves():
    """Audio has no height, and a format is taken as it is."""
    assert "ba/b" in words(question(URL, Choice(audio=True), Way(), ffmpeg="/ff"))
    assert "22" in words(question(URL, Choice(format_id="22"), Way()))


def test_nothing_secret_is_an_argument():
    """Link, fields, login and proxy go through standard input, quoted."""
    way = Way(headers=(("X-Key", "a 'b' \"c\" #d"),), user="u", password="canary", proxy="http://u:canary@p.test")
    text = order(URL, Choice(), way, "/tmp/st%20 age")
    assert "canary" not in " ".join(arguments()) and "canary" in text
    assert "X-Key:a 'b' \"c\" #d" in words(text) and words(text)[-1] == URL
    assert "canary" not in repr(way)


def test_a_line_break_is_never_an_option():
    """A field with a line break would be an option of its own."""
    with pytest.raises(Exception, match="line break"):
        order(URL, Choice(), Way(referer="x\n--exec rm"), "/tmp")


@pytest.mark.parametrize("options", [
    {"quality": "9000p"}, {"media_type": "smell"}, {"format_id": "a\"b"}, {"format_id": "x" * 300},
    {"format_id": "a\nb"},
])  # fmt: skip
def test_a_choice_that_makes_no_sense_is_refused(options, code):
    """Quality, type and format are judged before a process is started."""
    assert code(lambda: Choice.of(options)) is Code.INVALID_OPTION


def test_the_settings_choose_where_the_request_does_not():
    """A preset is used when nothing is asked for."""
    assert Choice.of({}, "480p").quality == "480p" and Choice.of({"quality": "best"}, "480p").quality == "best"
    assert Choice.of({}, "audio").audio and Choice.of({"media_type": "audio"}).audio


def test_one_file_over_http_is_plain():
    """Its link, its fields and what is told of it are read."""
    info = {"title": "T", "ext": "mp4", "url": "https://cdn.test/x", "protocol": "https", "filesize": 5,
            "thumbnail": "t",
            "http_headers": {"User-Agent": "UA", "Cookie": "no", "Referer": "a\r\nb"}}  # fmt: skip
    media = parse_media(json.dumps(info).encode(), URL)
    assert (media.title, media.url, media.extension, media.size) == ("T", "https://cdn.test/x", "mp4", 5)
    assert media.headers == (("User-Agent", "UA"),) and media.meta["thumbnail"] == "t"


@pytest.mark.parametrize("more", [
    {"protocol": "m3u8_native"}, {"fragments": [1]}, {"requested_formats": [{}, {}]}, {"url": "file:///etc/passwd"},
])  # fmt: skip
def test_what_has_to_be_put_together_is_not_plain(more):
    """Playlists of segments, and picture and sound apart."""
    info = {"title": "T", "url": "https://cdn.test/x", "protocol": "https", **more}
    assert parse_media(json.dumps(info).encode(), URL).url == ""


def test_a_playlist_lists_its_pages():
    """Pages without a link are passed over, the others numbered."""
    info = {"title": "L", "entries": [{"url": "https://a.test/1", "title": "One"}, None, {"title": "x"}, {"url": "/2"}]}
    entries = parse_media(json.dumps(info).encode(), URL).entries
    assert [(entry.url, entry.index) for entry in entries] == [("https://a.test/1", 1), ("https://a.test/2", 2)]


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)
       | st.dictionaries(st.sampled_from(["title", "url", "entries", "ext", "http_headers", "protocol"]), inner))
       .map(json.dumps).map(str.encode))  # fmt: skip
def test_any_answer_is_read_or_refused(body):
    """Whatever the process writes."""
    try:
        parse_media(body, URL)
    except Exception as error:
        assert getattr(error, "code", None) is Code.SOURCE_INVALID


def test_progress_is_read_and_other_lines_are_not():
    """Unknown figures are null; complaints are no progress."""
    line = '@progress {"done":10,"size":null,"about":20.5,"status":"downloading","format":"137","file":"x"}'
    step = parse_progress(line)
    assert (step.file, step.done, step.size, step.exact, step.finished) == ("137", 10, 20, False, False)
    assert parse_progress("[download] 5%") is None and parse_progress("@progress {") is None


@pytest.mark.parametrize("text,code_", [
    ("ERROR: You have requested merging of multiple formats but ffmpeg is not installed", Code.DEPENDENCY_MISSING),
    ("ERROR: [x] HTTP Error 404: Not Found", Code.REMOTE_FILE_NOT_FOUND),
    ("ERROR: Sign in to confirm your age", Code.AUTH_REQUIRED),
    ("ERROR: unable to download video data: timed out", Code.NETWORK_ERROR),
    ("ERROR: HTTP Error 429: Too Many Requests", Code.RATE_LIMITED),
    ("OSError: [Errno 28] No space left on device", Code.DISK_FULL),
    ("", Code.SOURCE_INVALID),
])  # fmt: skip
def test_a_failure_has_its_code(text, code_):
    """What yt-dlp says decides what the user is told."""
    assert failure(text).code is code_ and "\n" not in failure(text).message


def test_an_unclaimed_link_is_known():
    """Only that sentence makes a plain file of a link."""
    assert unsupported("ERROR: Unsupported URL: https://a.test/x") and not unsupported("ERROR: HTTP Error 404")
