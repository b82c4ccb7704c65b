"""The line of downloads: who is next, who is passed over, and how places change."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tui_downloads.core.queue import TRIES, Queue


def line(*ids: str, **options) -> Queue:
    """Make a queue of downloads in this order."""
    queue = Queue()
    for id in ids:
        queue.push(id, **options)
    return queue


def drain(queue: Queue, now: float = 0.0) -> list[str]:
    """Take out everybody who may start."""
    found = []
    while (id := queue.pop(now)) is not None:
        found.append(id)
    return found


def test_first_come_first_served():
    """Without any wishes it is the order of arrival."""
    assert drain(line("a", "b", "c")) == ["a", "b", "c"]


def test_higher_priority_goes_first():
    """Priority wins over arrival."""
    queue = line("a", "b")
    queue.push("c", priority=5)
    queue.push("d", priority=-1)
    queue.push("e")
    assert list(queue) == ["c", "a", "b", "e", "d"]
    assert drain(queue) == ["c", "a", "b", "e", "d"]


def test_owners_take_turns():
    """One owner's long list does not keep the others waiting."""
    queue = line("a1", "a2", "a3", owner="a")
    queue.push("b1", owner="b")
    queue.push("b2", owner="b")
    assert drain(queue) == ["a1", "b1", "a2", "b2", "a3"]


def test_a_full_host_is_passed_over():
    """Who waits for a full host lets others go first, and keeps the place."""
    queue = line("a", "b", host="full")
    queue.push("c", host="free")
    assert queue.pop(0.0, lambda host: host == "free") == "c"
    assert queue.pop(0.0, lambda host: host == "free") is None
    assert drain(queue) == ["a", "b"]


def test_a_full_host_is_asked_about_once():
    """However many wait for a host, a look at the queue costs one question."""
    queue = line(*(str(index) for index in range(100)), host="full")
    asked: list[str] = []

    def free(host: str) -> bool:
        asked.append(host)
        return False

    queue.pop(0.0, free)
    queue.pop(0.0, free)
    assert asked == ["full", "full"]


def test_no_seat_at_all_is_noticed():
    """Where every host is full, a look ends early."""
    queue = Queue()
    for index in range(2 * TRIES):
        queue.push(str(index), host=str(index))
    assert queue.pop(0.0, lambda host: False) is None
    assert len(drain(queue)) == 2 * TRIES


def test_a_newcomer_for_a_full_host_waits_with_the_others():
    """A push to a host that is set aside does not bring it back."""
    queue = line("b", host="full")
    assert queue.pop(0.0, lambda host: False) is None
    queue.push("a", host="full", order=-5)
    queue.push("x", host="full", owner="x", order=-6)
    assert queue.pop(0.0, lambda host: False) is None
    assert sorted(drain(queue)) == ["a", "b", "x"]


def test_the_last_of_a_full_host_may_leave():
    """Discarding who waits aside leaves nothing behind."""
    queue = line("a", host="full")
    queue.push("b", host="other", order=9)
    assert queue.pop(0.0, lambda host: False) is None
    queue.discard("a")
    assert drain(queue) == ["b"]


def test_a_resting_host_is_left_alone():
    """Until its time nobody is sent to a host that asked for a pause."""
    queue = line("a", host="busy")
    queue.push("b", host="free")
    queue.hold("busy", 10.0)
    assert drain(queue, 5.0) == ["b"]
    assert queue.next_due(5.0) == 10.0
    assert drain(queue, 10.0) == ["a"]
    assert queue.next_due(10.0) is None


def test_a_rest_can_be_made_longer_or_shorter():
    """The latest word about a host counts."""
    queue = line("a", host="busy")
    queue.hold("busy", 10.0)
    queue.hold("busy", 20.0)
    assert queue.next_due(0.0) == 20.0
    assert drain(queue, 15.0) == []
    queue.hold("busy", 16.0)
    assert drain(queue, 16.0) == ["a"]


def test_a_stale_rest_wakes_nobody():
    """An earlier time that was replaced is ignored when it comes."""
    queue = line("a", host="busy")
    queue.hold("busy", 10.0)
    assert drain(queue, 0.0) == []
    queue.hold("busy", 20.0)
    assert drain(queue, 12.0) == []
    assert drain(queue, 20.0) == ["a"]


def test_a_start_time_is_waited_for():
    """A download for later has a place in the line, and is not started before."""
    queue = Queue()
    queue.push("night", start_at=100.0)
    queue.push("day")
    assert list(queue) == ["night", "day"]
    assert drain(queue, 50.0) == ["day"]
    assert queue.next_due(50.0) == 100.0
    assert queue.next_due(150.0) == 150.0
    assert drain(queue, 100.0) == ["night"]


