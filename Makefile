# `make` lists the targets. Everything is installed into .venv, pinned by constraints.txt.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

MUSIC ?=
CHECK ?=
PORT ?= 8000
ARGS ?=
WORKERS ?= $(if $(ARGS),0,3)
DEMO_DATA ?= demo-data

export MUSIC
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
PIP := $(BIN)/python -m pip install -qq -c constraints.txt
# A module's tests share what it sets up, so they stay in one process; the slow ones come first.
PARALLEL := --dist loadscope --no-loadscope-reorder
# Weights of the checkpoint `full`; the package demands a TensorFlow that nothing here needs.
SECOND_EAR := $(PIP) --no-deps musicnn
# Generates clients in tests; it demands an older Typer than the command line has.
GENERATOR := $(PIP) --no-deps openapi-python-client
COMPILE := $(BIN)/python -m indexer.runs.precompile

.PHONY: help install demo test test-image lint bench-model bench-search bench-curve bench-level bench-listening bench-playlists bench-analysis bench-index bench-service bench-page bench-covers bench-gpu bench-withstand bench-personal bench-players bench-verdict bench-recordings bench-ray bench-journeys bench-feelings clean

help: ## List the targets
	@echo "make demo [MUSIC=DIR] [PORT=8000] [CHECK=1]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(DEV) ## Build .venv with everything that development needs

demo: $(RUNTIME) ## Index MUSIC (or a catalogue it composes itself) and serve it; CHECK=1 tries it and stops
	@folder="$${MUSIC/#\~/$$HOME}"; \
	$(BIN)/circumplex demo $${folder:+"$$folder"} --data-dir "$(DEMO_DATA)" --port $(PORT) $(if $(CHECK),--check) $(ARGS)

test: lint ## Lint, types, import contracts and all tests, in WORKERS=3 processes
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --durations=10 $(if $(filter-out 0,$(WORKERS)),-n $(WORKERS) $(PARALLEL)) $(ARGS)

test-image: $(DEV) ## Build the image, run the stack and try it; needs Docker or Podman with Compose
	@$(BIN)/python -m pytest -q -s -x --tb=short --timeout=0 tests/image/check_stack.py $(ARGS)

lint: $(DEV) ## Lint, types and import contracts alone
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@$(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$report"; exit 1; }
	@echo "lint, types and import contracts: ok"

bench-model: $(DEV) ## Evaluate the shipped model and its baselines
	@$(BIN)/python -m benchmarks.bench_model $(ARGS)

bench-curve: $(DEV) ## Evaluate emotion curves and their intervals
	@$(BIN)/python -m benchmarks.bench_curve $(ARGS)

bench-listening: $(DEV) ## Compare mean emotion and playlists with what listeners say
	@$(BIN)/python -m benchmarks.bench_listening $(ARGS)

bench-level: $(DEV) ## Try what level, format and sounds that are no music do to an emotion
	@$(BIN)/python -m benchmarks.bench_level $(ARGS)

bench-playlists: $(DEV) ## Compare playlists with what annotators say of the music
	@$(BIN)/python -m benchmarks.bench_playlists $(ARGS)

bench-search: $(DEV) ## Time the search and count its recall
	@$(BIN)/python -m benchmarks.bench_search $(ARGS)

bench-analysis: $(DEV) ## Time decoding, descriptors and embedding
	@$(BIN)/python -m benchmarks.bench_analysis $(ARGS)

bench-index: $(DEV) ## Time index runs
	@$(BIN)/python -m benchmarks.bench_index $(ARGS)

bench-service: $(DEV) ## Time the running service
	@$(BIN)/python -m benchmarks.bench_service $(ARGS)

bench-page: $(DEV) ## Time the page in the system's Chromium
	@$(BIN)/python -m benchmarks.bench_page $(ARGS)

bench-covers: $(DEV) ## Time how covers are read and made small
	@$(BIN)/python -m benchmarks.bench_covers $(ARGS)

bench-verdict: $(DEV) ## Judge made-up files and all music at hand: is it music?
	@$(BIN)/python -m benchmarks.bench_verdict $(ARGS)

bench-ray: $(DEV) ## Compare shards with one piece; index and search on a Ray cluster of this machine
	@$(BIN)/python -m benchmarks.bench_ray $(ARGS)

bench-recordings: $(DEV) ## Group copies of recordings and all music at hand
	@$(BIN)/python -m benchmarks.bench_recordings $(ARGS)

bench-journeys: $(DEV) ## Time journeys beside a single playlist
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bench_journeys $(ARGS)

bench-feelings: $(DEV) ## Ask for twenty words in rated music
	@$(BIN)/python -m benchmarks.bench_feelings $(ARGS)

bench-gpu: $(DEV) ## Measure what a GPU does beside the processor; without one it says so
	@$(BIN)/python -m benchmarks.bench_gpu $(ARGS)

bench-personal: $(DEV) ## Learn listeners' own planes, and search on them
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bench_personal $(ARGS)

bench-players: $(DEV) ## Ask for playlists beside fifty music players
	@$(BIN)/python -m benchmarks.bench_players $(ARGS)

bench-withstand: $(DEV) ## Measure what others wait for while one client attacks
	@$(BIN)/python -m benchmarks.bench_withstand $(ARGS)

clean: ## Remove .venv, the demo's data and all caches
	rm -rf $(VENV) $(DEMO_DATA) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Circumplex needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing)." >&2; \
	  echo "Name another one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON)' cannot build a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; \
	  rm -rf $(VENV); exit 1; }

$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the service needs into $(VENV): some minutes and 5 GB the first time" >&2
	@$(PIP) -e .
	@$(SECOND_EAR)
	@$(COMPILE)
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what development needs into $(VENV): some minutes and 5 GB the first time" >&2
	@$(PIP) -e '.[dev]'
	@$(SECOND_EAR)
	@$(GENERATOR)
	@$(COMPILE)
	@touch $(RUNTIME) $@
