"""``python -m tests.bench [--only NAME] [--quick] [--report]``: run the benchmarks, keep what they found in var/bench/NAME.json,
say whether goals are met. ``--report`` runs nothing and writes docs/performance.md from what is kept."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from tests.bench import call_path, conference, matching, next_call, no_answer, report, ring_all
from tests.bench.results import keep, missed

BENCHES: dict[str, Callable[[bool], Awaitable[dict[str, Any]]]] = {
    "matching": matching.measure,
    "next-call": next_call.measure,
    "no-answer": no_answer.measure,
    "ring-all": ring_all.measure,
    "call-path": call_path.measure,
    "conference": conference.measure,
}


def main() -> int:
    """0 when every goal is met."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--only", choices=BENCHES, action="append", help="this one; may be given more than once")
    parser.add_argument("--quick", action="store_true", help="a short look; not kept")
    parser.add_argument("--report", action="store_true", help="write docs/performance.md from the runs that are kept")
    asked = parser.parse_args()
    if asked.report:
        print(report.write(list(BENCHES)))
        return 0
    failed = 0
    for name in asked.only or BENCHES:
        print(f"{name} …", file=sys.stderr, flush=True)
        run = asyncio.run(BENCHES[name](asked.quick))
        if not asked.quick:
            keep(name, run)
        print("\n".join(report.summary(name, run)), flush=True)
        failed += bool(missed(run))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
