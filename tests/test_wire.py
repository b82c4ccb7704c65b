"""Core values to and from JSON."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from tui_downloads import wire
from tui_downloads.core.errors import Code, Conflict, DownloadError, Forbidden, NotFound, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import (
    DetailView,
    DownloadView,
    ErrorView,
    Event,
    FileView,
    Kind,
    Limits,
    Page,
    Query,
    Waiting,
)
from tui_downloads.core.spec import AddRequest, Change, Credentials, OnConflict, Options, Policy

VIEW = DownloadView(
    "i", "g", Kind.LINK, State.WAITING, "https://example.org/a", "a", "/d", size=10, done=5, mirrors=("https://m/",),
    error=ErrorView("TRUNCATED", "m", "server", "s", True), waiting=Waiting("retry", 5.0, 2),
    meta={"a": [1, {"b": None}]},
)  # fmt: skip
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


def again(value):
    return wire.load(type(value), wire.parse(wire.encode(value)), strict=True)


@pytest.mark.parametrize(
    "value",
    [
        VIEW,
        DetailView(VIEW, (FileView("1", "a", "a", "a", 1, 1, "complete"),), spans=((0, 5),), log=((1.0, "x"),)),
        Event(1, 2.0, "state", "i", "paused", {"from": "queued"}),
        Page((VIEW,), "c", 7),
        Query(states=frozenset({State.PAUSED}), ids=("a",)),
        Limits(rate=5),
        AddRequest(
            "https://example.org/", Kind.MEDIA, options=Options(on_conflict=OnConflict.SKIP, timeout=3.0),
            credentials=Credentials((("A", "b"),), "u", "p"), policy=Policy(False, ("example.org",)), meta={"x": 1},
        ),
        Change(selected=frozenset({"1", "2"}), headers=(("A", "b"),)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_survive_the_way_there_and_back(value):
    """What is written is read as the same value."""
    assert again(value) == value


def test_field_names_are_those_of_the_dataclass():
    """The names are the documented form; none is renamed."""
    assert set(wire.dump(VIEW)) == {field.name for field in fields(DownloadView)}


@given(st.builds(AddRequest, text, name=st.none() | text, priority=st.integers(-1000, 1000),
                 paused=st.booleans(), meta=st.dictionaries(text, json_values, max_size=3)))  # fmt: skip
@settings(max_examples=100)
def test_a_sparse_request_reads_as_the_whole(request):
    """Leaving out defaults changes nothing."""
    assert wire.load(AddRequest, json.loads(wire.to_bytes(wire.dump_request(request)))) == request


@given(json_values)
@settings(max_examples=200)
def test_any_json_is_read_or_refused_in_one_sentence(value):
    """No JSON makes the reader raise anything but its own error."""
    for cls in (AddRequest, Change, Query, DownloadView, Event):
        try:
            wire.load(cls, value)
        except RequestError as error:
            assert error.code is Code.INVALID_OPTION
            assert "\n" not in error.message


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_any_bytes_are_parsed_or_refused(body):
    """No bytes make the parser raise anything but its own error."""
    try:
        wire.parse(body)
    except RequestError as error:
        assert error.code is Code.INVALID_OPTION


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "Url is missing."),
        ({"url": 5}, "url: expected text, got a number."),
        (
            {"url": "x", "options": {"conections": 3}},
            "options: there is no field 'conections'; did you mean 'connections'?",
        ),
        ({"url": "x", "options": {"connections": 3.5}}, "options.connections: expected a whole number, got a number."),
        ({"url": "x", "options": {"connections": 65}}, "options.connections: must lie between 1 and 64."),
        ({"url": "x", "kind": "torrent"}, "kind: expected one of link, package, media, bundle, export."),
        ({"url": "x", "paused": "yes"}, "paused: expected true or false, got text."),
        ({"url": "x", "credentials": {"headers": [["a"]]}}, "credentials.headers[0]: expected 2 items."),
        ({"url": "a\0b"}, "url: the text has characters that are none."),
        ([], "Expected an object, got a list."),
    ],
)  # fmt: skip
def test_a_refusal_names_the_place(value, message):
    """The message says where and what."""
    with pytest.raises(RequestError) as found:
        wire.load(AddRequest, value)
    assert found.value.message == message


def test_headers_may_be_an_object():
    """An object of headers reads as pairs."""
    found = wire.load(AddRequest, {"url": "x", "credentials": {"headers": {"A": "b"}}})
    assert found.credentials.headers == (("A", "b"),)


def test_a_newer_service_may_say_more():
    """Unknown fields of a service are skipped."""
    assert wire.load(Limits, {"rate": 5, "colour": "red"}, strict=False) == Limits(rate=5)


def test_names_with_stray_bytes_are_told_to_every_reader():
    """Lone surrogates are replaced, so that the document is Unicode."""
    view = DownloadView("i", "g", Kind.LINK, State.QUEUED, "u", "a\udcff", "/d")
    assert json.loads(wire.encode(view))["name"] == "a\ufffd"


def test_numbers_that_json_has_not_become_null():
    """Infinite speeds do not break the document."""
    assert json.loads(wire.to_bytes({"a": [math.inf, 1.0]})) == {"a": [None, 1.0]}


@pytest.mark.parametrize(
    "body", [b'{"a":1,"a":2}', b"NaN", b"[" * 100_000, b"\xff", b"", b'["\\ud800"]', b'{"\\uDFff":1}', b"9" * 5000]
)
def test_ambiguous_json_is_refused(body):
    """A key twice, NaN, endless nesting, broken text, half a character and endless numbers are no requests."""
    with pytest.raises(RequestError) as refused:
        wire.parse(body)
    assert "sys." not in refused.value.message


def test_escaped_characters_of_two_halves_are_whole():
    """A surrogate pair is one character, and a backslash before a u need be no escape."""
    assert wire.parse(b'["\\ud83d\\ude00", "\\\\ud800"]') == ["\U0001f600", "\\ud800"]


@pytest.mark.parametrize(
    "error",
    [NotFound("a"), NotFound("a", next_step="s"), Conflict("b", code=Code.DUPLICATE), Conflict("b", next_step="s"),
     Forbidden("c", code=Code.QUOTA_EXCEEDED),
     RequestError(Code.NO_SERVICE, "d", next_step="e"), DownloadError(Code.TRUNCATED, "f")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_errors_survive_the_way(error):
    """An error keeps its class, code, sentence and next step."""
    found = wire.load_error(json.loads(wire.to_bytes(wire.dump_error(error))))
    assert (type(found), found.code, found.message, found.next_step) == (
        type(error), error.code, error.message, error.next_step,
    )  # fmt: skip


def test_foreign_errors_are_told_as_internal():
    """What is not ours is not repeated."""
    assert wire.dump_error(ValueError("/secret/path"))["message"] == "Something went wrong inside."


def test_secrets_are_in_no_view():
    """No view has a field for credentials."""
    assert "credentials" not in wire.dump(VIEW)
