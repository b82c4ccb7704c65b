"""Run the practice server by itself: `python -m tui_downloads.demo [--port N] [--tls]`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from tui_downloads.demo.catalog import demo_links
from tui_downloads.demo.certificate import make_certificate
from tui_downloads.demo.server import PracticeServer


async def _serve(server: PracticeServer, trust: Path | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with server:
        lines = [server.url(), *(f"  {link.url}" for link in demo_links(server))]
        if trust is not None:
            lines.append(f"trust this certificate: {trust}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        await stopped.wait()


def main() -> int:
    """Serve until Ctrl-C; the exit status is 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m tui_downloads.demo", description="A practice server.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (any free one by default)")
    parser.add_argument("--tls", action="store_true", help="serve https with a certificate made for the occasion")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="practice-") as folder:
        made = make_certificate(Path(folder)) if options.tls else None
        server = PracticeServer(port=options.port, ssl_context=made.server_context() if made else None)
        try:
            asyncio.run(_serve(server, made.cert if made else None))
        except OSError as exc:
            sys.stderr.write(f"cannot serve on port {options.port}: {exc.strerror}; choose another with --port\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
