"""The screen in a process of its own, for tests that need a real terminal; `python pty_app.py SCENE`."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from tui_downloads.core.lifecycle import State
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.fake_transfer import Script
from tui_downloads.tui.options import ScreenSettings
from tui_downloads.tui.run import prepare, run


def count(pulse: Path) -> None:
    """Let the screen write to a file how many keys and clicks it has taken, and how often it has looked since."""
    prepare()
    from textual import events

    from tui_downloads.tui.app import DownloadsApp

    taken, looks = 0, 0
    on_event, pull = DownloadsApp.on_event, DownloadsApp.pull

    async def take(app: DownloadsApp, event: events.Event) -> None:
        nonlocal taken
        await on_event(app, event)
        taken += isinstance(event, events.Key | events.MouseDown)

    def look(app: DownloadsApp) -> None:
        nonlocal looks
        pull(app)
        looks += 1
        beside = pulse.with_suffix(".new")
        beside.write_text(f"{taken} {looks}")
        beside.replace(pulse)

    DownloadsApp.on_event, DownloadsApp.pull = take, look


def main() -> int:
    """Show the scene; write a beat a tick to BEATS, so that a test sees that the engine's thread goes on."""
    options = json.loads(sys.argv[1])
    tick = options.get("tick", 0.05)
    fake = FakeEngine(folder="/data")
    state = State.PAUSED if options.get("still") else State.TRANSFERRING
    for number, name in enumerate(options.get("names", ["plain.iso"])):
        fake.put(
            f"https://example.org/{number}", state=state, name=name, title=name, host=name[:300],
            script=Script(size=1 << 40, validator=name, content_type=name, address=name), age=100 - number,
        )  # fmt: skip
        fake.note(list(fake._downloads)[-1], name)
    beats = Path(os.environ["BEATS"])

    def live() -> None:
        while True:
            fake.tick(tick)
            with beats.open("a") as file:
                file.write(".")
            time.sleep(tick)

    count(beats.with_suffix(".pulse"))
    threading.Thread(target=live, daemon=True).start()
    settings = ScreenSettings(
        tick=tick, slow_tick=tick, ascii=options.get("ascii", False), plain=options.get("plain", False), bell=True,
        notify=True, progress=True,
    )  # fmt: skip
    status = run(fake, settings=settings)
    # Stands for the caller's checkpoint: it has to be reached whatever happened to the terminal.
    beats.with_suffix(".closed").write_text(str(status))
    return status


if __name__ == "__main__":
    sys.exit(main())
