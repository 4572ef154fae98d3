.DEFAULT_GOAL := help
.PHONY: help run test check bench doctor setup
PYTHON := var/venv/bin/python

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## The whole centre in the foreground; sets up what is missing; Ctrl-C ends all of it
	@scripts/setup run && exec $(PYTHON) -m callcenter run

test: ## All tests on real Asterisk, Postgres and Redis; sets up what is missing (TESTS="-k queue" for some)
	@scripts/setup test && exec $(PYTHON) -m pytest -n 4 --dist loadfile $(TESTS)

check: ## ruff, format, mypy and the arrows between rooms
	@scripts/setup test
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@var/venv/bin/lint-imports --no-cache

bench: ## The benchmarks against the goals; results as JSON in var/bench/, "python -m tests.bench --report" tells them in docs/
	@scripts/setup test && exec $(PYTHON) -m tests.bench

doctor: ## What this machine lacks, and how to cure it
	@if [ -x $(PYTHON) ]; then exec $(PYTHON) -m callcenter doctor; else echo "Nothing is set up yet: 'make run' does it."; fi

setup: ## Only the set-up of 'make run', without starting anything
	@scripts/setup run
