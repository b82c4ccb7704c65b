"""The states of a download, the one table of moves between them, and what each move implies.

Two rules. The table is whole: a move that is not in it raises and changes nothing. Bytes never pass through here: only
decisions do, so the table costs nothing while data flows.

`queued` waits for a seat. `resolving` asks the source what the link means and sends the first request. `transferring`
moves bytes. `waiting` holds no seat and knows for what and until when. `pausing` drains its workers and ends in
`paused`. `verifying` has every byte and proves them. `complete`, `failed` and `cancelled` are the ends.
"""

from __future__ import annotations

from enum import StrEnum

from .errors import Conflict


class State(StrEnum):
    QUEUED = "queued"
    RESOLVING = "resolving"
    TRANSFERRING = "transferring"
    WAITING = "waiting"
    PAUSING = "pausing"
    PAUSED = "paused"
    VERIFYING = "verifying"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Move(StrEnum):
    """What can happen to a download."""

    ADMIT = "admit"
    """A seat is free."""
    BEGIN = "begin"
    """The first answer was accepted."""
    WAIT = "wait"
    """Nothing can be done until a time or an event."""
    WAKE = "wake"
    """What it waited for has come."""
    VERIFY = "verify"
    """Every byte is here."""
    COMPLETE = "complete"
    """The file is published."""
    FAIL = "fail"
    PAUSE = "pause"
    DRAINED = "drained"
    """The workers of a pausing download have stopped and its journal is safe."""
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    YIELD = "yield"
    """Fewer may run at once: it gives its seat back and keeps what is here."""
    STORE = "store"
    """The engine stops: back to what a restart should find."""


class Chore(StrEnum):
    """What the engine has to do because of a move."""

    ENQUEUE = "enqueue"
    """Give it its place in the queue."""
    DEQUEUE = "dequeue"
    START = "start"
    """Start its runner."""
    STOP = "stop"
    """Stop its runner and checkpoint."""
    SAVE = "save"
    """Write its row."""
    TELL = "tell"
    """Publish the event."""
    SCHEDULE = "schedule"
    """Wake it when its time has come."""


RUNNING = frozenset({State.RESOLVING, State.TRANSFERRING, State.VERIFYING})
"""States that hold a seat and own a runner."""
ENDED = frozenset({State.COMPLETE, State.FAILED, State.CANCELLED})
"""States of the history."""
STORED = frozenset({State.QUEUED, State.PAUSED, State.FAILED, State.CANCELLED, State.COMPLETE})
"""States that reach the database; the others are only told."""

_S, _M, _C = State, Move, Chore

