from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files.conftest import origin
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spans import SpanSet
from tui_downloads.files import records
from tui_downloads.files.base import Origin
from tui_downloads.files.folder import Folder
from tui_downloads.files.journal import Journal, look, replay
from tui_downloads.files.part import PartFile
from tui_downloads.files.records import Mark, parse

SPANS = st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 50)).map(lambda p: (p[0], p[0] + p[1])), max_size=12)


def written(spans: list[tuple[int, int]]) -> tuple[bytes, list[int]]:
    """Give a journal with one record for each span, and where each record ends."""
    content, check = records.whole(origin(2000), SpanSet(), Mark(1))
    ends = [len(content)]
    for span in spans:
        record = records.frame(records.SPANS, records.encode_spans([span]), check)
        content, check = content + record, record[-records.CHECK :]
        ends.append(len(content))
    return content, ends


@given(SPANS)
@settings(max_examples=60, deadline=None)
def test_cut_anywhere_it_knows_what_was_whole(spans):
    """A journal cut at any byte says exactly what its whole records say."""
    content, ends = written(spans)
    for cut in range(len(content) + 1):
        whole = sum(end <= cut for end in ends) - 1
        state = parse(content[:cut])
        assert state.spans == SpanSet(spans[: max(whole, 0)])


@given(SPANS, st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_anywhere_it_never_says_more(spans, data):
    """Random bytes over it never add a span, and never raise."""
    content, _ = written(spans)
    broken = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=20))
        broken[at : at + len(noise)] = noise
    state = parse(bytes(broken))
    full = SpanSet(spans)
    assert all(full.covers(start, end) for start, end in state.spans)
    assert state.origin in (None, origin(2000))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_nonsense_is_no_journal(content):
    """Any bytes are read without an exception."""
    assert parse(content).origin is None
    assert not parse(records.MAGIC + content).spans


@given(st.lists(st.tuples(st.sampled_from([b"O", b"S", b"M", b"?"]), st.binary(max_size=60)), max_size=4))
@settings(max_examples=200, deadline=None)
def test_well_checked_nonsense_is_tolerated(items):
    """Records with a good check and a planted payload are judged, not believed."""
    content, check = records.MAGIC, records.digest(b"", records.MAGIC)
    for kind, payload in items:
        record = records.frame(kind, payload, check)
        content, check = content + record, record[-records.CHECK :]
    for start, end in parse(content).spans:
        assert 0 <= start < end < 1 << 63


@given(
    st.builds(
        Origin,
        id=st.text(max_size=5),
        file=st.text(max_size=3),
        url=st.text(max_size=20),
        name=st.text(max_size=20),
        size=st.none() | st.integers(0, 1 << 62),
        checksum=st.none() | st.text(max_size=9),
        extra=st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4) | st.booleans(), max_size=3),
    )
)
@settings(max_examples=100, deadline=None)
def test_origins_come_back(value):
    """Whatever an origin says is read as it was written."""
    assert records.decode_origin(records.encode_origin(value)) == value


def test_a_failed_append_is_overwritten(tmp_path: Path, monkeypatch):
    """What a torn append has left does not hide the records after it."""
    with Folder.open(str(tmp_path)) as at:
        journal = Journal.create(at, "j", origin(), Mark(1))
        real = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, bytes(data)[:9], offset) and _full())
        with pytest.raises(OSError):
            journal.add_spans([(0, 5), (10, 15), (20, 25)])
        monkeypatch.setattr(os, "pwrite", real)
        journal.add_spans([(1, 2)])
        journal.close()
        found = look(at, "j")
    assert found is not None
    assert found[1].spans == SpanSet([(1, 2)])


def _full() -> int:
    raise OSError(28, "full")


def test_a_newer_journal_is_refused_untouched(tmp_path: Path):
    """A journal of a later format stays as it is."""
    part = PartFile.create(str(tmp_path), "x", origin())
    part.close()
    path = tmp_path / "x.part.journal"
    path.write_bytes(path.read_bytes().replace(b"journal 1", b"journal 2"))
    before = path.read_bytes()
    with pytest.raises(DownloadError) as info:
        PartFile.open(part.path)
    assert info.value.code is Code.STATE_UNUSABLE
    assert path.read_bytes() == before


def test_replay_notes_a_torn_tail(tmp_path: Path):
    """A torn tail is a normal day, and is told."""
    content, _ = written([(0, 5)])
    path = tmp_path / "j"
    path.write_bytes(content + b"\x05\x00")
    fd = os.open(path, os.O_RDONLY)
    state = replay(fd)
    os.close(fd)
    assert (state.spans, len(state.notes)) == (SpanSet([(0, 5)]), 1)
