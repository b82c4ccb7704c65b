"""What the screen costs: CPU, bytes to the terminal, lag of its loop, memory, time to the first picture.

    python benchmarks/tui.py [--seconds 10] [--write]

Each case runs the real app on a pseudo-terminal of 120×40 in a process of its own, on an engine that pretends. A tenth
of the rows changes with every tick of the engine. The CPU is that of the whole process without the thread that
pretends to be the engine. With --write the figures go to benchmarks/TUI.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import pty
import resource
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from fcntl import ioctl
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CASES = (
    # rows, engine's and screen's ticks a second, part of the rows that changes
    (10, 1.0, 0.1), (10, 4.0, 0.1), (500, 1.0, 0.1), (500, 4.0, 0.1), (10_000, 1.0, 0.1), (10_000, 4.0, 0.1),
    (500, 1.0, 0.0), (10_000, 1.0, 0.0), (500, 1.0, 1.0),
)  # fmt: skip
SETTLE = 2.0


def child(options: dict) -> None:
    """Run the app, measure for a while, print what was found to a file and leave."""
    from tui_downloads.core.lifecycle import State
    from tui_downloads.engine.fake import FakeEngine
    from tui_downloads.engine.fake_transfer import Script

    rows, hertz, part, seconds = options["rows"], options["hertz"], options["part"], options["seconds"]
    fake = FakeEngine(folder="/data", clock=time.time)
    state = State.TRANSFERRING if part else State.PAUSED
    script = Script(size=1 << 36, rate=3 << 20, wobble=0.4)
    ids = [
        fake.put(f"https://host{n % 40}.example/file-{n:05}.iso", state=state, script=script, done=(n % 900) << 25)
        for n in range(rows)
    ]  # fmt: skip
    began, began_cpu = time.time(), time.process_time()
    from tui_downloads.tui import run as door
    from tui_downloads.tui.options import ScreenSettings

    engine_cpu, stop, found = [0.0], threading.Event(), {}

    def engine() -> None:
        turn, step = 0, max(1, int(rows * part)) if part else 0
        while not stop.wait(1 / hertz):
            started = time.thread_time()
            with fake._lock:
                for at in range(step):
                    fake._step(fake._downloads[ids[(turn + at * max(1, rows // max(1, step))) % rows]], 1 / hertz)
            fake.snapshot()
            turn += 1
            engine_cpu[0] += time.thread_time() - started

    settings = ScreenSettings(tick=1 / hertz, slow_tick=1 / hertz, ascii=False, title=False)
    app = door.build(fake, settings=settings)
    begin = app._begin

    async def measure() -> None:
        await asyncio.sleep(SETTLE)
        lags = []
        cpu, engine_before, wall = time.process_time(), engine_cpu[0], time.monotonic()
        Path(options["mark"]).write_text("begin")
        while time.monotonic() < wall + seconds:
            before = time.monotonic()
            await asyncio.sleep(0.02 if not options["quiet"] else 1.0)
            lags.append(time.monotonic() - before - (0.02 if not options["quiet"] else 1.0))
        Path(options["mark"]).write_text("end")
        wall = time.monotonic() - wall
        lags.sort()
        found.update(
            cpu=100 * (time.process_time() - cpu - (engine_cpu[0] - engine_before)) / wall,
            lag=1000 * lags[int(len(lags) * 0.99) - 1],
            memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )
        app.exit(0)

    def ready() -> None:
        found["ready"] = 1000 * (time.time() - began)
        found["ready_cpu"] = 1000 * (time.process_time() - began_cpu)
        begin()
        app.measuring = asyncio.get_running_loop().create_task(measure())

    app._begin = ready
    threading.Thread(target=engine, daemon=True).start()
    asyncio.run(app.run_async())
    stop.set()
    Path(options["out"]).write_text(json.dumps(found))


def measure(rows: int, hertz: float, part: float, seconds: float, folder: Path, *, quiet: bool) -> dict:
    """Run one case and count the bytes it sends between the two marks."""
    out, mark = folder / "out.json", folder / "mark"
    mark.write_text("")
    options = {"rows": rows, "hertz": hertz, "part": part, "seconds": seconds, "out": str(out), "mark": str(mark),
               "quiet": quiet}  # fmt: skip
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
    environment.pop("SSH_CONNECTION", None)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), "--child", json.dumps(options)],
        stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    sent = 0
    while True:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                data = os.read(master, 1 << 16)
            except OSError:
                break
            if mark.read_text() == "begin":
                sent += len(data)
        elif process.poll() is not None:
            break
    process.wait()
    os.close(master)
    found = json.loads(out.read_text())
    found["kilobytes"] = sent / seconds / 1000
    return found


def main() -> None:
    """Run the cases and print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(json.loads(chosen.child))
        return
    import tempfile

    lines = [
        "| rows | rate | changing | CPU % | kB/s | loop p99 lag, ms | memory, MB | ready, ms (CPU) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        measure(10, 1.0, 0.1, 0.5, Path(folder), quiet=True)
        for rows, hertz, part in CASES:
            # The probe of the lag wakes 50 times a second, which is CPU of its own; so the two are measured apart.
            cost = measure(rows, hertz, part, chosen.seconds, Path(folder), quiet=True)
            lag = measure(rows, hertz, part, chosen.seconds / 2, Path(folder), quiet=False)["lag"]
            what = f"{part:.0%}" if part else "none (at rest)"
            lines.append(
                f"| {rows:,} | {hertz:.0f} Hz | {what} | {cost['cpu']:.2f} | {cost['kilobytes']:.2f} | {lag:.1f} "
                f"| {cost['memory']:.0f} | {cost['ready']:.0f} ({cost['ready_cpu']:.0f}) |"
            )
            print(lines[-1], flush=True)
    if chosen.write:
        write(lines, chosen.seconds)


def write(lines: list[str], seconds: float) -> None:
    """Write the figures with what they were measured on."""
    import textual

    head = [
        "# What the screen costs", "",
        f"`python benchmarks/tui.py --write` on {time.strftime('%Y-%m-%d')}: Python {platform.python_version()}, "
        f"Textual {textual.__version__}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; "
        f"120×40, {seconds:.0f} s a case after {SETTLE:.0f} s.",
        "", *lines, "",
        "Goals: at most 1.5% CPU and 3 kB/s at 500 rows and 1 Hz with a tenth changing, 0.5% at rest, 120 MB, ready in "
        "400 ms. `ready` counts wall time (and CPU) from before the first import of the screen to its first picture. "
        "The lag is how late a 20 ms timer of the screen's loop comes; the pretending engine shares the interpreter "
        f"with it. Load average of the machine when it ended: {os.getloadavg()[0]:.1f}.", "",
    ]  # fmt: skip
    (ROOT / "benchmarks" / "TUI.md").write_text("\n".join(head))


if __name__ == "__main__":
    main()
