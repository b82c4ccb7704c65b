"""The planner: every byte once, in any order of leases, advances, steals, races and releases."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.plan import GUARD, OPEN, Plan, Segment
from tui_downloads.core.spans import Span, SpanSet

MIB = 1 << 20


def run(plan: Plan, now: float, **speeds: int) -> None:
    """Let live segments advance by what their speed gives in a second, and take a sample."""
    for segment, speed in zip(plan.live, speeds.values(), strict=False):
        plan.advance(segment, speed)
    plan.note(now)


def test_a_new_plan_is_all_free():
    """Nothing is done and nothing is leased at first."""
    assert repr(Plan(100)) == "<Plan 0 of 100, 0-100 free>"


def test_what_is_here_is_not_leased_again():
    """Spans that are here count as done."""
    assert repr(Plan(100, [(0, 10), (50, 60)])) == "<Plan 20 of 100, 10-50 free, 60-100 free>"


@pytest.mark.parametrize("have", [[(-1, 5)], [(90, 101)]])
def test_spans_outside_of_the_file_are_refused(have):
    """A plan never believes in bytes that can't be there."""
    with pytest.raises(ValueError, match="outside"):
        Plan(100, have)


def test_a_negative_size_is_refused():
    """There is no file of negative size."""
    with pytest.raises(ValueError, match="outside"):
        Plan(-1)


def test_the_first_lease_begins_at_the_lowest_gap():
    """A file begins to arrive at its front, for readers that can't wait."""
    plan = Plan(100, [(10, 20)])
    assert repr(plan.lease()) == "<Segment 0-10 at 0>"


def test_the_next_lease_takes_the_longest_gap():
    """Whoever joins takes the largest piece of work."""
    plan = Plan(100, [(10, 20), (30, 40)])
    plan.lease()
    assert repr(plan.lease()) == "<Segment 40-100 at 40>"
    assert repr(plan.lease()) == "<Segment 20-30 at 20>"
    assert plan.lease() is None


def test_an_empty_file_is_complete_at_once():
    """Nothing is to be leased of a file of no bytes."""
    plan = Plan(0)
    assert plan.complete
    assert plan.lease() is None


def test_advance_counts_what_was_wanted():
    """Bytes past the end are not wanted, and do not count."""
    plan = Plan(100)
    segment = plan.lease()
    assert plan.advance(segment, 60) == 60
    assert plan.advance(segment, 60) == 40
    assert plan.advance(segment, 60) == 0
    assert repr(plan) == "<Plan 100 of 100, 0-100 at 100>"
    assert plan.complete
    assert plan.left == 0


def test_a_cursor_never_goes_back():
    """A negative count is a mistake of ours."""
    plan = Plan(100)
    with pytest.raises(ValueError, match="back"):
        plan.advance(plan.lease(), -1)


def test_release_gives_back_the_rest():
    """What a worker did counts, the rest is free again."""
    plan = Plan(100)
    segment = plan.lease()
    plan.advance(segment, 30)
    plan.release(segment)
    assert repr(plan) == "<Plan 30 of 100, 30-100 free>"
    assert repr(segment) == "<Segment 0-30 at 30, released>"
    assert plan.free() == [Span(30, 100)]


def test_a_second_release_changes_nothing():
    """Two ends of one worker may both release its segment."""
    plan = Plan(100)
    segment = plan.lease()
    plan.release(segment)
    plan.lease()
    plan.release(segment)
    assert repr(plan) == "<Plan 0 of 100, 0-100 at 0>"


def test_a_released_segment_wants_nothing():
    """A late write of a dismissed worker is not counted."""
    plan = Plan(100)
    segment = plan.lease()
    plan.release(segment)
    assert plan.advance(segment, 10) == 0


def test_done_has_what_live_cursors_have_passed():
    """A checkpoint sees the bytes of segments that are still under way."""
    plan = Plan(100, [(90, 100)])
    plan.advance(plan.lease(), 10)
    assert plan.done == SpanSet([(0, 10), (90, 100)])


def test_steal_leaves_the_victim_its_bytes():
    """The victim keeps everything below the cut, the guard included."""
    plan = Plan(100 * MIB)
    victim = plan.lease(0.0)
    thief = plan.steal(0.0)
    assert (victim.end, thief.start, thief.end) == (50 * MIB, 50 * MIB, 100 * MIB)


