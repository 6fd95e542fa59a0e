# Two commands on a fresh machine: `make demo` and `make test`. No environment need be active.
# Written for GNU make 3.81, which macOS still has.

VENV := .venv
# The Python of an environment to be made: `make test-newest PYTHON=python3.13` makes one of its own.
PYTHON :=
NEWEST_VENV := .venv-newest$(addprefix -,$(PYTHON))
BIN := $(VENV)/bin
# Help texts in the docs are wrapped to 80 columns and uncoloured, whatever terminal make runs in.
PLAIN := COLUMNS=80 NO_COLOR=1 PATH="$(CURDIR)/$(BIN):$$PATH"
HERMES := hermes-agent==0.19.0
# Most tests wait for tmux, a board or a deadline: six at once fit on two cores.
PARALLEL := --numprocesses=6 --dist=worksteal
# The fault suite works more and waits less.
FAULTS_PARALLEL := --numprocesses=4 --dist=worksteal
# pytest's own temporary folders outlive a run, and xdist makes them whether a test uses them or not.
TIDY := -p no:tmpdir
# Cases that share their agents stay together, the longest ones first, in the order of the table.
AGENTS_PARALLEL := --numprocesses=3 --dist=loadscope --no-loadscope-reorder
# Which of the fault suite `make test-faults` runs.
FAULTS ?= tests/faults
PIP := -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-faults reliability test-agents agents test-tmux hour cover lint man bench \
    test-newest tmux clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: tmux $(VENV)/.run ## the whole story on an isolated tmux server and a throw-away board
	@$(BIN)/agent-sessions demo

test: tmux $(VENV)/.dev ## the test suite, beside a real Hermes Agent and with its exact pins
	$(BIN)/python -m pytest $(PARALLEL) $(TIDY) --hypothesis-profile=quick -m "not slow"

test-all: tmux $(VENV)/.dev ## the same, with the whole stories of Hermes and every call of its program
	$(BIN)/python -m pytest $(PARALLEL) $(TIDY) --hypothesis-profile=quick

test-faults: tmux $(VENV)/.dev ## everything that can go wrong, done on purpose; about a quarter of an hour
	$(BIN)/python -m pytest $(FAULTS) $(FAULTS_PARALLEL)

reliability: tmux $(VENV)/.dev ## the same, and its figures copied to docs/reliability.md
	$(BIN)/python -m pytest tests/faults $(FAULTS_PARALLEL) --figures docs/reliability.md

test-tmux: tmux $(VENV)/.dev ## what depends on tmux, with each version in $AGENT_SESSIONS_TMUX_BINS
	PYTHONPATH=tests/support $(BIN)/python tests/support/tmux_runs.py --copy docs/reliability.md

test-agents: tmux $(VENV)/.dev ## the real agent programs, from npm, against a model server of our own
	$(BIN)/python -m pytest tests/agents $(AGENTS_PARALLEL)

agents: tmux $(VENV)/.dev ## the same, and its table copied to docs/agents.md
	$(BIN)/python -m pytest tests/agents $(AGENTS_PARALLEL) --table docs/agents.md

hour: tmux $(VENV)/.dev ## somebody's first hour, from a clone with nothing: demo, pip, pipx, uv, README
	$(BIN)/python -m pytest tests/hour

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

man: $(VENV)/.dev ## the manual page, from the same source as the help
	$(PLAIN) PYTHONPATH=tests/support $(BIN)/python tests/support/manual.py

bench: tmux $(VENV)/.dev ## time and memory, beside the bare tmux call
	@for script in tests/bench/bench_*.py; do \
	    PYTHONPATH=.:tests/support:tests/bench $(BIN)/python "$$script" || exit 1; \
	done

test-newest: tmux $(NEWEST_VENV)/.dev ## what needs no Hermes Agent, with the newest dependencies; PYTHON=python3.13 for one Python
	$(NEWEST_VENV)/bin/python -m pytest $(PARALLEL) $(TIDY)

clean: ## remove environments, caches and built files
	rm -rf $(VENV) .venv-newest* build dist .coverage .hypothesis .import_linter_cache \
	    .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

tmux:
	@.ci/need-tmux

# A stamp is newer than pyproject.toml once what that file asks for is installed.

# One pip call for both, so that pip itself proves that the two can be installed together.

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV) together with $(HERMES), once; it takes about a minute"
	@$(BIN)/python $(PIP) '$(HERMES)' -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV) together with $(HERMES), once; it takes about a minute"
	@$(BIN)/python $(PIP) '$(HERMES)' -e '.[dev]'
	@touch $(VENV)/.run $@

$(NEWEST_VENV)/.dev: pyproject.toml | $(NEWEST_VENV)/bin/python
	@echo "installing into $(NEWEST_VENV), once; it takes about half a minute"
	@$(NEWEST_VENV)/bin/python $(PIP) -e '.[dev]'
	@touch $@

%/bin/python:
	@python=$$(.ci/need-python $(PYTHON)) && "$$python" -m venv --clear $*
