# Every command the README names. BIN lets a container use its own interpreter.
BIN ?= .venv/bin
PYTHON ?= python3

.PHONY: help install demo up test lint bench clean
help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

install: .venv/installed  ## create .venv with the pinned dependencies
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev,production]'
	@touch $@

demo: install  ## scan the demonstration organization, print the queue, serve the Dagster UI
	$(BIN)/stratum demo

up: install  ## serve the Dagster UI over what has been scanned
	$(BIN)/stratum up

test: install lint  ## everything CI runs
	$(BIN)/python -m pytest -n 2

lint: install
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: install  ## the figures the README quotes
	for b in benchmarks/bench_*.py; do $(BIN)/python $$b; done

clean:  ## remove what the demonstration and the scans wrote
	rm -rf .stratum