TABLE: dict[tuple[State, Move], tuple[State, tuple[Chore, ...]]] = {
    (_S.QUEUED, _M.ADMIT): (_S.RESOLVING, (_C.DEQUEUE, _C.START, _C.TELL)),
    (_S.QUEUED, _M.PAUSE): (_S.PAUSED, (_C.DEQUEUE, _C.SAVE, _C.TELL)),
    (_S.QUEUED, _M.CANCEL): (_S.CANCELLED, (_C.DEQUEUE, _C.SAVE, _C.TELL)),
    (_S.QUEUED, _M.FAIL): (_S.FAILED, (_C.DEQUEUE, _C.SAVE, _C.TELL)),
    (_S.QUEUED, _M.STORE): (_S.QUEUED, ()),
    (_S.RESOLVING, _M.BEGIN): (_S.TRANSFERRING, (_C.TELL,)),
    (_S.RESOLVING, _M.VERIFY): (_S.VERIFYING, (_C.TELL,)),
    (_S.RESOLVING, _M.COMPLETE): (_S.COMPLETE, (_C.SAVE, _C.TELL)),
    (_S.RESOLVING, _M.WAIT): (_S.WAITING, (_C.SCHEDULE, _C.TELL)),
    (_S.RESOLVING, _M.FAIL): (_S.FAILED, (_C.SAVE, _C.TELL)),
    (_S.RESOLVING, _M.PAUSE): (_S.PAUSING, (_C.STOP, _C.TELL)),
    (_S.RESOLVING, _M.CANCEL): (_S.CANCELLED, (_C.STOP, _C.SAVE, _C.TELL)),
    (_S.RESOLVING, _M.YIELD): (_S.QUEUED, (_C.STOP, _C.ENQUEUE, _C.SAVE, _C.TELL)),
    (_S.RESOLVING, _M.STORE): (_S.QUEUED, (_C.STOP,)),
    (_S.TRANSFERRING, _M.VERIFY): (_S.VERIFYING, (_C.TELL,)),
    (_S.TRANSFERRING, _M.COMPLETE): (_S.COMPLETE, (_C.SAVE, _C.TELL)),
    (_S.TRANSFERRING, _M.WAIT): (_S.WAITING, (_C.SCHEDULE, _C.TELL)),
    (_S.TRANSFERRING, _M.FAIL): (_S.FAILED, (_C.SAVE, _C.TELL)),
    (_S.TRANSFERRING, _M.PAUSE): (_S.PAUSING, (_C.STOP, _C.TELL)),
    (_S.TRANSFERRING, _M.CANCEL): (_S.CANCELLED, (_C.STOP, _C.SAVE, _C.TELL)),
    (_S.TRANSFERRING, _M.YIELD): (_S.QUEUED, (_C.STOP, _C.ENQUEUE, _C.SAVE, _C.TELL)),
    (_S.TRANSFERRING, _M.STORE): (_S.QUEUED, (_C.STOP,)),
    (_S.WAITING, _M.WAKE): (_S.QUEUED, (_C.ENQUEUE, _C.TELL)),
    (_S.WAITING, _M.PAUSE): (_S.PAUSED, (_C.SAVE, _C.TELL)),
    (_S.WAITING, _M.CANCEL): (_S.CANCELLED, (_C.SAVE, _C.TELL)),
    (_S.WAITING, _M.FAIL): (_S.FAILED, (_C.SAVE, _C.TELL)),
    (_S.WAITING, _M.RETRY): (_S.QUEUED, (_C.ENQUEUE, _C.TELL)),
    (_S.WAITING, _M.STORE): (_S.QUEUED, ()),
    (_S.PAUSING, _M.DRAINED): (_S.PAUSED, (_C.SAVE, _C.TELL)),
    (_S.PAUSING, _M.COMPLETE): (_S.COMPLETE, (_C.SAVE, _C.TELL)),
    (_S.PAUSING, _M.FAIL): (_S.FAILED, (_C.SAVE, _C.TELL)),
    (_S.PAUSING, _M.CANCEL): (_S.CANCELLED, (_C.STOP, _C.SAVE, _C.TELL)),
    (_S.PAUSING, _M.STORE): (_S.PAUSED, (_C.STOP,)),
    (_S.PAUSED, _M.RESUME): (_S.QUEUED, (_C.ENQUEUE, _C.SAVE, _C.TELL)),
    (_S.PAUSED, _M.CANCEL): (_S.CANCELLED, (_C.SAVE, _C.TELL)),
    (_S.PAUSED, _M.FAIL): (_S.FAILED, (_C.SAVE, _C.TELL)),
    (_S.PAUSED, _M.STORE): (_S.PAUSED, ()),
    (_S.VERIFYING, _M.COMPLETE): (_S.COMPLETE, (_C.SAVE, _C.TELL)),
    (_S.VERIFYING, _M.WAIT): (_S.WAITING, (_C.SCHEDULE, _C.TELL)),
    (_S.VERIFYING, _M.FAIL): (_S.FAILED, (_C.SAVE, _C.TELL)),
    (_S.VERIFYING, _M.PAUSE): (_S.PAUSING, (_C.STOP, _C.TELL)),
    (_S.VERIFYING, _M.CANCEL): (_S.CANCELLED, (_C.STOP, _C.SAVE, _C.TELL)),
    (_S.VERIFYING, _M.STORE): (_S.QUEUED, (_C.STOP,)),
    (_S.FAILED, _M.RETRY): (_S.QUEUED, (_C.ENQUEUE, _C.SAVE, _C.TELL)),
    (_S.FAILED, _M.STORE): (_S.FAILED, ()),
    (_S.CANCELLED, _M.RETRY): (_S.QUEUED, (_C.ENQUEUE, _C.SAVE, _C.TELL)),
    (_S.CANCELLED, _M.STORE): (_S.CANCELLED, ()),
    (_S.COMPLETE, _M.STORE): (_S.COMPLETE, ()),
}


def after(state: State, move: Move) -> tuple[State, tuple[Chore, ...]]:
    """Say where a move leads from a state and what has to be done.

    Raises:
        Conflict: the table has no such move.
    """
    try:
        return TABLE[state, move]
    except KeyError:
        raise Conflict(f"A {state.value} download can't {move.value}.") from None


def can(state: State, move: Move) -> bool:
    """Say whether the table has this move."""
    return (state, move) in TABLE