def test_steal_cuts_by_time_and_not_by_bytes():
    """A slow victim keeps little, so that both ends finish together."""
    plan = Plan(100 * MIB)
    plan.lease(0.0)
    run(plan, 2.0, a=8 * MIB)
    thief = plan.steal(2.0, speed=12 * MIB)
    assert thief.start == pytest.approx(8 * MIB + 92 * MIB * 4 / 16, abs=1)


def test_steal_takes_from_the_one_that_ends_last():
    """Of two segments the one with more time left is cut."""
    plan = Plan(200 * MIB)
    fast = plan.lease(0.0)
    slow = plan.steal(0.0)
    run(plan, 2.0, fast=50 * MIB, slow=5 * MIB)
    before = fast.end
    thief = plan.steal(2.0)
    assert thief.end == 200 * MIB
    assert slow.end == thief.start
    assert fast.end == before


def test_steal_leaves_a_guard_to_a_stalled_victim():
    """Bytes of a write in flight stay the victim's, even where it hardly moves."""
    plan = Plan(100 * MIB)
    victim = plan.lease(0.0)
    other = plan.steal(0.0)
    plan.advance(other, 10 * MIB)
    plan.advance(victim, MIB)
    plan.note(1.0)
    plan.note(30.0)
    plan.advance(other, 40 * MIB)
    plan.note(31.0)
    thief = plan.steal(31.0)
    assert MIB + (1 << 16) <= thief.start <= MIB + GUARD


def test_steal_needs_a_tail_worth_a_request():
    """Nothing is stolen from work that would end before a new request is answered."""
    plan = Plan(100 * MIB)
    plan.lease(0.0)
    run(plan, 1.0, a=90 * MIB)
    assert plan.steal(1.0) is None


def test_steal_needs_the_smallest_tail():
    """A tail below the smallest is left alone while nothing is known of speeds."""
    plan = Plan(MIB)
    plan.lease(0.0)
    assert plan.steal(0.0) is None


def test_a_slow_second_is_worth_a_steal():
    """A slow server's last megabyte is split although it is small."""
    plan = Plan(MIB)
    plan.lease(0.0)
    run(plan, 1.0, a=100_000)
    assert repr(plan.steal(1.0)) == "<Segment 574288-1048576 at 574288>"


def test_nothing_is_stolen_where_no_end_is_known():
    """A file of unknown size comes through one connection."""
    plan = Plan(None)
    assert repr(plan.lease()) == "<Segment 0-open at 0>"
    assert plan.steal(0.0) is None
    assert plan.race(0.0, force=True) is None
    assert repr(plan) == "<Plan 0 of unknown, 0-open at 0>"


def test_a_victim_that_said_nothing_yet_counts_as_usual():
    """A segment leased a moment ago is cut as if it came at its siblings' speed."""
    plan = Plan(100 * MIB)
    first = plan.lease(0.0)
    run(plan, 2.0, a=4 * MIB)
    second = plan.steal(2.0, speed=50 * MIB)
    thief = plan.steal(2.1)
    assert thief.end == 100 * MIB
    assert thief.start == second.start + (100 * MIB - second.start) // 2
    assert first.end == second.start


def test_the_winner_of_a_race_goes_on_alone():
    """What lies behind it is its own; the loser has no part in it."""
    plan = Plan(10 * MIB)
    winner = plan.lease(0.0)
    thief = plan.steal(0.0, smallest=1, guard=0)
    plan.release(thief)
    plan.advance(winner, winner.end - 100)
    loser = plan.race(0.0, force=True)
    plan.advance(winner, 100)
    assert plan.go_on(winner, 10 * MIB)
    assert (winner.end, winner.twin, loser.twin) == (10 * MIB, None, None)


def test_a_victim_goes_on_where_its_thief_brought_nothing():
    """What was stolen and given back, or not begun, is taken up again; the thief wants nothing more."""
    plan = Plan(10 * MIB)
    victim = plan.lease(0.0)
    thief = plan.steal(0.0, smallest=1, guard=0)
    assert plan.go_on(victim, 10 * MIB)
    assert (victim.end, thief.finished) == (10 * MIB, True)
    plan.release(thief)
    assert plan.free() == []
    thief = plan.steal(0.0, smallest=1, guard=0)
    plan.release(thief)
    assert plan.go_on(victim, 9 * MIB) and victim.end == 9 * MIB
    assert plan.free() == [(9 * MIB, 10 * MIB)]


