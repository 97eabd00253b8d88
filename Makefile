# Every command the README names. BIN lets a container use its own interpreter.
BIN ?= .venv/bin
PYTHON ?= python3
CHROMIUM ?= /usr/bin/chromium
export CHROMIUM

.PHONY: help install browser demo up test lint bench screenshots clean
help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

install: .venv/installed  ## create .venv with the pinned dependencies
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev,production]'
	@touch $@

browser: $(CHROMIUM)  ## install Debian's Chromium, which the tests drive, where there is none
$(CHROMIUM): SUDO := $(shell test "$$(id -u)" = 0 || echo sudo -n)
$(CHROMIUM):
	@command -v apt-get >/dev/null && $(SUDO) true 2>/dev/null || { echo >&2 \
	  "The tests need Chromium at $@: install it, or say where it is: make CHROMIUM=..."; exit 1; }
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -y -qq --no-install-recommends chromium

demo: install  ## scan the demonstration organization, print the queue, serve it
	$(BIN)/stratum demo

up: install  ## serve the app, the API and the Dagster UI over what has been scanned
	$(BIN)/stratum up

test: install browser lint  ## everything CI runs
# What a file sets up, such as a scan, is shared by its tests: one worker runs them all.
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: install
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: install  ## the figures the README quotes
	for b in benchmarks/bench_*.py; do $(BIN)/python $$b; done

screenshots: install browser  ## the pictures in docs/screens, anew
	$(BIN)/python -m docs.screenshots

clean:  ## remove what the demonstration and the scans wrote
	rm -rf .stratum
