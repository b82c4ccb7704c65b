"""Header fields and validators."""

from __future__ import annotations

import pytest

from tui_downloads.core.resource import Headers, Validator


def test_fields_are_found_without_regard_to_case():
    """The last value of a field counts; all are there in order."""
    headers = Headers([("ETag", " a "), ("X", "1"), ("etag", "b")])
    assert headers.get("ETAG") == "b"
    assert headers.get("none", "default") == "default"
    assert headers.all("etag") == ["a", "b"]
    assert "x" in headers and "y" not in headers
    assert len(headers) == 3
    assert list(headers)[1] == ("x", "1")


def test_half_a_letter_is_not_cut():
    """U+00A0 at the end of a value is the second byte of a letter; only the white space of HTTP is cut."""
    assert Headers([("a", "\tvoil\xc3\xa0 \r\n")]).get("a") == "voil\xc3\xa0"


def test_headers_show_no_values():
    """Values may be secrets."""
    assert repr(Headers([("Set-Cookie", "hush")])) == "Headers(set-cookie)"


@pytest.mark.parametrize(
    ("etag", "strong"),
    [
        ('"abc"', True), ('"a!~b"', True), ("abc", False), ('W/"abc"', False), ('""', False), ('"', False),
        ('"a"b"', False), ('"a b"', False), ('"a\x00"', False), ("", False),
    ],
)  # fmt: skip
def test_f12_a_strong_etag_is_quoted_and_not_empty(etag: str, strong: bool):
    """F12: weak, unquoted, empty and malformed tags prove nothing."""
    assert Validator(etag).strong_etag == (etag if strong else "")


def test_f9_if_range_takes_a_strong_etag_or_without_one_a_strong_date():
    """F9: a date only without ETag and when strong."""
    assert Validator('"a"', "date", True).if_range == '"a"'
    assert Validator('W/"a"', "date", True).if_range == ""
    assert Validator("", "date", True).if_range == "date"
    assert Validator("", "date", False).if_range == ""
    assert Validator('"a"').strong and not Validator().strong
    assert str(Validator('"a"', "d")) == '"a"' and str(Validator("", "d")) == "d"
