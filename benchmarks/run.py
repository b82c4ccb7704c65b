"""Measure this project against aria2c, curl and httpx: `python benchmarks/run.py [--quick] [--case NAME] [--write]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.cases import Case, all_cases  # noqa: E402
from benchmarks.measure import Failed, NotAvailable, Sample, Summary, one_run  # noqa: E402
from benchmarks.report import Outcome, write_page  # noqa: E402
from benchmarks.servers import FULL, QUICK, Site, memory_folder, serve  # noqa: E402

RESULTS = ROOT / "benchmarks" / "RESULTS.md"


def _contest(case: Case, site: Site, rounds: int) -> dict[str, Outcome]:
    """Let the contenders of a case take turns; one that fails once is out, with its reason."""
    samples: dict[str, list[Sample]] = {name: [] for name in case.contenders}
    out: dict[str, str] = {}
    for turn in range(rounds + 1):
        for name, make in case.contenders.items():
            if name in out:
                continue
            try:
                # The first turn warms up, and is where whole files are compared.
                sample = one_run(make, ROOT, site.files, case.names, memory_folder(), wholly=turn == 0)
            except NotAvailable as exc:
                out[name] = f"not available: {exc}"
            except Failed as exc:
                out[name] = f"failed: {exc}"
            else:
                if turn:
                    samples[name].append(sample)
    return {name: out.get(name) or Summary.of(samples[name]) for name in case.contenders}


def _say(case: Case, outcomes: dict[str, Outcome]) -> None:
    print(case.title, flush=True)
    for name, outcome in outcomes.items():
        if isinstance(outcome, str):
            print(f"  {name:22} {outcome}")
        else:
            figures = f"{outcome.wall:8.3f} s wall {outcome.cpu:8.3f} s cpu {outcome.memory:6.0f} MB"
            print(f"  {name:22} {figures}", flush=True)


def main() -> int:
    """Run the cases and write the page; the exit status is 1 when one of ours failed, 2 for a wrong name."""
    parser = argparse.ArgumentParser(description="Measure against aria2c, curl and httpx.")
    parser.add_argument("--quick", action="store_true", help="small sizes and 3 rounds")
    parser.add_argument("--rounds", type=int, help="rounds to take the medians of (default 5, 3 with --quick)")
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case; may be given again")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} also after a partial run")
    options = parser.parse_args()
    rounds = max(1, options.rounds or (3 if options.quick else 5))
    results: list[tuple[Case, dict[str, Outcome]]] = []
    with serve(QUICK if options.quick else FULL) as site:
        cases = all_cases(site)
        unknown = set(options.case or ()) - {case.name for case in cases}
        if unknown:
            print(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in cases)}")
            return 2
        for case in cases:
            if not options.case or case.name in options.case:
                results.append((case, _contest(case, site, rounds)))
                _say(*results[-1])
    page = write_page(results, rounds=rounds, quick=options.quick)
    whole = not options.quick and not options.case and rounds >= 5
    if whole or options.write:
        RESULTS.write_text(page)
        print(f"written: {RESULTS}")
    failed = [o for _, found in results for o in found.values() if isinstance(o, str) and o.startswith("failed")]
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
