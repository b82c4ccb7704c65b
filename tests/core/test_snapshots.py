"""What outsiders see is frozen, and its small sums are right."""

from __future__ import annotations

import pytest

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import EMPTY, DownloadView, Kind, Snapshot


def view(**facts) -> DownloadView:
    base = {
        "id": "i", "gid": "g", "kind": Kind.LINK, "state": State.TRANSFERRING, "url": "u", "name": "n", "folder": "/d/",
    }  # fmt: skip
    return DownloadView(**base | facts)


def test_a_view_is_frozen():
    """Nobody outside changes a download."""
    with pytest.raises(AttributeError):
        view().name = "x"
    with pytest.raises(TypeError):
        EMPTY["a"] = 1


def test_a_path_joins_folder_and_name():
    """Without a name it is the folder."""
    assert view().path == "/d/n"
    assert view(name="").path == "/d/"


@pytest.mark.parametrize(
    ("facts", "fraction"),
    [
        ({"size": 10, "done": 5}, 0.5),
        ({"size": 10, "done": 15}, 1.0),
        ({"size": None, "done": 5}, None),
        ({"size": 0}, None),
        ({"size": None, "state": State.COMPLETE}, 1.0),
    ],
)
def test_a_fraction_is_known_with_the_size(facts, fraction):
    """And complete is complete."""
    assert view(**facts).fraction == fraction


def test_a_bar_shows_what_is_read_again_while_a_file_is_proven():
    """Before and after it shows what is here."""
    assert view(size=10, done=10, state=State.VERIFYING, checked=4).progress == 0.4
    assert view(size=10, done=10, state=State.VERIFYING).progress == 1.0
    assert view(size=10, done=5, checked=4).progress == 0.5


def test_snapshots_do_not_share_what_could_change():
    """Defaults are immutable or new each time."""
    assert Snapshot().downloads is EMPTY
    assert Snapshot().totals == Snapshot().totals
