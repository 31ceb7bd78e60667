# Every target sets up what it needs. PYTHON: a Python 3.11 or newer to make the environment with,
# by default the newest.
PYTHON ?=
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Whole runs wait for other processes at times: two for each processor.
TESTERS = $(shell echo $$(($$(nproc) * 2)))
PYTEST  = $(BIN)/python -m pytest -n $(TESTERS)

# Where it is set, each of the many processes compiles all that it loads anew: two seconds a start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test test-deep check lint bench bench-ack bench-model live false-positives oracle chaos reference picture lock format clean

install: $(READY) sandbox

# With a person at the terminal, GitHub and dashboard stay until Ctrl-C.
demo: $(READY) sandbox
	@if [ -z "$(ARGS)" ] && [ -t 0 ] && [ -t 1 ]; then set -- --keep; fi; $(BIN)/python -m tests.demo "$$@" $(ARGS)

test: $(READY) sandbox services
	@$(PYTEST) -m "not deep" --durations=10 $(ARGS)

# Docker, released projects, chaos, false positives, fuzz, the Python matrix: 45 minutes.
# PART=2/4 takes the second of four parts of it.
PART ?=
test-deep: $(READY) sandbox services
	@BIN=$(BIN) deploy/with-engine $(PYTEST) -m deep --durations=20 \
	  $(if $(PART),--part $(PART)) $(ARGS)

check: lint test

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@# What runs in sandboxes is typed as far as it is annotated, for the oldest Python that mypy knows.
	MYPYPATH=$$(echo agent/*/sandbox_scripts | tr ' ' :) $(BIN)/mypy --config-file= \
	  --python-version 3.10 --check-untyped-defs --no-strict-optional --ignore-missing-imports \
	  --explicit-package-bases agent/*/sandbox_scripts/[a-z]*.py
	$(BIN)/lint-imports --no-cache

bench: $(READY) sandbox services
	$(BIN)/python -m tests.bench $(ARGS)

# What a turn of a model costs on our side.
bench-model: $(READY) sandbox
	$(BIN)/python -m tests.bench model $(ARGS)

bench-ack: $(READY) services
	$(BIN)/python -m tests.bench acknowledge $(ARGS)

# Released projects in sandboxes, each test held against a bare run; needs a package index.
# ARGS="-k flask" takes one of them.
live: $(READY) sandbox services
	$(BIN)/python -m pytest -s tests/live/suites.py $(ARGS)

# Every rule over whole released projects, judged in tests/false_positives; needs a package index.
false-positives: $(READY)
	$(BIN)/python -m tests.false_positives $(ARGS)

# How whole runs end, against the ends in tests/oracle/kept.jsonl; needs a package index.
# ARGS="record -k NAME" keeps new ends; --cases FOLDER and --mirrors FOLDER add cases.
oracle: $(READY) sandbox services
	nice -n 10 $(BIN)/python -m tests.oracle $(or $(ARGS),compare)

# Workers are killed KILLS times while they carry TICKETS tickets (default: a tenth as many); SEED
# decides when.
# ARGS=--new-disks: each worker starts with an empty data folder, as in a new pod.
# DATABASE=postgresql WORKERS=3: several at a time.
# KILLS=0 TICKETS=2000: a load alone; ARGS="--mix unclear,small" names the kinds of tickets.
DATABASE ?= sqlite
WORKERS ?= 3
KILLS   ?= 500
TICKETS ?=
SEED    ?= 1

chaos: $(READY) sandbox services
	$(BIN)/python -m tests.chaos --kills $(KILLS) $(if $(TICKETS),--tickets $(TICKETS)) --seed $(SEED) \
	  --database $(DATABASE) --workers $(WORKERS) $(ARGS)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The sandbox needs bubblewrap: installed here where that is possible, else the command is printed.
.PHONY: sandbox
sandbox:
	@deploy/ensure-sandbox

# What the tests start in sandboxes: installed where that is possible, else the command is printed.
.PHONY: services
services:
	@deploy/ensure-services

$(READY): pyproject.toml requirements.lock deploy/make-venv
	@PYTHON="$(PYTHON)" deploy/make-venv $(VENV)
	@touch $@

# Configuration and rules as the code has them; a test holds the document against it.
reference: $(READY)
	$(BIN)/python -m tests.reference > REFERENCE.md

# The picture of a pull request in README.md, from the demo.
picture: $(READY) sandbox services
	$(BIN)/python -m tests.picture deploy/pull_request.png

lock: $(READY)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
