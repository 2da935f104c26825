# The verbs of the project. Each works on a fresh machine with Python 3.11+ and make: it makes its own
# environment in .venv first. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help serve test setup check test-all gen ui bench huge docs lock release fuzz flavors crash proofs spark clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More for pytest: make test PYTEST="-k search -x"
PYTEST ?=
# Test files side by side, and in their order: many of them wait for servers rather than compute.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder

help:  ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

serve: ui  ## start a server on http://127.0.0.1:5000 that keeps its records in millrace.db
	$(BIN)/python -m millrace server --host 127.0.0.1 --port 5000 --backend-store-uri sqlite:///millrace.db

test: check ui  ## everything a change must pass: check, then the tests, the cheap ones first
	$(BIN)/python tools/hatch_build.py test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(PYTEST)

setup: $(READY)  ## make .venv, or bring it up to date

$(READY): requirements-dev.lock pyproject.toml tools/environment.py
	$(PYTHON) tools/environment.py $(VENV)
	@touch $@

check: $(READY)  ## format, lint, types, floors, sizes, derived files: under a minute
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_modules.py
	$(BIN)/python tools/gen.py --check
	$(BIN)/python tools/hatch_build.py check

test-all: check ui  ## the tests with the full-size proofs, and coverage
	$(BIN)/python -m pytest --cov --cov-report=term --full-size $(PYTEST)

gen: $(READY)  ## write all derived files anew: OpenAPI and the reference pages
	$(BIN)/python tools/gen.py

ui: $(READY)  ## build the web UI into the package, unless it is fresh
	$(BIN)/python tools/hatch_build.py build

bench: $(READY)  ## measure Millrace and its peers on this machine
	$(BIN)/python -m benchmarks run

huge: $(READY)  ## send eight files of 5 GiB through the artifact proxy at once, and see what memory the server takes; 40 GiB of disk
	$(BIN)/python -m benchmarks.huge

docs: gen  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock: $(READY)  ## write requirements-dev.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-strip-extras \
	  --upgrade --group dev pyproject.toml -o requirements-dev.lock

release: test docs  ## wheel and sdist in dist/, checked
	rm -rf dist
	$(BIN)/python -m hatchling build

fuzz: $(READY)  ## the property and fuzz tests, ten times as long
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -m fuzz --full-size $(PYTEST)

flavors: $(READY)  ## the contract of flavors with the large libraries, each in an environment of its own
	MILLRACE_TEST_ALL_FLAVORS=1 $(BIN)/python -m pytest tests/flavors tests/e2e/serving/test_environments.py $(PYTEST)

crash: $(READY)  ## kill the server many times while it writes, and count what was lost
	$(BIN)/python -m pytest -m crash --full-size $(PYTEST)

proofs: $(READY)  ## parallel writers (P3), killed upgrades (P6), searches of all stores (P14) at full size
	$(BIN)/python -m pytest -m proof --full-size --durations=0 $(PYTEST)

spark: $(READY)  ## keep models of Spark, and score with models on Spark, in local mode; needs Java 17
	MILLRACE_TEST_ALL_FLAVORS=1 $(BIN)/python -m pytest tests/e2e/models/test_spark.py \
	  "tests/flavors/test_elsewhere.py::test_the_contract_holds_in_an_environment_of_its_own[spark]" --full-size $(PYTEST)

clean:  ## remove what the verbs made, but not the databases
	rm -rf $(VENV) dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
