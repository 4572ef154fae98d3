"""Benchmarks: ``python -m tests.bench``; results as JSON in var/bench. Not timed tests: they report, and say whether the goal is met."""
