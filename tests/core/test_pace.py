"""Averages of speed, estimates, buckets and fair shares, all on a clock that jumps."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_downloads.core.pace import BURST_LEAST, Bucket, Meter, Share, eta


def test_a_meter_knows_nothing_at_first():
    """One sample is no speed."""
    meter = Meter()
    assert meter.speed(0.0) == 0.0
    meter.note(0.0, 100)
    assert meter.speed(1.0) == 0.0
    assert repr(meter) == "<Meter 100 bytes>"


def test_a_meter_is_right_within_the_first_second():
    """The average does not creep up from zero."""
    meter = Meter()
    for step in range(4):
        meter.note(step / 10, step * 100)
    assert meter.speed(0.3) == pytest.approx(1000)


def test_a_meter_follows_a_change():
    """After its time constant the new speed has most of the weight."""
    meter = Meter(10)
    total = 0
    for second in range(1, 61):
        total += 1000 if second <= 30 else 2000
        meter.note(float(second), total)
    assert 1930 < meter.speed(60.0) < 2000


def test_a_meter_sinks_in_silence():
    """A speed that is not confirmed is not kept."""
    meter = Meter(10)
    meter.note(0.0, 0)
    meter.note(10.0, 10_000)
    assert meter.speed(20.0) < 500
    assert meter.speed(9.0) == pytest.approx(1000)


def test_no_time_between_samples_loses_no_bytes():
    """Bytes of a second sample at the same instant count with the next."""
    meter = Meter()
    meter.note(0.0, 0)
    meter.note(0.0, 500)
    meter.note(1.0, 1000)
    assert meter.speed(1.0) == pytest.approx(1000)


def test_a_restart_begins_the_average_again():
    """A total that falls is another file."""
    meter = Meter()
    meter.note(0.0, 0)
    meter.note(1.0, 1000)
    meter.note(2.0, 0)
    assert meter.speed(2.0) == 0.0


@pytest.mark.parametrize(
    ("remaining", "speed", "seconds"),
    [(None, 5.0, None), (-1, 5.0, None), (0, 0.0, 0.0), (10, 0.0, None), (10, 5.0, 2.0), (10**18, 1.0, None)],
)
def test_eta_says_only_what_is_sensible(remaining, speed, seconds):
    """No size, no speed or more than a year: no estimate."""
    assert eta(remaining, speed) == seconds


def test_a_bucket_without_rate_grants_everything():
    """0 is no limit."""
    bucket = Bucket()
    assert bucket.take(0.0, 10**9) == (10**9, 0.0)
    assert bucket.spend(0.0, 10**9) == 0.0
    assert repr(bucket) == "<Bucket without limit>"


def test_a_bucket_begins_empty():
    """A start is no burst; the wait is as long as the bytes take."""
    bucket = Bucket(100_000)
    assert bucket.take(0.0, 10_000) == (0, 0.1)
    assert bucket.take(0.1, 10_000) == (10_000, 0.0)


def test_a_bucket_grants_what_it_has():
    """Part of what is wanted is better than a wait, and no bytes are always granted."""
    bucket = Bucket(100_000)
    bucket.take(0.0, 1)
    assert bucket.take(0.05, 10_000) == (5_000, 0.0)
    assert bucket.take(0.05, 0) == (0, 0.0)


def test_a_bucket_saves_no_more_than_its_burst():
    """A long silence allows three tenths of a second, or a chunk, at once."""
    slow, fast = Bucket(1000), Bucket(10_000_000)
    slow.take(0.0, 1)
    fast.take(0.0, 1)
    assert slow.take(1000.0, 10**9)[0] == BURST_LEAST
    assert fast.take(1000.0, 10**9)[0] == 3_000_000
    assert repr(slow) == "<Bucket 1000 B/s, 0 saved>"


def test_a_bucket_is_paid_back():
    """Bytes that came already are a debt, and the wait is how long it takes to pay."""
    bucket = Bucket(1000)
    assert bucket.spend(0.0, 500) == 0.5
    assert bucket.spend(1.0, 100) == 0.0


def test_a_clock_that_goes_back_gives_nothing():
    """Time that was counted is not counted again."""
    bucket = Bucket(1000)
    bucket.take(10.0, 1)
    bucket.take(9.0, 1)
    assert bucket.take(10.5, 1000)[0] == 500


def test_a_rate_can_change_while_running():
    """The new rate holds from the next call on."""
    bucket = Bucket(1000)
    bucket.spend(0.0, 1000)
    bucket.rate = 10_000
    assert bucket.spend(0.1, 0) == 0.0


@given(rate=st.integers(10_000, 10**9), wants=st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_bucket_keeps_its_rate(rate, wants):
    """Whoever comes back when told gets the rate within 3% over ten seconds, and never more than it with the burst."""
    bucket, now, got, turn = Bucket(rate), 0.0, 0, 0
    wants = [max(want, rate // 500) for want in wants]
    while now < 10:
        granted, wait = bucket.take(now, wants[turn % len(wants)])
        assert (granted > 0) != (wait > 0)
        got, now, turn = got + granted, now + wait, turn + 1
    assert rate * 10 * 0.97 - bucket.burst <= got <= rate * 10 * 1.001 + bucket.burst


class Client:
    """One download of a simulation: how many connections, how fast its server is, which limit it has."""

    def __init__(self, host="h", limit=0, connections=1, supply=10**9, lateness=0.001, chunk=16 * 1024):
        self.host, self.limit, self.connections, self.supply = host, limit, connections, supply
        self.lateness, self.chunk, self.got = lateness, chunk, 0


def simulate(share: Share, clients: list[Client], seconds: float = 10.0) -> list[float]:
    """Let clients receive chunks as libcurl hands them over, and give each one's bytes a second.

    Each connection delivers a chunk no sooner than its server can, and sleeps as long as the share says.
    """
    calls: list[tuple[float, int, int]] = []
    for index, client in enumerate(clients):
        share.enter(str(index), client.host, client.limit)
        for connection in range(client.connections):
            heapq.heappush(calls, (0.0, index, connection))
    while calls and calls[0][0] < seconds:
        now, index, connection = heapq.heappop(calls)
        client = clients[index]
        wait = share.wait(now, str(index))
        if wait == 0.0:
            client.got += client.chunk
            wait = share.spend(now, str(index), client.chunk)
            wait = max(wait, client.chunk / client.supply * client.connections)
        heapq.heappush(calls, (now + wait + client.lateness, index, connection))
    return [client.got / seconds for client in clients]


MB = 1_000_000


def test_five_downloads_share_and_the_slow_one_leaves_its_rest():
    """10 MB/s in all, one under 1 MB/s: the others get 2.25 each, all within 3%."""
    clients = [Client(limit=MB), Client(), Client(), Client(), Client()]
    speeds = simulate(Share(rate=10 * MB), clients)
    assert sum(speeds) == pytest.approx(10 * MB, rel=0.03)
    assert speeds[0] == pytest.approx(MB, rel=0.03)
    assert speeds[1:] == pytest.approx([2.25 * MB] * 4, rel=0.05)


def test_connections_win_nothing():
    """A download with eight connections gets what one with a single connection gets."""
    speeds = simulate(Share(rate=10 * MB), [Client(connections=8), Client()])
    assert speeds == pytest.approx([5 * MB, 5 * MB], rel=0.04)


def test_a_slow_server_leaves_its_rest():
    """Who can't take its part is no loss for the limit."""
    speeds = simulate(Share(rate=10 * MB), [Client(supply=MB), Client(), Client()])
    assert sum(speeds) == pytest.approx(10 * MB, rel=0.03)
    assert speeds[0] == pytest.approx(MB, rel=0.08)