def test_a_changed_start_time_counts():
    """Pushing again replaces the time, and old alarms are ignored."""
    queue = Queue()
    queue.push("a", start_at=100.0)
    queue.push("a", start_at=200.0)
    assert queue.next_due(0.0) == 200.0
    queue.push("b", start_at=50.0)
    queue.discard("b")
    assert drain(queue, 150.0) == []
    assert drain(queue, 200.0) == ["a"]


def test_the_next_time_is_the_earliest():
    """Hosts and downloads share one alarm."""
    queue = Queue()
    queue.push("a", start_at=100.0)
    queue.hold("h", 70.0)
    assert queue.next_due(0.0) == 70.0


def test_discard_says_whether_there_was_somebody():
    """Taking out twice is harmless."""
    queue = line("a", "b")
    assert queue.discard("a") is True
    assert queue.discard("a") is False
    assert list(queue) == ["b"]
    assert len(queue) == 1
    assert ("a" in queue, "b" in queue) == (False, True)


def test_push_gives_the_order():
    """Without one, it goes behind the last of its priority; no number is no order."""
    queue = Queue()
    assert queue.push("a", order=5.0) == 5.0
    assert queue.push("b") == 6.0
    assert queue.push("c", order=float("nan")) == 7.0
    assert queue.push("d", priority=1) == 0.0


def test_place_counts_from_the_front():
    """Everybody sees the place in the whole line."""
    queue = line("a", "b")
    queue.push("c", priority=1)
    assert [queue.place(id) for id in "cab"] == [0, 1, 2]
    assert queue.place("x") is None


@pytest.mark.parametrize(
    ("id", "to", "order"),
    [
        ("c", "up", "acbd"),
        ("b", "down", "acbd"),
        ("c", "top", "cabd"),
        ("b", "bottom", "acdb"),
        ("a", "up", "abcd"),
        ("d", "down", "abcd"),
        ("a", 2, "bcad"),
        ("d", 1, "adbc"),
        ("d", -7, "dabc"),
        ("a", 99, "bcda"),
        ("b", 1, "abcd"),
    ],
)
def test_moves(id, to, order):
    """Up, down, top, bottom and places from 0; a place beyond the line is its end."""
    queue = line(*"abcd")
    queue.move(id, to)
    assert "".join(queue) == order
    assert "".join(drain(queue)) == order


def test_a_move_stays_within_its_priority():
    """Nobody overtakes a higher priority by moving."""
    queue = line("a", "b")
    queue.push("high", priority=1)
    queue.push("low", priority=-1)
    queue.move("b", "top")
    queue.move("low", 0)
    assert list(queue) == ["high", "b", "a", "low"]


def test_a_move_tells_the_orders_that_changed():
    """Only they have to be stored."""
    queue = line("a", "b", "c")
    assert queue.move("c", "up") == {"c": 0.5}
    assert queue.move("c", "top") == {"c": -1.0}
    assert queue.move("c", "up") == {}


def test_an_unknown_direction_or_download_is_refused():
    """Nothing has changed after a mistake."""
    queue = line("a", "b")
    with pytest.raises(ValueError, match="sideways"):
        queue.move("a", "sideways")
    with pytest.raises(KeyError):
        queue.move("x", "up")
    assert list(queue) == ["a", "b"]


def test_orders_that_are_used_up_are_spread_again():
    """Moving into the same gap for ever finds room for ever, and the neighbours' orders are told."""
    queue = line(*(f"{index:03}" for index in range(60)))
    expected = list(queue)
    told = 0
    for turn in range(400):
        id = expected.pop(40 + turn % 20)
        expected.insert(30, id)
        told = max(told, len(queue.move(id, 30)))
        assert list(queue) == expected
    assert 1 < told < 60


def test_equal_orders_are_told_apart_when_it_matters():
    """Stored orders may be equal or absurd; a move still does what was asked."""
    queue = Queue()
    for id in "abcdef":
        queue.push(id, order=7.0)
    queue.move("f", 2)
    assert "".join(queue) == "abfcde"
    absurd = Queue()
    for id in "abc":
        absurd.push(id, order=1e300)
    absurd.move("a", "bottom")
    assert "".join(absurd) == "bca"
    absurd.move("c", "top")
    assert "".join(absurd) == "cba"


