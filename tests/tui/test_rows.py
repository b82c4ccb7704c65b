"""Live rows follow snapshots by differences."""

from __future__ import annotations

from tui_downloads.core.lifecycle import State
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.tui.rows import LiveRows, difference


def test_difference_names_what_changed_and_what_went():
    """By identity, for views are shared."""
    fake = FakeEngine()
    a = fake.put("https://example.org/a", state=State.TRANSFERRING)
    b = fake.put("https://example.org/b")
    before = fake.snapshot().downloads
    fake.tick()
    del fake._downloads[b]
    fake._touch(b)
    changes = difference(before, fake.snapshot().downloads)
    assert ([view.id for view in changes.changed], changes.removed) == ([a], [b])
    assert not difference(before, before)


def test_rows_come_move_and_go():
    """Only a change of membership or key reorders."""
    fake = FakeEngine()
    rows = LiveRows(lambda view: view.state is not State.QUEUED, sort="name")
    first = fake.put("https://example.org/b", state=State.TRANSFERRING)
    before = fake.snapshot().downloads
    rows.reload(before)
    second = fake.put("https://example.org/a", state=State.PAUSED)
    after = fake.snapshot().downloads
    assert rows.apply(difference(before, after))
    assert (rows.index(second), rows.index(first)) == (0, 1)
    fake.tick()
    assert not rows.apply(difference(after, fake.snapshot().downloads))


def test_the_queue_stands_in_the_order_in_which_it_starts():
    """Priority before place."""
    fake = FakeEngine()
    rows = LiveRows(lambda view: True, sort="position")
    first = fake.put("https://example.org/a")
    urgent = fake.put("https://example.org/b", priority=3)
    rows.reload(fake.snapshot().downloads)
    assert (rows.index(urgent), rows.index(first)) == (0, 1)
