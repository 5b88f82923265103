# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11 to 3.13 and make, nothing else.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONDONTWRITEBYTECODE := 1

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 12

setup: $(READY)  ## install everything the locks name, checked by hash; after it .venv/bin/nostro works

$(READY): pyproject.toml requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: setup  ## a whole business day of three firms against the simulated street
	$(BIN)/nostro demo

check: setup  ## lint, types, import contracts, sizes per room
	$(BIN)/ruff check src tests tools
	$(BIN)/ruff format --check src tests tools
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/sizes.py

test: check  ## all checks and all tests
	$(BIN)/python -m pytest -m "not soak" --durations=15

soak: setup  ## long campaigns: kills at random moments, long walks
	$(BIN)/python -m pytest -m soak -s --timeout 7200

bench: setup  ## benchmarks, each beside a named peer or limit
	$(BIN)/nostro bench all

lock: setup  ## write the locks anew from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml

.PHONY: help setup demo check test soak bench lock
