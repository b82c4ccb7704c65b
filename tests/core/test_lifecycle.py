"""The table of states: what leads where, and what does not."""

from __future__ import annotations

import itertools

import pytest

from tui_downloads.core.errors import Conflict
from tui_downloads.core.lifecycle import ENDED, RUNNING, STORED, TABLE, Chore, Move, State, after, can

PAIRS = list(itertools.product(State, Move))


@pytest.mark.parametrize(("state", "move"), PAIRS)
def test_a_move_is_in_the_table_or_refused(state, move):
    """There is no third possibility."""
    if can(state, move):
        assert after(state, move) == TABLE[state, move]
    else:
        with pytest.raises(Conflict, match=f"A {state.value} download can't {move.value}"):
            after(state, move)


def test_every_state_can_be_reached():
    """From queued, by moves of the table."""
    reached = {State.QUEUED}
    while True:
        more = {after(state, move)[0] for state, move in TABLE if state in reached} - reached
        if not more:
            break
        reached |= more
    assert reached == set(State)


@pytest.mark.parametrize("state", [state for state in State if state is not State.COMPLETE])
def test_every_unfinished_state_has_a_way_to_complete(state):
    """Nothing is stuck for ever; only a complete download stays what it is."""
    seen, waiting = {state}, [state]
    while waiting:
        at = waiting.pop()
        for there in {after(at, move)[0] for from_, move in TABLE if from_ is at} - seen:
            seen.add(there)
            waiting.append(there)
    assert State.COMPLETE in seen


@pytest.mark.parametrize("state", list(State))
def test_a_stop_leads_to_what_is_stored(state):
    """What a restart finds is a state of the database."""
    there, _ = after(state, Move.STORE)
    assert there in STORED


def test_stored_states_are_saved_when_entered():
    """Entering the end or a pause writes the row; entering what is only told does not."""
    for (state, move), (there, chores) in TABLE.items():
        if move in (Move.STORE, Move.WAKE) or (state is State.WAITING and move is Move.RETRY):
            continue
        assert (Chore.SAVE in chores) == (there in STORED), (state, move)


def test_seats_are_given_back():
    """Leaving a running state by a command stops the runner; entering one from the queue starts it."""
    for (state, move), (there, chores) in TABLE.items():
        if move in (Move.PAUSE, Move.CANCEL, Move.STORE):
            assert (Chore.STOP in chores) == (state in RUNNING | {State.PAUSING}), (state, move)
        assert (Chore.START in chores) == (state not in RUNNING and there in RUNNING)


def test_the_queue_is_entered_and_left():
    """Whoever becomes queued is given a place, whoever was leaves it."""
    for (state, move), (there, chores) in TABLE.items():
        if move is not Move.STORE:
            assert (Chore.ENQUEUE in chores) == (there is State.QUEUED), (state, move)
            assert (Chore.DEQUEUE in chores) == (state is State.QUEUED), (state, move)


def test_everything_but_a_stop_is_told():
    """Nobody outside misses a change."""
    assert all((Chore.TELL in chores) == (move is not Move.STORE) for (_, move), (_, chores) in TABLE.items())


def test_complete_is_final():
    """A complete download only stays so."""
    assert [move for state, move in TABLE if state is State.COMPLETE] == [Move.STORE]
    assert State.COMPLETE in ENDED
