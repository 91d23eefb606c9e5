# Two commands do all the set-up themselves, on a fresh Debian 12 or 13: make run, make test.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Orthanc is in /usr/sbin, which a plain user of Debian does not search.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin
python := .venv/bin/python
# Two processes for each core: most tests wait for servers. The tests of one file stay together: they share servers.
parallel := -n $(shell expr 2 \* $$(nproc)) --dist loadfile

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run up down status
run: setup ## two Orthancs, a bucket, sample studies through SendIt, a table; serves until Ctrl-C (ONESHOT=1: ends after the table)
	@$(python) -m scripts.demo run
up: setup ## the same servers in the background
	@$(python) -m scripts.demo up
down: ## stop them
	@if [[ -x $(python) ]]; then $(python) -m scripts.demo down; fi
status: setup ## what of them is running
	@$(python) -m scripts.demo status

.PHONY: setup setup-tests
setup: ## install what is missing: Debian packages, .venv
	@scripts/setup.sh
setup-tests:
	@scripts/setup.sh --tests

.PHONY: check test test-all bench
check: setup ## ruff, mypy and the unit tests; under a minute
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy
	$(python) -m pytest -q $(parallel) -m "not slow" tests/unit
test: setup-tests ## unit, destination and system tests, with real servers; under 20 minutes on two cores
	$(python) -m pytest $(parallel) -m "not slow"
test-all: setup-tests ## those, the slow ones, and the container image
	$(python) -m pytest
bench: setup-tests ## the benchmarks
	@scripts/bench-venv.sh
	$(python) -m benchmarks
.PHONY: bench-leaks
bench-leaks: setup-tests ## what leaks, of SendIt and of other tools; writes docs/benchmarks/leaks.md
	@scripts/bench-venv.sh
	$(python) -m benchmarks leaks

.PHONY: lock clean
lock: ## renew the lock files from pyproject.toml
	@scripts/lock.sh
clean: down ## remove .venv, var/ and every cache; Debian packages stay
	rm -rf .venv var dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
