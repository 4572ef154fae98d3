"""``python -m tests.bench [--quick] [--rate N] [--seconds N]``: run the benchmarks, write var/bench/*.json, say whether goals are met."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from tests.bench.call_path import Load, measure
from tests.parts.centre import REPOSITORY


def main() -> int:
    """0 when every goal is met."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 seconds instead of 60")
    parser.add_argument("--rate", type=int, default=40, help="calls per second")
    parser.add_argument("--seconds", type=int, default=60, help="how long")
    asked = parser.parse_args()
    load = Load(calls_per_s=asked.rate, for_s=10 if asked.quick else asked.seconds)
    print(f"{load.calls_per_s} calls/s for {load.for_s} s against a centre of its own …", file=sys.stderr, flush=True)
    report = asyncio.run(measure(load))
    target = REPOSITORY / "var" / "bench" / "call-path.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    missed = [name for name, met in report["goal"].items() if not met]
    print(f"{target}: " + ("every goal met" if not missed else "missed: " + ", ".join(missed)), file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
