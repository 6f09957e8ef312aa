# Each target does its own set-up in .venv; nothing outside the project is touched.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-check clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14
	@echo 'ARGS="..." goes on to the program of demo, test, bench and bench-check; PYTHON=... makes .venv.'

demo: $(VENV)/core.stamp ## run examples/quickstart.py
	@$(BIN)/python examples/quickstart.py $(ARGS)

test: $(VENV)/dev.stamp ## run the tests, on every core (ARGS="-n0" for one process)
	@$(BIN)/python -m pytest --numprocesses=auto $(ARGS)

lint: $(VENV)/dev.stamp ## run ruff, mypy and pyright
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright

bench: $(VENV)/peers.stamp ## run the benchmarks, against other libraries too
	@$(BIN)/python -m benchmarks $(ARGS)

bench-check: $(VENV)/peers.stamp ## fail where benchmarks/budget.toml is not kept to
	@$(BIN)/python -m benchmarks --check $(ARGS)

clean: ## remove .venv and everything else that was generated
	rm -rf $(VENV) .venv-peers .nox build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A venv whose interpreter has gone, or that was left half made, is made anew.
# pip is upgraded first: --group needs 25.1.
$(VENV)/core.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo 'Python 3.10 or newer is needed, and `$(PYTHON)` is not.' >&2; \
		echo 'Name another one: make PYTHON=/path/to/python3.12 ...' >&2; \
		exit 1; }
	@echo 'Setting up $(VENV) ...'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/core.stamp
	@echo 'Installing the development tools ...'
	@$(PIP) install --editable '.[all]' --group dev
	@touch $@

$(VENV)/peers.stamp: $(VENV)/dev.stamp benchmarks/environments.py
	@$(BIN)/python -m benchmarks.environments
	@touch $@
