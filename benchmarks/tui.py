"""What the screen costs, and whether its goals are met: CPU, bytes, lag, memory, start, keys under load, history.

    python benchmarks/tui.py [--seconds 6] [--write]

It takes five minutes, and three more when the long history has to be made. Each case of the list runs the real app on a
pseudo-terminal of 120×40 in a process of its own, on an engine that pretends and has done its work in advance; a part
of the rows changes with every tick. The other cases are the real program. With --write the figures go to
benchmarks/TUI.md.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import gc
import json
import os
import platform
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from fcntl import ioctl
from pathlib import Path
from typing import TYPE_CHECKING

from memory import peak

if TYPE_CHECKING:
    from tui_downloads.core.snapshots import Snapshot
    from tui_downloads.engine.fake import FakeEngine

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

CASES = (
    # rows, engine's and screen's ticks a second, part of the rows that changes
    (10, 1.0, 0.1), (10, 4.0, 0.1), (500, 1.0, 0.1), (500, 4.0, 0.1), (10_000, 1.0, 0.1), (10_000, 4.0, 0.1),
    (500, 1.0, 0.0), (10_000, 1.0, 0.0), (500, 1.0, 1.0),
)  # fmt: skip
SETTLE = 1.5
HISTORY = 1_000_000


def child(options: dict) -> None:
    """Run the app, measure for a while, print what was found to a file and leave."""
    from tui_downloads.core.lifecycle import State
    from tui_downloads.engine.embedded import GC_THRESHOLDS
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
    from tui_downloads.tui import run as door
    from tui_downloads.tui.options import ScreenSettings

    found: dict[str, float] = {}
    prepared = snapshots(fake, ids, int(rows * part), 1 / hertz, int((seconds + SETTLE + 4) * hertz))
    stop, published = threading.Event(), [prepared[0]]
    # As with the real engine: its thread publishes, and whoever looks reads one attribute.
    fake.snapshot = lambda: published[0]

    def engine() -> None:
        for snapshot in prepared:
            if stop.wait(1 / hertz):
                return
            published[0] = snapshot

    settings = ScreenSettings(tick=1 / hertz, slow_tick=1 / hertz, ascii=False, title=False)
    door.prepare()
    # The collector of cycles is set as the real engine and the door set it.
    gc.set_threshold(*GC_THRESHOLDS)
    app = door.build(fake, settings=settings, opened=door.collect)
    begin, pull, ticks = app._begin, app.pull, []

    def timed() -> None:
        started = time.thread_time()
        pull()
        ticks.append(1000 * (time.thread_time() - started))

    app.pull = timed

    async def measure() -> None:
        await asyncio.sleep(SETTLE)
        lags = []
        cpu, wall = time.process_time(), time.monotonic()
        Path(options["mark"]).write_text("begin")
        while time.monotonic() < wall + seconds:
            before = time.monotonic()
            await asyncio.sleep(0.02 if not options["quiet"] else 1.0)
            lags.append(time.monotonic() - before - (0.02 if not options["quiet"] else 1.0))
        Path(options["mark"]).write_text("end")
        wall = time.monotonic() - wall
        lags.sort()
        found.update(
            cpu=100 * (time.process_time() - cpu) / wall,
            tick=max(ticks[2:], default=0.0),
            lag=1000 * lags[int(len(lags) * 0.99) - 1],
            memory=peak(),
        )
        app.exit(0)

    def ready() -> None:
        begin()
        app.measuring = asyncio.get_running_loop().create_task(measure())

    app._begin = ready
    threading.Thread(target=engine, daemon=True).start()
    asyncio.run(app.run_async())
    stop.set()
    Path(options["out"]).write_text(json.dumps(found))


def snapshots(fake: FakeEngine, ids: list[str], step: int, seconds: float, count: int) -> list[Snapshot]:
    """Let the pretending engine work in advance, so that its work is not taken for the screen's."""
    made = [fake.snapshot()]
    for turn in range(count if step else 0):
        for at in range(step):
            fake._step(fake._downloads[ids[(turn + at * (len(ids) // step)) % len(ids)]], seconds)
        made.append(fake.snapshot())
    return made


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


def rows_cases(seconds: float) -> tuple[list[str], dict[tuple[int, float, float], dict]]:
    """Measure every length of the list; give the table and what was found."""
    lines = [
        "| rows | rate | changing | CPU % | kB/s | costliest tick, ms | loop p99 lag, ms | memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    all_found = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows, hertz, part in CASES:
            # The probe of the lag wakes 50 times a second, which is CPU of its own; so the two are measured apart.
            cost = measure(rows, hertz, part, seconds, Path(folder), quiet=True)
            cost["lag"] = measure(rows, hertz, part, max(3.0, seconds / 2), Path(folder), quiet=False)["lag"]
            all_found[rows, hertz, part] = cost
            what = f"{part:.0%}" if part else "none (at rest)"
            lines.append(
                f"| {rows:,} | {hertz:.0f} Hz | {what} | {cost['cpu']:.2f} | {cost['kilobytes']:.2f} "
                f"| {cost['tick']:.1f} | {cost['lag']:.1f} | {cost['memory']:.0f} |"
            )
            print(lines[-1], flush=True)
    return lines, all_found


def verdict(what: str, found: float, goal: float, unit: str, *, least: bool = False) -> str:
    """Give the line of a goal, and say whether it is met."""
    met = found >= goal if least else found <= goal
    sign = "≥" if least else "≤"
    return f"| {what} | {found:.3g} {unit} | {sign} {goal:g} {unit} | {'met' if met else '**missed**'} |"


def goals(rows: dict, start: dict, rest: dict, load: dict, long: dict) -> list[str]:
    """Hold what was found against the goals."""
    typical = rows[500, 1.0, 0.1]
    smooth = 100 * load["stalled"] / ((load["read"] + load["again"]) / 2)
    return [
        "| what | found | goal | |",
        "|---|---|---|---|",
        verdict("from exec to the first picture, warm (median)", start["ready"], 400, "ms"),
        verdict("CPU at 500 rows, 1 Hz, a tenth changing", typical["cpu"], 1.5, "%"),
        verdict("to the terminal at 500 rows, 1 Hz, a tenth changing", typical["kilobytes"], 3, "kB/s"),
        verdict(
            "CPU at rest: the program with engine, store and service, 500 paused downloads", rest["rest_cpu"], 0.5, "%"
        ),
        verdict("memory of that program", rest["rest_memory"], 120, "MB"),
        verdict("memory of the screen with 500 rows, a tenth changing", typical["memory"], 120, "MB"),
        verdict("key to paint, p99, while 2 GiB files arrive at full rate", load["key_p99"], 50, "ms"),
        verdict("throughput while the terminal stalls for 8 s, of that before and after", smooth, 95, "%", least=True),
        verdict("a history of 1,000,000 rows opens (median of 3, key to picture)", long["open"], 200, "ms"),
        verdict("its search by part of a name", long["search"], 200, "ms"),
        verdict("how late the loop is at 10,000 rows and 1 Hz, p99", rows[10_000, 1.0, 0.1]["lag"], 20, "ms"),
    ]


def real(start: dict, rest: dict, load: dict, long: dict) -> list[str]:
    """Say in full what the real program showed."""
    return [
        "| the real program | |",
        "|---|---|",
        f"| exec to first picture: median, best, CPU | {start['ready']:.0f} ms, {start['ready_best']:.0f} ms, "
        f"{start['ready_cpu']:.0f} ms |",
        f"| the same with 500 paused downloads, with 1,000,000 ended | {rest['rest_ready']:.0f} ms, "
        f"{long['history_ready']:.0f} ms |",
        f"| key to paint under load: median, p99, worst of {load['keys']:.0f} | {load['key_median']:.1f} ms, "
        f"{load['key_p99']:.1f} ms, {load['key_worst']:.1f} ms |",
        f"| throughput while typing, watching, stalled, watching again | {load['typing']:.0f}, {load['read']:.0f}, "
        f"{load['stalled']:.0f}, {load['again']:.0f} MB/s |",
        f"| after the stall the picture is whole | {'yes' if load['whole'] else 'no'} |",
        f"| long history: open worst of 3, page down median and worst of 20, to its end | {long['open_worst']:.0f} ms, "
        f"{long['page_median']:.0f} ms, {long['page_worst']:.0f} ms, {long['end']:.0f} ms |",
        f"| memory after that | {long['memory']:.0f} MB |",
    ]


def main() -> None:
    """Run the cases and print, or write, the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(json.loads(chosen.child))
        return
    import long_history
    import tui_real

    compileall.compile_dir(ROOT / "tui_downloads", quiet=1)
    long_history.history(HISTORY)
    busy = os.getloadavg()[0]
    start = tui_real.starts()
    table, found = rows_cases(chosen.seconds)
    rest, long, load = tui_real.at_rest(500, 6.0), tui_real.history(HISTORY), tui_real.under_load(2 << 30)
    verdicts, shown = goals(found, start, rest, load, long), real(start, rest, load, long)
    print("\n".join(["", *shown, "", *verdicts]))
    if chosen.write:
        write([*verdicts, "", *shown, "", *table], chosen.seconds, busy)


def write(lines: list[str], seconds: float, busy: float) -> None:
    """Write the figures with what they were measured on."""
    import textual

    text = [
        "# What the screen costs", "",
        f"`python benchmarks/tui.py --write` on {time.strftime('%Y-%m-%d')}: Python {platform.python_version()}, "
        f"Textual {textual.__version__}, {os.cpu_count()} cores, {platform.system()} {platform.release()}; 120×40, "
        f"{seconds:.0f} s a case after {SETTLE:.0f} s. Load average of the machine when it began: {busy:.1f}.",
        "", *lines, "",
        "The last table is the screen on an engine that pretends and has done its work in advance; the lag is how late "
        "a 20 ms timer of the screen's loop comes, a tick what one look at the engine costs it. All that stands above "
        "is the real program on a pseudo-terminal, with engine, SQLite store and service: nginx on the loopback, "
        "files on tmpfs. A key's time ends with the bytes that complete the picture of the moved cursor; throughput is "
        "what the kernel counts for nginx's processes.", "",
    ]  # fmt: skip
    (ROOT / "benchmarks" / "TUI.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
