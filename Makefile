# The verbs of this repository. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
# How many tests are run at once, whole files side by side: many wait for processes that others do not need.
JOBS ?= 2
# One round of every fault: it takes all processors that there are, so nothing is run beside it.
CHAOS := tests/chaos/test_chaos_run.py
RUN := $(VENV)/bin

.PHONY: help install demo test check schemas docs model bench clean

help: ## List the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

$(RUN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Stormdrain needs Python 3.11 or newer as $(PYTHON): install it (Debian 12: apt-get install python3), or make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) -m venv failed. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(RUN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml | $(RUN)/python
	@echo "Installing Stormdrain into $(VENV) (once)"
	@$(RUN)/python -m pip install -qq -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(RUN)/python
	@echo "Installing Stormdrain and what its tests need into $(VENV) (once)"
	@$(RUN)/python -m pip install -qq -e '.[train,postgres]' --group dev
	@touch $(VENV)/.installed $@

install: $(VENV)/.installed ## Make an environment in .venv and install Stormdrain into it

demo: $(VENV)/.installed ## A synthetic storm of 10,000 reports through every worker, on a real Kafka broker
	@$(RUN)/stormdrain demo

test: $(VENV)/.installed-dev ## The whole test suite, with a real broker
	@round=0; $(if $(PYTEST),,$(RUN)/python -m pytest $(CHAOS) || round=$$?;) \
	  $(RUN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --ignore $(CHAOS) $(PYTEST) && exit $$round

check: $(VENV)/.installed-dev ## Lint, types and layers
	@$(RUN)/ruff check . && $(RUN)/ruff format --check . && $(RUN)/mypy && $(RUN)/lint-imports
	@for each in tests/*/; do MYPYPATH=$$each $(RUN)/mypy --strict $$each || exit 1; done

schemas: $(VENV)/.installed ## Render schemas/ from services/events.py
	@$(RUN)/stormdrain schemas render

docs: $(VENV)/.installed ## Write the tables in docs/ from the code
	@$(RUN)/python -m services.cli.docs
	@$(RUN)/python -m services.cli.flow

model: $(VENV)/.installed-dev ## Train models/shipped from the phrases of city/
	@$(RUN)/stormdrain train --city city --out models/shipped

bench: $(VENV)/.installed ## Measure the runtime beside a bare loop, and the whole pipeline (docs/performance.md)
	@$(RUN)/python -m benchmarks.passthrough && $(RUN)/python -m benchmarks.pipeline

clean: ## Remove the environment, the state of a local run and caches
	@rm -rf $(VENV) .stormdrain build ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
