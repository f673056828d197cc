# SPDX-License-Identifier: Apache-2.0
# The front door. `make help` lists what there is. Needs git, make and Python 3.10-3.13, nothing else.

# The Airflow line to work with: 2.10, 2.11, 3.1, 3.2 or 3.3; or lowest, the lowest versions that pyproject.toml allows.
AIRFLOW ?= 3.3
# The interpreter; empty: the first one found that runs and fits.
PYTHON ?=
# More arguments for pytest, e.g. make test PYTEST_ARGS="-k versions -x"
PYTEST_ARGS ?=
# How many tests run at a time; most wait for a platform or a clock. 0: all in one process, for a debugger.
JOBS ?= 4

BIN := .venv/airflow-$(AIRFLOW)/bin
LINT := .venv/lint/bin
export PYTHON
# Without compiled files every process that loads Airflow compiles it, which doubles the time of its start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo page test test-slow chaos lint format bench lock lock-check env clean

help: ## List the targets
	@echo 'make TARGET [AIRFLOW=2.11] [PYTHON=/path/to/python3.12]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: ## Install Airflow, the tools and this package in .venv/airflow-$(AIRFLOW)
	@scripts/env airflow-$(AIRFLOW)

demo: env ## Watch a real Airflow roll a Deployment of the embedded platform back
	@$(BIN)/python -m demo

page: env ## Play with the Deploy History page in a real Airflow, until Ctrl-C
	@$(BIN)/python -m demo.page

test: env ## Run the tests but the slow ones
	@$(BIN)/python -m pytest -n $(JOBS) -m "not slow" $(PYTEST_ARGS)

# Those that take a database away go by the clock, and run alone: CONTRIBUTING.md says how.
test-slow: env ## Run the slow tests: whole Airflows, a Kubernetes API server, browsers, every fault of every request
	@$(BIN)/python -m pytest -n $(JOBS) -m slow --ignore=tests/airflow/postgres $(PYTEST_ARGS)

chaos: AIRFLOW = 3.3
chaos: env ## Kill everything for CHAOS_MINUTES (5) while tasks roll back, and count what must hold
	@$(BIN)/python -m tests.airflow.postgres.chaos

lint: AIRFLOW = 3.3
lint: env ## Check style, types and the import contracts
	@scripts/env lint
	$(LINT)/ruff check .
	$(LINT)/ruff format --check .
	$(LINT)/lint-imports --no-cache
	$(LINT)/mypy --python-executable $(BIN)/python

format: ## Put the code in the one format
	@scripts/env lint
	@$(LINT)/ruff check --fix-only .
	@$(LINT)/ruff format .

bench: ## Measure imports, requests, memory, a thousand waits, health checks (Airflow 3.3)
	@scripts/env bench
	@.venv/bench/bin/python -m benchmarks $(BENCHMARKS)

lock: ## Write the locks in requirements/ anew
	@scripts/env uv
	@scripts/lock

lock-check: ## Fail when a lock does not fit what was asked for
	@scripts/env uv
	@scripts/lock --check

clean: ## Remove everything that make made
	rm -rf .venv .cache page/node_modules tests/prism/node_modules tests/apollo/node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