def test_hosts_have_their_own_limit():
    """Two downloads share their host's; a third takes what is left in all."""
    share = Share(rate=10 * MB, per_host=4 * MB)
    speeds = simulate(share, [Client("a"), Client("a"), Client("b"), Client("c")])
    assert speeds == pytest.approx([2 * MB, 2 * MB, 3 * MB, 3 * MB], rel=0.05)


def test_a_limit_for_each_download():
    """Without a limit in all each download has its own, and the lower of two holds."""
    share = Share(per_download=2 * MB)
    assert simulate(share, [Client(), Client(limit=MB)]) == pytest.approx([2 * MB, MB], rel=0.03)


def test_late_timers_cost_nothing():
    """Who comes back ten milliseconds late catches up."""
    clients = [Client(lateness=0.01, chunk=64 * 1024) for _ in range(4)]
    assert sum(simulate(Share(rate=20 * MB), clients)) == pytest.approx(20 * MB, rel=0.03)


@given(
    rate=st.integers(2 * MB, 200 * MB),
    kinds=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([0, MB // 2, 5 * MB]), st.integers(1, 4)),
        min_size=1,
        max_size=6,
    ),
)
@settings(max_examples=15, deadline=None)
def test_a_share_keeps_its_rate(rate, kinds):
    """The sum is the limit, or what own limits leave of it, within 3% over ten seconds."""
    clients = [Client(host, limit, connections, chunk=16 * 1024) for host, limit, connections in kinds]
    # Enough connections to use the rate although timers are late.
    for client in clients:
        client.lateness = min(0.001, 8 * 1024 / rate)
    speeds = simulate(Share(rate=rate), clients, 10.0)
    expected = min(rate, sum(client.limit or rate for client in clients))
    chunks = sum(client.chunk * client.connections for client in clients) / 10
    assert expected * 0.97 - chunks <= sum(speeds) <= expected * 1.03 + chunks
    for client, speed in zip(clients, speeds, strict=True):
        assert not client.limit or speed <= client.limit * 1.03 + client.chunk * client.connections / 10


def test_nobody_is_limited_without_limits():
    """Without any limit nothing is counted."""
    share = Share()
    share.enter("a", "h")
    assert share.take(0.0, "a", 99) == (99, 0.0)
    assert share.spend(0.0, "a", 10**9) == 0.0
    assert share.wait(0.0, "a") == 0.0


def test_who_has_left_is_not_held_back():
    """A late callback of a download that has ended never waits."""
    share = Share(rate=1000)
    share.enter("a", "h")
    share.leave("a")
    share.leave("a")
    assert share.take(0.0, "a", 99) == (99, 0.0)
    assert share.spend(0.0, "a", 99) == 0.0
    assert share.wait(0.0, "a") == 0.0
    share.limit("a", 5)
    assert repr(share) == "<Share of 1000 B/s among 0>"


def test_take_grants_what_is_there():
    """Part of what is wanted is granted; nothing means a wait."""
    share = Share(rate=100_000)
    share.enter("a", "h")
    assert share.take(0.0, "a", 10_000) == (0, 0.1)
    assert share.take(0.05, "a", 10_000) == (5000, 0.0)
    assert share.take(0.05, "a", 0) == (0, 0.0)


def test_limits_change_while_running():
    """A new limit, of a download or in all, holds from the next filling on."""
    share = Share(rate=1000)
    share.enter("a", "h")
    share.take(0.0, "a", 1)
    share.change(100_000, 0, 0)
    assert share.take(0.1, "a", 10_000)[0] == 10_000
    share.limit("a", 10_000)
    assert share.take(0.2, "a", 10_000)[0] == 1000


def test_entering_again_moves_a_download():
    """A redirect to another host changes whose limit counts."""
    share = Share(per_host=1000)
    share.enter("a", "one")
    share.enter("a", "two", 100)
    share.take(0.0, "a", 1)
    assert share.take(1.0, "a", 1000)[0] == 100


def test_a_short_while_fills_nothing():
    """Calls in between cost no arithmetic, and no bytes are lost by it."""
    share = Share(rate=1_000_000)
    share.enter("a", "h")
    share.take(0.0, "a", 1)
    assert share.take(0.003, "a", 1000)[0] == 0
    assert share.take(0.006, "a", 10_000)[0] == 6000


def test_a_wait_is_never_long():
    """Limits may change while somebody sleeps."""
    share = Share(rate=10)
    share.enter("a", "h")
    assert share.spend(0.0, "a", 10**6) == 0.5
