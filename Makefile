# Two commands do all the set-up themselves, on a fresh Debian 12 or 13: make run, make test.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# Orthanc is in /usr/sbin, which a plain user of Debian does not search.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin
python := .venv/bin/python
# Two processes for each core: most tests wait for servers. The tests of one file stay together: they share servers.
# tests/conftest.py puts the files into an order that leaves no process idle at the end.
parallel := -n $(shell expr 2 \* $$(nproc)) --dist loadfile --no-loadscope-reorder

# Which lines are run, and the percentage of those of deidentify/ that has to be (docs/decisions/0016-coverage-and-lint.md).
coverage := -p tests.covering --floor 93

# The quick unit tests wait for no servers: one process for each core. Each of them imports every module of tests, which takes
# half the time if what an earlier run compiled is kept, also where the environment forbids that.
quick := env -u PYTHONDONTWRITEBYTECODE $(python) -m pytest -q -n $(shell nproc) --dist loadfile --no-loadscope-reorder

# Hundreds of workers start from plugin/, and an environment may forbid each of them to keep what it compiled.
compiled := @$(python) -m compileall -q plugin

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
status: setup ## which of them are running
	@$(python) -m scripts.demo status

.PHONY: setup setup-tests
setup: ## install what is missing: Debian packages, .venv
	@scripts/setup.sh
setup-tests:
	@scripts/setup.sh --tests

.PHONY: check test test-all bench coverage
check: setup ## ruff, typos, mypy, the import contracts and the quick unit tests; under a minute
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	.venv/bin/typos
	$(python) -m mypy
	.venv/bin/lint-imports
	$(quick) -m "not slow and not long" tests/unit
coverage: setup ## the unit tests with the share of lines that they run, and its floor
	$(python) -m pytest -q $(coverage) $(parallel) -m "not slow" tests/unit
test: setup-tests ## unit, destination and system tests, with real servers; under 20 minutes on two cores
	$(compiled)
	$(python) -m pytest $(parallel) -m "not slow"
test-all: setup-tests ## those, the slow ones, the container image, and the coverage with its floor
	$(compiled)
	$(python) -m pytest $(coverage)
bench: setup-tests ## all benchmarks, for hours; one: .venv/bin/python -m benchmarks NAME
	@scripts/bench-venv.sh
	$(python) -m benchmarks all
.PHONY: bench-leaks
bench-leaks: setup-tests ## what leaks, of SendIt and of other tools; writes docs/benchmarks/leaks.md
	@scripts/bench-venv.sh
	$(python) -m benchmarks leaks

.PHONY: bench-fidelity
bench-fidelity: setup-tests ## what dcm2niix and other readers read before and after; writes docs/fidelity.md
	$(python) -m benchmarks fidelity

.PHONY: fuzz
fuzz: setup-tests ## 100,000 mutated files through `sendit deidentify`; writes docs/benchmarks/robustness.md
	$(python) -m tests.fuzz.run 100000 --keep var/fuzz --report docs/benchmarks/robustness.md

.PHONY: docs
docs: ## the documentation as a site, in var/site
	@scripts/docs.sh

.PHONY: lock clean
lock: ## renew the lock files from pyproject.toml
	@scripts/lock.sh
clean: down ## remove .venv, var/ and every cache; Debian packages stay
	rm -rf .venv var dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