def test_nobody_goes_on_over_bytes_that_have_come():
    """Neither into what another one has begun, nor beyond the answer, nor in a race."""
    plan = Plan(10 * MIB)
    victim = plan.lease(0.0)
    thief = plan.steal(0.0, smallest=1, guard=0)
    end = victim.end
    assert not plan.go_on(victim, end)
    plan.advance(thief, 1)
    assert not plan.go_on(victim, 10 * MIB) and victim.end == end
    plan.race(0.0, force=True)
    assert not any(plan.go_on(segment, 10 * MIB) for segment in plan.live)


def test_a_race_counts_unique_bytes():
    """Two connections fetch one tail; each byte counts once, and the slower one is told by its end."""
    plan = Plan(1000)
    tail = plan.lease(0.0)
    plan.advance(tail, 100)
    twin = plan.race(0.0, force=True)
    assert repr(plan) == "<Plan 100 of 1000, 0-1000 at 100 raced, 100-1000 at 100 raced>"
    plan.advance(tail, 50)
    plan.advance(twin, 200)
    assert plan.written_total == 300
    plan.advance(twin, 700)
    assert plan.complete
    assert plan.enough() == [tail, twin]
    assert tail.room == 0
    assert plan.advance(tail, 100) == 0


def test_a_failed_racer_leaves_the_tail_to_its_twin():
    """Nothing is leased a third time while one of the two goes on."""
    plan = Plan(1000)
    tail = plan.lease(0.0)
    twin = plan.race(0.0, force=True)
    plan.advance(tail, 600)
    plan.release(tail)
    assert plan.lease() is None
    assert plan.remaining(twin) == 400
    assert plan.advance(twin, 700) == 700
    assert plan.written_total == 700
    plan.release(twin)
    assert repr(plan) == "<Plan 700 of 1000, 700-1000 free>"


def test_a_racer_that_is_behind_gives_back_only_what_is_missing():
    """What its twin had done before it failed is not fetched again."""
    plan = Plan(1000)
    tail = plan.lease(0.0)
    twin = plan.race(0.0, force=True)
    plan.advance(tail, 600)
    plan.release(tail)
    plan.advance(twin, 100)
    plan.release(twin)
    assert repr(plan) == "<Plan 600 of 1000, 600-1000 free>"


