"""The record of a download: what a move does to it, and what outsiders see."""

from __future__ import annotations

import pytest

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import Conflict
from tui_downloads.core.lifecycle import Chore, Move, State
from tui_downloads.core.snapshots import EMPTY, ErrorView, Kind, Waiting
from tui_downloads.core.spec import AddRequest, Options

ERROR = ErrorView("STALLED", "No byte for 60 s.", "network", "Retry.", True)


def make(state: State = State.QUEUED, **facts) -> Download:
    """Make a record in a state."""
    request = AddRequest("https://example.org/a", options=Options(category="iso"), owner="bob")
    record = Download("id", "gid", Kind.LINK, request, "https://example.org/a", "/tmp/d", state=state)
    for name, value in facts.items():
        setattr(record, name, value)
    return record


def test_a_move_gives_its_chores():
    """And the state has changed."""
    record = make()
    assert record.handle(Move.ADMIT, 5.0) == (Chore.DEQUEUE, Chore.START, Chore.TELL)
    assert (record.state, record.started_at) == (State.RESOLVING, 5.0)


def test_a_refused_move_changes_nothing():
    """The table is whole."""
    record = make(State.PAUSED, error=ERROR)
    with pytest.raises(Conflict):
        record.handle(Move.ADMIT, 5.0)
    assert (record.state, record.started_at, record.error) == (State.PAUSED, None, ERROR)


def test_the_first_start_is_remembered():
    """A second admission does not move it."""
    record = make(started_at=1.0)
    record.handle(Move.ADMIT, 5.0)
    assert record.started_at == 1.0


@pytest.mark.parametrize("move", [Move.COMPLETE, Move.FAIL, Move.CANCEL])
def test_an_end_stills_the_figures(move):
    """An ended download has a time and no speed."""
    record = make(State.TRANSFERRING, speed=9.0, eta=3.0, connections=4)
    record.handle(move, 7.0)
    assert (record.finished_at, record.speed, record.eta, record.connections) == (7.0, 0.0, None, 0)


def test_a_stop_of_the_engine_is_no_second_end():
    """The time of the end stays what it was."""
    record = make(State.FAILED, finished_at=3.0)
    record.handle(Move.STORE, 9.0)
    assert record.finished_at == 3.0


@pytest.mark.parametrize(("state", "move"), [(State.WAITING, Move.PAUSE), (State.TRANSFERRING, Move.WAIT)])
def test_who_does_not_run_has_no_speed(state, move):
    """Paused and waiting downloads show no speed."""
    record = make(state, speed=9.0)
    record.handle(move, 1.0)
    assert record.speed == 0.0


def test_retry_forgets_the_error_and_the_tries():
    """A retry by the user is a fresh beginning that keeps the bytes."""
    record = make(State.FAILED, error=ERROR, finished_at=3.0, attempts=5, done=10)
    record.handle(Move.RETRY, 4.0)
    assert (record.state, record.error, record.finished_at, record.attempts, record.done) == (
        State.QUEUED, None, None, 0, 10,
    )  # fmt: skip


def test_resume_keeps_the_tries():
    """A pause does not renew what may be tried."""
    record = make(State.PAUSED, error=ERROR, attempts=2)
    record.handle(Move.RESUME, 4.0)
    assert (record.state, record.error, record.attempts) == (State.QUEUED, None, 2)


def test_what_it_waits_for_is_forgotten_with_the_wait():
    """Only a waiting download waits for something."""
    record = make(State.WAITING, waiting=Waiting("busy", 9.0))
    record.handle(Move.WAKE, 9.0)
    assert record.waiting is None


def test_waiting_keeps_its_reason():
    """Entering the wait does not wipe what it is for."""
    record = make(State.TRANSFERRING, waiting=Waiting("busy", 9.0))
    record.handle(Move.WAIT, 1.0)
    assert record.waiting == Waiting("busy", 9.0)


def test_a_view_shows_the_request():
    """Owner, category and kind come from what was asked."""
    view = make().view()
    assert (view.owner, view.category, view.kind, view.files_total, view.files_done) == ("bob", "iso", Kind.LINK, 1, 0)
    assert view.meta is EMPTY


def test_a_view_is_a_copy():
    """What changes in the record later does not change in the view."""
    record = make(meta={"a": 1})
    view = record.view()
    record.meta["a"] = 2
    assert view.meta == {"a": 1}


def test_the_order_is_shown_while_queued():
    """A download that is not queued has no order in the queue."""
    assert make(position=3.0).view().position == 3.0
    assert make(State.PAUSED, position=3.0).view().position is None


def test_files_that_are_complete_are_counted():
    """A package counts its files, a complete link is its one."""
    files = [FileRecord("1", state="complete"), FileRecord("2")]
    assert make(files=files).view().files_done == 1
    assert make(files=files).view().files_total == 2
    assert make(State.COMPLETE).view().files_done == 1


def test_a_file_shows_its_name():
    """The name is the last component of its path."""
    view = FileRecord("2", "a/b/c.txt", "c?.txt", ("u",), 5, 3, "transferring", error=ERROR).view()
    assert (view.id, view.name, view.path, view.original, view.size, view.done) == (
        "2", "c.txt", "a/b/c.txt", "c?.txt", 5, 3,
    )  # fmt: skip
    assert (view.state, view.error, view.urls) == ("transferring", ERROR, ("u",))


def test_records_are_told_apart_by_identity():
    """Two records with the same facts are two records."""
    one, two = make(), make()
    assert one != two


def test_members_of_a_made_file_are_counted_as_its_files():
    """A zip or a media file says how many parts it is made of."""
    download = Download("i", "g", Kind.BUNDLE, AddRequest(""), "", "/d", meta={"members": (2, 5)})
    view = download.view()
    assert (view.files_done, view.files_total) == (2, 5)