def test_top_and_bottom_orders():
    """A newcomer can be put at either end."""
    queue = line("a", "b")
    assert (queue.top(0), queue.bottom(0), queue.top(3), queue.bottom(3)) == (-1.0, 2.0, 0.0, 0.0)


def test_many_moves_leave_no_dead_wood():
    """Heads that became stale are cleared away."""
    queue = line("a", "b")
    for _ in range(500):
        queue.move("b", "up")
        queue.move("a", "up")
    assert drain(queue) == ["a", "b"]


def test_dead_wood_is_cleared_beside_hosts_set_aside():
    """Clearing away brings no full host back."""
    queue = line("full", host="full", order=-1)
    queue.push("a", host="h")
    queue.push("b", host="h")
    assert queue.pop(0.0, lambda host: False) is None
    queue.pop(0.0, lambda host: False)
    queue.push("c", host="h2", order=-3)
    for _ in range(300):
        queue.push("c", host="h2", order=queue.top(0))
    assert queue.pop(0.0, lambda host: host != "full") == "c"


def test_repr_shows_the_front():
    """A repr names who is next."""
    assert repr(line("a", "b")) == "<Queue of 2: a, b>"
    assert repr(line(*"abcdefghij")) == "<Queue of 10: a, b, c, d, e, f, g, h …>"


class AgainstScans(RuleBasedStateMachine):
    """The queue finds what a slow scan over a plain list would find."""

    def __init__(self):
        super().__init__()
        self.queue, self.model, self.now = Queue(), {}, 0.0
        self.full, self.rests, self.served = set(), {}, []

    def ranked(self):
        return sorted(self.model, key=lambda id: (-self.model[id][0], self.model[id][1], id))

    @rule(
        id=st.sampled_from("abcdefghijkl"),
        priority=st.integers(-1, 1),
        host=st.sampled_from("xyz"),
        owner=st.sampled_from("pq"),
        later=st.sampled_from([None, None, 5.0]),
    )
    def push(self, id, priority, host, owner, later):
        start = None if later is None else self.now + later
        order = self.queue.push(id, priority=priority, host=host, owner=owner, start_at=start)
        self.model[id] = [priority, order, host, owner, start]

    @rule(id=st.sampled_from("abcdefghijkl"))
    def discard(self, id):
        assert self.queue.discard(id) == (self.model.pop(id, None) is not None)

    @rule(host=st.sampled_from("xyz"))
    def toggle(self, host):
        self.full ^= {host}

    @rule(host=st.sampled_from("xyz"), seconds=st.floats(0, 9))
    def hold(self, host, seconds):
        self.rests[host] = self.now + seconds
        self.queue.hold(host, self.now + seconds)

    @rule(seconds=st.floats(0, 9))
    def pass_time(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.model)
    @rule(data=st.data(), to=st.sampled_from(["up", "down", "top", "bottom", 0, 3, 50]))
    def move(self, data, to):
        id = data.draw(st.sampled_from(sorted(self.model)))
        for changed, order in self.queue.move(id, to).items():
            self.model[changed][1] = order

    @rule()
    def pop(self):
        def may(id):
            _, _, host, _, start = self.model[id]
            return (
                host not in self.full
                and self.rests.get(host, self.now) <= self.now
                and (start is None or start <= self.now)
            )

        ready = [id for id in self.ranked() if may(id)]
        found = self.queue.pop(self.now, lambda host: host not in self.full)
        if not ready:
            assert found is None
            return
        # The priority is the highest, and the download is its owner's first; which owner has its turn is told by pop.
        best = self.model[ready[0]][0]
        owners = {self.model[id][3] for id in ready if self.model[id][0] == best}
        firsts = [next(i for i in ready if self.model[i][0] == best and self.model[i][3] == o) for o in owners]
        assert found in firsts
        del self.model[found]

    @invariant()
    def the_line_is_the_same(self):
        assert list(self.queue) == self.ranked()


TestAgainstScans = AgainstScans.TestCase
TestAgainstScans.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


def test_blocked_counts_who_waits_for_a_seat_only():
    """Downloads whose time has not come, or whose host rests, wait for something else."""
    queue = Queue()
    queue.push("a", host="h")
    queue.push("b", host="h")
    queue.push("c", host="i", start_at=100.0)
    queue.push("d", host="j")
    queue.hold("j", 50.0)
    queue.push("e", host="k")
    assert queue.blocked(10.0, 10) == {"h": 2, "k": 1}
    assert queue.blocked(10.0, 1) == {"h": 1}
    assert queue.blocked(10.0, 0) == {}
