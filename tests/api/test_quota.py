"""Quotas while bytes arrive."""

from __future__ import annotations

from tests.api.service import own
from tui_downloads.api.quota import QuotaKeeper
from tui_downloads.core.lifecycle import State
from tui_downloads.engine.fake_transfer import Script


async def test_the_newest_download_ends_when_the_quota_is_used_up(made):
    """A size that nobody announced does not get around the limit; older and others' downloads go on."""
    made.tokens.create("dan", quota_bytes=1000)
    script = Script(size=None, rate=1.0)
    old = made.engine.put("https://a.example/old", state=State.TRANSFERRING, done=600, age=90, script=script)
    new = made.engine.put("https://a.example/new", state=State.TRANSFERRING, done=600, age=10, script=script)
    other = made.engine.put("https://a.example/other", state=State.TRANSFERRING, done=9000, script=script)
    for id in (old, new):
        own(made, id, "dan")
    own(made, other, "ann")
    await QuotaKeeper(made.root.context).look()
    states = {id: made.engine.snapshot().downloads[id].state for id in (old, new, other)}
    assert states == {old: State.TRANSFERRING, new: State.CANCELLED, other: State.TRANSFERRING}


async def test_within_the_quota_nothing_happens(made):
    """Who has room is left alone."""
    made.tokens.create("dan", quota_bytes=1000)
    id = made.engine.put("https://a.example/x", state=State.TRANSFERRING, done=600, script=Script(size=None))
    own(made, id, "dan")
    await QuotaKeeper(made.root.context).look()
    assert made.engine.snapshot().downloads[id].state is State.TRANSFERRING
