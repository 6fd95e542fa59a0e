# Two commands on a fresh machine: `make demo` and `make test`. No environment need be active.
# Written for GNU make 3.81, which macOS still has.

VENV := .venv
HERMES_VENV := .venv-hermes
BIN := $(VENV)/bin
# Help texts in the docs are wrapped to 80 columns and uncoloured, whatever terminal make runs in.
PLAIN := COLUMNS=80 NO_COLOR=1 PATH="$(CURDIR)/$(BIN):$$PATH"
HERMES := hermes-agent==0.19.0
PIP := -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test cover lint bench test-pins tmux clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: tmux $(VENV)/.run ## the whole story on an isolated tmux server, then clean up
	@$(BIN)/agent-sessions demo

test: tmux $(VENV)/.dev ## the test suite, with the newest dependencies
	$(BIN)/python -m pytest

cover: $(VENV)/.dev ## every branch of the core, from the core's own tests
	$(BIN)/python -m pytest tests/reconcile \
	    --cov=reconcile --cov-branch --cov-report=term-missing --cov-fail-under=100

lint: tmux $(VENV)/.dev ## format, lint, types, imports, docs
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(PLAIN) $(BIN)/python -m cogapp --check README.md $(wildcard docs/*.md)
	$(PLAIN) $(BIN)/python -m pytest -q tests/docs

bench: tmux $(VENV)/.dev ## time and memory, beside the bare tmux call
	@for script in tests/bench/bench_*.py; do \
	    PYTHONPATH=.:tests/support $(BIN)/python "$$script" || exit 1; \
	done

test-pins: tmux $(HERMES_VENV)/.dev ## the test suite, with the exact pins of Hermes Agent
	$(HERMES_VENV)/bin/python -m pytest

clean: ## remove environments, caches and built files
	rm -rf $(VENV) $(HERMES_VENV) build dist .coverage .hypothesis .import_linter_cache \
	    .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

tmux:
	@.ci/need-tmux

# A stamp is newer than pyproject.toml once what that file asks for is installed.

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV), once"
	@$(BIN)/python $(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV) with the tools for tests, once; it takes about half a minute"
	@$(BIN)/python $(PIP) -e '.[dev]'
	@touch $(VENV)/.run $@

# One pip call for both, so that pip itself proves that the two can be installed together.
$(HERMES_VENV)/.dev: pyproject.toml | $(HERMES_VENV)/bin/python
	@echo "installing into $(HERMES_VENV) together with $(HERMES), once; it takes about a minute"
	@$(HERMES_VENV)/bin/python $(PIP) '$(HERMES)' -e '.[dev]'
	@touch $@

%/bin/python:
	@python=$$(.ci/need-python) && "$$python" -m venv --clear $*