def test_a_race_needs_somebody_much_slower_than_usual():
    """Equals are not raced: it would only cost requests."""
    plan = Plan(4 * MIB)
    plan.lease(0.0)
    plan.steal(0.0)
    run(plan, 1.5, a=MIB, b=MIB)
    assert plan.race(1.5) is None
    for now in (3.0, 4.5, 6.0, 7.5, 9.0):
        run(plan, now, a=MIB // 4, b=0)
    twin = plan.race(9.0)
    assert (twin.start, twin.end) == (3 * MIB, 4 * MIB)


def test_a_finished_plan_has_nothing_to_race():
    """Segments that have ended are no tails."""
    plan = Plan(10)
    plan.advance(plan.lease(), 10)
    assert plan.race(0.0, force=True) is None


def test_a_raced_tail_is_not_raced_again():
    """Two connections for one stretch are enough."""
    plan = Plan(10)
    plan.lease()
    plan.race(0.0, force=True)
    assert plan.race(0.0, force=True) is None
    assert plan.steal(0.0, smallest=1) is None


def test_without_any_known_speed_nothing_is_raced():
    """A lone connection that never sent a byte is replaced as stalled, not raced blindly."""
    plan = Plan(10 * MIB)
    plan.lease(0.0)
    assert plan.race(60.0) is None


def test_the_usual_speed_is_remembered_from_those_that_ended():
    """A last slow segment is raced although no sibling is left to compare with."""
    plan = Plan(40 * MIB)
    slow = plan.lease(0.0)
    quick = plan.steal(0.0)
    plan.advance(quick, 20 * MIB)
    plan.release(quick, 2.0)
    plan.advance(slow, 1000)
    plan.note(5.0)
    twin = plan.race(5.0)
    assert twin.start == 1000


def test_settle_closes_an_open_end():
    """Once the size is known, the open segment ends there."""
    plan = Plan(None)
    segment = plan.lease()
    plan.advance(segment, 70)
    assert plan.left is None
    assert plan.remaining(segment) is None
    assert segment.bound is None
    plan.settle(100)
    assert segment.bound == 100
    assert plan.remaining(segment) == 30
    plan.advance(segment, 30)
    assert plan.complete


def test_settle_closes_what_nobody_leased():
    """A free open end is cut as well."""
    plan = Plan(None, [(0, 10)])
    assert repr(plan) == "<Plan 10 of unknown, 10-open free>"
    plan.settle(30)
    assert repr(plan) == "<Plan 10 of 30, 10-30 free>"


def test_settling_the_same_size_again_is_harmless():
    """Every answer tells the size."""
    plan = Plan(100)
    plan.settle(100)
    assert plan.size == 100


@pytest.mark.parametrize("size", [60, -1])
def test_a_size_below_what_is_here_is_refused(size):
    """A server that takes back bytes it sent makes no sense."""
    plan = Plan(None)
    plan.advance(plan.lease(), 70)
    with pytest.raises(DownloadError, match="where 70 are known"):
        plan.settle(size)
    assert plan.size is None


def test_another_size_than_the_known_one_is_refused():
    """The size of a file does not change under a plan."""
    with pytest.raises(DownloadError, match="where 100 are known"):
        Plan(100).settle(101)


def test_a_size_below_saved_spans_is_refused():
    """Saved bytes beyond the size mean another file."""
    with pytest.raises(DownloadError):
        Plan(None, [(50, 60)]).settle(55)


def test_forget_makes_wrong_bytes_free_again():
    """A piece whose digest differs is fetched anew; live segments keep theirs."""
    plan = Plan(100, [(0, 40), (60, 100)])
    live = plan.lease()
    plan.advance(live, 10)
    plan.forget(30, 70)
    assert repr(plan) == "<Plan 70 of 100, 40-60 at 50, 30-40 free, 60-70 free>"
    assert plan.done == SpanSet([(0, 30), (40, 50), (70, 100)])


def test_forgetting_what_never_came_changes_nothing():
    """Only bytes that are done can be forgotten."""
    plan = Plan(100, [(0, 10)])
    plan.forget(20, 30)
    assert repr(plan) == "<Plan 10 of 100, 10-100 free>"


def test_silence_is_a_stall():
    """A segment without a byte for too long is to be leased elsewhere, even alone."""
    plan = Plan(100)
    segment = plan.lease(0.0)
    plan.note(9.0)
    assert plan.stalled(9.0) == []
    plan.note(10.0)
    assert plan.stalled(10.0) == [segment]


def test_far_behind_the_siblings_for_a_while_is_a_stall():
    """Below 0.3 of the siblings' mean for about five seconds, less the farther below."""
    calm = []
    for rate in (1, 4, 5):
        plan = Plan(1000 * MIB)
        plan.lease(0.0)
        plan.steal(0.0)
        for second in range(1, 20):
            run(plan, float(second), fast=20 * MIB, slow=rate * MIB)
            if plan.stalled(float(second)):
                break
        calm.append(second)
    assert calm == [3, 5, 6]


def test_a_lone_slow_segment_is_no_stall():
    """Where there is nobody to compare with, slow is what the server gives."""
    plan = Plan(1000 * MIB)
    plan.lease(0.0)
    fast = plan.steal(0.0)
    run(plan, 2.0, slow=MIB, fast=20 * MIB)
    plan.release(fast, 2.0)
    for second in range(3, 12):
        run(plan, float(second), slow=MIB)
        assert plan.stalled(float(second)) == []


def test_a_segment_that_recovers_is_no_stall():
    """The time of a slow segment begins again when it was quick in between."""
    plan = Plan(1000 * MIB)
    plan.lease(0.0)
    plan.steal(0.0)
    for second in range(1, 12):
        run(plan, float(second), fast=10 * MIB, slow=30 * MIB if second % 3 == 0 else 2 * MIB)
        assert plan.stalled(float(second)) == []


def test_a_finished_segment_is_no_stall():
    """Who has done its work may be silent."""
    plan = Plan(10)
    plan.advance(plan.lease(0.0), 10)
    assert plan.stalled(100.0) == []


def test_segments_say_their_state():
    """A repr names the stretch, the cursor and what is special."""
    assert repr(Segment(0, OPEN)) == "<Segment 0-open at 0>"
    plan = Plan(10)
    tail = plan.lease()
    plan.race(0.0, force=True)
    assert repr(tail) == "<Segment 0-10 at 0, raced>"


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens to a plan, a model that writes into a file agrees with it."""

    @initialize(size=st.integers(0, 3000), data=st.data())
    def begin(self, size, data):
        spans = data.draw(st.lists(st.tuples(st.integers(0, size), st.integers(0, size)), max_size=4))
        have = SpanSet((min(pair), max(pair)) for pair in spans)
        self.size, self.now = size, 0.0
        self.known = data.draw(st.booleans())
        self.plan = Plan(size if self.known else None, have)
        self.written = {byte for start, end in have for byte in range(start, end)}

    def pick(self, index):
        live = self.plan.live
        return live[index % len(live)]

    @rule()
    def lease(self):
        self.plan.lease(self.now)

    @precondition(lambda self: self.plan.live)
    @rule(index=st.integers(0, 9), count=st.integers(0, 900))
    def advance(self, index, count):
        segment = self.pick(index)
        position = segment.position
        if not self.known:
            count = min(count, max(0, self.size - position))
        wanted = self.plan.advance(segment, count)
        assert wanted <= count
        self.written.update(range(position, position + wanted))

    @precondition(lambda self: self.plan.live)
    @rule(index=st.integers(0, 9), timed=st.booleans())
    def release(self, index, timed):
        self.plan.release(self.pick(index), self.now if timed else None)

    @rule(smallest=st.integers(1, 100), guard=st.integers(0, 300), speed=st.sampled_from([None, 10.0, 1e5]))
    def steal(self, smallest, guard, speed):
        before = {segment: segment.position for segment in self.plan.live}
        self.plan.steal(self.now, smallest=smallest, guard=guard, speed=speed)
        assert all(segment.end >= position for segment, position in before.items())

    @precondition(lambda self: self.plan.live)
    @rule(index=st.integers(0, 9), more=st.integers(0, 2000))
    def go_on(self, index, more):
        segment = self.pick(index)
        end, total = segment.end, self.plan.written_total
        went = self.plan.go_on(segment, end + more)
        assert (segment.end > end) == went and segment.end <= end + more and self.plan.written_total == total

    @rule(force=st.booleans())
    def race(self, force):
        self.plan.race(self.now, force=force)

    @rule(seconds=st.floats(0, 20))
    def tick(self, seconds):
        self.now += seconds
        self.plan.note(self.now)
        self.plan.stalled(self.now)

    @precondition(lambda self: not self.known)
    @rule()
    def settle(self):
        self.plan.settle(self.size)
        self.known = True

    @rule(data=st.data())
    def forget(self, data):
        start, end = sorted(data.draw(st.tuples(st.integers(0, self.size), st.integers(0, self.size))))
        kept = {at for s in self.plan.live for at in range(s.start, max(s.position, s.fresh))}
        self.plan.forget(start, end)
        assert self.written - set(range(start, end)) <= {b for s in self.plan.done for b in range(*s)}
        assert kept & self.written <= {b for s in self.plan.done for b in range(*s)}
        self.written = {byte for left, right in self.plan.done for byte in range(left, right)}

    @rule()
    def pause(self):
        for segment in self.plan.live:
            self.plan.release(segment, self.now)
        self.plan = Plan(self.plan.size, self.plan.done)

    @invariant()
    def the_model_agrees(self):
        plan = self.plan
        done = {byte for start, end in plan.done for byte in range(start, end)}
        assert done == self.written
        assert plan.written_total == len(done)
        assert not done or max(done) < self.size

    @invariant()
    def every_byte_is_done_leased_or_free(self):
        plan = self.plan
        covered = plan.done
        for segment in plan.live:
            covered.add(segment.position, segment.end)
        for start, end in plan.free():
            assert covered.gaps(start, end) == [Span(start, end)]
            covered.add(start, end)
        assert covered.covers(0, self.size if self.known else OPEN)

    @invariant()
    def nothing_is_leased_twice_but_races(self):
        seen = SpanSet()
        for segment in self.plan.live:
            if segment.twin is not None and segment.start > segment.twin.start:
                continue
            if segment.room > 0 and segment.twin is None:
                assert seen.gaps(segment.position, segment.end) == [Span(segment.position, segment.end)]
            seen.add(segment.position, segment.end)

    def teardown(self):
        if not hasattr(self, "plan"):
            return
        if not self.known:
            self.settle()
        for segment in self.plan.live:
            self.plan.release(segment)
        while (segment := self.plan.lease()) is not None:
            self.written.update(range(segment.position, segment.end))
            self.plan.advance(segment, segment.room)
            self.plan.release(segment)
        assert self.plan.complete
        assert self.written == set(range(self.size))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
