"""Figures of running downloads are kept for as long as somebody may look at them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tui_downloads.engine import ticker
from tui_downloads.engine.ticker import Ticker


@pytest.fixture
def graphs(monkeypatch) -> Ticker:
    monkeypatch.setattr(ticker, "GRAPHS", 3)
    return Ticker(SimpleNamespace(runners={"long": object()}))


def test_the_longest_ended_makes_room(graphs):
    """What runs keeps its graph however long it has been running; the rest does not pile up."""
    for id in ("long", "a", "b", "c", "d"):
        graphs._samples_of(id).append(1.0)
    assert list(graphs.samples) == ["long", "c", "d"]


def test_more_running_than_kept_is_no_reason_to_drop_one(graphs):
    """The bound is for what has ended."""
    graphs._manager.runners.update(dict.fromkeys("abcd", object()))
    for id in ("long", "a", "b", "c", "d"):
        graphs._samples_of(id).append(1.0)
    assert len(graphs.samples) == 5
