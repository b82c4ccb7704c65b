"""How many connections a download opens, decided against simulated servers."""

from __future__ import annotations

from tui_downloads.core.plan import Plan
from tui_downloads.core.ramp import Ramp

MIB = 1 << 20


class World:
    """A download from a server that is all arithmetic: each connection has a rate, the link another."""

    def __init__(self, size, each, link=float("inf"), cap=8, burst=0, latency=0.02, slow=None):
        self.plan, self.ramp = Plan(size), Ramp(cap)
        self.each, self.link, self.burst, self.latency, self.slow = each, link, burst, latency, slow
        self.now, self.most, self.history = 0.0, 0, []
        self.debt = {}

    def run(self, step=0.02, limit=10_000):
        """Run until the file is here and give the seconds it took."""
        for _ in range(limit):
            if self.plan.complete:
                return self.now
            self.staff()
            self.flow(step)
            self.now += step
            self.plan.note(self.now)
        raise AssertionError(f"not done: {self.plan!r}")

    def staff(self):
        plan = self.plan
        for segment in [*plan.enough(), *plan.stalled(self.now)]:
            plan.release(segment, self.now)
        delivering = sum(1 for s in plan.live if self.now - s.leased_at >= self.latency)
        if delivering == 0 and plan.live:
            return
        want = self.ramp.want(self.now, total=plan.written_total, connections=delivering, remaining=plan.left)
        while len(plan.live) < max(1, want):
            segment = plan.lease(self.now) or plan.steal(self.now) or plan.race(self.now)
            if segment is None:
                break
        self.most = max(self.most, len(plan.live))
        self.history.append((round(self.now, 2), want))

    def flow(self, step):
        live = [s for s in self.plan.live if self.now - s.leased_at >= self.latency and s.room]
        for segment in live:
            rate = self.each
            if self.slow is not None and segment.start == 0 and self.now >= self.slow:
                rate = self.each / 20
            rate = min(rate, self.link / len(live))
            count = rate * step
            if self.burst:
                # A second's worth at once, then nothing until that second is over: nginx's limit_rate.
                age = self.now - segment.leased_at - self.latency
                count = max(0.0, self.each * max(1.0, age) - (segment.position - segment.start))
            owed = self.debt.get(id(segment), 0.0) + count
            self.debt[id(segment)] = owed - int(owed)
            self.plan.advance(segment, int(owed))


def test_a_server_that_caps_each_connection_gets_all_of_them_within_a_second():
    """1, 2, 4, 8: the whole cap is reached in about a second."""
    world = World(200 * MIB, each=10 * MIB)
    world.run()
    first = next(at for at, want in world.history if want > 1)
    full = next(at for at, want in world.history if want == 8)
    assert (first <= 0.35, full <= 1.2) == (True, True)


def test_a_capped_server_is_used_almost_ideally():
    """All connections end together: within a tenth and the ramp's second of what eight at once would take."""
    world = World(400 * MIB, each=5 * MIB)
    assert world.run() <= 400 / 40 * 1.1 + 1.0


def test_an_opening_burst_does_not_look_like_the_rate():
    """A server that gives a second's bytes at once and then pauses is seen as the slow one it is."""
    world = World(300 * MIB, each=10 * MIB, burst=1)
    world.run()
    assert world.most == 8


def test_a_slow_server_is_ramped_at_once():
    """Where each connection is slow, waiting for proof costs more than the try."""
    world = World(40 * MIB, each=MIB)
    world.run()
    assert next(at for at, want in world.history if want == 8) <= 0.6


def test_a_full_link_stops_the_ramp():
    """When the second connection brings nothing, there is no third."""
    world = World(1500 * MIB, each=100 * MIB, link=100 * MIB)
    world.run()
    assert world.most == 2


def test_a_server_that_caps_each_connection_is_asked_by_all_at_once():
    """Where each connection brings little, waiting for proof would cost more than the tries."""
    world = World(512 * MIB, each=16 * MIB, link=1000 * MIB)
    world.run()
    assert world.most == 8


def test_a_fast_local_link_keeps_one_connection():
    """A machine at its limit gains nothing from more connections."""
    world = World(2048 * MIB, each=900 * MIB, link=1000 * MIB)
    world.run()
    assert world.most == 1


def test_short_work_is_not_split():
    """What ends within a second is left to one connection."""
    world = World(20 * MIB, each=40 * MIB)
    world.run()
    assert world.most == 1


def test_a_connection_that_turns_slow_costs_little():
    """The rest of a slow segment is taken over: within a tenth of the ideal, plus the ramp."""
    world = World(400 * MIB, each=10 * MIB, cap=4, slow=3.0)
    assert world.run() <= 400 / 40 * 1.1 + 1.0


def test_a_refusal_halves_and_is_remembered():
    """8, 4, 2, 1; refusals of one moment count once."""
    ramp = Ramp(8)
    ramp.start_at(8)
    assert [ramp.refused(now) for now in (1.0, 1.5, 3.0, 5.0, 7.0)] == [4, 4, 2, 1, 1]
    assert ramp.ceiling == 1
    assert repr(ramp) == "<Ramp 1 of 1>"


def test_a_refusal_counts_from_what_was_open():
    """The connections that were open say more than the target did."""
    ramp = Ramp(8)
    ramp.start_at(8)
    assert ramp.refused(0.0, 6) == 3


def test_the_target_keeps_to_cap_and_ceiling():
    """Both limits hold, and a cap that is lowered holds at once."""
    ramp = Ramp(8, ceiling=4)
    ramp.start_at(16)
    assert ramp.target == 4
    ramp.cap = 2
    assert ramp.target == 2


def test_nothing_is_decided_without_bytes():
    """Before the first answer, and without a size, one connection it is."""
    ramp = Ramp(8)
    assert ramp.want(0.0, total=0, connections=0, remaining=100) == 1
    assert ramp.want(9.0, total=0, connections=1, remaining=None) == 1


def test_a_restart_begins_to_measure_again():
    """Fewer bytes than before mean that the file began anew."""
    ramp = Ramp(8)
    ramp.want(0.0, total=10 * MIB, connections=1, remaining=100 * MIB)
    assert ramp.want(0.5, total=0, connections=1, remaining=100 * MIB) == 2


def test_a_ramp_that_stopped_says_so():
    """A repr tells that more connections did not pay."""
    world = World(1500 * MIB, each=100 * MIB, link=100 * MIB)
    world.run()
    assert repr(world.ramp) == "<Ramp 2 of 8, settled>"


def test_a_refusal_counts_for_less_after_ten_minutes():
    """A server that was busy is tried with more again, step by step."""
    ramp = Ramp(8)
    ramp.start_at(8)
    ramp.refused(0.0)
    ramp.refused(10.0)
    found = [ramp.want(now, total=0, connections=0, remaining=None) for now in (11.0, 609.0, 610.0, 1210.0, 9999.0)]
    assert (found, ramp.ceiling) == ([2, 2, 2, 2, 2], 8)


def test_a_ramp_climbs_until_it_is_where_it_may_go():
    """Whoever staffs asks often only while another step may come."""
    ramp = Ramp(2)
    assert ramp.climbing
    ramp.start_at(2)
    assert not ramp.climbing
