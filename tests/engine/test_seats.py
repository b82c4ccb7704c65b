"""Connections are counted against the limits and what was learned of hosts."""

from __future__ import annotations

from msgspec.structs import replace

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.snapshots import Limits
from tui_downloads.engine.seats import Seats

LIMITS = replace(Limits(), connections=10, per_host=6)


def refusal(status: int) -> DownloadError:
    return DownloadError(Code.RATE_LIMITED, f"It answered {status}.", status=status)


def seated(seats: Seats, host: str, count: int) -> Seats:
    for _ in range(count):
        assert seats.take(host)
    return seats


def test_seats_are_limited_by_host_and_in_all():
    """A host gives out what it may, and never more than are left of all."""
    seats = seated(Seats(LIMITS), "a", 6)
    assert (seats.free("a"), seats.take("a"), seats.free("b")) == (0, False, 4)
    seats.give("a")
    assert seats.free("a") == 1


def test_a_host_s_refusal_is_a_ceiling_and_told_once():
    """429 speaks of the host; it is stored, and what belongs to the same moment is not stored again."""
    seats, told = seated(Seats(LIMITS), "a", 4), []
    seats.learned = told.append
    seats.refused("a", 5, refusal(429), "/x")
    seats.refused("a", 5, refusal(429), "/x")
    assert [(item.host, item.connections) for item in told] == [("a", 2)]
    assert (seats.ceiling("a"), seats.free("a"), seats.most("a"), seats.most("b")) == (2, 0, 2, 6)


def test_a_forbidden_path_is_no_ceiling_of_the_host():
    """403 may be about the link; a second path makes it the host's."""
    seats, told = Seats(LIMITS), []
    seats.learned = told.append
    seats.refused("a", 5, refusal(403), "/x")
    assert (seats.ceiling("a"), told) == (None, [])
    seats.refused("a", 5, refusal(403), "/y")
    assert seats.ceiling("a") == 2 and len(told) == 1


def test_lower_limits_say_how_many_have_to_go():
    """Of a host or in all; those that were told to end are not counted twice."""
    seats = seated(seated(Seats(LIMITS), "a", 6), "b", 4)
    assert (seats.over("a"), seats.over("b")) == (0, 0)
    seats.limits = replace(LIMITS, per_host=4)
    assert (seats.over("a"), seats.over("b")) == (2, 0)
    seats.dismiss("a")
    assert seats.over("a") == 1
    seats.dismissed("a")
    seats.give("a")
    assert seats.over("a") == 1
    seats.limits = replace(LIMITS, connections=7)
    assert (seats.over("a"), seats.over("b")) == (2, 2)


def test_a_learned_ceiling_closes_nothing():
    """The connections that are open are those that the host accepted."""
    seats = seated(Seats(LIMITS), "a", 4)
    seats.refused("a", 5, refusal(429), "/x")
    assert seats.over("a") == 0


def test_whoever_waits_for_a_host_gets_a_fair_share():
    """One download keeps all it has while nobody waits."""
    seats = Seats(LIMITS)
    seats.admit("a")
    assert seats.fair("a") == 10
    seats.waiting = {"a": 2}
    assert seats.fair("a") == 2


def test_a_seat_that_is_waited_for_is_told_when_it_is_free():
    """The queue looks again at once."""
    seats, freed = seated(Seats(LIMITS), "a", 2), []
    seats.freed = lambda: freed.append(True)
    seats.give("a")
    seats.waiting = {"a": 1}
    seats.give("a")
    assert freed == [True]
