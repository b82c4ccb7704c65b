"""The console script: answers the quickest questions itself and hands the rest to the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and give its exit code."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        from tui_downloads.cli.streams import repair

        repair()
    if sys.argv[1:] == ["--version"]:
        from tui_downloads import __version__

        print(f"tui-downloads {__version__}", flush=True)  # noqa: T201
        return 0
    from tui_downloads.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
